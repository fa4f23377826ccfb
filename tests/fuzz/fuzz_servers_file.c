/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files with servers: whatever they hold, there are servers that make sense, or mistakes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/servers_text.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct config_report *r = config_report_create();
    char *flush = malloc(size ? size : 1); /* what is read past it is found */
    CHECK(r && flush);
    if (size)
        memcpy(flush, data, size);
    struct servers_text *t = servers_text_read("servers", (struct str){ flush, size }, r);
    CHECK((t != NULL) == (r->errors_count == 0 && !r->out_of_memory));
    for (uint32_t i = 0; t && i < t->servers_count; i++) {
        const struct server_config *s = &t->servers[i];
        CHECK(s->name && s->host && s->weight <= SERVER_WEIGHT_MAX);
        CHECK((s->kind == SERVER_ADDRESS) == (s->addr.len > 0));
    }
    servers_text_free(t);
    config_report_destroy(r);
    free(flush);
    return 0;
}
