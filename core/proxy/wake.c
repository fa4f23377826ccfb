/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/wake.h"

#include <sched.h>

#include "core/base/check.h"
#include "core/proxy/queue.h"
#include "core/proxy/worker.h"

static void on_message(struct msg *m, struct loop *at)
{
    struct wake_port *p = container_of(m, struct wake_port, msg);
    (void)at;
    atomic_store(&p->told, false);
    queue_look(p->w);
    worker_object_gone(p->w); /* which may have waited for this */
}

void wake_port_open(struct wake_ports *all, struct worker *w)
{
    struct wake_port *p = &all->of[w->index];
    if (atomic_load(&p->loop))
        return;
    p->w = w;
    w->wake = all;
    p->msg.run = on_message;
    uint32_t count = atomic_load(&all->used_count);
    while (count <= w->index &&
           !atomic_compare_exchange_weak(&all->used_count, &count, w->index + 1u))
        continue;
    atomic_store(&p->loop, w->loop);
}

bool wake_port_close(struct wake_ports *all, uint32_t worker)
{
    struct wake_port *p = &all->of[worker];
    atomic_store(&p->loop, NULL);
    while (atomic_load(&p->tellers) > 0)
        sched_yield();
    return !atomic_load(&p->told);
}

void wake_port_tell(struct wake_ports *all, uint32_t worker)
{
    struct wake_port *p = &all->of[worker];
    atomic_fetch_add(&p->tellers, 1);
    struct loop *l = atomic_load(&p->loop);
    if (l && !atomic_exchange(&p->told, true))
        loop_post(l, &p->msg);
    atomic_fetch_sub(&p->tellers, 1);
}
