/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/client_hello.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/str.h"

enum {
    RECORD_HANDSHAKE = 22,
    RECORD_HEADER_BYTES = 5,
    RECORD_BYTES_MAX = 1 << 14,
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_HEADER_BYTES = 4,
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SIGNATURE_ALGORITHMS = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_SUPPORTED_VERSIONS = 43,
    SIGNATURE_ECDSA_P256 = 0x0403,
    VERSION_TLS13 = 0x0304,
};

/* What is left of a message. Reading past its end sets bad and gives zeros. */
struct reader {
    const uint8_t *at;
    uint32_t left;
    bool bad;
};

static struct reader take(struct reader *r, uint32_t bytes)
{
    if (bytes > r->left) {
        r->left = 0;
        r->bad = true;
        return *r;
    }
    struct reader part = { r->at, bytes, false };
    r->at += bytes;
    r->left -= bytes;
    return part;
}

static uint32_t number(struct reader *r, uint32_t bytes)
{
    struct reader part = take(r, bytes);
    uint32_t n = 0;
    for (uint32_t i = 0; i < part.left; i++)
        n = n << 8 | part.at[i];
    return n;
}

/* A vector behind its length of so many bytes. */
static struct reader vector(struct reader *r, uint32_t length_bytes)
{
    return take(r, number(r, length_bytes));
}

static bool is_name(struct reader name)
{
    for (uint32_t i = 0; i < name.left; i++) {
        char c = ascii_lower((char)name.at[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return name.left > 0;
}

static bool read_server_name(struct reader data, struct client_hello *out)
{
    struct reader list = vector(&data, 2);
    while (list.left) {
        uint32_t type = number(&list, 1);
        struct reader name = vector(&list, 2);
        if (list.bad)
            return false;
        if (type != 0)
            continue;
        if (name.left && name.at[name.left - 1] == '.')
            name.left--;
        if (out->name_len || name.left > SERVER_NAME_BYTES_MAX || !is_name(name))
            return false;
        for (uint32_t i = 0; i < name.left; i++)
            out->name[i] = ascii_lower((char)name.at[i]);
        out->name_len = (uint16_t)name.left;
    }
    return !list.bad && !data.bad && data.left == 0;
}

static bool has_number(struct reader list, uint32_t wanted)
{
    while (list.left)
        if (number(&list, 2) == wanted)
            return true;
    return false;
}

static bool read_extension(uint32_t type, struct reader data, struct client_hello *out)
{
    static const char acme[] = "\x0a"
                               "acme-tls/1";
    struct reader list;
    switch (type) {
    case EXTENSION_SERVER_NAME:
        return read_server_name(data, out);
    case EXTENSION_SIGNATURE_ALGORITHMS:
        list = vector(&data, 2);
        out->ecdsa = has_number(list, SIGNATURE_ECDSA_P256);
        return !data.bad;
    case EXTENSION_SUPPORTED_VERSIONS:
        list = vector(&data, 1);
        out->tls13 = has_number(list, VERSION_TLS13);
        return !data.bad;
    case EXTENSION_ALPN:
        list = vector(&data, 2);
        out->acme = list.left == sizeof acme - 1 && memcmp(list.at, acme, list.left) == 0;
        return !data.bad;
    default:
        return true;
    }
}

/* ECDHE_ECDSA suites of TLS 1.2 with an AEAD cipher. */
static bool offers_ecdsa_suite(struct reader suites)
{
    while (suites.left) {
        uint32_t suite = number(&suites, 2);
        if (suite == 0xc02b || suite == 0xc02c || suite == 0xcca9)
            return true;
    }
    return false;
}

static bool read_message(struct reader m, struct client_hello *out)
{
    take(&m, 2 + 32); /* legacy version, random */
    vector(&m, 1);    /* session id */
    struct reader suites = vector(&m, 2);
    vector(&m, 1); /* compression */
    if (m.bad || suites.left % 2 != 0)
        return false;
    if (m.left) {
        struct reader extensions = vector(&m, 2);
        if (m.bad || m.left)
            return false;
        while (extensions.left) {
            uint32_t type = number(&extensions, 2);
            struct reader data = vector(&extensions, 2);
            if (extensions.bad || !read_extension(type, data, out))
                return false;
        }
    }
    out->ecdsa = out->ecdsa && (out->tls13 || offers_ecdsa_suite(suites));
    return true;
}

static enum hello_result not_tls(const uint8_t *bytes, uint32_t len)
{
    static const char *const methods[] = { "GET ",     "HEAD ", "POST ",  "PUT ",     "DELETE ",
                                           "OPTIONS ", "PRI ",  "PATCH ", "CONNECT ", "TRACE " };
    for (uint32_t i = 0; i < ARRAY_LEN(methods); i++) {
        uint32_t n = (uint32_t)strlen(methods[i]);
        if (memcmp(bytes, methods[i], len < n ? len : n) == 0)
            return len < n ? HELLO_PARTIAL : HELLO_PLAIN_HTTP;
    }
    return HELLO_NOT_TLS;
}

/* Puts the message's bytes, cut into records, together. It starts to be known how long it is once
 * its header is there. */
enum hello_result client_hello_parse(const uint8_t *bytes, uint32_t len, struct client_hello *out)
{
    uint8_t joined[CLIENT_HELLO_BYTES_MAX];
    uint32_t have = 0, want = MESSAGE_HEADER_BYTES;
    *out = (struct client_hello){ 0 };
    if (len == 0)
        return HELLO_PARTIAL;
    if (bytes[0] != RECORD_HANDSHAKE)
        return not_tls(bytes, len);
    for (uint32_t at = 0; have < want;) {
        const uint8_t *record = bytes + at;
        uint32_t left = len - at;
        if ((left > 0 && record[0] != RECORD_HANDSHAKE) || (left > 1 && record[1] != 3))
            return HELLO_BAD;
        if (left < RECORD_HEADER_BYTES)
            return HELLO_PARTIAL;
        uint32_t n = (uint32_t)record[3] << 8 | record[4];
        if (n == 0 || n > RECORD_BYTES_MAX)
            return HELLO_BAD;
        if (left == RECORD_HEADER_BYTES)
            return HELLO_PARTIAL;
        bool whole = n <= left - RECORD_HEADER_BYTES;
        uint32_t here = whole ? n : left - RECORD_HEADER_BYTES;
        if (here > sizeof joined - have)
            return HELLO_BAD;
        memcpy(joined + have, record + RECORD_HEADER_BYTES, here);
        have += here;
        if (joined[0] != MESSAGE_CLIENT_HELLO)
            return HELLO_BAD;
        if (have >= MESSAGE_HEADER_BYTES) {
            want = MESSAGE_HEADER_BYTES +
                   ((uint32_t)joined[1] << 16 | (uint32_t)joined[2] << 8 | joined[3]);
            if (want > sizeof joined)
                return HELLO_BAD;
        }
        if (have < want && !whole)
            return HELLO_PARTIAL;
        at += RECORD_HEADER_BYTES + n;
    }
    struct reader message = { joined + MESSAGE_HEADER_BYTES, want - MESSAGE_HEADER_BYTES, false };
    return read_message(message, out) ? HELLO_OK : HELLO_BAD;
}
