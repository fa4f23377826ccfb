/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/proxy/password.h"
#include "tests/unit/ring/ring_test.h"

struct asked {
    struct password_job job;
    char password[16];
    unsigned *answers;
};

static void answered(struct msg *m, struct loop *at)
{
    (void)at;
    ++*container_of(m, struct asked, job.answer)->answers;
}

static struct asked *ask(struct loop *l, const char *password, const char *hash, unsigned *answers)
{
    struct asked *a = calloc(1, sizeof *a);
    assert_non_null(a);
    snprintf(a->password, sizeof a->password, "%s", password);
    a->answers = answers;
    a->job =
        (struct password_job){ .loop = l, .password = a->password, .hash = hash, .right = true };
    a->job.answer.run = answered;
    return a;
}

static void each_kind_of_hash_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *password, *hash;
        bool right;
    } cases[] = {
        { "secret", "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", true },
        { "Secret", "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", false },
        { "secret",
          "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/"
          "Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
          true },
        { "other", "$5$rounds=1000$saltsalt$DqtkTIG04cmrnEJ0mkoECt9ibZmoxRHB02bHnTLkpZD", true },
        { "", "$5$rounds=1000$saltsalt$DqtkTIG04cmrnEJ0mkoECt9ibZmoxRHB02bHnTLkpZD", false },
        { "other", "$5$rounds=1000$saltsalt", false },
        { "secret", "$2y$99$", false },
        { "*0", "*0", false },
        { "", "", false },
    };
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct password_pool *p = password_pool_create(2);
    struct asked *a[ARRAY_LEN(cases)];
    unsigned answers = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        a[i] = ask(l, cases[i].password, cases[i].hash, &answers);
        assert_true(password_ask(p, &a[i]->job));
    }
    TURN_UNTIL(l, answers == ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(a[i]->job.right, cases[i].right);
        assert_string_equal(a[i]->password, ""); /* wiped */
        free(a[i]);
    }
    password_pool_destroy(p);
    loop_destroy(l);
}

static void so_many_wait_and_no_more(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct password_pool *p = password_pool_create(1);
    enum { COUNT = PASSWORD_JOBS_MAX + 2 };
    struct asked *a[COUNT];
    unsigned answers = 0, taken = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        /* the first keeps the thread busy until all have asked */
        const char *hash = i ? "$5$rounds=1000$saltsalt$x" : "$6$rounds=400000$saltsalt$x";
        a[i] = ask(l, "x", hash, &answers);
        taken += password_ask(p, &a[i]->job);
    }
    assert_in_range(taken, PASSWORD_JOBS_MAX, PASSWORD_JOBS_MAX + 1);
    TURN_UNTIL(l, answers == taken);
    for (unsigned i = 0; i < COUNT; i++)
        free(a[i]);
    password_pool_destroy(p);
    loop_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_hash_is_checked),
        cmocka_unit_test(so_many_wait_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
