/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"

#define V1_BYTES_MAX 107
#define V2_FIXED_BYTES 16
#define TLV_CRC32C 3

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* ---- version 1 ------------------------------------------------------------------------------ */

/* The next field, ended by a space or the end. False: empty. */
static bool take_field(const char **at, const char *end, char *into, size_t into_bytes)
{
    size_t n = 0;
    while (*at + n < end && (*at)[n] != ' ')
        n++;
    if (n == 0 || n >= into_bytes)
        return false;
    memcpy(into, *at, n);
    into[n] = '\0';
    *at += n;
    return true;
}

static bool take_space(const char **at, const char *end)
{
    return *at < end && *(*at)++ == ' ';
}

static bool take_ip(const char **at, const char *end, int family, struct peer_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    if (!take_field(at, end, text, sizeof text) || inet_pton(family, text, out->ip) != 1)
        return false;
    out->family = (unsigned char)family;
    return true;
}

static bool take_port(const char **at, const char *end, struct peer_addr *out)
{
    char text[6];
    unsigned port = 0;
    if (!take_field(at, end, text, sizeof text) || (text[0] == '0' && text[1]))
        return false;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return false;
        port = port * 10 + (unsigned)(*c - '0');
    }
    out->port = (unsigned short)port;
    return port <= 65535;
}

static bool read_v1(const char *at, const char *end, struct proxy_addrs *out)
{
    char family[8];
    if (!take_field(&at, end, family, sizeof family))
        return false;
    if (strcmp(family, "UNKNOWN") == 0) /* whatever follows is to be ignored */
        return true;
    int af = strcmp(family, "TCP4") == 0 ? AF_INET : strcmp(family, "TCP6") == 0 ? AF_INET6 : 0;
    out->known = true;
    return af && take_space(&at, end) && take_ip(&at, end, af, &out->from) &&
           take_space(&at, end) && take_ip(&at, end, af, &out->to) && take_space(&at, end) &&
           take_port(&at, end, &out->from) && take_space(&at, end) &&
           take_port(&at, end, &out->to) && at == end;
}

static enum proxy_header parse_v1(const uint8_t *p, size_t n, struct proxy_addrs *out, size_t *used)
{
    static const char begin[] = "PROXY ";
    const size_t begin_len = sizeof begin - 1;
    if (memcmp(p, begin, n < begin_len ? n : begin_len) != 0)
        return PROXY_HEADER_BAD;
    size_t most = n < V1_BYTES_MAX ? n : V1_BYTES_MAX;
    const uint8_t *lf = memchr(p, '\n', most);
    if (!lf)
        return n >= V1_BYTES_MAX ? PROXY_HEADER_BAD : PROXY_HEADER_PARTIAL;
    size_t len = (size_t)(lf - p) + 1;
    if (len < begin_len + 2 || p[len - 2] != '\r' || memchr(p, '\0', len) ||
        !read_v1((const char *)p + begin_len, (const char *)p + len - 2, out))
        return PROXY_HEADER_BAD;
    *used = len;
    return PROXY_HEADER_DONE;
}

/* ---- version 2 ------------------------------------------------------------------------------ */

static unsigned read_u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)read_u16(p) << 16 | read_u16(p + 2);
}

/* RFC 3720 B.4; with the bytes hole[0..4) taken for zeros. */
static uint32_t crc32c(const uint8_t *p, size_t n, const uint8_t *hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= &p[i] >= hole && &p[i] < hole + 4 ? 0 : p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static bool check_tlvs(const uint8_t *header, size_t at, size_t len)
{
    while (at < len) {
        if (len - at < 3 || len - at - 3 < read_u16(header + at + 1))
            return false;
        unsigned bytes = read_u16(header + at + 1);
        const uint8_t *value = header + at + 3;
        if (header[at] == TLV_CRC32C &&
            (bytes != 4 || read_u32(value) != crc32c(header, len, value)))
            return false;
        at += 3 + bytes;
    }
    return true;
}

static void read_addrs(const uint8_t *p, int family, size_t ip_bytes, struct proxy_addrs *out)
{
    out->known = true;
    out->from.family = out->to.family = (unsigned char)family;
    memcpy(out->from.ip, p, ip_bytes);
    memcpy(out->to.ip, p + ip_bytes, ip_bytes);
    out->from.port = (unsigned short)read_u16(p + 2 * ip_bytes);
    out->to.port = (unsigned short)read_u16(p + 2 * ip_bytes + 2);
}

static enum proxy_header parse_v2(const uint8_t *p, size_t n, struct proxy_addrs *out, size_t *used)
{
    if (memcmp(p, v2_signature, n < sizeof v2_signature ? n : sizeof v2_signature) != 0)
        return PROXY_HEADER_BAD;
    if (n < V2_FIXED_BYTES)
        return n > 12 && p[12] >> 4 != 2 ? PROXY_HEADER_BAD : PROXY_HEADER_PARTIAL;
    size_t len = V2_FIXED_BYTES + read_u16(p + 14);
    unsigned command = p[12] & 15, family = p[13] >> 4, protocol = p[13] & 15;
    static const size_t addr_bytes[] = { 0, 12, 36, 216 };
    if (p[12] >> 4 != 2 || command > 1 || family > 3 || protocol > 2 ||
        len > PROXY_HEADER_BYTES_MAX || len < V2_FIXED_BYTES + addr_bytes[family])
        return PROXY_HEADER_BAD;
    if (n < len)
        return PROXY_HEADER_PARTIAL;
    if (!check_tlvs(p, V2_FIXED_BYTES + addr_bytes[family], len))
        return PROXY_HEADER_BAD;
    *used = len;
    if (command == 1 && protocol == 1 && family == 1)
        read_addrs(p + V2_FIXED_BYTES, AF_INET, 4, out);
    else if (command == 1 && protocol == 1 && family == 2)
        read_addrs(p + V2_FIXED_BYTES, AF_INET6, 16, out);
    else if (command == 1 && protocol == 2)
        return PROXY_HEADER_BAD; /* datagrams, on a stream */
    return PROXY_HEADER_DONE;
}

/* ---- both ----------------------------------------------------------------------------------- */

enum proxy_header proxy_header_parse(const uint8_t *p, size_t n, struct proxy_addrs *out,
                                     size_t *used)
{
    *out = (struct proxy_addrs){ 0 };
    *used = 0;
    if (n == 0)
        return PROXY_HEADER_PARTIAL;
    enum proxy_header r = p[0] == 'P' ? parse_v1(p, n, out, used) : parse_v2(p, n, out, used);
    if (r != PROXY_HEADER_DONE)
        *out = (struct proxy_addrs){ 0 };
    return r;
}

static size_t write_v1(uint8_t *out, bool known, const struct peer_addr *from,
                       const struct peer_addr *to)
{
    char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
    if (!known) {
        static const char unknown[] = "PROXY UNKNOWN\r\n";
        memcpy(out, unknown, sizeof unknown - 1);
        return sizeof unknown - 1;
    }
    inet_ntop(from->family, from->ip, a, sizeof a);
    inet_ntop(to->family, to->ip, b, sizeof b);
    int n = snprintf((char *)out, PROXY_HEADER_WRITE_MAX, "PROXY TCP%c %s %s %u %u\r\n",
                     from->family == AF_INET ? '4' : '6', a, b, from->port, to->port);
    CHECK(n > 0 && n <= V1_BYTES_MAX);
    return (size_t)n;
}

static void put_u16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static size_t write_v2(uint8_t *out, bool known, const struct peer_addr *from,
                       const struct peer_addr *to)
{
    size_t ip_bytes = !known ? 0 : from->family == AF_INET ? 4 : 16;
    size_t addr_bytes = known ? 2 * ip_bytes + 4 : 0;
    uint8_t *p = out + V2_FIXED_BYTES;
    memcpy(out, v2_signature, sizeof v2_signature);
    out[12] = 0x21; /* PROXY: we do speak for a client, even if its address cannot be said */
    out[13] = !known ? 0 : from->family == AF_INET ? 0x11 : 0x21;
    put_u16(out + 14, (unsigned)addr_bytes);
    if (known) {
        memcpy(p, from->ip, ip_bytes);
        memcpy(p + ip_bytes, to->ip, ip_bytes);
        put_u16(p + 2 * ip_bytes, from->port);
        put_u16(p + 2 * ip_bytes + 2, to->port);
    }
    return V2_FIXED_BYTES + addr_bytes;
}

size_t proxy_header_write(uint8_t out[PROXY_HEADER_WRITE_MAX], unsigned version,
                          const struct peer_addr *from, const struct peer_addr *to)
{
    bool known =
        from->family == to->family && (from->family == AF_INET || from->family == AF_INET6);
    return version == 1 ? write_v1(out, known, from, to) : write_v2(out, known, from, to);
}
