/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/client_addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/config/networks.h"

#define FORWARDED_FOR_MAX 32 /* addresses looked at */

/* "192.0.2.1", "2001:db8::1", and with brackets and port as some proxies write them. */
static bool read_ip(struct str text, struct peer_addr *out, struct str *bare)
{
    char s[INET6_ADDRSTRLEN];
    if (text.len && text.ptr[0] == '[') {
        const char *end = memchr(text.ptr, ']', text.len);
        if (!end)
            return false;
        text = (struct str){ text.ptr + 1, (size_t)(end - text.ptr - 1) };
    } else if (text.len) {
        const char *colon = memchr(text.ptr, ':', text.len);
        size_t n = colon ? (size_t)(colon - text.ptr) : text.len;
        if (colon && !memchr(colon + 1, ':', text.len - n - 1))
            text.len = n; /* IPv4 with a port */
    }
    if (text.len == 0 || text.len >= sizeof s)
        return false;
    memcpy(s, text.ptr, text.len);
    s[text.len] = '\0';
    *out = (struct peer_addr){ .family = AF_INET };
    *bare = text;
    if (inet_pton(AF_INET, s, out->ip) == 1)
        return true;
    out->family = AF_INET6;
    return inet_pton(AF_INET6, s, out->ip) == 1;
}

struct str client_addr_forwarded(const struct http_head *h, const struct networks *trusted,
                                 struct peer_addr *out)
{
    struct str all[FORWARDED_FOR_MAX], found = { 0 };
    uint32_t count = 0; /* of all; the last FORWARDED_FOR_MAX are kept, round and round */
    const struct http_field *f = head_field(h, FIELD_X_FORWARDED_FOR);
    for (; f; f = head_field_next(h, f)) {
        struct str rest = head_value(h, f), element;
        while (http_list_next(&rest, &element))
            all[count++ % FORWARDED_FOR_MAX] = element;
    }
    for (uint32_t i = 0; i < count && i < FORWARDED_FOR_MAX; i++) {
        struct peer_addr addr;
        struct str bare;
        if (!read_ip(all[(count - 1 - i) % FORWARDED_FOR_MAX], &addr, &bare))
            break;
        *out = addr;
        found = bare;
        if (!networks_has(trusted, &addr))
            break;
    }
    return found;
}
