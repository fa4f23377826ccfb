/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/fetch.h"

#include <string.h>

#include "core/base/check.h"
#include "core/cache/vary.h"
#include "core/http/h1_head.h"
#include "core/proxy/body_coder.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/cache_reader.h"
#include "core/proxy/cache_rules.h"
#include "core/proxy/compress.h"
#include "core/proxy/edit.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "core/proxy/request.h"
#include "core/proxy/response.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* Of an answer that is not stored: how much of it waits for its reader. */
#define PASS_WINDOW_BYTES (4 * (uint64_t)CACHE_CHUNK_BYTES)

static struct fetch *fetch_of(struct attempt *a)
{
    return container_of(a, struct exchange, attempt)->fetch;
}

static uint64_t now_s(const struct fetch *f)
{
    return f->port->w->loop->wall_us / 1000000;
}

static const struct cache_config *rules_of(const struct fetch *f)
{
    return f->ex->handling->cache;
}

/* --- ends --- */

/* Whoever called us may not be done with the exchange: it goes with the end of this turn. */
static void end(struct fetch *f, enum end_reason why)
{
    if (f->passing)
        atomic_fetch_sub_explicit(&f->port->following, 1, memory_order_seq_cst);
    f->source = NULL;
    f->ended = true;
    if (f->reader)
        f->reader->fetch = NULL;
    f->reader = NULL;
    exchange_end(f->ex, why);
    cache_port_tell(f->port);
    loop_defer(f->port->w->loop, &f->port->wake_task);
}

void fetches_sweep(struct cache_port *p)
{
    struct list *n = p->fetch_list.next;
    while (n != &p->fetch_list) {
        struct fetch *f = container_of(n, struct fetch, node);
        n = n->next;
        if (!f->ended)
            continue;
        list_remove(&f->node);
        exchange_unref(f->ex); /* frees it, unless the upstream still sends from its memory */
    }
}

static void give_up(struct fetch *f, enum end_reason why)
{
    if (f->maker.o) {
        object_set_why(f->maker.o, (uint8_t)why);
        cache_break(f->port->cache, &f->maker);
    }
    end(f, why);
}

void fetch_failed(struct exchange *ex, enum end_reason why)
{
    give_up(ex->fetch, why);
}

void fetch_abandon(struct fetch *f)
{
    if (f->ended)
        return;
    if (f->ex->attempt.up)
        upstream_abort(&f->ex->attempt);
    give_up(f, END_SHUTDOWN);
}

/* Whether somebody reads what is not stored, beside `own` readers. */
static bool is_read(const struct fetch *f, uint32_t own)
{
    return f->maker.o && atomic_load_explicit(&f->maker.o->refs, memory_order_acquire) > 1 + own;
}

void fetch_reader_gone(struct fetch *f)
{
    f->reader = NULL;
    if (f->passing && !is_read(f, 1)) /* who is going has its reference yet */
        fetch_abandon(f);
}

void fetch_free(struct fetch *f)
{
    struct cache_port *p = f->port;
    CHECK(!f->maker.o);
    object_unref(f->stale);
    exchange_unref(f->asked);
    listener_unref(f->client.listener);
    slab_give(&p->fetches, f);
    worker_object_gone(p->w);
}

static void finish(struct fetch *f)
{
    if (f->maker.o)
        cache_finish(f->port->cache, &f->maker, f->stale);
    end(f, END_OK);
}

/* --- the answer's body --- */

static void sink_data(struct body_sink *s, struct buf_slice data)
{
    struct fetch *f = container_of(s, struct fetch, sink);
    /* Too much, or no memory: what came until now is cut off there. */
    if (f->maker.o && !maker_data(&f->maker, data.buf->data + data.off, data.len)) {
        object_set_why(f->maker.o, END_OVERLOADED);
        cache_break(f->port->cache, &f->maker);
    }
    buf_unref(data.buf);
}

static void sink_end(struct body_sink *s, const struct http_head *trailers)
{
    struct fetch *f = container_of(s, struct fetch, sink);
    (void)trailers; /* they belong to no stored response (RFC 9111 3: may be discarded) */
    s->room = 0;
    f->given = true;
    if (f->received)
        finish(f);
}

/* From now on readers tell us when they have read. */
static void begin_passing(struct fetch *f)
{
    f->passing = true;
    atomic_fetch_add_explicit(&f->port->following, 1, memory_order_seq_cst);
}

/* It turned out to be too big for the cache. */
static void stop_storing(struct fetch *f)
{
    begin_passing(f);
    cache_hide(f->port->cache, &f->maker);
}

static void update_room(struct fetch *f)
{
    if (!f->maker.o) {
        f->sink.room = 0;
        return;
    }
    if (!f->passing && object_bytes(f->maker.o) > rules_of(f)->object_bytes_max)
        stop_storing(f);
    if (!f->passing)
        return;
    maker_let_go(&f->maker);
    uint64_t held = maker_held_bytes(&f->maker);
    f->sink.room = held < PASS_WINDOW_BYTES ? (uint32_t)(PASS_WINDOW_BYTES - held) : 0;
}

static void sink_flush(struct body_sink *s)
{
    struct fetch *f = container_of(s, struct fetch, sink);
    update_room(f);
    bool useless = !f->maker.o || (f->passing && !is_read(f, 0));
    if (useless && f->ex->attempt.up)
        fetch_abandon(f);
    else
        cache_port_tell(f->port);
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };

void fetch_go_on(struct fetch *f)
{
    uint32_t before = f->sink.room;
    if (f->passing)
        update_room(f);
    if (f->source && f->sink.room > before)
        f->source->ops->resume(f->source);
}

void fetches_go_on(struct cache_port *p)
{
    struct list *n = p->fetch_list.next;
    while (n != &p->fetch_list) {
        struct fetch *f = container_of(n, struct fetch, node);
        n = n->next;
        if (f->ended || !f->passing || !f->ex->attempt.up)
            continue;
        if (is_read(f, 0))
            fetch_go_on(f);
        else
            fetch_abandon(f);
    }
}

/* --- the answer's head --- */

/* As it is kept: without what belongs to the connection. */
static bool write_stored_head(struct fetch *f, struct out *o, const struct http_head *h)
{
    char date[HTTP_DATE_BYTES];
    http_date(date, now_s(f));
    struct forward_response r = { .framing = FRAME_NONE, .date = { date, sizeof date } };
    edits_drop(&r.edits, h, STR("age"));
    forward_response_head(o, h, &r);
    return !o->full && out_len(o) <= HEAD_BYTES_MAX;
}

/* The next of words with spaces between them. */
static bool next_word(struct str *rest, struct str *word)
{
    while (rest->len && rest->ptr[0] == ' ')
        *rest = (struct str){ rest->ptr + 1, rest->len - 1 };
    const char *space = memchr(rest->ptr, ' ', rest->len);
    *word = (struct str){ rest->ptr, space ? (size_t)(space - rest->ptr) : rest->len };
    *rest = (struct str){ rest->ptr + word->len, rest->len - word->len };
    return word->len > 0;
}

static uint32_t read_tags(struct fetch *f, const struct http_head *h, uint16_t tags[CACHE_TAGS_MAX])
{
    static const struct str names[] = { { "cache-tag", 9 }, { "surrogate-key", 13 } };
    uint32_t count = 0;
    for (uint32_t i = 0; i < h->fields_count; i++) {
        struct str name = head_str(h, h->fields[i].name), rest = head_value(h, &h->fields[i]), tag;
        if (str_eq_fold(name, names[0])) {
            while (count < CACHE_TAGS_MAX && http_list_next(&rest, &tag))
                tags[count++] = cache_tag_slot(f->port->cache, tag);
        } else if (str_eq_fold(name, names[1])) {
            while (count < CACHE_TAGS_MAX && next_word(&rest, &tag))
                tags[count++] = cache_tag_slot(f->port->cache, tag);
        }
    }
    return count;
}

/* What the answer may vary by without its being kept once for each: the coding, where we can give
 * it in another. */
static struct str settled_here(const struct fetch *f, const struct http_head *h)
{
    bool ours = !head_field(h, FIELD_CONTENT_ENCODING) ||
                (compress_allowed(h) && compress_coding_of(h) != CODING_COUNT);
    return f->ex->handling->compress && ours ? STR("accept-encoding") : (struct str){ 0 };
}

/* Publishes the head. body_of: of a validated one. */
static bool publish(struct fetch *f, const struct http_head *h, uint64_t length,
                    const struct freshness *fresh, struct cache_object *body_of)
{
    uint16_t tags[CACHE_TAGS_MAX];
    char vary[VARY_BYTES_MAX];
    struct out o = exchange_begin_head(f->ex, true), v = out_into(vary, sizeof vary);
    struct cache_head_parts parts = {
        .fresh = *fresh,
        .length = length,
        .form = (enum object_form)f->form,
        .coding = (enum coding)f->coding,
        .passes = f->passing,
        .body_of = body_of,
    };
    if (o.full || !write_stored_head(f, &o, h))
        return false;
    if (!f->passing && !vary_write(&v, h, &f->ex->head, settled_here(f, h)))
        return false;
    parts.text = (struct str){ o.start, out_len(&o) };
    parts.vary = (struct str){ v.start, out_len(&v) };
    parts.tags = tags;
    parts.tags_count = read_tags(f, h, tags);
    return maker_head(&f->maker, &parts);
}

static uint64_t length_of(const struct framing *fr)
{
    return fr->kind == BODY_NONE ? 0 : fr->kind == BODY_LENGTH ? fr->length : CACHE_LENGTH_UNKNOWN;
}

/* Whether it is kept; otherwise who asked alone gets it. */
static bool may_keep(struct fetch *f, const struct http_head *h, const struct framing *fr,
                     const struct freshness *fresh)
{
    char vary[VARY_BYTES_MAX];
    struct out v = out_into(vary, sizeof vary);
    uint64_t length = length_of(fr);
    struct freshness_rules rules = cache_freshness_rules(f->ex);
    return freshness_may_store(&f->ex->head, h, fresh, &rules) == STORE_OK &&
           (length == CACHE_LENGTH_UNKNOWN || length <= rules_of(f)->object_bytes_max) &&
           vary_write(&v, h, &f->ex->head, settled_here(f, h));
}

static bool bridges_error(unsigned status)
{
    return status == 500 || status == 502 || status == 503 || status == 504;
}

/* Its fields take the place of the stored ones (RFC 9111 3.2); the body stays. */
static bool refresh(struct fetch *f, const struct http_head *h)
{
    struct exchange *ex = f->ex;
    struct str old = cache_head_text(object_head(f->stale));
    size_t bytes = old.len + HEAD_BYTES_MAX;
    char *mem = arena_alloc(&ex->arena, bytes);
    struct http_head *stored = arena_alloc(&ex->arena, sizeof *stored);
    struct http_head *merged = arena_alloc(&ex->arena, sizeof *merged);
    enum end_reason why;
    if (!mem || !stored || !merged)
        return false;
    CHECK(h1_parse_response(old.ptr, old.len, 0, stored, &why) == H1_DONE);
    struct out o = out_into(mem, bytes);
    cache_merge_heads(&o, stored, h);
    if (o.full || h1_parse_response(mem, out_len(&o), 0, merged, &why) != H1_DONE)
        return false;
    struct freshness fresh;
    struct freshness_rules rules = cache_freshness_rules(ex);
    freshness_read(&fresh, merged, &rules, f->requested_s, now_s(f));
    return publish(f, merged, object_head(f->stale)->length, &fresh, f->stale);
}

/* How it is stored. What is kept is coded now, as who asked first likes it; what passes is coded by
 * its reader. */
static void choose_form(struct fetch *f, const struct http_head *h, uint64_t length)
{
    struct exchange *ex = f->ex;
    const struct compress_config *rules = ex->handling->compress;
    enum coding coding = compress_coding_of(h);
    f->form = FORM_FIXED;
    if (!rules || !compress_allowed(h))
        return;
    if (compress_suits(rules, h, length))
        f->form = FORM_PLAIN;
    else if (coding != CODING_IDENTITY && coding != CODING_COUNT)
        f->form = FORM_SERVERS;
    if (f->form == FORM_SERVERS)
        f->coding = (uint8_t)coding;
    enum coding to = compress_wanted(ex);
    if (f->form != FORM_PLAIN || f->passing || to == CODING_IDENTITY ||
        !compress_encode(ex, to, length))
        return;
    f->form = FORM_OURS;
    f->coding = (uint8_t)to;
}

/* Where the body goes: into the object, perhaps by way of a coder. */
static struct body_sink *open_sink(struct fetch *f, const struct framing *fr,
                                   struct body_source *source)
{
    struct body_coder *c = f->ex->coder;
    f->sink.room = fr->kind == BODY_NONE ? 0 : UINT32_MAX;
    f->source = c ? &c->source : source;
    if (!c)
        return &f->sink;
    c->from = source;
    c->to = &f->sink;
    return &c->sink;
}

static struct body_sink *refuse(struct fetch *f, enum end_reason why)
{
    upstream_abort(&f->ex->attempt);
    give_up(f, why);
    return NULL;
}

static struct body_sink *respond(struct attempt *a, const struct http_head *h,
                                 const struct framing *fr, struct body_source *source)
{
    struct fetch *f = fetch_of(a);
    struct freshness fresh;
    struct freshness_rules rules = cache_freshness_rules(f->ex);
    freshness_read(&fresh, h, &rules, f->requested_s, now_s(f));
    f->ex->server_status = f->ex->status = h->status;
    f->ex->state = EX_RESPONDING;
    if (f->stale && h->status == 304) {
        static const struct framing none = { .kind = BODY_NONE };
        return refresh(f, h) ? open_sink(f, &none, source) : refuse(f, END_OVERLOADED);
    }
    if (f->stale && bridges_error(h->status) &&
        freshness_stale_if_error(&object_head(f->stale)->fresh, &f->ex->head, &rules, now_s(f)))
        return refuse(f, END_SERVER_ERROR);
    if (!may_keep(f, h, fr, &fresh))
        begin_passing(f);
    if (f->passing)
        cache_pass(f->port->cache, &f->maker, rules_of(f)->pass_s, now_s(f));
    if (f->passing && !f->reader)
        return refuse(f, END_CLIENT_RESET);
    choose_form(f, h, length_of(fr));
    uint64_t length = f->form == FORM_OURS ? CACHE_LENGTH_UNKNOWN : length_of(fr);
    if (!publish(f, h, length, &fresh, NULL))
        return refuse(f, END_OVERLOADED);
    return open_sink(f, fr, source);
}

static enum end_reason interim(struct attempt *a, const struct http_head *h)
{
    bool one_too_many = ++fetch_of(a)->ex->interim_count > INTERIM_RESPONSES_MAX;
    return h->status == 101 || one_too_many ? END_RESPONSE_INTERIM : END_OK;
}

static void progress(struct attempt *a)
{
    sink_flush(&fetch_of(a)->sink);
}

static void received(struct attempt *a)
{
    struct fetch *f = fetch_of(a);
    f->received = true;
    if (!f->ex->coder || f->given)
        finish(f);
    else
        progress(a);
}

static void broken(struct attempt *a, enum end_reason why)
{
    give_up(fetch_of(a), why);
}

static void detached(struct attempt *a)
{
    struct fetch *f = fetch_of(a);
    if (f->ex->coder)
        f->ex->coder->from = NULL;
    else
        f->source = NULL;
}

void fetch_ops_init(struct attempt_ops *ops)
{
    *ops = exchange_attempt_ops;
    ops->interim = interim;
    ops->respond = respond;
    ops->progress = progress;
    ops->received = received;
    ops->broken = broken;
    ops->detached = detached;
}

/* --- beginning --- */

static void nothing(struct exchange *ex)
{
    (void)ex;
}

/* There is no client: what would go to it goes nowhere. */
static const struct downstream_ops no_client = {
    .body_begins = nothing,
    .pump_body = nothing,
    .flush = nothing,
    .abort = nothing,
};

/* What the exchange asks for, in the memory of the one who asked. */
static void copy_request(struct exchange *ex, const struct exchange *from)
{
    plan_use_ref(from->use);
    plan_use_unref(ex->use); /* the listener's may be a newer one */
    ex->use = from->use;
    ex->site = from->site;
    ex->handling = from->handling;
    ex->backend = from->backend;
    ex->match = from->match;
    ex->client_addr = from->client_addr;
    ex->client_ip = from->client_ip;
    ex->user = from->user;
    ex->auth_external = from->auth_external;
    ex->host = from->host;
    ex->path = from->path;
    ex->query = from->query;
    ex->peer_trusted = from->peer_trusted;
    ex->target = from->target;
    ex->head = from->head;
    ex->id_hi = from->id_hi;
    ex->id_lo = from->id_lo;
    ex->attempt.timeouts = from->attempt.timeouts;
    ex->head.method_id = METHOD_GET;
    ex->body_in.state = IN_DONE;
}

/* The connection's facts, without the connection. */
static void copy_client(struct fetch *f, const struct client *c)
{
    f->client = (struct client){
        .w = c->w,
        .listener = c->listener,
        .connection = c->connection,
        .accepted_ns = c->accepted_ns,
        .peer = c->peer,
        .state = CLIENT_CLOSING,
        .ip_text_len = c->ip_text_len,
    };
    memcpy(f->client.ip_text, c->ip_text, sizeof c->ip_text);
    f->client.listener->refs++;
}

void fetch_begin(struct exchange *asked, struct cache_maker *m, struct cache_object *stale,
                 struct cache_reader *reader)
{
    struct worker *w = asked->w;
    struct cache_port *p = w->cache;
    struct fetch *f = slab_take(&p->fetches);
    if (f) {
        *f = (struct fetch){ .port = p, .maker = *m, .stale = stale, .asked = asked };
        copy_client(f, asked->client);
        f->ex = exchange_create(&f->client, &no_client);
        if (!f->ex)
            listener_unref(f->client.listener);
    }
    if (!f || !f->ex) {
        if (f)
            slab_give(&p->fetches, f);
        object_unref(stale);
        object_set_why(m->o, END_OVERLOADED);
        cache_break(p->cache, m);
        return;
    }
    exchange_ref(asked);
    f->sink.ops = &sink_ops;
    f->requested_s = now_s(f);
    f->reader = reader;
    if (reader) {
        reader->fetch = f;
        reader->owner = true;
    }
    list_push_back(&p->fetch_list, &f->node);
    f->ex->fetch = f;
    f->ex->scheme = request_scheme(asked);
    copy_request(f->ex, asked);
    if (asked->client_ip.ptr == asked->client->ip_text)
        f->ex->client_ip.ptr = f->client.ip_text;
    f->ex->attempt.ops = &p->fetch_ops;
    exchange_attempt(f->ex, END_NO_SERVER);
}
