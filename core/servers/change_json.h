/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers and changes of them as JSON (jansson): of the admin API and of the journal. Strict: an
 * unknown member or a value of another kind is a mistake, with the place in the text. */
#ifndef SLUICE_SERVERS_CHANGE_JSON_H
#define SLUICE_SERVERS_CHANGE_JSON_H

#include <jansson.h>

#include "core/servers/merge.h"

#define JSON_BODY_BYTES_MAX 65536

/* What is wrong: where (a JSON pointer, RFC 6901) and why. */
struct json_mistake {
    char pointer[64];
    char text[200];
};

/* What a body says; strings point into the JSON that it was read from. */
struct server_body {
    bool has_address, has_name, has_weight, has_state;
    bool reset_weight, reset_state; /* null: as the layers below say */
    enum server_state state;
    struct server_config server; /* kind, addr, host, name, weight, priority, backup, zone */
};

/* The JSON of a text; NULL, and the mistake. */
json_t *json_parse(struct str text, struct json_mistake *m);

/* patch: only what can be changed of a server that is there (weight, state). False, and the
 * mistake.
 */
bool server_body_read(const json_t *json, bool patch, struct server_body *out,
                      struct json_mistake *m);

/* A line of the journal: {"backend", "id", "change": {...} or null}. NULL without memory. */
json_t *change_to_json(const char *backend, const char *id, const struct server_change *c);

/* The inverse; strings point into the JSON. *gone: the change is null. False: it is none. added:
 * room for what out->added points to. */
bool change_from_json(const json_t *json, const char **backend, struct server_change *out,
                      struct server_config *added, bool *gone);

#endif
