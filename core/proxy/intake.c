/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/intake.h"

#include <errno.h>
#include <poll.h>

#include "core/http/proxy_protocol.h"
#include "core/proxy/listener.h"
#include "core/proxy/log.h"
#include "core/proxy/plan.h"
#include "core/proxy/worker.h"
#include "core/ring/sock.h"

static void finish(struct intake *in)
{
    struct worker *w = in->w;
    timer_remove(&w->loop->timers, &in->timer);
    list_remove(&in->node);
    listener_unref(in->listener);
    slab_give(&w->intakes, in);
    worker_object_gone(w);
}

/* The poll is not in flight. */
static void give_up(struct intake *in, enum end_reason why)
{
    in->reason = (uint8_t)why;
    listener_count_error(in->listener);
    log_intake(in);
    sock_close(in->fd, true);
    finish(in);
}

/* The header is whole and taken off. */
static void go_on(struct intake *in, const struct proxy_addrs *said)
{
    struct listener *l = in->listener;
    int fd = in->fd;
    sock_low_water(fd, 1);
    listener_take(l, fd, said->known ? &said->from : &in->peer);
    finish(in);
}

static void look(struct intake *in)
{
    uint8_t bytes[PROXY_HEADER_BYTES_MAX];
    struct proxy_addrs said;
    size_t used;
    int n = sock_peek(in->fd, bytes, sizeof bytes);
    if (n == -EAGAIN) {
        op_poll(in->w->loop, &in->poll, in->fd, POLLIN);
        return;
    }
    if (n <= 0) {
        give_up(in, n == 0 ? END_BAD_PROXY_HEADER : END_CLIENT_RESET);
        return;
    }
    switch (proxy_header_parse(bytes, (size_t)n, &said, &used)) {
    case PROXY_HEADER_DONE:
        sock_skip(in->fd, used);
        go_on(in, &said);
        return;
    case PROXY_HEADER_PARTIAL:
        sock_low_water(in->fd, n + 1);
        op_poll(in->w->loop, &in->poll, in->fd, POLLIN | POLLRDHUP);
        return;
    case PROXY_HEADER_BAD:
        give_up(in, END_BAD_PROXY_HEADER);
        return;
    }
}

static void polled(struct op *op, struct op_result result)
{
    struct intake *in = container_of(op, struct intake, poll);
    if (in->reason != END_OK)
        give_up(in, (enum end_reason)in->reason);
    else if (result.res < 0)
        give_up(in, END_CLIENT_RESET);
    else if (result.res & (POLLRDHUP | POLLHUP | POLLERR))
        give_up(in, END_BAD_PROXY_HEADER);
    else
        look(in);
}

static void too_late(struct timer *t, uint64_t now_ns)
{
    struct intake *in = container_of(t, struct intake, timer);
    (void)now_ns;
    in->reason = END_PROXY_HEADER_TIMEOUT;
    op_cancel(in->w->loop, &in->poll);
}

void intake_stop(struct intake *in)
{
    if (in->reason != END_OK)
        return;
    in->reason = END_SHUTDOWN;
    op_cancel(in->w->loop, &in->poll);
}

void intake_begin(struct listener *l, int fd, const struct peer_addr *peer)
{
    struct worker *w = l->w;
    struct intake *in = slab_take(&w->intakes);
    if (!in) {
        sock_close(fd, true);
        listener_count_error(l);
        return;
    }
    *in = (struct intake){ .w = w,
                           .listener = l,
                           .peer = *peer,
                           .fd = fd,
                           .reason = END_OK,
                           .start_wall_us = w->loop->wall_us,
                           .start_ns = w->loop->now_ns };
    l->refs++;
    list_push_back(&w->intake_list, &in->node);
    op_init(&in->poll, polled);
    timer_init(&in->timer, too_late);
    loop_timer_set(w->loop, &in->timer,
                   w->loop->now_ns + ms_to_ns(l->use->plan->config->timeouts.client_head_ms));
    op_poll(w->loop, &in->poll, fd, POLLIN);
}
