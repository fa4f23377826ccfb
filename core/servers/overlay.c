/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

/* A change with all that it points to, in one piece. */
struct owned {
    struct server_change change;
    struct server_config added;
    char texts[];
};

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *put_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    char *p = *at;
    *at = stpcpy(p, text) + 1;
    return p;
}

static struct server_change *copy(const struct server_change *c)
{
    const struct server_config *s = c->added;
    size_t texts = text_bytes(c->id);
    if (s)
        texts += text_bytes(s->name) + text_bytes(s->host) + text_bytes(s->zone) + s->sni.len + 1;
    struct owned *o = calloc(1, sizeof *o + texts);
    if (!o)
        return NULL;
    char *at = o->texts;
    o->change = *c;
    o->change.id = put_text(&at, c->id);
    if (s) {
        o->added = *s;
        o->added.name = put_text(&at, s->name);
        o->added.host = put_text(&at, s->host);
        o->added.zone = put_text(&at, s->zone);
        if (s->sni.len)
            o->added.sni = (struct str){ memcpy(at, s->sni.ptr, s->sni.len), s->sni.len };
        o->change.added = &o->added;
    }
    return &o->change;
}

static void free_change(struct server_change *c)
{
    free(container_of(c, struct owned, change));
}

static struct server_change **find(const struct overlay *o, const char *id)
{
    for (uint32_t i = 0; i < o->count; i++)
        if (strcmp(o->items[i]->id, id) == 0)
            return &o->items[i];
    return NULL;
}

struct server_change *overlay_find(const struct overlay *o, const char *id)
{
    struct server_change **at = find(o, id);
    return at ? *at : NULL;
}

bool overlay_put(struct overlay *o, const struct server_change *c)
{
    struct server_change **at = find(o, c->id);
    if (!at && o->count == OVERLAY_CHANGES_MAX)
        return false;
    struct server_change *own = copy(c);
    if (!own)
        return false;
    if (at) {
        free_change(*at);
        *at = own;
        return true;
    }
    struct server_change **more = realloc(o->items, (o->count + 1) * sizeof *more);
    if (!more) {
        free_change(own);
        return false;
    }
    o->items = more;
    o->items[o->count++] = own;
    return true;
}

void overlay_drop(struct overlay *o, const char *id)
{
    struct server_change **at = find(o, id);
    if (!at)
        return;
    free_change(*at);
    memmove(at, at + 1, (size_t)(o->items + o->count - at - 1) * sizeof *at);
    o->count--;
}

void overlay_free(struct overlay *o)
{
    for (uint32_t i = 0; i < o->count; i++)
        free_change(o->items[i]);
    free(o->items);
    *o = (struct overlay){ 0 };
}
