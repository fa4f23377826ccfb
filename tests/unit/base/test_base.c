/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small ones: lists, slices, hash, random numbers, the table of end reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/base/rng.h"
#include "core/base/str.h"

struct item {
    int value;
    struct list node;
};

static void assert_list(const struct list *head, const int *values, size_t n)
{
    const struct list *at = head->next;
    for (size_t i = 0; i < n; i++, at = at->next) {
        assert_ptr_equal(at->next->prev, at);
        assert_int_equal(container_of(at, struct item, node)->value, values[i]);
    }
    assert_ptr_equal(at, head);
}

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct list head;
    struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
    list_init(&head);
    list_init(&a.node);
    assert_true(list_empty(&head));
    list_push_back(&head, &a.node);
    list_push_back(&head, &b.node);
    list_push_front(&head, &c.node);
    assert_list(&head, (int[]){ 3, 1, 2 }, 3);
    list_remove(&a.node);
    assert_list(&head, (int[]){ 3, 2 }, 2);
    list_remove(&a.node); /* may be repeated */
    list_insert_after(&c.node, &a.node);
    assert_list(&head, (int[]){ 3, 1, 2 }, 3);
    list_remove(&c.node);
    list_remove(&a.node);
    list_remove(&b.node);
    assert_true(list_empty(&head));
}

static void strings_compare(void **state)
{
    (void)state;
    assert_true(str_eq(STR("abc"), str_of("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_true(str_eq((struct str){ 0 }, STR("")));
    assert_true(str_eq_fold(STR("Host"), STR("hOST")));
    assert_false(str_eq_fold(STR("[ost"), STR("{ost"))); /* letters only */
    assert_false(str_eq_fold(STR("Host"), STR("Hos")));
}

static void hashes_are_those_of_xxh3(void **state)
{
    (void)state;
    /* The balancing of keys hangs on these values: they may never change. */
    assert_int_equal(hash_bytes("", 0, 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(hash_bytes("a", 1, 0), UINT64_C(0xe6c632b61e964e1f));
    assert_true(hash_bytes("a", 1, 1) != hash_bytes("a", 1, 0));
}

static void random_numbers_repeat_by_seed_and_stay_below(void **state)
{
    (void)state;
    struct rng a = { 0 }, b = { 0 };
    assert_int_equal(rng_next(&a), UINT64_C(0xe220a8397b1dcdaf)); /* published for seed 0 */
    assert_int_equal(rng_next(&a), UINT64_C(0x6e789e6aa1b965f4));
    rng_next(&b);
    rng_next(&b);
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t v = rng_below(&a, 7);
        assert_int_equal(v, rng_below(&b, 7));
        assert_in_range(v, 0, 6);
        seen |= 1u << v;
    }
    assert_int_equal(seen, 0x7f);
    assert_int_equal(rng_below(&a, 1), 0);
}

static void every_end_reason_has_a_word_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(END_OK, 0);
    for (int i = 0; i < END_REASON_COUNT; i++) {
        const struct end_reason_info *info = end_reason_info((enum end_reason)i);
        assert_true(info->word[0] && info->text[0]);
        for (const char *p = info->word; *p; p++)
            assert_true((*p >= 'a' && *p <= 'z') || *p == '_');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(info->word, end_reason_info((enum end_reason)k)->word);
    }
}

static void an_end_reasons_status_fits_who_broke_it(void **state)
{
    (void)state;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        const struct end_reason_info *info = end_reason_info((enum end_reason)i);
        int class = info->status / 100;
        switch (info->who) {
        case WHO_NONE:
            assert_true(class == 0 || class == 3);
            break;
        case WHO_CLIENT: /* 501 and 505: what the client asked for is not there; 504: nor in a
                            cache, where alone it was wanted (RFC 9111 5.2.1.7) */
            assert_true(class == 0 || class == 4 || info->status == 501 || info->status == 505 ||
                        i == END_NOT_CACHED);
            break;
        case WHO_US:
            assert_true(class == 4 || info->status == 500 || info->status == 503 ||
                        info->status == 508);
            break;
        case WHO_SERVER:
            assert_in_range(info->status, 502, 504);
            break;
        }
    }
    assert_string_equal(end_who_word(WHO_NONE), "-");
    assert_string_equal(end_who_word(WHO_CLIENT), "client");
    assert_string_equal(end_who_word(WHO_US), "sluice");
    assert_string_equal(end_who_word(WHO_SERVER), "server");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(hashes_are_those_of_xxh3),
        cmocka_unit_test(random_numbers_repeat_by_seed_and_stay_below),
        cmocka_unit_test(every_end_reason_has_a_word_of_its_own),
        cmocka_unit_test(an_end_reasons_status_fits_who_broke_it),
    };
    return cmocka_run_group_tests_name("base/base", tests, NULL, NULL);
}
