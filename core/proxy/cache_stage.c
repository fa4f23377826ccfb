/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/cache_stage.h"

#include "core/base/check.h"
#include "core/http/condition.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/cache_reader.h"
#include "core/proxy/cache_rules.h"
#include "core/proxy/client_tls.h"
#include "core/proxy/exchange.h"
#include "core/proxy/fetch.h"
#include "core/proxy/request.h"
#include "core/proxy/worker.h"

static uint64_t now_s(const struct exchange *ex)
{
    return ex->w->loop->wall_us / 1000000;
}

static void go_past(struct exchange *ex, enum cache_status status)
{
    ex->cache_status = (uint8_t)status;
    exchange_attempt(ex, END_NO_SERVER);
}

static void unref_both(struct cache_found *f)
{
    object_unref(f->stored);
    object_unref(f->coming);
}

/* --- fetching --- */

/* Follows o, of which it takes over the reference, as of stale's. */
static struct cache_reader *read_from(struct exchange *ex, struct cache_object *o,
                                      struct cache_object *stale, enum cache_status status)
{
    struct cache_reader *r = cache_reader_create(ex, o, stale);
    ex->cache_status = (uint8_t)status;
    if (!r) {
        object_unref(o);
        object_unref(stale);
        exchange_reply(ex, END_OVERLOADED);
    }
    return r;
}

/* Fetches, and follows that. stale: NULL, or one reference, which is taken over. */
static void fetch_and_follow(struct exchange *ex, const struct cache_key *key,
                             struct cache_object *stale)
{
    struct cache_maker m;
    struct cache_object *o;
    switch (cache_begin(ex->w->cache->cache, key, &ex->head, stale, now_s(ex), &m, &o)) {
    case BEGUN_FOUND: { /* somebody was quicker */
        struct cache_reader *r = read_from(ex, o, stale, CACHE_COLLAPSED);
        if (r)
            cache_reader_begin(r);
        return;
    }
    case BEGUN_REFUSED:
        object_unref(stale);
        go_past(ex, CACHE_PASS);
        return;
    case BEGUN_MAKER:
        break;
    }
    object_ref(m.o);
    if (stale)
        object_ref(stale); /* the fetch's, beside the reader's */
    struct cache_reader *r = read_from(ex, m.o, stale, stale ? CACHE_REVALIDATED : CACHE_MISS);
    if (!r) {
        object_unref(stale);
        cache_break(ex->w->cache->cache, &m);
        return;
    }
    ex->state = EX_FOLLOWING;
    fetch_begin(ex, &m, stale, r); /* if it fails the reader sees that */
    cache_reader_begin(r);
}

/* Nobody waits for it. */
static void fetch_meanwhile(struct exchange *ex, const struct cache_key *key,
                            struct cache_object *stale)
{
    struct cache_maker m;
    struct cache_object *o;
    enum cache_begun begun =
        cache_begin(ex->w->cache->cache, key, &ex->head, stale, now_s(ex), &m, &o);
    if (begun == BEGUN_FOUND)
        object_unref(o);
    if (begun != BEGUN_MAKER)
        return;
    object_ref(stale);
    fetch_begin(ex, &m, stale, NULL);
}

/* --- deciding --- */

/* Something is stored: can it be used? Takes over the references. */
static void use_stored(struct exchange *ex, const struct cache_key *key, struct cache_found *f)
{
    struct cache *c = ex->w->cache->cache;
    struct cache_object *o = f->stored;
    struct freshness_rules rules = cache_freshness_rules(ex);
    enum reuse reuse = freshness_reuse(&object_head(o)->fresh, &ex->head, &rules, now_s(ex));
    bool soft = cache_is_soft_purged(c, o);
    if (object_state(o) == OBJECT_FILLING && reuse == REUSE_VALIDATE && !soft) {
        /* It has just come: for those who were waiting for it while it did, it is good. */
        reuse = freshness_age_s(&object_head(o)->fresh, now_s(ex)) <= 1 ? REUSE_FRESH : reuse;
    }
    if (soft && reuse == REUSE_FRESH)
        reuse = REUSE_STALE_MEANWHILE;
    if (reuse == REUSE_VALIDATE) {
        if (f->coming) {
            struct cache_reader *r = read_from(ex, f->coming, o, CACHE_COLLAPSED);
            if (r)
                cache_reader_begin(r);
            return;
        }
        if (freshness_only_if_cached(&ex->head, &rules)) {
            object_unref(o);
            exchange_reply(ex, END_NOT_CACHED);
            return;
        }
        bool whole = object_state(o) == OBJECT_WHOLE; /* asked once: another worker may end it */
        fetch_and_follow(ex, key, whole ? o : NULL);
        if (!whole)
            object_unref(o);
        return;
    }
    if (reuse == REUSE_STALE_MEANWHILE && !f->coming && object_state(o) == OBJECT_WHOLE)
        fetch_meanwhile(ex, key, o);
    object_unref(f->coming);
    struct cache_reader *r = read_from(ex, o, NULL, reuse == REUSE_FRESH ? CACHE_HIT : CACHE_STALE);
    if (r)
        cache_reader_begin(r);
}

void cache_stage(struct exchange *ex)
{
    struct cache_port *p = ex->w->cache;
    bool get = ex->head.method_id == METHOD_GET || ex->head.method_id == METHOD_HEAD;
    struct cache_key key;
    CHECK(ex->state == EX_HEAD);
    if (!get || ex->framing.kind != BODY_NONE || ex->upgrade.len ||
        condition_is_for_the_server(&ex->head) || cache_bypassed(ex) ||
        cache_path_is_doubtful(ex->target.path) || client_tls_identified(ex) ||
        !cache_key_make(ex, p->cache, &key)) {
        go_past(ex, CACHE_BYPASS);
        return;
    }
    struct cache_found f = cache_find(p->cache, p->index, &key, &ex->head, now_s(ex));
    if (f.stored && object_state(f.stored) == OBJECT_PASS) {
        unref_both(&f);
        go_past(ex, CACHE_PASS);
    } else if (f.stored) {
        use_stored(ex, &key, &f);
    } else if (f.coming) {
        struct cache_reader *r = read_from(ex, f.coming, NULL, CACHE_COLLAPSED);
        if (r)
            cache_reader_begin(r);
    } else {
        struct freshness_rules rules = cache_freshness_rules(ex);
        if (freshness_only_if_cached(&ex->head, &rules))
            exchange_reply(ex, END_NOT_CACHED);
        else
            fetch_and_follow(ex, &key, NULL);
    }
}

/* --- invalidation --- */

static void invalidate(struct exchange *ex, struct str host, uint32_t port, struct str path,
                       struct str query)
{
    char text[CACHE_KEY_BYTES_MAX];
    struct out o = out_into(text, sizeof text);
    cache_key_url(&o, ex->handling->cache, request_scheme(ex), host, port, path, query);
    if (!o.full)
        cache_purge_url(ex->w->cache->cache, (struct str){ text, out_len(&o) }, false);
}

/* A reference in a field: "/path?query", or with our own scheme and host; others are not ours to
 * say (RFC 9111 4.4: of the same origin only). */
static void invalidate_named(struct exchange *ex, struct str ref)
{
    struct str scheme = request_scheme(ex), host = ex->target.authority;
    size_t origin = scheme.len + 3 + host.len;
    if (ref.len > origin && str_eq_fold((struct str){ ref.ptr, scheme.len }, scheme) &&
        memcmp(ref.ptr + scheme.len, "://", 3) == 0 &&
        str_eq_fold((struct str){ ref.ptr + scheme.len + 3, host.len }, host))
        ref = (struct str){ ref.ptr + origin, ref.len - origin };
    if (ref.len == 0 || ref.ptr[0] != '/' || (ref.len > 1 && ref.ptr[1] == '/'))
        return;
    const char *hash = memchr(ref.ptr, '#', ref.len);
    if (hash)
        ref.len = (size_t)(hash - ref.ptr);
    const char *q = memchr(ref.ptr, '?', ref.len);
    struct str path = { ref.ptr, q ? (size_t)(q - ref.ptr) : ref.len };
    struct str query = { q, q ? ref.len - path.len : 0 };
    invalidate(ex, ex->host, ex->target.port, path, query);
}

void cache_invalidate(struct exchange *ex, const struct http_head *response)
{
    enum http_method m = (enum http_method)ex->head.method_id;
    bool safe = m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS || m == METHOD_TRACE;
    if (safe || response->status < 200 || response->status >= 400)
        return;
    invalidate(ex, ex->host, ex->target.port, ex->target.path, ex->target.query);
    const struct http_field *f = head_field(response, FIELD_LOCATION);
    if (f)
        invalidate_named(ex, head_value(response, f));
    f = head_field_named(response, STR("content-location"));
    if (f)
        invalidate_named(ex, head_value(response, f));
}
