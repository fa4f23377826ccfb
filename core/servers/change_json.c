/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/change_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "balance/tiers.h"
#include "core/base/check.h"
#include "core/config/values.h"

static bool mistake(struct json_mistake *m, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool mistake(struct json_mistake *m, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    snprintf(m->pointer, sizeof m->pointer, "%s%.60s", key[0] ? "/" : "", key);
    vsnprintf(m->text, sizeof m->text, format, args);
    va_end(args);
    return false;
}

json_t *json_parse(struct str text, struct json_mistake *m)
{
    json_error_t error;
    json_t *json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        mistake(m, "", "line %d, column %d: %s", error.line, error.column, error.text);
    return json;
}

/* ---- Members -------------------------------------------------------------------------------- */

static bool read_number(const char *key, const json_t *v, uint32_t max, uint32_t *out,
                        struct json_mistake *m)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
        return mistake(m, key, "a number from 0 to %u", max);
    *out = (uint32_t)json_integer_value(v);
    return true;
}

/* Text that may stand in messages, metrics and URLs. */
static bool read_text(const char *key, const json_t *v, const char **out, struct json_mistake *m)
{
    size_t n = json_is_string(v) ? json_string_length(v) : 0;
    const char *text = n ? json_string_value(v) : "";
    bool good = n > 0 && n <= 200 && strlen(text) == n;
    for (size_t i = 0; good && i < n; i++)
        good = (unsigned char)text[i] > ' ' && text[i] != 0x7f && text[i] != '"';
    if (!good)
        return mistake(m, key, "a text of 1 to 200 characters, without spaces");
    *out = text;
    return true;
}

static bool read_address(const json_t *v, struct server_body *b, struct json_mistake *m)
{
    const char *why;
    b->has_address = true;
    if (!read_text("address", v, &b->server.host, m))
        return false;
    if (server_address_parse(str_of(b->server.host), &b->server, &why))
        return true;
    return mistake(m, "address",
                   "%s (write 127.0.0.1:9000, [::1]:9000, app.internal:9000, "
                   "srv:_http._tcp.app.internal or unix:/path)",
                   why);
}

static bool read_state(const json_t *v, enum server_state *out, struct json_mistake *m)
{
    const char *text = json_string_value(v);
    if (text && server_state_parse(str_of(text), out))
        return true;
    return mistake(m, "state", "ready, drain or maintenance");
}

/* Of what a server has when it is there, or is added. */
static bool read_changeable(const char *key, const json_t *v, bool patch, struct server_body *b,
                            bool *known, struct json_mistake *m)
{
    *known = true;
    if (strcmp(key, "weight") == 0) {
        b->has_weight = !json_is_null(v);
        b->reset_weight = patch && json_is_null(v);
        return b->reset_weight || read_number(key, v, SERVER_WEIGHT_MAX, &b->server.weight, m);
    }
    if (strcmp(key, "state") == 0) {
        b->has_state = !json_is_null(v);
        b->reset_state = patch && json_is_null(v);
        return b->reset_state || read_state(v, &b->state, m);
    }
    *known = false;
    return true;
}

static bool read_member(const char *key, const json_t *v, bool patch, struct server_body *b,
                        struct json_mistake *m)
{
    bool known;
    if (!read_changeable(key, v, patch, b, &known, m))
        return false;
    if (known)
        return true;
    if (patch)
        return mistake(m, key, "only 'weight' and 'state' can be changed");
    if (strcmp(key, "address") == 0)
        return read_address(v, b, m);
    if (strcmp(key, "name") == 0) {
        b->has_name = true;
        return read_text(key, v, &b->server.name, m);
    }
    if (strcmp(key, "zone") == 0)
        return read_text(key, v, &b->server.zone, m);
    if (strcmp(key, "priority") == 0)
        return read_number(key, v, TIER_PRIORITIES - 1, &b->server.priority, m);
    if (strcmp(key, "backup") == 0) {
        b->server.backup = json_is_true(v);
        return json_is_boolean(v) || mistake(m, key, "true or false");
    }
    return mistake(m, key,
                   "unknown; there are 'address', 'name', 'weight', 'state', 'priority', "
                   "'backup' and 'zone'");
}

bool server_body_read(const json_t *json, bool patch, struct server_body *out,
                      struct json_mistake *m)
{
    *out = (struct server_body){ .server.weight = 1 };
    if (!json_is_object(json))
        return mistake(m, "", "an object is wanted, like {\"weight\": 2}");
    for (void *i = json_object_iter((json_t *)json); i;
         i = json_object_iter_next((json_t *)json, i))
        if (!read_member(json_object_iter_key(i), json_object_iter_value(i), patch, out, m))
            return false;
    if (!patch && !out->has_address)
        return mistake(m, "address", "it is missing");
    if (patch && !json_object_size(json))
        return mistake(m, "", "nothing is to be changed: say 'weight' or 'state'");
    if (!patch && !out->has_name)
        out->server.name = out->server.host;
    return true;
}

/* ---- The journal ---------------------------------------------------------------------------- */

static json_t *added_to_json(const struct server_config *s)
{
    json_t *j =
        json_pack("{s:s, s:s, s:i, s:i, s:b}", "address", s->host, "name", s->name, "weight",
                  (int)s->weight, "priority", (int)s->priority, "backup", (int)s->backup);
    if (j && s->zone)
        json_object_set_new(j, "zone", json_string(s->zone));
    return j;
}

json_t *change_to_json(const char *backend, const char *id, const struct server_change *c)
{
    json_t *all = json_pack("{s:s, s:s}", "backend", backend, "id", id);
    json_t *change = c ? json_object() : json_null();
    if (c && c->added)
        json_object_set_new(change, "added", added_to_json(c->added));
    if (c && c->removed)
        json_object_set_new(change, "removed", json_true());
    if (c && c->weighted)
        json_object_set_new(change, "weight", json_integer(c->weight));
    if (c && c->stated)
        json_object_set_new(change, "state", json_string(server_state_text(c->state)));
    if (c && c->base_named)
        json_object_set_new(change, "base_weight", json_integer(c->base_weight));
    if (all && json_object_set_new(all, "change", change) == 0)
        return all;
    json_decref(all);
    return NULL;
}

bool change_from_json(const json_t *json, const char **backend, struct server_change *out,
                      struct server_config *added, bool *gone)
{
    struct json_mistake ignored;
    const json_t *change = json_object_get(json, "change");
    const json_t *weight = json_object_get(change, "weight");
    const json_t *state = json_object_get(change, "state");
    const json_t *base = json_object_get(change, "base_weight");
    const json_t *server = json_object_get(change, "added");
    struct server_body body;
    *out = (struct server_change){ .id = json_string_value(json_object_get(json, "id")),
                                   .removed = json_is_true(json_object_get(change, "removed")),
                                   .weighted = weight != NULL,
                                   .stated = state != NULL,
                                   .base_named = base != NULL };
    *backend = json_string_value(json_object_get(json, "backend"));
    *gone = json_is_null(change);
    if (!*backend || !out->id || (!*gone && !json_is_object(change)) ||
        (weight && !read_number("", weight, SERVER_WEIGHT_MAX, &out->weight, &ignored)) ||
        (base && !read_number("", base, SERVER_WEIGHT_MAX, &out->base_weight, &ignored)) ||
        (state && !read_state(state, &out->state, &ignored)) ||
        (server && !server_body_read(server, false, &body, &ignored)))
        return false;
    if (server) {
        *added = body.server;
        out->added = added;
    }
    return true;
}
