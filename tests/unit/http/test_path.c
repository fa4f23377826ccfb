/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "core/http/path.h"
#include "tests/unit/guard.h"

static void paths_have_one_normal_form(void **state)
{
    (void)state;
    static const struct {
        const char *path, *normal;
    } cases[] = {
        { "/", "/" },
        { "/a/b.c/~d_e-f", "/a/b.c/~d_e-f" },
        { "//evil.example/x", "//evil.example/x" },
        { "/a//b///", "/a//b///" },
        { "/a;x=1/b;y", "/a;x=1/b;y" },
        { "/!$&'()*+,;=:@[]|^", "/!$&'()*+,;=:@[]|^" },
        { "/...", "/..." },
        { "/.a/..b/c./d..", "/.a/..b/c./d.." },
        /* triplets */
        { "/%41%7a%30%2d%2E%5f%7E", "/Az0-._~" },
        { "/%2f%2F%3a%c3%A9", "/%2F%2F%3A%C3%A9" },
        { "/%aB%Ba%AB", "/%AB%BA%AB" },
        { "/%20%7f%01%ff", "/%20%7F%01%FF" },
        { "/%252e%252E", "/%252e%252E" },
        { "/%25%32%65", "/%252e" },
        { "/%5c..%5C", "/%5C..%5C" },
        /* dot segments */
        { "/.", "/" },
        { "/./", "/" },
        { "/..", "/" },
        { "/../..", "/" },
        { "/../../a", "/a" },
        { "/a/..", "/" },
        { "/a/../", "/" },
        { "/a/../..", "/" },
        { "/a/../../b", "/b" },
        { "/a/b/../c", "/a/c" },
        { "/a/b/..", "/a/" },
        { "/a/b/.", "/a/b/" },
        { "/a/./b/./c", "/a/b/c" },
        { "/a/b/c/../../../../../d", "/d" },
        { "//..", "/" },
        { "//../a", "/a" },
        { "///../a", "//a" },
        { "/a//../b", "/a/b" },
        { "/a//..", "/a/" },
        { "/%2e", "/" },
        { "/%2E%2e/a", "/a" },
        { "/.%2e/a", "/a" },
        { "/a/%2e%2E", "/" },
        { "/a/%2e./%2e/b", "/b" },
        { "/a/..;/b", "/a/..;/b" },
        { "/a%2f../b", "/a%2F../b" },
        { "/a/..%2f/b", "/a/..%2F/b" },
        { "/mid/content=5/../6", "/mid/6" },
    };
    struct guard in = guard_new(256), out = guard_new(256);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str path = guard_end(&in, str_of(cases[i].path));
        struct str normal = str_of(cases[i].normal);
        bool valid;
        assert_int_equal(path_is_normal(path, &valid), str_eq(path, normal));
        assert_true(valid);
        char *written = out.start + out.bytes - path.len;
        size_t n = path_normalise(path, written);
        if (!str_eq((struct str){ written, n }, normal))
            fail_msg("%s: %.*s", cases[i].path, (int)n, written);
    }
    guard_free(&in);
    guard_free(&out);
}

static void malformed_paths_are_not_valid(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "/%",    "/%4",    "/%zz",   "/%4g",  "/%g4",  "/%%41", "/%00",     "/a%00b",
        "/a b",  "/a\tb",  "/a\\b",  "/a\"b", "/a<b",  "/a>b",  "/a`b",     "/a{b",
        "/a}b",  "/a#b",   "/a?b",   "/\x80", "/\x7f", "/../%", "/a/%2e%0", "/%-1",
        "/%+1a", "/% 41a", "/%0x41", "/a\r",  "/a\nb",
    };
    struct guard g = guard_new(64);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool valid = true;
        struct str path = guard_end(&g, str_of(cases[i]));
        assert_false(path_is_normal(path, &valid));
        assert_false(valid);
    }
    bool valid = true;
    path_is_normal((struct str){ "/a\0", 3 }, &valid);
    assert_false(valid);
    guard_free(&g);
}

static bool unreserved(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

/* RFC 3986 in two plain passes: triplets first, then "remove_dot_segments" of 5.2.4 literally. */
static size_t normalise_slowly(struct str path, char *out)
{
    char in[256], *at = in;
    for (size_t i = 0; i < path.len; i++) {
        unsigned byte;
        if (path.ptr[i] == '%' && sscanf(path.ptr + i + 1, "%2x", &byte) == 1) {
            at +=
                unreserved((int)byte) ? sprintf(at, "%c", (char)byte) : sprintf(at, "%%%02X", byte);
            i += 2;
        } else {
            *at++ = path.ptr[i];
        }
    }
    *at = '\0';
    size_t n = 0;
    for (at = in; *at;) {
        if (strncmp(at, "/./", 3) == 0) {
            at += 2;
        } else if (strcmp(at, "/.") == 0) {
            *++at = '/';
        } else if (strncmp(at, "/../", 4) == 0 || strcmp(at, "/..") == 0) {
            at += at[3] ? 3 : 2;
            *at = '/';
            while (n > 0 && out[--n] != '/')
                ;
        } else {
            do
                out[n++] = *at++;
            while (*at && *at != '/');
        }
    }
    return n;
}

static void random_paths_agree_with_the_letter_of_the_rfc(void **state)
{
    (void)state;
    static const char *const pieces[] = { "/",   "/",   "/",   ".",   "..",  "%2e",     "%2E",
                                          "a",   "bc",  "%41", "%2f", "%c3", "%25",     "2e",
                                          "/./", "/..", ";",   "%5C", "[",   "/%2e%2e/" };
    struct guard g = guard_new(256);
    struct rng rng = { 8 };
    for (unsigned round = 0; round < 100000; round++) {
        char text[128], slow[256], again[256];
        size_t len = 1;
        text[0] = '/';
        for (uint32_t k = rng_below(&rng, 12); k; k--) {
            const char *piece = pieces[rng_below(&rng, ARRAY_LEN(pieces))];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        text[len] = '\0';
        struct str path = { text, len };
        bool valid;
        bool normal = path_is_normal(path, &valid);
        assert_true(valid);
        char *out = g.start + g.bytes - len;
        struct str once = { out, path_normalise(path, out) };
        assert_true(str_eq(once, (struct str){ slow, normalise_slowly(path, slow) }));
        assert_int_equal(normal, str_eq(once, path));
        assert_true(path_is_normal(once, &valid) && valid);
        assert_int_equal(path_normalise(once, again), once.len);
        assert_memory_equal(again, once.ptr, once.len);
    }
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_have_one_normal_form),
        cmocka_unit_test(malformed_paths_are_not_valid),
        cmocka_unit_test(random_paths_agree_with_the_letter_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
