/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PROXY protocol's header: whatever comes, cut anywhere. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/http/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_addrs whole, part;
    size_t used, part_used;
    uint8_t *copy = calloc(1, size + !size); /* nothing behind it may be read */
    CHECK(copy);
    if (size)
        memcpy(copy, data, size);
    enum proxy_header r = proxy_header_parse(copy, size, &whole, &used);
    CHECK(r != PROXY_HEADER_DONE || (used > 0 && used <= size));
    CHECK(r != PROXY_HEADER_PARTIAL || size < PROXY_HEADER_BYTES_MAX);
    /* A beginning of what is good is neither good yet nor bad. */
    if (r == PROXY_HEADER_DONE)
        for (size_t n = 0; n < used; n++)
            CHECK(proxy_header_parse(copy, n, &part, &part_used) == PROXY_HEADER_PARTIAL);
    if (r == PROXY_HEADER_DONE && whole.known) {
        uint8_t again[PROXY_HEADER_WRITE_MAX];
        for (unsigned version = 1; version <= 2; version++) {
            size_t len = proxy_header_write(again, version, &whole.from, &whole.to);
            CHECK(proxy_header_parse(again, len, &part, &part_used) == PROXY_HEADER_DONE);
            CHECK(part_used == len && part.known && part.from.port == whole.from.port &&
                  part.from.family == whole.from.family &&
                  memcmp(part.to.ip, whole.to.ip, sizeof part.to.ip) == 0);
        }
    }
    free(copy);
    return 0;
}
