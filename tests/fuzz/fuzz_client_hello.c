/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ClientHello: what is understood of it is a name that can be looked up; the verdict stands once
 * it is there, whatever follows, and before it only more bytes are asked for. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "tls/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static enum hello_result parse(const uint8_t *bytes, uint32_t len, struct client_hello *hello)
{
    uint8_t *exact = malloc(len ? len : 1);
    CHECK(exact);
    if (len)
        memcpy(exact, bytes, len);
    enum hello_result r = client_hello_parse(exact, len, hello);
    free(exact);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct client_hello hello, before;
    if (len > 16384)
        return 0;
    enum hello_result r = parse(bytes, (uint32_t)len, &hello);
    CHECK(hello.name_len <= sizeof hello.name);
    for (uint32_t i = 0; r == HELLO_OK && i < hello.name_len; i++) {
        char c = hello.name[i];
        CHECK((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_');
    }
    for (uint32_t part = 0; part < len; part += 1 + (uint32_t)len / 16) {
        enum hello_result earlier = parse(bytes, part, &before);
        CHECK(earlier == r || earlier == HELLO_PARTIAL);
        if (earlier == HELLO_OK)
            CHECK(before.name_len == hello.name_len &&
                  memcmp(before.name, hello.name, hello.name_len) == 0 &&
                  before.ecdsa == hello.ecdsa && before.tls13 == hello.tls13);
    }
    return 0;
}
