/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/http/grpc.h"
#include "tests/unit/http/heads.h"

#define S UINT64_C(1000000000)

static void requests_are_told_by_their_type(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool grpc;
    } types[] = {
        { "application/grpc", true },
        { "Application/gRPC", true },
        { "application/grpc+proto", true },
        { "application/grpc; charset=x", true },
        { "application/grpc ;x=y", true },
        { "application/grpc-web", false },
        { "application/grpc-web+proto", false },
        { "application/grp", false },
        { "application/json", false },
        { "", false },
    };
    struct written w;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char line[128];
        snprintf(line, sizeof line, "Content-Type: %s\r\n", types[i].type);
        assert_int_equal(grpc_is_request(request_with(&w, line)), types[i].grpc);
    }
    assert_false(grpc_is_request(request_with(&w, "")));
}

static void timeouts_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t ns;
    } timeouts[] = {
        { "1n", 1 },
        { "20u", 20000 },
        { "250m", S / 4 },
        { "3S", 3 * S },
        { "2M", 120 * S },
        { "1H", 3600 * S },
        { "99999999H", UINT64_C(100) * 365 * 24 * 3600 * S },
        { "99999999S", 99999999 * S },
        { "0S", 1 },
        { "", 0 },
        { "S", 0 },
        { "1", 0 },
        { "1s", 0 },
        { "-1S", 0 },
        { "1.5S", 0 },
        { "1 S", 0 },
        { "123456789S", 0 },
    };
    struct written w;
    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
        char line[128];
        snprintf(line, sizeof line, "grpc-timeout: %s\r\n", timeouts[i].value);
        assert_int_equal(grpc_timeout_ns(request_with(&w, line)), timeouts[i].ns);
    }
    assert_int_equal(grpc_timeout_ns(request_with(&w, "")), 0);
}

static void every_error_of_ours_has_a_status(void **state)
{
    (void)state;
    for (unsigned i = 0; i < END_REASON_COUNT; i++) {
        unsigned status = end_reason_info((enum end_reason)i)->status;
        if (status >= 400 && status != 414 && status != 505)
            assert_int_not_equal(grpc_status_of(status), GRPC_UNKNOWN);
    }
    assert_int_equal(grpc_status_of(503), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_status_of(504), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(grpc_status_of(429), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(grpc_status_of(301), GRPC_UNKNOWN);
}

static void messages_are_percent_encoded(void **state)
{
    (void)state;
    char text[64];
    struct out o = out_into(text, sizeof text);
    grpc_write_message(&o, STR("50% of \xc3\xa4\n"));
    assert_int_equal(out_len(&o), strlen("50%25 of %C3%A4%0A"));
    assert_memory_equal(text, "50%25 of %C3%A4%0A", out_len(&o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_told_by_their_type),
        cmocka_unit_test(timeouts_have_units),
        cmocka_unit_test(every_error_of_ours_has_a_status),
        cmocka_unit_test(messages_are_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
