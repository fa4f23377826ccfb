/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configurations of several files, and what values name: lists, users, pages. */
#include "tests/unit/config/config_files.h"

#define MAIN REST_LISTENERS REST_SITES

static int set_up(void **state)
{
    struct folder *f = test_malloc(sizeof *f);
    folder_make(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    folder_remove(*state);
    test_free(*state);
    return 0;
}

/* ---- include -------------------------------------------------------------------------------- */

static void included_files_join_the_top_level(void **state)
{
    struct folder *f = *state;
    assert_int_equal(mkdir(folder_file(f, "conf.d"), 0755), 0);
    folder_write(f, "main.yaml", "include: [conf.d/*.yaml, more.yaml]\n" MAIN);
    folder_write(f, "conf.d/20.yaml", "backends: { c: { servers: \"10.0.0.3:1\" } }\n");
    folder_write(f, "conf.d/10.yaml",
                 "include: deep.yaml\n"
                 "backends: { b: { servers: \"10.0.0.1:1\" } }\n");
    folder_write(f, "conf.d/deep.yaml.not", "broken: [\n");
    folder_write(f, "conf.d/deep.yaml", "workers: 3\n");
    folder_write(f, "more.yaml",
                 "sites: { t: { routes: [ { to: c } ] } }\n"
                 "listeners: { m: { bind: \":81\", site: t } }\n");
    /* deep.yaml fits the pattern too: */
    folder_expect(f, "main.yaml", "main.yaml:1:11: error: 'conf.d/deep.yaml' is included twice\n");

    folder_write(f, "conf.d/10.yaml",
                 "include: deep.yaml.inc\n"
                 "backends: { b: { servers: \"10.0.0.1:1\" } }\n");
    folder_write(f, "conf.d/deep.yaml.inc", "user: root\n");
    struct loaded *l = folder_load(f, "main.yaml");
    assert_non_null(l->config);
    assert_int_equal(l->report.messages_count, 0);
    assert_int_equal(l->config->workers, 3);
    assert_string_equal(l->config->user, "root");
    assert_int_equal(l->config->backends_count, 2);
    assert_string_equal(l->config->backends[0].name, "b"); /* by the files' names */
    assert_string_equal(l->config->backends[1].name, "c");
    assert_int_equal(l->config->sites_count, 2);
    assert_ptr_equal(l->config->listeners[1].site, &l->config->sites[1]);
    assert_ptr_equal(l->config->sites[1].routes[0].targets[0].backend, &l->config->backends[1]);
    assert_string_equal(strrchr(l->config->sites[1].routes[0].file, '/'), "/more.yaml");
    unload(l);
}

static void mistakes_in_included_files_have_their_place(void **state)
{
    struct folder *f = *state;
    folder_write(f, "main.yaml",
                 "include: [a.yaml, b.yaml, nowhere.yaml, list.yaml, empty.yaml, "
                 "none*.yaml]\nworkers: 1\n" MAIN);
    folder_write(f, "a.yaml", "backends:\n  b: { servers: \"10.0.0.1:1\", weight: 2 }\n");
    folder_write(f, "b.yaml", "workers: 2\nbackends:\n  b: { servers: 10.0.0.2 }\n");
    folder_write(f, "list.yaml", "- a\n");
    folder_write(f, "empty.yaml", "# nothing\n");
    folder_expect(
        f, "main.yaml",
        "main.yaml:1:27: error: cannot read 'nowhere.yaml': No such file or directory\n"
        "main.yaml:1:64: warning: no file is named like 'none*.yaml'\n"
        "a.yaml:2:31: error: unknown key 'weight' in backends.b; there is "
        "backends.NAME.servers[].weight\n"
        "b.yaml:1:1: error: duplicate key 'workers'; it stands already in main.yaml, line 2\n"
        "b.yaml:3:3: error: duplicate key 'b' in backends; it stands already in a.yaml, line 2\n"
        "b.yaml:3:17: error: '10.0.0.2': the port is missing (write 127.0.0.1:9000, [::1]:9000, "
        "app.internal:9000 or unix:/path)\n"
        "list.yaml:1:1: error: an included file holds a map, not a list\n");
    folder_write(f, "main.yaml", "include: { a: b }\n" MAIN REST_BACKENDS);
    folder_expect(f, "main.yaml",
                  "main.yaml:1:10: error: include wants a file name or a list of them\n");
}

static void cycles_of_includes_are_found(void **state)
{
    struct folder *f = *state;
    folder_write(f, "main.yaml", "include: main.yaml\n" MAIN REST_BACKENDS);
    folder_expect(f, "main.yaml", "main.yaml:1:10: error: a cycle: 'main.yaml' includes itself\n");
    folder_write(f, "main.yaml", "include: a.yaml\n" MAIN REST_BACKENDS);
    folder_write(f, "a.yaml", "include: b.yaml\n");
    folder_write(f, "b.yaml", "include: main.yaml\n");
    folder_expect(f, "main.yaml",
                  "b.yaml:1:10: error: a cycle: 'main.yaml' includes itself through "
                  "the files between\n");
    char name[32], text[64];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "deep%d.yaml", i);
        snprintf(text, sizeof text, "include: deep%d.yaml\n", i + 1);
        folder_write(f, name, text);
    }
    folder_write(f, "main.yaml", "include: deep0.yaml\n" MAIN REST_BACKENDS);
    folder_expect(f, "main.yaml", "deep7.yaml:1:10: error: includes nest deeper than 8 files\n");
}

static void what_cannot_be_read_is_said(void **state)
{
    struct folder *f = *state;
    folder_expect(f, "nowhere.yaml",
                  ":0:0: error: cannot read 'nowhere.yaml': No such file or directory\n");
    assert_int_equal(mkdir(folder_file(f, "folder"), 0755), 0);
    folder_expect(f, "folder", ":0:0: error: cannot read 'folder': Is a directory\n");
    folder_write(f, "main.yaml", "include: folder\n" MAIN REST_BACKENDS);
    folder_expect(f, "main.yaml", "main.yaml:1:10: error: cannot read 'folder': Is a directory\n");
    const struct config_input in = { .path = "/dev/zero" };
    struct loaded *l = load_input(&in);
    assert_string_equal(l->report.messages[0].text,
                        "'/dev/zero' and what was read before are larger than 8 MiB");
    unload(l);
}

/* ---- What values name ----------------------------------------------------------------------- */

static void lists_of_networks_come_from_files(void **state)
{
    struct folder *f = *state;
    folder_write(f, "office", "# the office\n10.1.0.0/16   # first floor\n\n  2001:db8::/32\r\n");
    folder_write(f, "main.yaml",
                 IN_SITE("allow: { file: office, networks: 192.0.2.1 }, deny: { file: [office] }"));
    struct loaded *l = folder_load(f, "main.yaml");
    assert_int_equal(l->report.messages_count, 0);
    const struct access_config *a = &l->config->sites[0].handling.access;
    assert_int_equal(a->allows_count, 1);
    assert_int_equal(a->allows[0].items_count, 3);
    assert_int_equal(a->deny.items_count, 2);
    unload(l);
    folder_write(f, "office", "10.1.0.0/16\n10.1.0.1/16 # no\nnonsense\n");
    folder_expect(f, "main.yaml",
                  "office:2:1: error: '10.1.0.1/16': the address has bits behind the prefix\n"
                  "office:3:1: error: 'nonsense': not an IP address or network\n");
}

#define HASH "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"

static void users_come_from_a_file(void **state)
{
    struct folder *f = *state;
    folder_write(f, "users", "# who may\nzoe:" HASH "\nadam:$6$salt$hash:with colon\n");
    folder_write(f, "main.yaml", IN_SITE("basic_auth: users"));
    struct loaded *l = folder_load(f, "main.yaml");
    assert_int_equal(l->report.messages_count, 0);
    const struct basic_auth_config *auth = l->config->sites[0].handling.basic_auth;
    assert_int_equal(auth->users_count, 2);
    assert_true(str_eq(auth->users[0].name, STR("adam")));
    assert_true(str_eq(auth->users[0].hash, STR("$6$salt$hash:with colon")));
    assert_true(str_eq(auth->users[1].hash, STR(HASH)));
    assert_true(str_eq(auth->realm, STR("restricted")));
    assert_int_equal(l->config->sources_count, 1); /* hashes are not kept to be shown */
    unload(l);
}

static void wrong_users_are_said_without_showing_their_line(void **state)
{
    struct folder *f = *state;
    folder_write(f, "users", "bob:secret\nno colon\n:x\neve:$apr1$x$y\n");
    folder_write(f, "main.yaml", IN_SITE("basic_auth: { users: users, realm: R }"));
    folder_expect(f, "main.yaml",
                  "users:1:1: error: user 'bob': this kind of hash is not read; write it with "
                  "htpasswd -B (bcrypt)\n"
                  "users:2:1: error: not NAME:HASH\n"
                  "users:3:1: error: not NAME:HASH\n"
                  "users:4:1: error: user 'eve': this kind of hash is not read; write it with "
                  "htpasswd -B (bcrypt)\n");
    struct loaded *l = folder_load(f, "main.yaml");
    for (uint32_t i = 0; i < l->report.messages_count; i++)
        assert_null(l->report.messages[i].source_line);
    unload(l);
    folder_write(f, "users", "bob:" HASH "\nbob:" HASH "\n");
    folder_expect(f, "main.yaml", "users:0:0: error: user 'bob' stands there twice\n");
    folder_write(f, "users", "");
    folder_expect(f, "main.yaml",
                  "main.yaml:2:22: warning: 'users' names no user: nobody can come in\n");
}

static struct str text_of(const struct template *t, uint32_t i)
{
    assert_true(i < t->parts_count);
    return t->parts[i].text;
}

static void pages_come_from_files(void **state)
{
    struct folder *f = *state;
    folder_write(f, "5xx.html", "<p>$status: $5 and ${PORT}, $(x) $request_id");
    folder_write(f, "404.json", "{}");
    folder_write(f, "main.yaml",
                 IN_SITE("error_pages: { 404: 404.json, 5xx: 5xx.html, 4xx: 5xx.html },"
                         "maintenance: { enabled: true, page: 404.json, retry_after: 2m }"));
    struct loaded *l = folder_load(f, "main.yaml");
    assert_int_equal(l->report.messages_count, 0);
    const struct site_config *s = &l->config->sites[0];
    const struct error_pages *p = &s->handling.error_pages;
    assert_int_equal(p->items_count, 3);
    assert_int_equal(p->items[0].status_min, 500); /* classes first: the last that fits wins */
    assert_int_equal(p->items[1].status_max, 499);
    assert_int_equal(p->items[2].status_min, 404);
    assert_int_equal(p->items[2].status_max, 404);
    assert_true(str_eq(p->items[2].content_type, STR("application/json")));
    const struct template *body = &p->items[0].body;
    assert_int_equal(body->parts_count, 4);
    assert_true(str_eq(text_of(body, 0), STR("<p>")));
    assert_int_equal(body->parts[1].what, VAR_STATUS);
    assert_true(str_eq(text_of(body, 2), STR(": $5 and ${PORT}, $(x) ")));
    assert_int_equal(body->parts[3].what, VAR_REQUEST_ID);
    assert_true(s->maintenance.on);
    assert_int_equal(s->maintenance.retry_after_s, 120);
    assert_non_null(s->maintenance.page);
    unload(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(included_files_join_the_top_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_included_files_have_their_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cycles_of_includes_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_of_networks_come_from_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(users_come_from_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_users_are_said_without_showing_their_line, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pages_come_from_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
