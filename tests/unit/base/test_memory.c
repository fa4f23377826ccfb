/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buffers, slabs and arenas: who lends memory, in which order, how much at most. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/slab.h"

static void a_buffer_returns_at_its_last_release(void **state)
{
    (void)state;
    struct buf_pool pool;
    assert_true(buf_pool_init(&pool, 4096, 100));
    struct buf *b = buf_take(&pool);
    assert_non_null(b);
    assert_int_equal(b->cap, 4096);
    assert_int_equal(pool.lent, 1);
    assert_ptr_equal(buf_by_index(&pool, b->index), b);
    buf_ref(b);
    buf_unref(b);
    assert_int_equal(pool.lent, 1);
    memset(b->data, 'x', b->cap);
    buf_unref(b);
    buf_unref(NULL);
    assert_int_equal(pool.lent, 0);
    assert_ptr_equal(buf_take(&pool), b); /* the warm one first */
    buf_unref(b);
    buf_pool_destroy(&pool);
}

static void buffers_are_bounded_and_do_not_overlap(void **state)
{
    (void)state;
    struct buf_pool pool;
    enum { N = 50 }; /* more than one chunk, not a whole number of them */
    struct buf *all[N];
    assert_true(buf_pool_init(&pool, 256, N));
    for (int i = 0; i < N; i++) {
        all[i] = buf_take(&pool);
        assert_non_null(all[i]);
        memset(all[i]->data, i, all[i]->cap);
    }
    assert_null(buf_take(&pool));
    for (int i = 0; i < N; i++) {
        for (uint32_t k = 0; k < all[i]->cap; k++)
            assert_int_equal(all[i]->data[k], i);
        assert_ptr_equal(buf_by_index(&pool, all[i]->index), all[i]);
    }
    buf_unref(all[17]);
    assert_ptr_equal(buf_take(&pool), all[17]);
    for (int i = 0; i < N; i++)
        buf_unref(all[i]);
    buf_pool_destroy(&pool);
}

/* Runs what must fail a CHECK in a child, and tells whether it aborted. */
static bool aborts(void (*what)(void))
{
    pid_t child = fork();
    if (child == 0) {
        close(2); /* its message is expected */
        what();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void release_twice(void)
{
    struct buf_pool pool;
    if (!buf_pool_init(&pool, 256, 1))
        return;
    struct buf *b = buf_take(&pool);
    buf_unref(b);
    buf_unref(b);
}

static void destroy_while_lent(void)
{
    struct buf_pool pool;
    if (buf_pool_init(&pool, 256, 1) && buf_take(&pool))
        buf_pool_destroy(&pool);
}

static void leak_an_object(void)
{
    struct slab s;
    slab_init(&s, 32, 0);
    if (slab_take(&s))
        slab_destroy(&s);
}

static void misuse_ends_the_process(void **state)
{
    (void)state;
    assert_true(aborts(release_twice));
    assert_true(aborts(destroy_while_lent));
    assert_true(aborts(leak_an_object));
}

static void a_slab_grows_reuses_and_keeps_its_limit(void **state)
{
    (void)state;
    struct slab s;
    enum { N = 3000 };
    static unsigned char *all[N];
    slab_init(&s, 50, N);
    for (int i = 0; i < N; i++) {
        all[i] = slab_take(&s);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % 16, 0);
        memset(all[i], i, 50);
    }
    assert_int_equal(s.live, N);
    assert_null(slab_take(&s));
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 50; k++)
            assert_int_equal(all[i][k], i & 0xff);
    slab_give(&s, all[5]);
    slab_give(&s, all[9]);
    assert_ptr_equal(slab_take(&s), all[9]); /* the newest first */
    assert_ptr_equal(slab_take(&s), all[5]);
    for (int i = 0; i < N; i++)
        slab_give(&s, all[i]);
    assert_int_equal(s.live, 0);
    slab_destroy(&s);
}

static void a_slab_takes_objects_larger_than_its_chunk(void **state)
{
    (void)state;
    struct slab s;
    slab_init(&s, 100000, 0);
    char *a = slab_take(&s), *b = slab_take(&s);
    memset(a, 1, 100000);
    memset(b, 2, 100000);
    assert_int_equal(a[99999], 1);
    slab_give(&s, a);
    slab_give(&s, b);
    slab_destroy(&s);
}

static void an_arena_starts_in_its_owners_block(void **state)
{
    (void)state;
    struct arena a;
    _Alignas(8) char block[64];
    arena_init(&a, block, sizeof block, 0);
    char *p = arena_alloc(&a, 3), *q = arena_alloc(&a, 50);
    assert_ptr_equal(p, block);
    assert_ptr_equal(q, block + 8);  /* aligned */
    assert_null(arena_alloc(&a, 8)); /* full, and nothing extra allowed */
    assert_int_equal(a.extra_bytes, 0);
    arena_reset(&a);
}

static void an_arena_is_bounded_in_sum(void **state)
{
    (void)state;
    struct arena a;
    enum { EXTRA_MAX = 64 * 1024 };
    char block[32];
    arena_init(&a, block, sizeof block, EXTRA_MAX);
    size_t got = 0;
    for (char *p; (p = arena_alloc(&a, 1000)); got += 1000) {
        assert_int_equal((uintptr_t)p % 8, 0);
        memset(p, 'x', 1000);
    }
    assert_in_range(got, EXTRA_MAX / 2, EXTRA_MAX);
    assert_true(a.extra_bytes <= EXTRA_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX - 4));
    arena_reset(&a);
    assert_int_equal(a.extra_bytes, 0);

    arena_init(&a, block, sizeof block, EXTRA_MAX); /* usable again, and for one large piece */
    char *large = arena_alloc(&a, 40000);
    assert_non_null(large);
    memset(large, 'y', 40000);
    assert_null(arena_alloc(&a, 40000));
    arena_reset(&a);
}

static void an_arena_takes_back_the_tail_of_the_newest(void **state)
{
    (void)state;
    struct arena a;
    _Alignas(8) char block[64];
    arena_init(&a, block, sizeof block, 0);
    char *p = arena_alloc(&a, 40);
    arena_trim(&a, p + 40, p + 5);
    char *q = arena_alloc(&a, 8);
    assert_ptr_equal(q, p + 8);
    arena_trim(&a, p + 40, p); /* not the newest any more */
    assert_ptr_equal(arena_alloc(&a, 8), q + 8);
    arena_reset(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_returns_at_its_last_release),
        cmocka_unit_test(buffers_are_bounded_and_do_not_overlap),
        cmocka_unit_test(misuse_ends_the_process),
        cmocka_unit_test(a_slab_grows_reuses_and_keeps_its_limit),
        cmocka_unit_test(a_slab_takes_objects_larger_than_its_chunk),
        cmocka_unit_test(an_arena_starts_in_its_owners_block),
        cmocka_unit_test(an_arena_is_bounded_in_sum),
        cmocka_unit_test(an_arena_takes_back_the_tail_of_the_newest),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
