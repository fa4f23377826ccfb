/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "core/proxy/sticky.h"

static const struct sticky_config config = { .secret = { "0123456789abcdef", 16 } };

static bool same(struct siphash a, struct siphash b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct siphash tag = sticky_tag(&config, "app", "10.0.0.1:80"), read;
    char text[STICKY_VALUE_CHARS];
    sticky_write(&tag, text);
    assert_true(sticky_read((struct str){ text, sizeof text }, &read));
    assert_true(same(tag, read));
}

static void each_server_backend_and_secret_has_its_own(void **state)
{
    (void)state;
    static const struct sticky_config other = { .secret = { "0123456789abcdeF", 16 } };
    struct siphash tag = sticky_tag(&config, "app", "10.0.0.1:80");
    assert_false(same(tag, sticky_tag(&config, "app", "10.0.0.2:80")));
    assert_false(same(tag, sticky_tag(&config, "api", "10.0.0.1:80")));
    assert_false(same(tag, sticky_tag(&other, "app", "10.0.0.1:80")));
    assert_true(same(tag, sticky_tag(&config, "app", "10.0.0.1:80")));
}

static void foreign_values_are_none(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "",
        "10.0.0.1:80",
        "0123456789abcdef0123456789abcde",
        "0123456789abcdef0123456789abcdef0",
        "0123456789ABCDEF0123456789abcdef",
        "0123456789abcdef0123456789abcde\xff",
    };
    struct siphash tag;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        assert_false(sticky_read(str_of(foreign[i]), &tag));
}

/* A changed digit is no tag of any server. */
static void forged_values_name_nobody(void **state)
{
    (void)state;
    struct rng rng = { 1 };
    struct siphash tag = sticky_tag(&config, "app", "10.0.0.1:80"), read;
    char text[STICKY_VALUE_CHARS];
    for (unsigned i = 0; i < 10000; i++) {
        sticky_write(&tag, text);
        char *at = &text[rng_below(&rng, STICKY_VALUE_CHARS)];
        char before = *at;
        *at = "0123456789abcdef"[rng_below(&rng, 16)];
        assert_true(sticky_read((struct str){ text, sizeof text }, &read));
        assert_int_equal(same(tag, read), *at == before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(each_server_backend_and_secret_has_its_own),
        cmocka_unit_test(foreign_values_are_none),
        cmocka_unit_test(forged_values_name_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
