/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration that is loaded from a bundle is the one that was recorded. */
#include <errno.h>

#include "core/config/bundle.h"
#include "tests/unit/config/config_files.h"

#define LISTENERS "listeners: { web: { bind: \":80\", site: s } }\n"

/* Everything that names a file, and one file that is not there. */
#define ROOT                                                                                       \
    LISTENERS "include: [parts/*.yaml, parts/*.none]\n"                                            \
              "sites:\n"                                                                           \
              "  s:\n"                                                                             \
              "    basic_auth: { realm: r, users: users }\n"                                       \
              "    deny: { file: networks }\n"                                                     \
              "    error_pages: { 404: 404.html }\n"                                               \
              "    routes: [ { to: b } ]\n"

static struct loaded *load_from(struct folder *f, struct config_files *files)
{
    const struct config_input in = { .path = folder_file(f, "sluice.yaml"),
                                     .getenv = test_getenv,
                                     .resolve = test_resolve,
                                     .files = files };
    return load_input(&in);
}

static char *report_text(const struct loaded *l)
{
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    assert_non_null(to);
    config_report_print(&l->report, to, false);
    assert_int_equal(fclose(to), 0);
    return text;
}

static struct loaded *record(struct folder *f, struct bundle *b)
{
    struct bundle_recorder r;
    bundle_record(&r, b, NULL, NULL);
    struct loaded *l = load_from(f, &r.files);
    assert_false(b->failed);
    return l;
}

static struct loaded *play(struct folder *f, const struct bundle *b)
{
    struct bundle_player p;
    bundle_play(&p, (struct str){ b->bytes, b->len });
    return load_from(f, &p.files);
}

static void write_all(struct folder *f)
{
    folder_write(f, "sluice.yaml", ROOT);
    assert_int_equal(mkdir(folder_file(f, "parts"), 0700), 0);
    folder_write(f, "parts/one.yaml", "backends: { b: { servers: \"10.0.0.1:1\" } }\n");
    folder_write(f, "parts/two.yaml", "workers: 3\n");
    folder_write(f, "users", "bob:$2y$05$abc\n");
    folder_write(f, "networks", "192.0.2.0/24\n");
    folder_write(f, "404.html", "<p>$request_id</p>");
}

static void what_was_recorded_is_played(void **state)
{
    (void)state;
    struct folder f;
    struct bundle b = { 0 };
    folder_make(&f);
    write_all(&f);
    struct loaded *recorded = record(&f, &b);
    folder_remove(&f); /* nothing of it is needed any more */
    struct loaded *played = play(&f, &b);
    char *one = report_text(recorded), *two = report_text(played);
    assert_string_equal(one, two);
    assert_non_null(strstr(one, "no file is named like"));
    assert_non_null(played->config);
    assert_int_equal(played->config->workers, 3);
    assert_int_equal(played->config->sources_count, recorded->config->sources_count);
    const struct handling *h = &played->config->sites[0].handling;
    assert_int_equal(h->basic_auth->users_count, 1);
    assert_int_equal(h->access.deny.items_count, 1);
    assert_int_equal(h->error_pages.items_count, 1);
    free(one);
    free(two);
    unload(recorded);
    unload(played);
    bundle_free(&b);
}

static void mistakes_are_the_same_too(void **state)
{
    (void)state;
    struct folder f;
    struct bundle b = { 0 };
    folder_make(&f);
    write_all(&f);
    assert_int_equal(unlink(folder_file(&f, "users")), 0);
    folder_write(&f, "parts/two.yaml", "include: one.yaml\n");
    struct loaded *recorded = record(&f, &b);
    folder_write(&f, "users", "bob:$2y$05$abc\n"); /* too late */
    struct loaded *played = play(&f, &b);
    char *one = report_text(recorded), *two = report_text(played);
    assert_string_equal(one, two);
    assert_non_null(strstr(one, "cannot read"));
    assert_non_null(strstr(one, "is included twice"));
    assert_null(played->config);
    free(one);
    free(two);
    unload(recorded);
    unload(played);
    bundle_free(&b);
    folder_remove(&f);
}

static void what_is_not_in_it_is_not_there(void **state)
{
    (void)state;
    struct bundle b = { 0 };
    struct bundle_player p;
    bundle_play(&p, (struct str){ b.bytes, b.len });
    struct file_read r = p.files.read(&p.files, "/etc/passwd", 100);
    assert_int_equal(r.err, ENOENT);
    assert_null(r.text);
    struct files_found found = p.files.find(&p.files, "/etc/*");
    assert_int_equal(found.count, 0);
    assert_int_not_equal(found.err, 0);
}

static void standard_input_is_taken_from_the_one_before(void **state)
{
    (void)state;
    struct folder f;
    folder_make(&f);
    folder_write(&f, "in", "a: 1\n");
    struct bundle first = { 0 }, second = { 0 }, third = { 0 };
    struct bundle_recorder r;
    int before = dup(STDIN_FILENO);
    assert_non_null(freopen(folder_file(&f, "in"), "r", stdin));
    bundle_record(&r, &first, NULL, NULL);
    free(r.files.read(&r.files, "-", 100).text);
    struct file_read again = { 0 };
    for (int i = 0; i < 2; i++) { /* of the one that took it from there as well */
        bundle_record(&r, i ? &third : &second, i ? &second : &first, NULL);
        again = r.files.read(&r.files, "-", 100);
        assert_int_equal(again.len, 5);
        assert_memory_equal(again.text, "a: 1\n", 5);
        free(again.text);
    }
    assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
    bundle_free(&first);
    bundle_free(&second);
    bundle_free(&third);
    folder_remove(&f);
}

/* Each prefix: what is cut off is not there, and nothing is read behind the end. */
static void a_bundle_that_was_cut_is_harmless(void **state)
{
    (void)state;
    struct folder f;
    struct bundle b = { 0 };
    folder_make(&f);
    write_all(&f);
    unload(record(&f, &b));
    unsigned lost_before = 4;
    for (size_t len = 0; len < b.len;
         len++) {                    /* behind the four is what the machine says of names */
        char *cut = malloc(len + 1); /* a sanitizer sees its end */
        memcpy(cut, b.bytes, len);
        struct bundle_player p;
        bundle_play(&p, (struct str){ cut, len });
        static const char *const names[] = { "sluice.yaml", "users", "networks", "404.html" };
        unsigned lost = 0;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            struct file_read r = p.files.read(&p.files, folder_file(&f, names[i]), 1000);
            assert_true(r.err == 0 || r.err == ENOENT);
            lost += r.err != 0;
            free(r.text);
        }
        assert_true(len > 0 ? lost <= lost_before : lost == 4);
        lost_before = lost;
        free(cut);
    }
    bundle_free(&b);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_is_played),
        cmocka_unit_test(mistakes_are_the_same_too),
        cmocka_unit_test(what_is_not_in_it_is_not_there),
        cmocka_unit_test(standard_input_is_taken_from_the_one_before),
        cmocka_unit_test(a_bundle_that_was_cut_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
