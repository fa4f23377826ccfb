/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of the admin API, and lines of its journal: what is taken can be written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/servers/change_json.h"

static void check_again(const struct server_body *b)
{
    const struct server_change c = { .id = b->server.name,
                                     .added = &b->server,
                                     .weighted = b->has_weight,
                                     .weight = b->server.weight,
                                     .stated = b->has_state,
                                     .state = b->state };
    struct server_change back;
    struct server_config added;
    const char *backend;
    bool gone;
    json_t *json = change_to_json("app", c.id, &c);
    CHECK(json && change_from_json(json, &backend, &back, &added, &gone));
    CHECK(!gone && strcmp(backend, "app") == 0 && strcmp(back.id, c.id) == 0);
    CHECK(back.added && strcmp(back.added->host, b->server.host) == 0);
    CHECK(back.weighted == c.weighted && back.stated == c.stated && back.state == c.state);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct json_mistake m = { 0 };
    struct server_body body;
    struct server_change change;
    struct server_config added;
    const char *backend;
    bool gone;
    if (size > JSON_BODY_BYTES_MAX)
        return 0;
    json_t *json = json_parse((struct str){ (const char *)data, size }, &m);
    if (!json) {
        CHECK(m.text[0]);
        return 0;
    }
    if (server_body_read(json, false, &body, &m))
        check_again(&body);
    else
        CHECK(m.text[0] && (!m.pointer[0] || m.pointer[0] == '/'));
    if (server_body_read(json, true, &body, &m))
        CHECK(body.has_weight || body.has_state || body.reset_weight || body.reset_state);
    if (change_from_json(json, &backend, &change, &added, &gone))
        CHECK(backend && change.id && change.weight <= SERVER_WEIGHT_MAX);
    json_decref(json);
    return 0;
}
