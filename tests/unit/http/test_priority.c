/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/http/priority.h"

static void what_is_said_is_taken_over(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        uint8_t urgency;
        bool incremental;
    } fields[] = {
        { { "", 0 }, 5, true },
        { { "u=0", 3 }, 0, true },
        { { "u=7, i=?0", 9 }, 7, false },
        { { "i", 1 }, 5, true },
        { { "i=?0", 4 }, 5, false },
        { { "u=1, u=2", 8 }, 2, true },
        { { "u=8", 3 }, 5, true },
        { { "u=-1", 4 }, 5, true },
        { { "u=1.5", 5 }, 5, true },
        { { "u, i=1", 6 }, 5, true },
        { { "x=9, u=1;p, i=?0", 16 }, 1, false },
        { { "u=1, (", 6 }, 5, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct http_priority p = { .urgency = 5, .incremental = true };
        priority_merge(&p, fields[i].value);
        assert_int_equal(p.urgency, fields[i].urgency);
        assert_int_equal(p.incremental, fields[i].incremental);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_said_is_taken_over) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
