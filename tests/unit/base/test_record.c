/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/record.h"
#include "core/base/rng.h"

static char letters[RECORD_STR_MAX + 100];

static int fill_letters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof letters; i++)
        letters[i] = (char)('a' + i % 26);
    return 0;
}

/* The record of that number: its strings' lengths come from it, so both ends know them. */
static struct record numbered(uint64_t n)
{
    struct rng rng = { n };
    struct record r = { .connection = n, .status = 200, .request_id_lo = ~n };
    struct str *strings[] = {
        &r.method,     &r.authority, &r.path, &r.server, &r.referer, &r.user_agent,
        &r.request_id, &r.listener,  &r.site, &r.route,  &r.backend, &r.captured,
    };
    uint32_t longest = n % 16 == 0 ? sizeof letters + 1 : 80;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        *strings[i] = (struct str){ letters, rng_below(&rng, longest) };
    return r;
}

static bool same_string(struct str got, struct str sent)
{
    if (sent.len <= RECORD_STR_MAX)
        return str_eq(got, sent);
    return got.len == RECORD_STR_MAX && memcmp(got.ptr, sent.ptr, RECORD_STR_MAX - 3) == 0 &&
           memcmp(got.ptr + RECORD_STR_MAX - 3, "...", 3) == 0;
}

static bool is_numbered(const struct record *r, uint64_t n)
{
    struct record sent = numbered(n);
    return r->connection == n && r->request_id_lo == ~n && r->status == 200 &&
           same_string(r->method, sent.method) && same_string(r->authority, sent.authority) &&
           same_string(r->path, sent.path) && same_string(r->server, sent.server) &&
           same_string(r->referer, sent.referer) && same_string(r->user_agent, sent.user_agent) &&
           same_string(r->request_id, sent.request_id) && same_string(r->listener, sent.listener) &&
           same_string(r->site, sent.site) && same_string(r->route, sent.route) &&
           same_string(r->backend, sent.backend) && same_string(r->captured, sent.captured);
}

static void gives_back_what_was_put_through_many_wraps(void **state)
{
    (void)state;
    struct record_ring *ring = record_ring_create(RECORD_RING_BYTES_MIN);
    struct rng rng = { 1 };
    struct record got;
    uint64_t put = 0, read = 0;
    bool wake;
    assert_false(record_ring_peek(ring, &got));
    while (read < 20000) {
        for (uint32_t n = rng_below(&rng, 60); n > 0; n--, put++) {
            struct record r = numbered(put);
            if (!record_ring_put(ring, &r, &wake))
                break;
            assert_false(wake);
        }
        for (uint32_t n = rng_below(&rng, 60); n > 0 && read < put; n--, read++) {
            assert_true(record_ring_peek(ring, &got));
            assert_true(record_ring_peek(ring, &got)); /* peeking takes nothing away */
            assert_true(is_numbered(&got, read));
            record_ring_pop(ring);
        }
    }
    for (; read < put; read++) {
        assert_true(record_ring_peek(ring, &got));
        assert_true(is_numbered(&got, read));
        record_ring_pop(ring);
    }
    assert_false(record_ring_peek(ring, &got));
    record_ring_destroy(ring);
}

static void takes_the_longest_record_when_empty_wherever_it_stands(void **state)
{
    (void)state;
    struct record_ring *ring = record_ring_create(RECORD_RING_BYTES_MIN);
    struct str s = { letters, sizeof letters };
    struct record longest = {
        .method = s,
        .authority = s,
        .path = s,
        .server = s,
        .referer = s,
        .user_agent = s,
        .request_id = s,
        .listener = s,
        .site = s,
        .route = s,
        .backend = s,
        .captured = s,
    };
    struct record tiny = { 0 }, got;
    bool wake;
    for (unsigned i = 0; i < 1000; i++) {
        const struct record *r = i % 7 ? &tiny : &longest;
        assert_true(record_ring_put(ring, r, &wake));
        assert_true(record_ring_peek(ring, &got));
        assert_int_equal(got.user_agent.len, i % 7 ? 0 : RECORD_STR_MAX);
        record_ring_pop(ring);
    }
    record_ring_destroy(ring);
}

static void refuses_when_full_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct record_ring *ring = record_ring_create(RECORD_RING_BYTES_MIN);
    struct record r = { 0 }, got;
    bool wake;
    uint64_t n = 0;
    for (;; n++) {
        r.connection = n;
        if (!record_ring_put(ring, &r, &wake))
            break;
    }
    assert_in_range(n, 100, RECORD_RING_BYTES_MIN / sizeof r);
    assert_false(record_ring_put(ring, &r, &wake));
    for (uint64_t i = 0; i < n; i++) {
        assert_true(record_ring_peek(ring, &got));
        assert_int_equal(got.connection, i);
        record_ring_pop(ring);
    }
    assert_false(record_ring_peek(ring, &got));
    assert_true(record_ring_put(ring, &r, &wake));
    record_ring_destroy(ring);
}

static void wakes_once_per_question(void **state)
{
    (void)state;
    struct record_ring *ring = record_ring_create(RECORD_RING_BYTES_MIN);
    struct record r = { 0 }, got;
    bool wake;
    assert_true(record_ring_ask_wake(ring));
    assert_true(record_ring_put(ring, &r, &wake));
    assert_true(wake);
    assert_true(record_ring_put(ring, &r, &wake));
    assert_false(wake);
    assert_false(record_ring_ask_wake(ring)); /* not empty: nothing asked */
    assert_true(record_ring_put(ring, &r, &wake));
    assert_false(wake);
    while (record_ring_peek(ring, &got))
        record_ring_pop(ring);
    assert_true(record_ring_ask_wake(ring));
    assert_true(record_ring_put(ring, &r, &wake));
    assert_true(wake);
    assert_false(record_ring_unask_wake(ring)); /* too late */
    while (record_ring_peek(ring, &got))
        record_ring_pop(ring);
    assert_true(record_ring_ask_wake(ring));
    assert_true(record_ring_unask_wake(ring));
    assert_true(record_ring_put(ring, &r, &wake));
    assert_false(wake);
    record_ring_destroy(ring);
}

struct woken_port {
    struct log_port port;
    counter dropped;
    sem_t woken;
    uint64_t count;
};

static void wake_port(struct log_port *port)
{
    sem_post(&container_of(port, struct woken_port, port)->woken);
}

static void *put_all(void *arg)
{
    struct woken_port *p = arg;
    struct rng rng = { 7 };
    for (uint64_t n = 0; n < p->count; n++) {
        struct record r = numbered(n);
        uint64_t dropped = counter_read(&p->dropped);
        log_put(&p->port, &r);
        while (counter_read(&p->dropped) != dropped) { /* full: the reader needs a turn */
            sched_yield();
            dropped = counter_read(&p->dropped);
            log_put(&p->port, &r);
        }
        if (rng_below(&rng, 64) == 0)
            sched_yield();
    }
    return NULL;
}

/* One thread writes, one reads; the reader sleeps whenever the ring is empty: a lost wake would
 * leave it asleep, a race would be seen by ThreadSanitizer. */
static void carries_records_between_threads_without_losing_a_wake(void **state)
{
    (void)state;
    struct woken_port p = { .count = 100000 };
    p.port = (struct log_port){ record_ring_create(RECORD_RING_BYTES_MIN), &p.dropped, wake_port };
    assert_int_equal(sem_init(&p.woken, 0, 0), 0);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, put_all, &p), 0);
    uint64_t sleeps = 0;
    for (uint64_t n = 0; n < p.count; n++) {
        struct record got;
        while (!record_ring_peek(p.port.ring, &got)) {
            if (!record_ring_ask_wake(p.port.ring))
                continue;
            struct timespec deadline;
            clock_gettime(CLOCK_REALTIME, &deadline);
            deadline.tv_sec += 30;
            sleeps++;
            if (sem_timedwait(&p.woken, &deadline) != 0)
                fail_msg("not woken, at record %lu", (unsigned long)n);
        }
        assert_true(is_numbered(&got, n));
        record_ring_pop(p.port.ring);
    }
    pthread_join(writer, NULL);
    int extra;
    assert_int_equal(sem_getvalue(&p.woken, &extra), 0);
    assert_int_equal(extra, 0); /* exactly one wake per question */
    assert_true(sleeps > 0);
    sem_destroy(&p.woken);
    record_ring_destroy(p.port.ring);
}

static void counts_what_it_must_drop(void **state)
{
    (void)state;
    struct woken_port p = { 0 };
    p.port = (struct log_port){ record_ring_create(RECORD_RING_BYTES_MIN), &p.dropped, wake_port };
    struct record r = { 0 }, got;
    uint64_t n = 0;
    for (unsigned i = 0; i < 1000; i++)
        log_put(&p.port, &r);
    for (; record_ring_peek(p.port.ring, &got); n++)
        record_ring_pop(p.port.ring);
    assert_true(n > 0 && n < 1000);
    assert_int_equal(counter_read(&p.dropped), 1000 - n);
    record_ring_destroy(p.port.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_put_through_many_wraps),
        cmocka_unit_test(takes_the_longest_record_when_empty_wherever_it_stands),
        cmocka_unit_test(refuses_when_full_and_keeps_what_it_has),
        cmocka_unit_test(wakes_once_per_question),
        cmocka_unit_test(carries_records_between_threads_without_losing_a_wake),
        cmocka_unit_test(counts_what_it_must_drop),
    };
    return cmocka_run_group_tests_name("base/record", tests, fill_letters, NULL);
}
