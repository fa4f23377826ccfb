/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of sticky cookies: what is read is written the same again, and stands for no server that
 * we have unless it is that server's. */
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/sticky.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sticky_config config = { .secret = { "a secret of enough bytes", 24 } };
    struct siphash read, own = sticky_tag(&config, "app", "10.0.0.1:80");
    char text[STICKY_VALUE_CHARS], ours[STICKY_VALUE_CHARS];
    if (!sticky_read((struct str){ (const char *)data, size }, &read))
        return 0;
    CHECK(size == sizeof text);
    sticky_write(&read, text);
    CHECK(memcmp(text, data, size) == 0);
    sticky_write(&own, ours);
    CHECK((memcmp(text, ours, size) == 0) == (read.lo == own.lo && read.hi == own.hi));
    return 0;
}
