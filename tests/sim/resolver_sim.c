/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/proxy/resolver.h on the simulated loop: a name says what becomes of it. "10-0-0-5.test" has
 * that address, "none.test" is nobody's, all others are never answered. Answers take a while, and
 * may come after who asked has gone. */
#include "core/proxy/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/rng.h"

#define ANSWER_NS_MAX 20000000
#define TIMEOUT_NS UINT64_C(3000000000)

struct resolver {
    struct loop *loop;
    struct task gone;
    void (*on_none)(void *arg);
    void *arg;
    uint32_t jobs;
};

struct lookup_job {
    struct resolver *resolver;
    struct lookup *lookup;
    struct timer timer;
    enum lookup_status status;
    struct addr addr;
};

static void run_gone(struct task *t)
{
    struct resolver *r = container_of(t, struct resolver, gone);
    void (*on_none)(void *arg) = r->on_none;
    void *arg = r->arg;
    free(r);
    on_none(arg);
}

struct resolver *resolver_create(struct loop *l, const struct dns_config *config)
{
    (void)config;
    struct resolver *r = calloc(1, sizeof *r);
    if (r)
        *r = (struct resolver){ .loop = l, .gone = { .run = run_gone } };
    return r;
}

void resolver_destroy(struct resolver *r, void (*on_none)(void *arg), void *arg)
{
    CHECK(r->jobs == 0);
    r->on_none = on_none;
    r->arg = arg;
    loop_defer(r->loop, &r->gone);
}

static void end(struct lookup_job *j)
{
    timer_remove(&j->resolver->loop->timers, &j->timer);
    j->resolver->jobs--;
    j->lookup->job = NULL;
    free(j);
}

static void on_timer(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct lookup_job *j = container_of(t, struct lookup_job, timer);
    struct lookup *k = j->lookup;
    enum lookup_status status = j->status;
    struct dns_answer answer = { .addr = j->addr, .target = "" };
    const struct dns_answers found = { .items = &answer,
                                       .count = status == LOOKUP_OK,
                                       .ttl_s = 60 };
    end(j);
    k->done(k, status, &found);
}

static bool address_in(struct str name, struct addr *a)
{
    char text[64];
    if (name.len >= sizeof text)
        return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    char *end = strchr(text, '.');
    if (!end)
        return false;
    *end = '\0';
    for (char *p = text; *p; p++)
        if (*p == '-')
            *p = '.';
    *a = (struct addr){ .len = sizeof a->v4 };
    a->v4.sin_family = AF_INET;
    return inet_pton(AF_INET, text, &a->v4.sin_addr) == 1;
}

bool lookup_start(struct resolver *r, struct lookup *k, enum lookup_kind kind, struct str name)
{
    CHECK(!k->job && kind == LOOKUP_ADDRESSES);
    struct lookup_job *j = calloc(1, sizeof *j);
    if (!j)
        return false;
    *j = (struct lookup_job){ .resolver = r, .lookup = k, .status = LOOKUP_TIMED_OUT };
    uint64_t wait_ns = TIMEOUT_NS;
    if (address_in(name, &j->addr))
        j->status = LOOKUP_OK;
    else if (name.len >= 4 && memcmp(name.ptr, "none", 4) == 0)
        j->status = LOOKUP_NO_NAME;
    if (j->status != LOOKUP_TIMED_OUT)
        wait_ns = rng_below(&r->loop->rng, ANSWER_NS_MAX);
    timer_init(&j->timer, on_timer);
    k->job = j;
    r->jobs++;
    loop_timer_set(r->loop, &j->timer, r->loop->now_ns + wait_ns);
    return true;
}

void lookup_cancel(struct lookup *k)
{
    if (k->job)
        end(k->job);
}

const char *lookup_status_text(enum lookup_status status)
{
    return status == LOOKUP_OK ? "found" : "not found";
}
