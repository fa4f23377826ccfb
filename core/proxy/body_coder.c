/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/body_coder.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/proxy/worker.h"

/* What all coders of a worker may take of a turn, by the account of coder.h. */
#define TURN_NS 600000

/* One step, so that the account is looked at often enough. */
#define STEP_NS 100000

/* While so much comes in a turn nothing is flushed: it is a stream, whose blocks leave as they get
 * full. */
#define STREAM_BYTES BUFFER_BYTES

static const struct body_sink_ops sink_ops;
static const struct body_source_ops source_ops;
static void run_waiting(struct task *t);

void coders_init(struct coders *s, size_t memory_bytes)
{
    *s = (struct coders){ .task = { .run = run_waiting } };
    coder_pool_init(&s->pool, memory_bytes);
    list_init(&s->waiting);
}

void coders_destroy(struct coders *s)
{
    CHECK(list_empty(&s->waiting));
    coder_pool_destroy(&s->pool);
}

static void update_room(struct body_coder *c)
{
    bool open = c->state == CODER_OPEN && c->in_count < BODY_CODER_SLICES &&
                c->in_bytes < BODY_WINDOW_BYTES;
    c->sink.room = open ? BODY_WINDOW_BYTES - c->in_bytes : 0;
}

void body_coder_init(struct body_coder *c, struct worker *w, struct arena *arena,
                     const struct body_coder_user *user)
{
    *c = (struct body_coder){
        .sink.ops = &sink_ops,
        .source.ops = &source_ops,
        .w = w,
        .arena = arena,
        .user = user,
    };
    list_init(&c->node);
    update_room(c);
}

static void let_go(struct body_coder *c)
{
    for (uint32_t i = 0; i < c->in_count; i++)
        buf_unref(c->in[i].buf);
    c->in_count = c->in_bytes = 0;
    buf_unref(c->out);
    c->out = NULL;
    coder_end(&c->coder);
}

void body_coder_clear(struct body_coder *c)
{
    if (!c || c->state == CODER_CLEARED)
        return;
    c->state = CODER_CLEARED;
    c->from = NULL;
    c->to = NULL;
    let_go(c);
    list_remove(&c->node);
    update_room(c);
}

static void wait_for_turn(struct body_coder *c)
{
    struct coders *s = &c->w->coders;
    if (list_empty(&c->node))
        list_push_back(&s->waiting, &c->node);
    loop_defer_next(c->w->loop, &s->task);
}

/* Who gives us bytes is not to see its exchange end: the loop tells. */
void body_coder_fail(struct body_coder *c, enum end_reason why)
{
    if (c->state >= CODER_DONE)
        return;
    c->why = (uint8_t)why;
    c->state = CODER_FAILED;
    let_go(c);
    update_room(c);
    wait_for_turn(c);
}

/* --- steps --- */

static void give_out(struct body_coder *c)
{
    if (!c->out || c->out_bytes == 0)
        return;
    struct buf_slice data = { c->out, 0, c->out_bytes };
    c->out = NULL;
    c->out_bytes = 0;
    c->to->ops->data(c->to, data);
}

/* Room for what comes out. False: not now, or no memory. */
static bool have_out(struct body_coder *c)
{
    if (c->to->room == 0)
        return false;
    if (c->out && c->out_bytes == c->out->cap)
        give_out(c);
    if (c->to->room == 0)
        return false;
    if (!c->out) {
        c->out = buf_take(&c->w->loop->bufs);
        c->out_bytes = 0;
    }
    if (!c->out)
        body_coder_fail(c, END_OVERLOADED);
    return c->out != NULL;
}

/* Whether there is something of this turn left. */
static bool has_time(struct body_coder *c)
{
    struct coders *s = &c->w->coders;
    uint64_t turn = c->w->loop->turns;
    if (s->turn != turn) {
        s->turn = turn;
        s->spent_ns = 0;
    }
    return s->spent_ns < TURN_NS;
}

static void spend(struct body_coder *c, size_t bytes)
{
    c->w->coders.spent_ns += (uint64_t)bytes * c->coder.byte_ns;
}

static void drop_first(struct body_coder *c)
{
    buf_unref(c->in[0].buf);
    c->in_count--;
    for (uint32_t i = 0; i < c->in_count; i++)
        c->in[i] = c->in[i + 1];
}

/* One call of the coder, into the rest of `out`. Both directions are paid for. */
static enum coder_result run(struct body_coder *c, struct coder_io *io, enum coder_step step)
{
    size_t in_len = io->in_len;
    io->out = c->out->data + c->out_bytes;
    io->out_len = c->out->cap - c->out_bytes;
    enum coder_result r = coder_run(&c->coder, io, step);
    uint32_t given = (uint32_t)(io->out - c->out->data) - c->out_bytes;
    c->out_bytes += given;
    size_t taken = in_len - io->in_len;
    spend(c, taken > given ? taken : given);
    return r;
}

static bool take_in(struct body_coder *c)
{
    struct buf_slice *first = &c->in[0];
    uint32_t most = STEP_NS / c->coder.byte_ns;
    struct coder_io io = { .in = first->buf->data + first->off,
                           .in_len = first->len < most ? first->len : most };
    uint32_t offered = (uint32_t)io.in_len;
    enum coder_result r = run(c, &io, CODER_RUN);
    uint32_t taken = offered - (uint32_t)io.in_len;
    first->off += taken;
    first->len -= taken;
    c->in_bytes -= taken;
    c->since_flush += taken;
    if (first->len == 0 && r != CODER_FULL)
        drop_first(c);
    c->flushing = c->since_flush >= c->coder.run_bytes_max;
    return r != CODER_BAD;
}

/* All that was taken, or the end. */
static bool push_out(struct body_coder *c, enum coder_step step)
{
    struct coder_io io = { 0 };
    enum coder_result r = run(c, &io, step);
    if (r != CODER_OK)
        return r == CODER_FULL;
    c->flushing = false;
    c->since_flush = 0;
    if (step == CODER_FINISH)
        c->state = CODER_DONE;
    return true;
}

/* What can be done now. What comes out is queued; nothing is sent. */
static void work(struct body_coder *c)
{
    if (c->state >= CODER_DONE)
        return;
    while (c->state < CODER_DONE) {
        bool finish = !c->in_count && c->state == CODER_ENDED;
        if (!c->flushing && !c->in_count && !finish)
            break;
        if (!has_time(c)) {
            wait_for_turn(c);
            break;
        }
        if (!have_out(c))
            break;
        if (!(c->flushing ? push_out(c, CODER_FLUSH)
              : finish    ? push_out(c, CODER_FINISH)
                          : take_in(c)))
            body_coder_fail(c, c->coder.decodes ? END_RESPONSE_NOT_CODED : END_OVERLOADED);
    }
    update_room(c);
    if (c->state == CODER_DONE) {
        give_out(c);
        c->to->ops->end(c->to, c->trailers);
    } else if (c->state == CODER_OPEN && !c->in_count && !c->flushing && c->to->room) {
        if (c->urgent)
            give_out(c);
        c->urgent = false;
        if (c->since_flush || c->out_bytes)
            wait_for_turn(c); /* to be flushed, if nothing more comes */
    }
}

/* --- ends of the two sides --- */

static void sink_data(struct body_sink *s, struct buf_slice data)
{
    struct body_coder *c = container_of(s, struct body_coder, sink);
    if (c->state != CODER_OPEN) { /* it has failed */
        buf_unref(data.buf);
        return;
    }
    CHECK(s->room > 0 && data.len > 0);
    c->in[c->in_count++] = data;
    c->in_bytes += data.len;
    c->since_look += data.len;
    work(c);
}

/* The trailers' bytes are in an arena that stays; their table is the caller's. */
static void sink_end(struct body_sink *s, const struct http_head *trailers)
{
    struct body_coder *c = container_of(s, struct body_coder, sink);
    if (c->state != CODER_OPEN)
        return;
    struct http_head *copy = trailers ? arena_alloc(c->arena, sizeof *copy) : NULL;
    if (copy)
        *copy = *trailers;
    c->trailers = copy;
    c->state = CODER_ENDED;
    work(c);
}

static void sink_flush(struct body_sink *s)
{
    struct body_coder *c = container_of(s, struct body_coder, sink);
    if (c->to)
        c->to->ops->flush(c->to);
}

/* As much as there is room and time for; then more is asked for. The flush may end all, c too. */
static void go_on(struct body_coder *c)
{
    work(c);
    bool more = c->from && c->sink.room > 0;
    if (c->state >= CODER_FAILED)
        return;
    c->to->ops->flush(c->to);
    if (more && c->from)
        c->from->ops->resume(c->from);
}

static void source_resume(struct body_source *s)
{
    go_on(container_of(s, struct body_coder, source));
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };
static const struct body_source_ops source_ops = { source_resume };

/* --- from the loop --- */

/* Nothing came since the last turn, or next to nothing: it is not to wait. */
static void look_at_flush(struct body_coder *c)
{
    if (c->state == CODER_OPEN && !c->in_count && c->since_look < STREAM_BYTES) {
        c->flushing = c->since_flush > 0;
        c->urgent = true;
    }
    c->since_look = 0;
}

static void run_one(struct body_coder *c)
{
    if (c->state == CODER_FAILED) {
        c->user->failed(c);
        return;
    }
    look_at_flush(c);
    go_on(c);
}

static void run_waiting(struct task *t)
{
    struct coders *s = container_of(t, struct coders, task);
    struct list now;
    list_init(&now);
    while (!list_empty(&s->waiting)) {
        struct list *n = s->waiting.next;
        list_remove(n);
        list_push_back(&now, n);
    }
    while (!list_empty(&now)) {
        struct body_coder *c = container_of(now.next, struct body_coder, node);
        const struct body_coder_user *user = c->user;
        list_remove(&c->node);
        user->hold(c);
        run_one(c);
        user->release(c);
    }
}
