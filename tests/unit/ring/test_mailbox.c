/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages between threads: none lost, in order, nobody left asleep. Also run under TSan. */
#include <pthread.h>

#include "tests/unit/ring/ring_test.h"

enum { SENDERS = 4, MESSAGES = 20000 };

struct parcel {
    struct msg msg;
    struct receiver *to;
    unsigned sender, number;
};

struct receiver {
    struct loop *loop;
    unsigned got[SENDERS]; /* messages so far: the number expected next */
    unsigned total;
};

struct sender {
    pthread_t thread;
    struct receiver *to;
    unsigned self;
    struct parcel parcels[MESSAGES];
};

static void deliver(struct msg *m, struct loop *at)
{
    struct parcel *p = container_of(m, struct parcel, msg);
    assert_ptr_equal(at, p->to->loop);
    assert_int_equal(p->number, p->to->got[p->sender]);
    p->to->got[p->sender]++;
    p->to->total++;
}

static void *send_all(void *arg)
{
    struct sender *s = arg;
    for (unsigned i = 0; i < MESSAGES; i++) {
        s->parcels[i] = (struct parcel){ { NULL, deliver }, s->to, s->self, i };
        loop_post(s->to->loop, &s->parcels[i].msg);
    }
    return NULL;
}

static void messages_of_a_thread_arrive_in_its_order(void **state)
{
    (void)state;
    static struct sender senders[SENDERS];
    struct receiver r = { .loop = new_loop((struct loop_config){ 0 }) };
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i].to = &r;
        senders[i].self = i;
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    TURN_UNTIL(r.loop, r.total == SENDERS * MESSAGES);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    loop_turn(r.loop, 0);
    assert_int_equal(r.total, SENDERS * MESSAGES);
    loop_destroy(r.loop);
}

/* Two threads, each with a loop, and one message that goes to and fro: every hop wakes a sleeper.
 */
struct player {
    struct ball *ball;
    struct loop *_Atomic loop;
    struct player *other;
    pthread_t thread;
};

struct ball {
    struct msg msg;
    struct player *at;
    unsigned hops;
};

enum { HOPS = 2000 };

static void hit(struct msg *m, struct loop *at)
{
    struct ball *b = container_of(m, struct ball, msg);
    assert_ptr_equal(at, b->at->loop);
    b->at = b->at->other;
    if (++b->hops >= HOPS)
        loop_stop(at);
    if (b->hops <= HOPS)
        loop_post(b->at->loop, m);
}

static void *play(void *arg)
{
    struct player *p = arg;
    p->loop = new_loop((struct loop_config){ 0 });
    if (p->ball) {
        while (!p->other->loop)
            sched_yield();
        loop_post(p->other->loop, &p->ball->msg);
    }
    loop_run(p->loop);
    loop_destroy(p->loop);
    return NULL;
}

static void a_message_wakes_a_sleeping_loop(void **state)
{
    (void)state;
    struct player a = { 0 }, b = { 0 };
    struct ball ball = { .msg.run = hit, .at = &b };
    a.other = &b;
    b.other = &a;
    a.ball = &ball;
    assert_int_equal(pthread_create(&b.thread, NULL, play, &b), 0);
    assert_int_equal(pthread_create(&a.thread, NULL, play, &a), 0);
    pthread_join(a.thread, NULL);
    pthread_join(b.thread, NULL);
    assert_int_equal(ball.hops, HOPS + 1);
}

static void *post_one(void *arg)
{
    struct parcel *p = arg;
    loop_post(p->to->loop, &p->msg);
    return NULL;
}

static void a_loop_may_be_sent_to_while_it_sleeps_forever(void **state)
{
    (void)state;
    struct receiver r = { .loop = new_loop((struct loop_config){ 0 }) };
    for (unsigned i = 0; i < 50; i++) {
        struct parcel p = { { NULL, deliver }, &r, 0, i };
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, post_one, &p), 0);
        while (r.total == i)
            loop_turn(r.loop, TIMER_NEVER);
        pthread_join(thread, NULL);
    }
    loop_destroy(r.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_a_thread_arrive_in_its_order),
        cmocka_unit_test(a_message_wakes_a_sleeping_loop),
        cmocka_unit_test(a_loop_may_be_sent_to_while_it_sleeps_forever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
