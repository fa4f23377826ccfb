/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/cache_reader.h"

#include "core/base/check.h"
#include "core/cache/vary.h"
#include "core/http/h1_head.h"
#include "core/proxy/cache_answer.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/cache_rules.h"
#include "core/proxy/cache_stage.h"
#include "core/proxy/exchange.h"
#include "core/proxy/fetch.h"
#include "core/proxy/worker.h"

/* One piece that is handed on. */
#define PIECE_BYTES (64 * 1024)

/* So many followers on one worker are a crowd, and this the first piece of each in one. */
#define CROWD 32
#define FIRST_BYTES 1024

static uint64_t now_s(const struct cache_reader *r)
{
    return r->port->w->loop->wall_us / 1000000;
}

/* --- life --- */

static void source_resume(struct body_source *s);
static const struct body_source_ops source_ops = { source_resume };

static void begin_reading(struct cache_reader *r)
{
    if (!r->begun)
        cursor_begin(&r->cursor, r->body ? r->body : r->o);
    r->begun = true;
}

struct cache_reader *cache_reader_create(struct exchange *ex, struct cache_object *o,
                                         struct cache_object *stale)
{
    struct cache_reader *r = arena_alloc(&ex->arena, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct cache_reader){
        .ex = ex,
        .port = ex->w->cache,
        .o = o,
        .stale = stale,
        .source = { &source_ops },
        .left = CACHE_LENGTH_UNKNOWN,
    };
    list_init(&r->node);
    if (object_state(o) == OBJECT_FILLING)
        begin_reading(r); /* from now on it lets go of nothing that is yet to be read */
    ex->reader = r;
    return r;
}

static void follow(struct cache_reader *r, const struct cache_object *o)
{
    if (object_state(o) != OBJECT_FILLING || r->following)
        return;
    r->following = true;
    list_push_back(&r->port->followers, &r->node);
    atomic_fetch_add_explicit(&r->port->following, 1, memory_order_seq_cst);
    /* What came before it was known that we follow was told to nobody. */
    loop_defer(r->port->w->loop, &r->port->wake_task);
}

static void unfollow(struct cache_reader *r)
{
    list_remove(&r->node);
    if (r->following)
        atomic_fetch_sub_explicit(&r->port->following, 1, memory_order_seq_cst);
    r->following = false;
}

static void stop_reading(struct cache_reader *r)
{
    unfollow(r);
    r->to = NULL;
    if (r->begun)
        cursor_end(&r->cursor, r->body ? r->body : r->o);
    r->begun = false;
}

/* The body of another object. */
static void read_other(struct cache_reader *r, struct cache_object *body)
{
    if (r->begun)
        cursor_end(&r->cursor, r->o);
    r->begun = false;
    r->body = body;
    follow(r, body);
}

static void forget_body(struct cache_reader *r)
{
    if (r->body != r->o)
        object_unref(r->body);
    r->body = NULL;
}

void cache_reader_end(struct cache_reader *r)
{
    struct fetch *f = r->fetch;
    stop_reading(r);
    r->fetch = NULL;
    if (f)
        fetch_reader_gone(f);
}

/* Of what is not stored no more is fetched than its readers have room for. */
static bool fetch_waits_for(const struct cache_reader *r)
{
    return !r->fetch && object_is(r->o, OBJECT_REMOVED) && object_state(r->o) == OBJECT_FILLING;
}

void cache_reader_release(struct cache_reader *r)
{
    struct cache_port *p = r->port;
    bool tell = fetch_waits_for(r);
    forget_body(r);
    object_unref(r->o);
    object_unref(r->stale);
    r->o = r->stale = NULL;
    if (tell)
        cache_port_tell(p);
    worker_object_gone(p->w);
}

void cache_reader_leave(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    cache_reader_end(r);
    cache_reader_release(r);
    ex->reader = NULL;
    ex->state = EX_HEAD;
}

/* --- the body --- */

/* Bytes up to where the answer begins are passed over. False: they have not come yet. */
static bool skip(struct cache_reader *r)
{
    uint32_t n;
    while (r->skip) {
        uint32_t max = r->skip < PIECE_BYTES ? (uint32_t)r->skip : PIECE_BYTES;
        if (!cursor_read(&r->cursor, r->body, max, &n))
            return false;
        r->skip -= n;
    }
    return true;
}

static bool give_piece(struct cache_reader *r, uint32_t most)
{
    uint32_t max = r->to->room < most ? r->to->room : most, n;
    if (r->left < max)
        max = (uint32_t)r->left;
    const uint8_t *at = cursor_read(&r->cursor, r->body, max, &n);
    if (!at)
        return false;
    struct buf *view = cache_view(r->port, r->cursor.chunk, at, n);
    if (!view) {
        r->failed = true;
        return false;
    }
    if (r->left != CACHE_LENGTH_UNKNOWN)
        r->left -= n;
    r->to->ops->data(r->to, (struct buf_slice){ view, 0, n });
    return true;
}

static void give_end(struct cache_reader *r)
{
    struct body_sink *to = r->to;
    stop_reading(r);
    r->ex->answer_ns = r->port->w->loop->now_ns;
    to->ops->end(to, NULL);
}

/* Whether so many wait for the same bytes that each gets a few before anybody gets more. */
static bool is_crowded(const struct cache_reader *r)
{
    return !r->served && r->following &&
           atomic_load_explicit(&r->port->following, memory_order_relaxed) > CROWD;
}

/* Gives what there is, as far as there is room; the caller flushes. False: it broke off. */
static bool deliver(struct cache_reader *r)
{
    /* Its last bytes are published before it is said to have ended. */
    enum object_state state = object_state(r->body);
    bool more = skip(r);
    if (more && r->to->room && r->left && is_crowded(r) && give_piece(r, FIRST_BYTES)) {
        r->served = true;
        loop_defer_next(r->port->w->loop, &r->port->wake_task);
        return true;
    }
    while (more && r->to->room && r->left)
        more = give_piece(r, PIECE_BYTES);
    if (r->left == 0 && cache_answer_next_range(r))
        return deliver(r);
    if (r->failed)
        return false;
    if (r->left == 0 || (!more && state == OBJECT_WHOLE)) {
        give_end(r);
        return true;
    }
    return more || state == OBJECT_FILLING;
}

static void go_on_delivering(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    struct fetch *f = r->fetch;
    const struct cache_chunk *chunk = r->cursor.chunk;
    if (!deliver(r)) {
        enum end_reason why = (enum end_reason)object_why(r->body);
        exchange_response_broken(ex, r->failed ? END_OVERLOADED
                                     : why     ? why
                                               : END_RESPONSE_CUT_BODY);
        return;
    }
    if (f)
        fetch_go_on(f);
    else if (r->cursor.chunk != chunk && fetch_waits_for(r))
        cache_port_tell(r->port);
    ex->down->flush(ex);
}

static void source_resume(struct body_source *s)
{
    struct cache_reader *r = container_of(s, struct cache_reader, source);
    if (r->to)
        go_on_delivering(r);
}

/* --- the head --- */

static void answer(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    if (!r->body) {
        struct cache_object *variant = cache_answer_variant(r);
        r->body = r->o;
        if (variant)
            read_other(r, variant);
    }
    if (r->body != r->o && !object_head(r->body)) {
        if (object_state(r->body) == OBJECT_FILLING)
            return; /* its length comes with it */
        forget_body(r);
        r->body = r->o; /* it could not be made */
        cache_answer_as_stored(r);
    }
    if (!cache_answer(r))
        return;
    if (!r->to) { /* there is no body, or it was given whole */
        ex->down->flush(ex);
        return;
    }
    begin_reading(r);
    go_on_delivering(r);
}

/* What was fetched cannot answer this exchange. */
static void fall_back(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    enum end_reason why = (enum end_reason)object_why(r->o);
    struct freshness_rules rules = cache_freshness_rules(ex);
    if (r->stale &&
        freshness_stale_if_error(&object_head(r->stale)->fresh, &ex->head, &rules, now_s(r))) {
        cache_reader_end(r);
        forget_body(r);
        object_unref(r->o);
        r->o = r->stale;
        r->stale = NULL;
        ex->cache_status = CACHE_STALE;
        answer(r);
        return;
    }
    cache_reader_leave(r);
    exchange_reply(ex, why ? why : END_OVERLOADED);
}

static void go_on(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    if (ex->state == EX_RESPONDING) {
        if (r->to)
            go_on_delivering(r);
        return;
    }
    enum object_state state = object_state(r->o);
    struct cache_head *h = object_head(r->o);
    if (!h) {
        if (state != OBJECT_FILLING)
            fall_back(r);
        return;
    }
    if (!r->owner && object_is(r->o, OBJECT_PASSED_ON)) {
        cache_reader_leave(r);
        ex->cache_status = CACHE_PASS;
        exchange_attempt(ex, END_NO_SERVER);
    } else if (!r->owner && !vary_matches(cache_head_vary(h), &ex->head)) {
        cache_reader_leave(r);
        cache_stage(ex); /* it is another variant that this one wants */
    } else {
        answer(r);
    }
}

void cache_reader_begin(struct cache_reader *r)
{
    r->ex->state = EX_FOLLOWING;
    follow(r, r->o);
    if (object_head(r->o))
        answer(r);
    else if (!r->following)
        fall_back(r); /* it broke before it could be followed: nobody would tell */
}

/* An exchange that goes on may end, and its client begin another one that follows: these go to the
 * end of the list and are not looked at twice. */
void cache_readers_go_on(struct cache_port *p)
{
    struct list now;
    fetches_sweep(p);
    fetches_go_on(p);
    list_init(&now);
    while (!list_empty(&p->followers)) {
        struct list *n = p->followers.next;
        list_remove(n);
        list_push_back(&now, n);
    }
    while (!list_empty(&now)) {
        struct cache_reader *r = container_of(now.next, struct cache_reader, node);
        struct exchange *ex = r->ex;
        list_remove(&r->node);
        list_push_back(&p->followers, &r->node);
        exchange_ref(ex);
        go_on(r);
        exchange_unref(ex);
    }
}
