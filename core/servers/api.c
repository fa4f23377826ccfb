/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/http/chars.h"
#include "core/servers/change_json.h"
#include "core/servers/view.h"

#define NAME_BYTES_MAX 512 /* of a part of the path, decoded */

struct call {
    struct servers *s;
    const struct admin_request *r;
    struct admin_reply *out;
    struct backend_servers *b;
    char id[NAME_BYTES_MAX];
};

/* ---- Answers -------------------------------------------------------------------------------- */

static void answer(struct call *c, int status, json_t *json)
{
    c->out->status = status;
    c->out->body = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    c->out->body_bytes = c->out->body ? strlen(c->out->body) : 0;
    if (c->out->body) { /* lines end with a newline, in place of the NUL */
        c->out->body[c->out->body_bytes++] = '\n';
    }
    json_decref(json);
}

static void refuse_at(struct call *c, int status, const char *pointer, const char *text)
{
    json_t *json = json_pack("{s:b, s:s}", "ok", 0, "error", text);
    if (json && pointer)
        json_object_set_new(json, "pointer", json_string(pointer));
    answer(c, status, json);
}

static void refuse(struct call *c, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct call *c, int status, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    refuse_at(c, status, NULL, text);
}

static void refuse_method(struct call *c, const char *allowed)
{
    snprintf(c->out->fields, sizeof c->out->fields, "Allow: %s\r\n", allowed);
    refuse(c, 405, "here there are %s", allowed);
}

static void put_tag(struct call *c)
{
    snprintf(c->out->fields, sizeof c->out->fields, "ETag: \"%llu\"\r\n",
             (unsigned long long)c->b->version);
}

static void answer_server(struct call *c, int status)
{
    const struct merged_server *m = merged_find(c->b->now, c->id);
    put_tag(c);
    answer(c, status, m ? view_server(c->s, c->b, m) : json_pack("{s:b}", "ok", 1));
}

/* ---- Changes -------------------------------------------------------------------------------- */

/* A change of what there is, as the layers below say it now. */
static struct server_change begin_change(const struct call *c, const struct merged_server *m)
{
    const struct server_change *before = overlay_find(&c->b->overlay, c->id);
    struct server_change change = before ? *before : (struct server_change){ .id = c->id };
    change.base_named = m && m->named_by != LAYER_API;
    change.base_weight = change.base_named ? m->layer_weight : 0;
    return change;
}

/* Whether it says nothing any more. */
static bool is_void(const struct server_change *c)
{
    return !c->added && !c->removed && !c->weighted && !c->stated;
}

/* On the disk first, then in memory. change NULL: it is gone. False: refused. */
static bool put_change(struct call *c, const struct server_change *change)
{
    struct overlay *o = &c->b->overlay;
    if (change && !overlay_find(o, c->id) && o->count == OVERLAY_CHANGES_MAX) {
        refuse(c, 507, "more than %d servers of this backend are changed", OVERLAY_CHANGES_MAX);
        return false;
    }
    if (!servers_keep(c->s, c->b->name, c->id, change)) {
        refuse(c, 507, "%s: the change cannot be kept there", c->s->journal);
        return false;
    }
    if (!change) {
        overlay_drop(o, c->id);
    } else if (!overlay_put(o, change)) {
        refuse(c, 503, "out of memory");
        return false;
    }
    servers_changed(c->s, c->b);
    return true;
}

static json_t *read_body(struct call *c, bool patch, struct server_body *body)
{
    struct json_mistake m;
    json_t *json = json_parse(c->r->body, &m);
    if (json && server_body_read(json, patch, body, &m))
        return json;
    json_decref(json);
    refuse_at(c, 400, m.pointer, m.text);
    return NULL;
}

static bool is_full(const struct backend_servers *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->now->count; i++)
        n += !b->now->items[i].removed;
    return n >= SERVERS_MAX;
}

/* What says the same again is no conflict: who lost the answer may ask again. */
static bool is_same_again(const struct server_change *c, const struct server_body *body)
{
    const struct server_config *s = c ? c->added : NULL;
    return s && !c->removed && strcmp(s->host, body->server.host) == 0 &&
           s->weight == body->server.weight && s->priority == body->server.priority &&
           s->backup == body->server.backup;
}

static void take_new(struct call *c, const struct server_body *body)
{
    const struct merged_server *m = merged_first(c->b->now, c->id);
    const struct server_change *before = overlay_find(&c->b->overlay, c->id);
    if (is_same_again(before, body)) {
        answer_server(c, 200);
        return;
    }
    if (m && !m->removed) {
        refuse(c, 409, "'%s' is there already, by: %s; PATCH changes it", c->id,
               server_layer_text(m->layer));
        return;
    }
    if (is_full(c->b)) {
        refuse(c, 409, "a backend has at most %d servers", SERVERS_MAX);
        return;
    }
    struct server_change change = begin_change(c, m);
    bool named = m && m->named_by != LAYER_API;
    change.removed = false;
    change.added = named ? NULL : &body->server; /* what was taken away is back */
    change.weighted = named && body->has_weight;
    change.weight = body->server.weight;
    change.stated = body->has_state;
    change.state = body->state;
    if (put_change(c, is_void(&change) ? NULL : &change))
        answer_server(c, 201);
}

static void post(struct call *c)
{
    struct server_body body;
    json_t *json = read_body(c, false, &body);
    if (!json)
        return;
    snprintf(c->id, sizeof c->id, "%s", body.server.name);
    take_new(c, &body);
    json_decref(json);
}

static void patch(struct call *c, const struct merged_server *m)
{
    struct server_body body;
    json_t *json = read_body(c, true, &body);
    if (!json)
        return;
    struct server_change change = begin_change(c, m);
    struct server_config added;
    if (change.added && body.has_weight) { /* of what is ours there is nothing below */
        added = *change.added;
        added.weight = body.server.weight;
        change.added = &added;
    } else if (body.has_weight || body.reset_weight) {
        change.weighted = body.has_weight;
        change.weight = body.server.weight;
    }
    if (body.has_state || body.reset_state) {
        change.stated = body.has_state;
        change.state = body.has_state ? body.state : STATE_READY;
    }
    if (put_change(c, is_void(&change) ? NULL : &change))
        answer_server(c, 200);
    json_decref(json);
}

static void delete (struct call *c, const struct merged_server *m)
{
    struct server_change change = begin_change(c, m);
    change.removed = true;
    change.added = NULL;
    change.weighted = change.stated = false;
    if (put_change(c, m->named_by == LAYER_API ? NULL : &change))
        answer_server(c, 200);
}

/* ---- Places --------------------------------------------------------------------------------- */

/* The next part of the path, decoded; false: none, or one that cannot be. */
static bool next_part(struct str *path, char out[NAME_BYTES_MAX])
{
    size_t n = 0;
    if (path->len < 2 || path->ptr[0] != '/')
        return false;
    size_t i = 1;
    for (; i < path->len && path->ptr[i] != '/'; i++) {
        char ch = path->ptr[i];
        if (ch == '%') {
            int high = path->len - i > 2 ? char_hex_value(path->ptr[i + 1]) : -1;
            int low = path->len - i > 2 ? char_hex_value(path->ptr[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            ch = (char)(high << 4 | low);
            i += 2;
        }
        if (n + 1 == NAME_BYTES_MAX)
            return false;
        out[n++] = ch;
    }
    out[n] = '\0';
    *path = (struct str){ path->ptr + i, path->len - i };
    return n > 0;
}

static bool is_read(const struct call *c)
{
    return c->r->method == METHOD_GET || c->r->method == METHOD_HEAD;
}

/* Whether what is to be changed is still what its asker saw (RFC 9110 13.1.1). */
static bool matches(struct call *c)
{
    char tag[32];
    struct str want = c->r->if_match;
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)c->b->version);
    if (!want.len || str_eq(want, STR("*")) || str_eq(want, str_of(tag)))
        return true;
    put_tag(c);
    refuse(c, 412, "it has changed since: it is %s now", tag);
    return false;
}

static void at_servers(struct call *c)
{
    if (is_read(c)) {
        put_tag(c);
        answer(c, 200, view_backend(c->s, c->b));
    } else if (c->r->method != METHOD_POST) {
        refuse_method(c, "GET, HEAD, POST");
    } else if (matches(c)) {
        post(c);
    }
}

static void at_server(struct call *c)
{
    const struct merged_server *m = merged_first(c->b->now, c->id);
    if (!m)
        refuse(c, 404, "backend '%s' has no server '%s'", c->b->name, c->id);
    else if (is_read(c))
        answer_server(c, 200);
    else if (c->r->method != METHOD_PATCH && c->r->method != METHOD_DELETE)
        refuse_method(c, "GET, HEAD, PATCH, DELETE");
    else if (m->removed)
        refuse(c, 404, "'%s' was taken away; POST its address to have it back", c->id);
    else if (!matches(c))
        return;
    else if (c->r->method == METHOD_PATCH)
        patch(c, m);
    else
        delete (c, m);
}

static void at_backends(struct call *c)
{
    if (is_read(c))
        answer(c, 200, view_backends(c->s));
    else
        refuse_method(c, "GET, HEAD");
}

void servers_api(struct servers *s, const struct admin_request *r, struct admin_reply *out)
{
    struct call c = { .s = s, .r = r, .out = out };
    struct str path = r->path;
    char part[NAME_BYTES_MAX];
    *out = (struct admin_reply){ 0 };
    bool known = next_part(&path, part) && strcmp(part, "backends") == 0;
    if (known && path.len == 0) {
        at_backends(&c);
        return;
    }
    known = known && next_part(&path, part);
    c.b = known ? servers_find(s, part) : NULL;
    if (known && (!c.b || !c.b->config)) {
        refuse(&c, 404, "there is no backend '%s'", part);
        return;
    }
    known = known && next_part(&path, part) && strcmp(part, "servers") == 0;
    if (known && path.len == 0)
        at_servers(&c);
    else if (known && next_part(&path, c.id) && path.len == 0)
        at_server(&c);
    else
        refuse(&c, 404,
               "there are /backends, /backends/NAME/servers and "
               "/backends/NAME/servers/ID");
}
