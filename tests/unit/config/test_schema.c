/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table itself, and what agrees with it: policies, paths, hints, help. */
#include <stdlib.h>

#include "balance/balance.h"
#include "core/config/schema.h"
#include "core/config/suggest.h"
#include "core/config/values.h"
#include "core/http/path.h"
#include "tests/unit/config/config_test.h"

static void check_row(void *arg, const char *path, const struct schema_key *k,
                      const struct schema_object *in)
{
    (void)in;
    uint32_t *rows = arg;
    ++*rows;
    if (!k->doc || !k->doc[0] || k->doc[strlen(k->doc) - 1] != '.')
        fail_msg("%s: its text is no sentence", path);
    char example[SCHEMA_EXAMPLE_MAX];
    if (!schema_example(k, example))
        fail_msg("%s: no example; give its row EXAMPLE(...)", path);
    if (!k->since || !k->since[0])
        fail_msg("%s: since when?", path);
    for (const char *c = k->name; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_')
            fail_msg("%s: not in snake_case", path);
    if ((k->type == NULL) == (k->object == NULL))
        fail_msg("%s: a type or an object", path);
    if ((k->shape == SHAPE_MAP) != (k->key_type != NULL))
        fail_msg("%s: maps have a type of key", path);
    if (k->shape != SHAPE_VALUE)
        return;
    if (k->required + k->has_fallback + (k->otherwise != NULL) != 1 &&
        strcmp(path, "sites.NAME.routes[].to") != 0)
        fail_msg("%s: either required, or a default", path);
    if (k->has_fallback && k->min < k->max && (k->fallback < k->min || k->fallback > k->max)) {
        bool word = false;
        for (const struct word *w = k->words; w && w->text; w++)
            word |= w->value == k->fallback;
        if (!word)
            fail_msg("%s: its default is out of bounds", path);
    }
}

static void every_key_is_described(void **state)
{
    (void)state;
    uint32_t rows = 0;
    schema_walk(check_row, &rows);
    assert_true(rows > 200);
}

static void find_policy(void *arg, const char *path, const struct schema_key *k,
                        const struct schema_object *in)
{
    (void)in;
    if (strcmp(path, "backends.NAME.balance.policy") == 0)
        *(const struct schema_key **)arg = k;
}

static void policies_are_those_there_are(void **state)
{
    (void)state;
    const struct schema_key *k = NULL;
    schema_walk(find_policy, &k);
    assert_non_null(k);
    uint32_t words = 0, policies = 0;
    for (; k->words[words].text; words++)
        assert_non_null(balance_policy_find(str_of(k->words[words].text)));
    while (balance_policy_at(policies))
        policies++;
    assert_int_equal(words, policies);
}

static void exact_paths_are_those_in_normal_form(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/",      "/a",      "/a/",    "/a//b", "/a;b=c",  "/%2F",    "/%2f", "/%41",    "/.",
        "/..",    "/a/./b",  "/a/..",  "/...",  "/a.b",    "/a/.b",   "/%",   "/%4",     "/%00",
        "/a:b@c", "/a+b,c'", "/~x-_.", "/%7E",  "/%C3%BC", "/a\\\\b", "/a|b", "/a\\\"b", "/$&!()",
        "/a=b",   "/[a]",    "/a^b",   "/%5B",  "/%2E%2E", "/a%20b",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char text[512], path[64];
        size_t n = 0;
        for (const char *c = paths[i]; *c; c++)
            if (*c != '\\' || c[1] == '\\')
                path[n++] = *c, c += *c == '\\';
        bool valid, normal = path_is_normal((struct str){ path, n }, &valid);
        snprintf(text, sizeof text,
                 "sites: { s: { routes: [ { to: b, match: { path: \"%s\" } } ] } }\n" REST_LISTENERS
                     REST_BACKENDS,
                 paths[i]);
        struct loaded *l = load_text(text);
        if ((l->config != NULL) != (valid && normal))
            fail_msg("%s: %s", paths[i], l->config ? "taken" : l->report.messages[0].text);
        unload(l);
    }
}

static void hints_never_hide_a_key(void *arg, const char *path, const struct schema_key *k,
                                   const struct schema_object *in)
{
    (void)arg;
    (void)path;
    const char *hint = foreign_hint(in->name, str_of(k->name));
    if (hint && schema_find(in, str_of(k->name)) != k)
        fail_msg("%s in %s: %s", k->name, in->name, hint);
}

static void known_keys_are_read_and_not_hinted_at(void **state)
{
    (void)state;
    schema_walk(hints_never_hide_a_key, NULL);
}

struct help {
    char text[16 * 1024], error[1024];
};

static bool help_for(const char *name, struct help *h)
{
    h->text[0] = h->error[0] = '\0'; /* in case nothing is written */
    FILE *out = fmemopen(h->text, sizeof h->text, "w");
    FILE *err = fmemopen(h->error, sizeof h->error, "w");
    assert_true(out && err);
    bool found = schema_print_help(out, err, name);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    return found;
}

static void help_finds_a_key_by_its_last_parts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shows;
    } cases[] = {
        { "workers", "  Form:    auto or a number\n  Bounds:  1 to 256\n  Default: auto\n" },
        { "timeouts.connect",
          "backends.NAME.timeouts.connect\ndefaults.timeouts.connect\n"
          "sites.NAME.timeouts.connect\nsites.NAME.routes[].timeouts.connect\n" },
        { "sites.edge.routes[3].redirect.status",
          "  Form:    301, 302, 303, 307 or 308\n  Default: 308\n" },
        { "routes.rewrite", "$header" },
        { "max_body", "  Form:    unlimited or 512B, 64KiB or 10MiB\n" },
        { "balance", "  Form:    a map, or the value of its 'policy'\n" },
        { "servers.address", "  Required\n" },
        { "sites.edge.log", "sites.NAME.log\n" },
        { "format", "  Form:    json, human, combined or trace\n  Default: json\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct help h;
        if (!help_for(cases[i].name, &h) || h.error[0] || !strstr(h.text, cases[i].shows)) {
            fprintf(stderr, "%s\n%s%s", cases[i].name, h.text, h.error);
            fail();
        }
    }
}

static void help_prefers_what_was_named(void **state)
{
    (void)state;
    struct help h;
    assert_true(help_for("listeners.tls", &h));
    assert_int_equal(strncmp(h.text, "listeners.NAME.tls\n", 19), 0);
    assert_null(strstr(h.text, "backends.NAME.tls\n"));
    assert_true(help_for("backends.tls.verify", &h));
    assert_int_equal(strncmp(h.text, "backends.NAME.tls.verify\n", 25), 0);
}

static void help_for_what_is_no_key_suggests(void **state)
{
    (void)state;
    static const struct {
        const char *name, *error;
    } cases[] = {
        { "wokers", "sluice help: no key 'wokers'; did you mean 'workers'?\n" },
        { "proxy_pass", "sluice help: no key 'proxy_pass'; did you mean routes[].to?\n" },
        { "xyzzy", "sluice help: no key 'xyzzy'\n" },
        { "", "sluice help: no key ''\n" },
        { "match.workers", "sluice help: no key 'match.workers'; did you mean 'workers'?\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct help h;
        assert_false(help_for(cases[i].name, &h));
        assert_string_equal(h.text, "");
        assert_string_equal(h.error, cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_described),
        cmocka_unit_test(policies_are_those_there_are),
        cmocka_unit_test(exact_paths_are_those_in_normal_form),
        cmocka_unit_test(known_keys_are_read_and_not_hinted_at),
        cmocka_unit_test(help_finds_a_key_by_its_last_parts),
        cmocka_unit_test(help_prefers_what_was_named),
        cmocka_unit_test(help_for_what_is_no_key_suggests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
