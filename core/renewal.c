/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/renewal.h"

#include <errno.h>
#include <time.h>

#include "core/base/check.h"
#include "core/expiry.h"
#include "core/keeper_socket.h"

#define INTERVAL_MS 2000
#define DAY_MS UINT64_C(86400000)

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void again(struct renewal *r, uint64_t took_ns)
{
    uint64_t wait_ns = ms_to_ns(INTERVAL_MS);
    if (wait_ns < 100 * took_ns)
        wait_ns = 100 * took_ns;
    loop_timer_set(r->loop, &r->timer, r->loop->now_ns + wait_ns);
}

static void on_timer(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct renewal *r = container_of(t, struct renewal, timer);
    uint64_t start_ns = clock_ns();
    const struct config *c = r->config(r);
    bool any = c && (c->renewable.paths.items_count || c->renewable.directories.items_count);
    int fd = any ? keeper_renew(r->keeper) : -EAGAIN;
    again(r, clock_ns() - start_ns);
    if (fd != -EAGAIN)
        r->changed(r, fd);
}

static void on_daily(struct timer *t, uint64_t now_ns)
{
    struct renewal *r = container_of(t, struct renewal, daily);
    const struct config *c = r->config(r);
    if (c)
        expiry_warn(c, (int64_t)(r->loop->wall_us / 1000000), stderr);
    loop_timer_set(r->loop, t, now_ns + ms_to_ns(DAY_MS));
}

void renewal_start(struct renewal *r, struct loop *l, int keeper,
                   const struct config *(*config)(struct renewal *r),
                   void (*changed)(struct renewal *r, int fd))
{
    *r = (struct renewal){ .loop = l, .keeper = keeper, .config = config, .changed = changed };
    timer_init(&r->timer, on_timer);
    again(r, 0);
    timer_init(&r->daily, on_daily);
    loop_timer_set(l, &r->daily, l->now_ns + ms_to_ns(DAY_MS));
}
