/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/cache_variant.h"

#include <string.h>

#include "core/base/check.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/cache_reader.h"
#include "core/proxy/exchange.h"
#include "core/proxy/worker.h"

/* What is handed to the coder at a time. */
#define PIECE_BYTES (16 * 1024)

static void unref(struct cache_variant *v)
{
    if (--v->refs)
        return;
    struct cache_port *p = v->port;
    slab_give(&p->variants, v);
    worker_object_gone(p->w);
}

/* The maker has ended. */
static void end(struct cache_variant *v)
{
    cursor_end(&v->cursor, v->from);
    object_unref(v->from);
    buf_unref(v->first.buf);
    v->first.buf = NULL;
    body_coder_clear(&v->coder);
    cache_port_tell(v->port);
    unref(v);
}

static void give_up(struct cache_variant *v, enum end_reason why)
{
    object_set_why(v->maker.o, (uint8_t)why);
    cache_break(v->port->cache, &v->maker);
    end(v);
}

/* --- what comes out --- */

static bool publish(struct cache_variant *v, uint64_t length)
{
    struct cache_head_parts parts = { .length = length };
    return maker_head(&v->maker, &parts);
}

static bool keep(struct cache_variant *v, struct buf_slice data)
{
    return maker_data(&v->maker, data.buf->data + data.off, data.len);
}

/* The first slice waits for the second, or for the end. */
static bool take(struct cache_variant *v, struct buf_slice data)
{
    v->bytes += data.len;
    if (v->bytes > v->bytes_max)
        return false;
    if (!object_head(v->maker.o)) {
        if (!v->first.buf) {
            v->first = data;
            buf_ref(data.buf);
            return true;
        }
        if (!publish(v, CACHE_LENGTH_UNKNOWN) || !keep(v, v->first))
            return false;
        buf_unref(v->first.buf);
        v->first.buf = NULL;
    }
    return keep(v, data);
}

/* The coder is in the midst of its work, and goes when it is done. */
static void refuse(struct cache_variant *v)
{
    v->sink.room = 0;
    body_coder_fail(&v->coder, v->bytes > v->bytes_max ? END_RESPONSE_NOT_CODED : END_OVERLOADED);
}

static void sink_data(struct body_sink *s, struct buf_slice data)
{
    struct cache_variant *v = container_of(s, struct cache_variant, sink);
    if (v->sink.room && !take(v, data))
        refuse(v);
    buf_unref(data.buf);
}

static void sink_end(struct body_sink *s, const struct http_head *trailers)
{
    struct cache_variant *v = container_of(s, struct cache_variant, sink);
    (void)trailers;
    if (!v->sink.room)
        return;
    v->sink.room = 0;
    if (!object_head(v->maker.o) &&
        (!publish(v, v->first.buf ? v->first.len : 0) || (v->first.buf && !keep(v, v->first)))) {
        give_up(v, END_OVERLOADED);
        return;
    }
    cache_finish(v->port->cache, &v->maker, NULL);
    end(v);
}

static void sink_flush(struct body_sink *s)
{
    cache_port_tell(container_of(s, struct cache_variant, sink)->port);
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };

/* --- what goes in --- */

static void source_resume(struct body_source *s)
{
    struct cache_variant *v = container_of(s, struct cache_variant, source);
    struct body_sink *to = &v->coder.sink;
    v->refs++;
    while (to->room) {
        uint32_t n;
        const uint8_t *at = cursor_read(&v->cursor, v->from, PIECE_BYTES, &n);
        if (!at) {
            v->coder.from = NULL;
            to->ops->end(to, NULL);
            break;
        }
        struct buf *view = cache_view(v->port, v->cursor.chunk, at, n);
        if (!view) {
            body_coder_fail(&v->coder, END_OVERLOADED);
            break;
        }
        to->ops->data(to, (struct buf_slice){ view, 0, n });
    }
    if (v->maker.o)
        cache_port_tell(v->port);
    unref(v);
}

static const struct body_source_ops source_ops = { source_resume };

/* --- the coder's user --- */

static struct cache_variant *variant_of(struct body_coder *c)
{
    return container_of(c, struct cache_variant, coder);
}

static void failed(struct body_coder *c)
{
    give_up(variant_of(c), (enum end_reason)c->why);
}

static void hold(struct body_coder *c)
{
    variant_of(c)->refs++;
}

static void release(struct body_coder *c)
{
    unref(variant_of(c));
}

static const struct body_coder_user user = { failed, hold, release };

/* --- beginning --- */

static bool begin_coder(struct cache_variant *v, const struct exchange *ex, enum coding to)
{
    struct coder *c = &v->coder.coder;
    struct coder_pool *pool = &v->port->w->coders.pool;
    const struct cache_head *h = object_head(v->from);
    if (to == CODING_IDENTITY)
        return coder_decode(c, pool, (enum coding)h->coding, h->form == FORM_OURS);
    return coder_encode(c, pool, to, ex->handling->compress->levels[to], object_bytes(v->from));
}

/* Makes it; takes over the maker. */
static void make(struct cache_reader *r, struct cache_maker *m, enum coding to)
{
    struct cache_port *p = r->port;
    struct cache_variant *v = slab_take(&p->variants);
    if (v) {
        *v = (struct cache_variant){
            .port = p,
            .maker = *m,
            .from = r->o,
            .source.ops = &source_ops,
            .sink = { .ops = &sink_ops, .room = UINT32_MAX },
            .bytes_max = r->ex->handling->cache->object_bytes_max,
            .refs = 1,
        };
        arena_init(&v->arena, NULL, 0, 0);
        body_coder_init(&v->coder, p->w, &v->arena, &user);
    }
    if (!v || !begin_coder(v, r->ex, to)) {
        counter_add(&p->w->counters->coders_refused, 1);
        if (v)
            slab_give(&p->variants, v);
        object_set_why(m->o, END_OVERLOADED);
        cache_break(p->cache, m);
        return;
    }
    object_ref(v->from);
    cursor_begin(&v->cursor, v->from);
    v->coder.from = &v->source;
    v->coder.to = &v->sink;
    source_resume(&v->source);
}

/* That of the object, with the coding and the body that it is of. */
static bool make_key(struct cache_reader *r, enum coding to, struct cache_key *key)
{
    struct str url = object_url(r->o), rest = object_rest(r->o);
    size_t bytes = url.len + rest.len + 16;
    char *mem = arena_alloc(&r->ex->arena, bytes);
    if (!mem || bytes > CACHE_KEY_BYTES_MAX)
        return false;
    struct out o = out_into(mem, bytes);
    out_str(&o, url);
    out_str(&o, rest);
    out_lit(&o, "\n~"); /* no other key has an empty line there */
    out_u64(&o, to);
    out_char(&o, '.');
    out_hex(&o, object_head(r->o)->body_id);
    CHECK(!o.full);
    key->url = (struct str){ mem, url.len };
    key->rest = (struct str){ mem + url.len, out_len(&o) - url.len };
    key->hash = cache_key_hash(r->port->cache, url);
    arena_trim(&r->ex->arena, mem + bytes, o.at);
    return true;
}

static struct cache_object *begin(struct cache_reader *r, const struct cache_key *key,
                                  uint64_t now_s, enum coding to)
{
    struct cache_maker m;
    struct cache_object *o;
    switch (cache_begin(r->port->cache, key, &r->ex->head, NULL, now_s, &m, &o)) {
    case BEGUN_FOUND:
        return o;
    case BEGUN_REFUSED:
        return NULL;
    case BEGUN_MAKER:
        break;
    }
    o = m.o;
    object_ref(o);
    make(r, &m, to);
    return o;
}

struct cache_object *cache_variant_find(struct cache_reader *r, enum coding to)
{
    struct cache_port *p = r->port;
    uint64_t now_s = p->w->loop->wall_us / 1000000;
    struct cache_key key;
    if (!make_key(r, to, &key))
        return NULL;
    struct cache_found f = cache_find(p->cache, p->index, &key, &r->ex->head, now_s);
    struct cache_object *o = f.stored ? f.stored : f.coming;
    if (f.stored)
        object_unref(f.coming);
    if (!o)
        o = begin(r, &key, now_s, to);
    if (o && object_state(o) == OBJECT_BROKEN && !object_head(o)) {
        object_unref(o);
        return NULL;
    }
    return o;
}
