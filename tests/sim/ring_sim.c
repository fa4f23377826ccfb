/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/ring/op.h on the virtual network. An op goes: started -> tried when its descriptor changes,
 * until something can be done -> completed: waits in the loop's `ready` -> run in a turn. */
#include "tests/sim/ring_sim.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/limits.h"

/* ---- flights ----------------------------------------------------------------------------------
 */

static const char *const kind_names[] = { "none",   "recv",      "send",      "sendmsg",
                                          "accept", "connect",   "poll",      "read",
                                          "write",  "splice in", "splice out" };

static bool kind_sends(uint8_t kind)
{
    return kind == OP_SEND || kind == OP_SENDMSG || kind == OP_WRITE || kind == OP_SPLICE_OUT;
}

static bool kind_receives(uint8_t kind)
{
    return kind == OP_RECV || kind == OP_READ || kind == OP_SPLICE_IN;
}

/* Of all that the kernel may read until the op completes. */
static uint64_t memory_sum(const struct flight *f)
{
    switch (f->as_started.kind) {
    case OP_SEND:
    case OP_WRITE:
        return hash_bytes(f->as_started.mem, f->as_started.len, 1);
    case OP_CONNECT:
        return hash_bytes(f->as_started.mem, f->addr_len, 2);
    case OP_SENDMSG: {
        uint64_t sum = hash_bytes(f->msg, sizeof *f->msg, 3);
        sum = hash_bytes(f->msg->msg_iov, f->msg->msg_iovlen * sizeof *f->msg->msg_iov, sum);
        for (size_t i = 0; i < f->msg->msg_iovlen; i++)
            sum = hash_bytes(f->msg->msg_iov[i].iov_base, f->msg->msg_iov[i].iov_len, sum);
        return sum;
    }
    default:
        return 0;
    }
}

static void flight_verify(const struct flight *f)
{
    const struct op *op = f->op, *was = &f->as_started;
    CHECK(op->state != OP_IDLE); /* else: its memory was cleared with the op in flight */
    CHECK(op->seq == was->seq);  /* else: its memory was used again */
    CHECK(op->done == was->done && op->fd == was->fd && op->kind == was->kind);
    CHECK(op->mem == was->mem && op->len == was->len);
}

void flights_verify(struct sim_loop *l)
{
    for (struct list *i = l->flights.next; i != &l->flights; i = i->next)
        flight_verify(container_of(i, struct flight, in_loop));
}

static void on_try(void *arg, uint64_t generation);

static void queue_try(struct flight *f)
{
    struct sim *s = f->loop->ring->sim;
    if (f->try_queued || f->finished)
        return;
    f->try_queued = true;
    sim_after(s, sim_range(s, 0, f->loop->ring->faults.op_delay_max_ns), on_try, f, f->generation);
}

static struct flight *flight_new(struct sim_loop *l)
{
    struct flight *f;
    if (list_empty(&l->flights_free)) {
        f = sim_alloc(l->ring->sim, sizeof *f);
    } else {
        f = container_of(l->flights_free.next, struct flight, in_loop);
        list_remove(&f->in_loop);
    }
    uint32_t generation = f->generation + 1;
    *f = (struct flight){ .loop = l, .generation = generation };
    return f;
}

static struct flight *start(struct loop *loop, struct op *op, uint8_t kind, int fd, void *mem,
                            uint32_t len)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    CHECK(op->state == OP_IDLE && op->done);
    struct vfd *v = vfd_get(l->ring, fd);
    for (struct list *i = v->flights.next; i != &v->flights; i = i->next) {
        const struct flight *other = container_of(i, struct flight, in_fd);
        CHECK(other->op != op);
        CHECK(other->loop == l); /* a descriptor belongs to one worker */
        CHECK(!kind_receives(kind) || !kind_receives(other->as_started.kind));
        CHECK(!kind_sends(kind) || !kind_sends(other->as_started.kind));
    }
    op->kind = kind;
    op->fd = fd;
    op->mem = mem;
    op->len = len;
    op->state = OP_IN_FLIGHT;
    op->cancelled = 0;
    op->seq = ++l->starts;

    struct flight *f = flight_new(l);
    f->op = op;
    f->as_started = *op;
    f->fd = v;
    list_push_back(&l->flights, &f->in_loop);
    list_push_back(&v->flights, &f->in_fd);
    l->in_flight++;
    queue_try(f);
    return f;
}

void op_recv(struct loop *l, struct op *op, int fd)
{
    start(l, op, OP_RECV, fd, NULL, 0);
}

void op_recv_large(struct loop *l, struct op *op, int fd)
{
    start(l, op, OP_RECV, fd, NULL, LARGE_BUFFER_BYTES);
}

void op_send(struct loop *l, struct op *op, int fd, const void *bytes, uint32_t len)
{
    CHECK(len > 0);
    struct flight *f = start(l, op, OP_SEND, fd, (void *)bytes, len);
    f->memory_sum = memory_sum(f);
}

void op_sendmsg(struct loop *l, struct op *op, int fd, const struct msghdr *msg)
{
    struct flight *f = start(l, op, OP_SENDMSG, fd, (void *)msg, 0);
    f->msg = msg;
    f->memory_sum = memory_sum(f);
}

void op_accept(struct loop *l, struct op *op, int listen_fd)
{
    struct flight *f = start(l, op, OP_ACCEPT, listen_fd, NULL, 0);
    CHECK(f->fd->kind == VFD_LISTENER);
}

void op_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct flight *f = start(l, op, OP_CONNECT, fd, (void *)sa, 0);
    CHECK(f->fd->kind == VFD_SOCKET && len <= sizeof(struct sockaddr_un));
    f->addr_len = len;
    f->memory_sum = memory_sum(f);
}

void op_poll(struct loop *l, struct op *op, int fd, uint32_t events)
{
    start(l, op, OP_POLL, fd, NULL, events);
}

void op_read(struct loop *l, struct op *op, int fd, void *bytes, uint32_t len)
{
    start(l, op, OP_READ, fd, bytes, len);
}

void op_write(struct loop *l, struct op *op, int fd, const void *bytes, uint32_t len)
{
    struct flight *f = start(l, op, OP_WRITE, fd, (void *)bytes, len);
    f->memory_sum = memory_sum(f);
}

void op_splice_in(struct loop *l, struct op *op, int fd, uint32_t max)
{
    CHECK(max > 0);
    start(l, op, OP_SPLICE_IN, fd, NULL, max < SPLICE_BYTES_MAX ? max : SPLICE_BYTES_MAX);
}

void op_splice_out(struct loop *l, struct op *op, int fd, struct splice_pipe *pipe)
{
    CHECK(pipe->bytes > 0);
    start(l, op, OP_SPLICE_OUT, fd, pipe, 0);
}

/* ---- doing it ---------------------------------------------------------------------------------
 */

static void complete(struct flight *f, int32_t res, struct buf *buf, bool more)
{
    struct sim_loop *l = f->loop;
    CHECK(!f->finished);
    f->finished = !more;
    if (l->ready_count == l->ready_max) {
        l->ready_max = l->ready_max ? l->ready_max * 2 : 64;
        l->ready = realloc(l->ready, l->ready_max * sizeof *l->ready);
        CHECK(l->ready);
    }
    l->ready[l->ready_count++] = (struct completion){ f, { .res = res, .buf = buf, .more = more } };
    sim_trace(l->ring->sim, "net %u: %s = %d%s", f->fd->end ? f->fd->end->number : 0,
              kind_names[f->as_started.kind], res, more ? ", more" : "");
    sim_loop_wake(l);
}

static uint32_t shorten(struct sim *s, uint32_t permille, enum cover_id id, uint32_t n)
{
    if (n < 2 || !sim_chance(s, permille))
        return n;
    sim_cover(s, id);
    return 1 + sim_below(s, n - 1);
}

static void starve(struct flight *f, enum cover_id id)
{
    sim_cover(f->loop->ring->sim, id);
    f->op->state = OP_STARVED;
    f->loop->starved++;
}

static struct buf *receive_into(struct flight *f)
{
    struct sim_loop *l = f->loop;
    struct buf *large = f->as_started.len ? buf_take(&l->base.large_bufs) : NULL;
    struct buf *b = large ? large : buf_take(&l->base.bufs);
    if (large)
        sim_cover(l->ring->sim, COVER_LARGE_RECVS);
    if (b)
        (large ? l->large_clean : l->clean)[b->index] = false;
    return b;
}

static void try_recv(struct flight *f)
{
    struct sim_loop *l = f->loop;
    struct sim *s = l->ring->sim;
    struct net_end *e = f->fd->end;
    if (!net_readable(e))
        return;
    if (sim_chance(s, l->ring->faults.enobufs)) {
        starve(f, COVER_ENOBUFS);
        /* Another user's buffers come back soon. */
        sim_after(s, sim_range(s, 1, 5 * SIM_MS), on_try, f, f->generation);
        return;
    }
    struct buf *b = receive_into(f);
    if (!b) {
        starve(f, COVER_STARVED);
        return;
    }
    uint32_t len = e->whole_reads ? b->cap
                                  : shorten(s, l->ring->faults.short_recv, COVER_SHORT_RECVS,
                                            (uint32_t)(e->peer->out.arrived - e->peer->out.taken));
    if (len == 0 || len > b->cap)
        len = b->cap;
    int res = net_read(e, b->data, len);
    if (res <= 0) {
        buf_unref(b);
        b = NULL;
    }
    complete(f, res, b, false);
}

static void try_read(struct flight *f)
{
    if (net_readable(f->fd->end))
        complete(f, net_read(f->fd->end, f->as_started.mem, f->as_started.len), NULL, false);
}

static void try_send(struct flight *f, const void *bytes, uint32_t len)
{
    struct sim_loop *l = f->loop;
    struct net_end *e = f->fd->end;
    if (!net_writable(e))
        return;
    CHECK(memory_sum(f) == f->memory_sum); /* else: what is being sent was changed */
    len = shorten(l->ring->sim, l->ring->faults.short_send, COVER_SHORT_SENDS, len);
    complete(f, net_write(e, bytes, len), NULL, false);
}

static void try_sendmsg(struct flight *f)
{
    struct sim *s = f->loop->ring->sim;
    struct net_end *e = f->fd->end;
    if (!net_writable(e))
        return;
    CHECK(memory_sum(f) == f->memory_sum);
    uint64_t all = 0, taken = 0;
    for (size_t i = 0; i < f->msg->msg_iovlen; i++)
        all += f->msg->msg_iov[i].iov_len;
    CHECK(all > 0 && all <= UINT32_MAX);
    uint32_t most = shorten(s, f->loop->ring->faults.short_send, COVER_SHORT_SENDS, (uint32_t)all);
    int res = -EPIPE;
    for (size_t i = 0; i < f->msg->msg_iovlen && taken < most; i++) {
        uint32_t n = (uint32_t)f->msg->msg_iov[i].iov_len;
        if (n == 0)
            continue;
        if (n > most - taken)
            n = (uint32_t)(most - taken);
        res = net_write(e, f->msg->msg_iov[i].iov_base, n);
        if (res < 0)
            break;
        taken += (uint64_t)res;
        if ((uint32_t)res < n)
            break;
    }
    complete(f, taken ? (int32_t)taken : res, NULL, false);
}

static void try_splice_in(struct flight *f)
{
    struct sim_loop *l = f->loop;
    struct sim *s = l->ring->sim;
    struct net_end *e = f->fd->end;
    if (!net_readable(e))
        return;
    struct splice_pipe *p = NULL;
    if (!sim_chance(s, l->ring->faults.no_pipe))
        p = splice_take(&l->base.pipes);
    if (!p) {
        sim_cover(s, COVER_NO_PIPES);
        complete(f, -EMFILE, NULL, false);
        return;
    }
    uint32_t len = shorten(s, l->ring->faults.short_recv, COVER_SHORT_RECVS, f->as_started.len);
    if (len > SIM_PIPE_BYTES)
        len = SIM_PIPE_BYTES;
    int res = net_read(e, sim_pipe_of(p)->bytes, len);
    if (res > 0) {
        sim_cover(s, COVER_SPLICES);
        p->bytes = (uint32_t)res;
        sim_pipe_of(p)->at = 0;
    } else {
        splice_give(&l->base.pipes, p);
        p = NULL;
    }
    complete(f, res, (struct buf *)p, false);
}

static void try_splice_out(struct flight *f)
{
    struct splice_pipe *p = f->as_started.mem;
    struct sim_pipe *sp = sim_pipe_of(p);
    struct net_end *e = f->fd->end;
    if (!net_writable(e))
        return;
    CHECK(f->fd->non_blocking); /* else: the real one would block */
    uint32_t len =
        shorten(f->loop->ring->sim, f->loop->ring->faults.short_send, COVER_SHORT_SENDS, p->bytes);
    int res = net_write(e, sp->bytes + sp->at, len);
    if (res > 0) {
        p->bytes -= (uint32_t)res;
        sp->at += (uint32_t)res;
    }
    complete(f, res, NULL, false);
}

static void try_accept(struct flight *f)
{
    struct ring_sim *r = f->loop->ring;
    struct net_listener *listener = f->fd->listener;
    while (!f->finished && listener->queued > 0) {
        if (sim_chance(r->sim, r->faults.accept_error)) {
            sim_cover(r->sim, COVER_ACCEPT_ERRORS);
            complete(f, -EMFILE, NULL, false);
            return;
        }
        struct net_end *e = net_accept(listener);
        int fd = vfd_new(r, VFD_STREAM, f->fd->family);
        struct vfd *v = vfd_get(r, fd);
        v->end = e;
        e->on_change = vfd_changed;
        e->user = v;
        bool ends = sim_chance(r->sim, r->faults.accept_end);
        if (ends)
            sim_cover(r->sim, COVER_ACCEPT_ENDS);
        sim_trace(r->sim, "net %u: accepted as %d", e->number, fd);
        complete(f, fd, NULL, !ends);
    }
}

static void try_connect(struct flight *f)
{
    struct ring_sim *r = f->loop->ring;
    struct vfd *v = f->fd;
    if (v->kind == VFD_SOCKET) {
        CHECK(memory_sum(f) == f->memory_sum);
        struct addr to = { .len = f->addr_len };
        memcpy(&to.sa, f->as_started.mem, f->addr_len);
        struct addr from = r->source;
        from.v4.sin_port = htons(++r->source_port);
        v->kind = VFD_STREAM;
        v->end = net_connect(r->net, &from, &to, vfd_changed, v);
        sim_cover(r->sim, COVER_CONNECTS);
        sim_trace(r->sim, "net %u: proxy connects, fd %d", v->end->number, f->as_started.fd);
    } else if (v->end->state == NET_OPEN) {
        complete(f, 0, NULL, false);
    } else if (v->end->state == NET_FAILED) {
        sim_cover(r->sim, COVER_CONNECTS_FAILED);
        complete(f, -v->end->error, NULL, false);
    }
}

static void try_poll(struct flight *f)
{
    const struct net_end *e = f->fd->end;
    uint32_t bits = 0;
    if (net_readable(e))
        bits |= POLLIN;
    if (net_writable(e))
        bits |= POLLOUT;
    if (e->reset || e->peer->out.fin_arrived)
        bits |= POLLRDHUP;
    if (e->reset)
        bits |= POLLHUP | POLLERR;
    bits &= f->as_started.len | POLLHUP | POLLERR;
    if (bits)
        complete(f, (int32_t)bits, NULL, false);
}

static void try_op(struct flight *f)
{
    flight_verify(f);
    switch (f->as_started.kind) {
    case OP_RECV:
        try_recv(f);
        break;
    case OP_READ:
        try_read(f);
        break;
    case OP_SEND:
    case OP_WRITE:
        try_send(f, f->as_started.mem, f->as_started.len);
        break;
    case OP_SENDMSG:
        try_sendmsg(f);
        break;
    case OP_ACCEPT:
        try_accept(f);
        break;
    case OP_CONNECT:
        try_connect(f);
        break;
    case OP_SPLICE_IN:
        try_splice_in(f);
        break;
    case OP_SPLICE_OUT:
        try_splice_out(f);
        break;
    default:
        try_poll(f);
        break;
    }
}

static void on_try(void *arg, uint64_t generation)
{
    struct flight *f = arg;
    if (f->generation != generation || f->finished)
        return;
    f->try_queued = false;
    if (f->op->state == OP_STARVED) {
        f->op->state = OP_IN_FLIGHT;
        f->loop->starved--;
    }
    try_op(f);
}

static void flights_wake(struct vfd *v)
{
    for (struct list *i = v->flights.next; i != &v->flights; i = i->next) {
        struct flight *f = container_of(i, struct flight, in_fd);
        if (f->op->state == OP_IN_FLIGHT)
            queue_try(f);
    }
}

void vfd_changed(struct net_end *e, void *user)
{
    (void)e;
    flights_wake(user);
}

void vfd_pending(struct net_listener *l, void *user)
{
    (void)l;
    flights_wake(user);
}

void flights_feed(struct sim_loop *l)
{
    struct buf_pool *p = &l->base.bufs;
    if (l->starved == 0 || (!p->free && p->count == p->count_max))
        return;
    for (struct list *i = l->flights.next; i != &l->flights; i = i->next) {
        struct flight *f = container_of(i, struct flight, in_loop);
        if (f->op->state == OP_STARVED)
            queue_try(f);
    }
}

/* ---- ending -----------------------------------------------------------------------------------
 */

static void on_cancel(void *arg, uint64_t generation)
{
    struct flight *f = arg;
    if (f->generation != generation)
        return;
    if (!f->finished && sim_chance(f->loop->ring->sim, 200) && f->op->state == OP_IN_FLIGHT)
        try_op(f); /* it was just happening */
    if (f->finished) {
        sim_cover(f->loop->ring->sim, COVER_CANCELS_LOST);
        return;
    }
    if (f->op->state == OP_STARVED)
        f->loop->starved--;
    complete(f, -ECANCELED, NULL, false);
}

void op_cancel(struct loop *loop, struct op *op)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    if (op->state == OP_IDLE)
        return;
    struct vfd *v = vfd_get(l->ring, op->fd);
    struct flight *f = NULL;
    for (struct list *i = v->flights.next; i != &v->flights && !f; i = i->next)
        if (container_of(i, struct flight, in_fd)->op == op)
            f = container_of(i, struct flight, in_fd);
    CHECK(f);
    flight_verify(f);
    op->cancelled = 1;
    if (f->cancelled)
        return;
    f->cancelled = true;
    sim_cover(l->ring->sim, COVER_CANCELS);
    sim_after(l->ring->sim, sim_range(l->ring->sim, 0, l->ring->faults.op_delay_max_ns), on_cancel,
              f, f->generation);
}

void flight_complete(const struct completion *c)
{
    struct flight *f = c->f;
    struct sim_loop *l = f->loop;
    struct op *op = f->op;
    flight_verify(f);
    CHECK(memory_sum(f) == f->memory_sum); /* else: what was being sent was changed */
    if (c->result.buf && op->kind == OP_RECV)
        CHECK(c->result.buf->refs == 1);
    if (!c->result.more) {
        list_remove(&f->in_loop);
        list_remove(&f->in_fd);
        f->generation++;
        list_push_front(&l->flights_free, &f->in_loop);
        l->in_flight--;
        op->state = OP_IDLE;
    }
    op->done(op, c->result);
}
