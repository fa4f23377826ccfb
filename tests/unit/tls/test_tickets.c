/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tickets among workers that never talk to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tls/tickets.h"

#define NOW (UINT64_C(81700) * TICKET_PERIOD_S)

struct ticket {
    uint8_t name[TICKET_NAME_BYTES], iv[TICKET_IV_BYTES], mac[TICKET_MAC_BYTES], bytes[100];
};

static void seal(struct ticket_ring *r, uint64_t now_s, struct ticket *t)
{
    memset(t->bytes, 0x42, sizeof t->bytes);
    assert_true(
        ticket_seal(r, now_s, STR("a.example"), t->name, t->iv, t->mac, t->bytes, sizeof t->bytes));
}

static enum ticket_opened try(struct ticket_ring *r, uint64_t now_s, struct ticket t,
                              struct str scope)
{
    enum ticket_opened o =
        ticket_open(r, now_s, scope, t.name, t.iv, t.mac, t.bytes, sizeof t.bytes);
    for (size_t i = 0; o != TICKET_REFUSED && i < sizeof t.bytes; i++)
        assert_int_equal(t.bytes[i], 0x42);
    return o;
}

static void opens_what_another_worker_sealed_as_long_as_it_lives(void **state)
{
    (void)state;
    for (int from_file = 0; from_file < 2; from_file++) {
        struct ticket_secret secret;
        struct ticket_ring a, b, late;
        struct ticket t;
        ticket_secret_random(&secret, NOW);
        if (from_file)
            assert_true(ticket_secret_from(&secret, STR("0123456789abcdef0123456789abcdef")));
        assert_true(ticket_ring_init(&a, &secret));
        assert_true(ticket_ring_init(&b, &secret));
        for (uint64_t now_s = NOW; now_s < NOW + 5 * TICKET_PERIOD_S; now_s += TICKET_PERIOD_S) {
            seal(&a, now_s + 5, &t);
            assert_int_equal(t.bytes[0] == 0x42 && t.bytes[1] == 0x42 && t.bytes[2] == 0x42, 0);
            assert_int_equal(try(&b, now_s + 5, t, STR("a.example")), TICKET_OPENED);
            assert_int_equal(try(&b, now_s + TICKET_PERIOD_S - 1, t, STR("a.example")),
                             TICKET_OPENED);
            assert_int_equal(try(&b, now_s + TICKET_PERIOD_S, t, STR("a.example")),
                             TICKET_OPENED_OLD);
            assert_true(ticket_ring_init(&late, &secret)); /* which skipped some periods */
            assert_int_equal(try(&late, now_s + TICKET_PERIOD_S, t, STR("a.example")),
                             TICKET_OPENED_OLD);
            assert_int_equal(try(&late, now_s + 2 * TICKET_PERIOD_S, t, STR("a.example")),
                             TICKET_REFUSED);
            ticket_ring_destroy(&late);
        }
        ticket_ring_destroy(&a);
        ticket_ring_destroy(&b);
    }
}

static void a_clock_that_goes_back_changes_nothing(void **state)
{
    (void)state;
    struct ticket_secret secret;
    struct ticket_ring a, b;
    struct ticket t;
    ticket_secret_random(&secret, NOW);
    assert_true(ticket_ring_init(&a, &secret));
    assert_true(ticket_ring_init(&b, &secret));
    seal(&a, NOW - 3 * TICKET_PERIOD_S, &t);
    assert_int_equal(try(&b, NOW, t, STR("a.example")), TICKET_OPENED);
    seal(&a, NOW + TICKET_PERIOD_S, &t);
    assert_int_equal(try(&a, NOW, t, STR("a.example")), TICKET_OPENED);
    ticket_ring_destroy(&a);
    ticket_ring_destroy(&b);
}

static void opens_for_nobody_else(void **state)
{
    (void)state;
    struct ticket_secret secret, other;
    struct ticket_ring a, b;
    struct ticket t;
    ticket_secret_random(&secret, NOW);
    ticket_secret_random(&other, NOW);
    assert_true(ticket_ring_init(&a, &secret));
    assert_true(ticket_ring_init(&b, &other));
    seal(&a, NOW, &t);
    assert_int_equal(try(&a, NOW, t, STR("b.example")), TICKET_REFUSED);
    assert_int_equal(try(&a, NOW, t, STR("")), TICKET_REFUSED);
    assert_int_equal(try(&b, NOW, t, STR("a.example")), TICKET_REFUSED);
    for (uint8_t *byte = t.name; byte < (uint8_t *)&t + sizeof t; byte++) {
        bool counts =
            !(byte >= t.iv + 12 && byte < t.mac) && !(byte >= t.mac + 16 && byte < t.bytes);
        *byte ^= 1;
        assert_int_equal(try(&a, NOW, t, STR("a.example")),
                         counts ? TICKET_REFUSED : TICKET_OPENED);
        *byte ^= 1;
    }
    ticket_ring_destroy(&a);
    ticket_ring_destroy(&b);
}

static void a_short_key_file_is_refused(void **state)
{
    (void)state;
    struct ticket_secret s;
    assert_false(ticket_secret_from(&s, STR("0123456789abcdef0123456789abcde")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_another_worker_sealed_as_long_as_it_lives),
        cmocka_unit_test(a_clock_that_goes_back_changes_nothing),
        cmocka_unit_test(opens_for_nobody_else),
        cmocka_unit_test(a_short_key_file_is_refused),
    };
    return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
