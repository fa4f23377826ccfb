/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cache/vary.h"
#include "tests/unit/cache/stored.h"

#define BUDGET (UINT64_C(8) << 20)

static int setup(void **state)
{
    *state = cache_create(BUDGET, 2, 7);
    return *state ? 0 : -1;
}

/* Destroying CHECKs that nothing leaked. */
static int teardown(void **state)
{
    cache_destroy(*state);
    return 0;
}

/* All that a reader at the cursor can have now. */
static size_t drain(struct cache_cursor *cur, struct cache_object *o, char *into, size_t max)
{
    size_t got = 0;
    const uint8_t *at;
    uint32_t n;
    while ((at = cursor_read(cur, o, 7, &n)) != NULL) {
        assert_true(got + n <= max);
        memcpy(into + got, at, n);
        got += n;
    }
    return got;
}

/* --- one object --- */

static void what_was_stored_is_found(void **state)
{
    struct cache *c = *state;
    assert_false(is_stored(c, "http://a/"));
    store(c, "http://a/", 13);
    struct cache_found f = find(c, "http://a/");
    assert_non_null(f.stored);
    assert_null(f.coming);
    assert_int_equal(object_state(f.stored), OBJECT_WHOLE);
    assert_true(str_eq(cache_head_text(object_head(f.stored)), STR(HEAD_TEXT)));
    uint32_t n;
    assert_non_null(object_small_body(f.stored, &n));
    assert_int_equal(n, 13);
    object_unref(f.stored);
    assert_false(is_stored(c, "http://a/b"));
}

static void readers_follow_a_fill_as_it_comes(void **state)
{
    struct cache *c = *state;
    struct cache_maker m;
    begin(c, "http://a/", &m);
    struct cache_found f = find(c, "http://a/");
    assert_null(f.stored);
    assert_ptr_equal(f.coming, m.o);
    struct cache_cursor cur;
    cursor_begin(&cur, f.coming);
    char got[64];
    assert_int_equal(drain(&cur, f.coming, got, sizeof got), 0);
    struct cache_head_parts p = parts_of(CACHE_LENGTH_UNKNOWN);
    assert_true(maker_head(&m, &p));
    assert_int_equal(drain(&cur, f.coming, got, sizeof got), 0);
    assert_true(maker_data(&m, "hello ", 6));
    assert_int_equal(drain(&cur, f.coming, got, sizeof got), 6);
    assert_true(is_stored(c, "http://a/")); /* its head is there: later ones join */
    assert_true(maker_data(&m, "world", 5));
    assert_int_equal(drain(&cur, f.coming, got + 6, sizeof got - 6), 5);
    assert_memory_equal(got, "hello world", 11);
    assert_true(cache_finish(c, &m, NULL));
    assert_int_equal(object_state(f.coming), OBJECT_WHOLE);
    cursor_end(&cur, f.coming);
    object_unref(f.coming);
}

static void long_bodies_come_back_byte_for_byte(void **state)
{
    struct cache *c = *state;
    static char body[1000000], got[1000000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    for (int known = 0; known < 2; known++) {
        const char *url = known ? "http://a/known" : "http://a/unknown";
        struct cache_maker m;
        begin(c, url, &m);
        struct cache_head_parts p = parts_of(known ? sizeof body : CACHE_LENGTH_UNKNOWN);
        assert_true(maker_head(&m, &p));
        for (size_t at = 0; at < sizeof body; at += 12500)
            assert_true(maker_data(&m, body + at, 12500));
        assert_true(cache_finish(c, &m, NULL));
        struct cache_found f = find(c, url);
        struct cache_cursor cur;
        cursor_begin(&cur, f.stored);
        assert_int_equal(drain(&cur, f.stored, got, sizeof got), sizeof body);
        assert_memory_equal(got, body, sizeof body);
        cursor_end(&cur, f.stored);
        object_unref(f.stored);
    }
}

static void a_lie_about_the_length_is_not_stored(void **state)
{
    struct cache *c = *state;
    struct cache_maker m;
    begin(c, "http://a/", &m);
    struct cache_head_parts p = parts_of(5);
    assert_true(maker_head(&m, &p));
    assert_false(maker_data(&m, "123456", 6));
    assert_true(maker_data(&m, "1234", 4));
    struct cache_found f = find(c, "http://a/");
    assert_false(cache_finish(c, &m, NULL));
    assert_int_equal(object_state(f.stored), OBJECT_BROKEN);
    object_unref(f.stored);
    assert_false(is_stored(c, "http://a/"));
}

static void a_second_maker_is_not_needed(void **state)
{
    struct cache *c = *state;
    struct http_head none = { 0 };
    struct cache_key k = key_of(c, "http://a/");
    struct cache_maker m, other;
    struct cache_object *found;
    begin(c, "http://a/", &m);
    assert_int_equal(cache_begin(c, &k, &none, NULL, NOW_S, &other, &found), BEGUN_FOUND);
    assert_ptr_equal(found, m.o);
    object_unref(found);
    cache_break(c, &m);
    assert_int_equal(cache_begin(c, &k, &none, NULL, NOW_S, &other, &found), BEGUN_MAKER);
    cache_break(c, &other);
}

static void what_passes_is_remembered_for_its_time(void **state)
{
    struct cache *c = *state;
    struct http_head none = { 0 };
    struct cache_key k = key_of(c, "http://a/");
    struct cache_maker m;
    begin(c, "http://a/", &m);
    struct cache_found waiter = find(c, "http://a/");
    cache_pass(c, &m, 10, NOW_S);
    assert_true(object_is(waiter.coming, OBJECT_PASSED_ON));
    struct cache_head_parts p = parts_of(CACHE_LENGTH_UNKNOWN);
    assert_true(maker_head(&m, &p)); /* for the one who asked first */
    object_unref(waiter.coming);
    assert_true(cache_finish(c, &m, NULL));
    struct cache_found f = cache_find(c, 0, &k, &none, NOW_S + 9);
    assert_int_equal(object_state(f.stored), OBJECT_PASS);
    object_unref(f.stored);
    f = cache_find(c, 0, &k, &none, NOW_S + 10);
    assert_null(f.stored);
    struct cache_object *found;
    assert_int_equal(cache_begin(c, &k, &none, NULL, NOW_S + 10, &m, &found), BEGUN_MAKER);
    cache_break(c, &m);
}

static void a_stale_one_stays_until_the_new_one_is_whole(void **state)
{
    struct cache *c = *state;
    struct http_head none = { 0 };
    struct cache_key k = key_of(c, "http://a/");
    store(c, "http://a/", 13);
    struct cache_found old = find(c, "http://a/");
    struct cache_maker m;
    struct cache_object *found;
    assert_int_equal(cache_begin(c, &k, &none, old.stored, NOW_S, &m, &found), BEGUN_MAKER);
    struct cache_found both = find(c, "http://a/");
    assert_ptr_equal(both.stored, old.stored);
    assert_ptr_equal(both.coming, m.o);
    object_unref(both.stored);
    object_unref(both.coming);
    struct cache_head_parts p = parts_of(13);
    p.body_of = old.stored; /* 304: a new head for the same body */
    assert_true(maker_head(&m, &p));
    assert_true(cache_finish(c, &m, old.stored));
    object_unref(old.stored);
    struct cache_found f = find(c, "http://a/");
    assert_ptr_not_equal(f.stored, old.stored);
    struct cache_cursor cur;
    char got[16];
    cursor_begin(&cur, f.stored);
    assert_int_equal(drain(&cur, f.stored, got, sizeof got), 13);
    cursor_end(&cur, f.stored);
    object_unref(f.stored);
    assert_int_equal(cache_figures(c).objects, 1);
}

static void a_body_that_is_let_go_of_is_freed_behind_its_readers(void **state)
{
    struct cache *c = *state;
    static const uint8_t piece[CACHE_CHUNK_BYTES];
    struct cache_maker m;
    begin(c, "http://a/", &m);
    struct cache_cursor cur;
    struct cache_found f = find(c, "http://a/");
    cursor_begin(&cur, f.coming);
    struct cache_head_parts p = parts_of(CACHE_LENGTH_UNKNOWN);
    assert_true(maker_head(&m, &p));
    for (int i = 0; i < 16; i++)
        assert_true(maker_data(&m, piece, sizeof piece));
    cache_hide(c, &m);
    maker_let_go(&m); /* its reader has yet to begin */
    assert_int_equal(maker_held_bytes(&m), 16 * sizeof piece);
    uint32_t n;
    uint64_t read = 0;
    while (cursor_read(&cur, f.coming, sizeof piece, &n))
        read += n;
    assert_int_equal(read, 16 * sizeof piece);
    maker_let_go(&m);
    assert_true(maker_held_bytes(&m) <= sizeof piece);
    for (int i = 0; i < 1000; i++) {
        assert_true(maker_data(&m, piece, sizeof piece));
        while (cursor_read(&cur, f.coming, sizeof piece, &n))
            read += n;
        assert_true(maker_held_bytes(&m) <= 2 * sizeof piece);
    }
    assert_int_equal(read, 1016 * sizeof piece);
    assert_true(cache_figures(c).used_bytes < BUDGET);
    cursor_end(&cur, f.coming);
    object_unref(f.coming);
    cache_break(c, &m);
}

/* --- varying --- */

static void store_for(struct cache *c, const char *url, const char *vary, const char *request)
{
    struct written a, b;
    char text[VARY_BYTES_MAX];
    struct out o = out_into(text, sizeof text);
    const struct http_head *q = request_with(&a, request);
    assert_true(vary_write(&o, response_with(&b, 200, vary), q, (struct str){ 0 }));
    struct cache_key k = key_of(c, url);
    struct cache_maker m;
    struct cache_object *found;
    assert_int_equal(cache_begin(c, &k, q, NULL, NOW_S, &m, &found), BEGUN_MAKER);
    struct cache_head_parts p = parts_of(1);
    p.vary = (struct str){ o.start, out_len(&o) };
    assert_true(maker_head(&m, &p));
    assert_true(maker_data(&m, request, 1));
    assert_true(cache_finish(c, &m, NULL));
}

static bool found_for(struct cache *c, const char *url, const char *request)
{
    struct written w;
    struct cache_key k = key_of(c, url);
    struct cache_found f = cache_find(c, 0, &k, request_with(&w, request), NOW_S);
    object_unref(f.stored);
    return f.stored;
}

static void a_response_answers_requests_with_the_same_values(void **state)
{
    struct cache *c = *state;
#define VARY "Vary: Accept-Language, X-A\r\n"
    store_for(c, "http://a/", VARY, "Accept-Language: de, en;q=0.5\r\n");
    assert_true(found_for(c, "http://a/", "accept-language:  de ,en;q=0.5\r\n"));
    assert_true(found_for(c, "http://a/", "Accept-Language: de\r\nAccept-Language: en;q=0.5\r\n"));
    assert_false(found_for(c, "http://a/", "Accept-Language: en;q=0.5, de\r\n"));
    assert_false(found_for(c, "http://a/", "Accept-Language: de, en;q=0.5\r\nX-A:\r\n"));
    assert_false(found_for(c, "http://a/", ""));
    store_for(c, "http://a/", VARY, "");
    assert_true(found_for(c, "http://a/", ""));
    assert_true(found_for(c, "http://a/", "Accept-Language: de, en;q=0.5\r\n"));
    assert_int_equal(cache_figures(c).objects, 2);
}

static void variants_are_bounded(void **state)
{
    struct cache *c = *state;
    char request[80];
    for (int i = 0; i < CACHE_VARIANTS_MAX; i++) {
        snprintf(request, sizeof request, "X-A: %d\r\n", i);
        store_for(c, "http://a/", "Vary: X-A\r\n", request);
    }
    struct written w;
    struct cache_key k = key_of(c, "http://a/");
    struct cache_maker m;
    struct cache_object *found;
    assert_int_equal(cache_begin(c, &k, request_with(&w, "X-A: no\r\n"), NULL, NOW_S, &m, &found),
                     BEGUN_REFUSED);
    assert_true(found_for(c, "http://a/", "X-A: 0\r\n"));
}

static void what_cannot_be_varied_by_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Vary: *\r\n",
        "Vary: Accept, *\r\n",
        "Vary: a b\r\n",
        "Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n",
    };
    struct written a, b;
    char text[VARY_BYTES_MAX];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct out o = out_into(text, sizeof text);
        assert_false(vary_write(&o, response_with(&b, 200, bad[i]), request_with(&a, ""),
                                (struct str){ 0 }));
    }
    struct out o = out_into(text, 8);
    assert_false(vary_write(&o, response_with(&b, 200, "Vary: accept-language\r\n"),
                            request_with(&a, ""), (struct str){ 0 }));
}

/* --- purging --- */

static void purges_take_what_they_name(void **state)
{
    struct cache *c = *state;
    store(c, "http://a/1", 1);
    store(c, "http://a/2", 1);
    store(c, "http://b/1", 1);
    assert_int_equal(cache_purge_url(c, STR("http://a/1"), false), 1);
    assert_false(is_stored(c, "http://a/1"));
    assert_true(is_stored(c, "http://a/2"));
    assert_int_equal(cache_purge_url(c, STR("http://a/1"), false), 0);
    assert_int_equal(cache_purge_prefix(c, STR("http://a/"), false), 1);
    assert_false(is_stored(c, "http://a/2"));
    assert_true(is_stored(c, "http://b/1"));
    assert_int_equal(cache_purge_url(c, STR("http://b/1"), true), 1);
    struct cache_found f = find(c, "http://b/1");
    assert_true(cache_is_soft_purged(c, f.stored));
    object_unref(f.stored);
    cache_purge_all(c);
    assert_false(is_stored(c, "http://b/1"));
    store(c, "http://b/1", 1);
    assert_true(is_stored(c, "http://b/1"));
}

static void store_tagged(struct cache *c, const char *url, const char *tag)
{
    uint16_t slot = cache_tag_slot(c, str_of(tag));
    struct cache_maker m;
    begin(c, url, &m);
    struct cache_head_parts p = parts_of(0);
    p.tags = &slot;
    p.tags_count = 1;
    assert_true(maker_head(&m, &p));
    assert_true(cache_finish(c, &m, NULL));
}

static void tags_are_purged_all_at_once(void **state)
{
    struct cache *c = *state;
    store_tagged(c, "http://a/1", "red");
    store_tagged(c, "http://a/2", "blue");
    cache_purge_tag(c, STR("red"), false);
    assert_false(is_stored(c, "http://a/1"));
    assert_true(is_stored(c, "http://a/2"));
    cache_purge_tag(c, STR("blue"), true);
    struct cache_found f = find(c, "http://a/2");
    assert_true(cache_is_soft_purged(c, f.stored));
    object_unref(f.stored);
    store_tagged(c, "http://a/1", "red");
    assert_true(is_stored(c, "http://a/1"));
}

static void a_purge_reaches_what_is_still_being_fetched(void **state)
{
    struct cache *c = *state;
    struct cache_maker m;
    uint16_t slot = cache_tag_slot(c, STR("red"));
    begin(c, "http://a/1", &m);
    cache_purge_tag(c, STR("red"), false); /* nobody knows yet that it has that tag */
    struct cache_head_parts p = parts_of(0);
    p.tags = &slot;
    p.tags_count = 1;
    assert_true(maker_head(&m, &p));
    assert_true(cache_finish(c, &m, NULL));
    assert_false(is_stored(c, "http://a/1"));
    begin(c, "http://a/2", &m);
    assert_int_equal(cache_purge_url(c, STR("http://a/2"), false), 1);
    p = parts_of(0);
    assert_true(maker_head(&m, &p));
    assert_true(cache_finish(c, &m, NULL));
    assert_false(is_stored(c, "http://a/2"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_stored_is_found),
        TEST(readers_follow_a_fill_as_it_comes),
        TEST(long_bodies_come_back_byte_for_byte),
        TEST(a_lie_about_the_length_is_not_stored),
        TEST(a_second_maker_is_not_needed),
        TEST(what_passes_is_remembered_for_its_time),
        TEST(a_stale_one_stays_until_the_new_one_is_whole),
        TEST(a_body_that_is_let_go_of_is_freed_behind_its_readers),
        TEST(a_response_answers_requests_with_the_same_values),
        TEST(variants_are_bounded),
        TEST(what_cannot_be_varied_by_is_refused),
        TEST(purges_take_what_they_name),
        TEST(tags_are_purged_all_at_once),
        TEST(a_purge_reaches_what_is_still_being_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
