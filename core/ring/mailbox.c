/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/ring/internal.h"

static void read_event(struct ring_loop *r)
{
    struct mailbox *m = &r->mailbox;
    op_read(&r->loop, &m->wake, m->event_fd, &m->event_count, sizeof m->event_count);
}

/* The messages are run by the turn itself; this only made it happen. */
static void woken(struct op *op, struct op_result result)
{
    struct ring_loop *r = container_of(op, struct ring_loop, mailbox.wake);
    if (result.res == -ECANCELED)
        return;
    CHECK(result.res == (int32_t)sizeof(uint64_t));
    read_event(r);
}

int mailbox_init(struct ring_loop *r)
{
    struct mailbox *m = &r->mailbox;
    atomic_init(&m->newest, NULL);
    atomic_init(&m->posting, 0);
    m->event_fd = eventfd(0, EFD_CLOEXEC);
    if (m->event_fd < 0)
        return -errno;
    op_init(&m->wake, woken);
    read_event(r);
    return 0;
}

void mailbox_exit(struct mailbox *m)
{
    CHECK(!op_busy(&m->wake) && mailbox_empty(m));
    /* Who posted the last message may still be about to wake us. */
    while (atomic_load_explicit(&m->posting, memory_order_acquire) > 0)
        sched_yield();
    close(m->event_fd);
}

void loop_post(struct loop *l, struct msg *msg)
{
    struct mailbox *m = &ring_of(l)->mailbox;
    atomic_fetch_add_explicit(&m->posting, 1, memory_order_relaxed);
    struct msg *newest = atomic_load_explicit(&m->newest, memory_order_relaxed);
    do
        msg->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&m->newest, &newest, msg, memory_order_release,
                                                  memory_order_relaxed));
    if (!newest) {
        uint64_t one = 1;
        ssize_t n = write(m->event_fd, &one, sizeof one);
        CHECK(n == (ssize_t)sizeof one);
    }
    atomic_fetch_sub_explicit(&m->posting, 1, memory_order_release);
}

bool mailbox_empty(struct mailbox *m)
{
    return !atomic_load_explicit(&m->newest, memory_order_relaxed);
}

void mailbox_run(struct ring_loop *r)
{
    if (mailbox_empty(&r->mailbox))
        return;
    struct msg *newest = atomic_exchange_explicit(&r->mailbox.newest, NULL, memory_order_acquire);
    struct msg *oldest = NULL;
    while (newest) {
        struct msg *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    while (oldest) {
        struct msg *m = oldest;
        oldest = m->next;
        m->run(m, &r->loop); /* may free it, or post it anew */
    }
}
