/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a file that a configuration names: users, networks, a page; the first byte says
 * which. It is taken or refused with a message that shows no secret. */
#include <errno.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/load.h"

#define BYTES_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *const configs[] = {
    "basic_auth: { users: file }",
    "deny: { file: file }",
    "error_pages: { 5xx: file.html }",
};

/* Every file has the same text. */
struct one_file {
    struct config_files files;
    struct str text;
};

static struct file_read read_it(struct config_files *f, const char *path, size_t bytes_max)
{
    (void)path;
    struct str text = container_of(f, struct one_file, files)->text;
    if (text.len > bytes_max)
        return (struct file_read){ .err = FILE_TOO_LARGE };
    struct file_read r = { .text = malloc(text.len + 1), .len = text.len };
    CHECK(r.text);
    if (text.len)
        memcpy(r.text, text.ptr, text.len);
    return r;
}

static struct files_found find_none(struct config_files *f, const char *pattern)
{
    (void)f;
    (void)pattern;
    return (struct files_found){ .err = GLOB_NOMATCH };
}

static void check_users(const struct basic_auth_config *a)
{
    for (uint32_t i = 0; a && i < a->users_count; i++) {
        struct str name = a->users[i].name, hash = a->users[i].hash;
        CHECK(name.len > 0 && hash.len > 3 && hash.ptr[0] == '$');
        CHECK(!memchr(name.ptr, ':', name.len) && !memchr(name.ptr, '\n', name.len));
        CHECK(i == 0 || !str_eq(name, a->users[i - 1].name));
    }
}

static void check_networks(const struct networks *n)
{
    for (uint32_t i = 0; i < n->items_count; i++)
        CHECK(n->items[i].bits <= (n->items[i].family == AF_INET ? 32 : 128));
}

/* A name may be shown, and may look like a hash. */
static bool name_has_dollar(struct str text)
{
    bool name = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '$' && name)
            return true;
        name = text.ptr[i] == '\n' || (name && text.ptr[i] != ':');
    }
    return false;
}

/* Of a secret file no line is quoted. */
static void check_report(const struct config_report *r)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    CHECK(f);
    config_report_print(r, f, false);
    config_report_print_json(r, f);
    CHECK(fclose(f) == 0);
    CHECK(!strstr(text, "$2y$") && !strstr(text, "$6$"));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0 || len > BYTES_MAX)
        return 0;
    unsigned which = bytes[0] % ARRAY_LEN(configs);
    char yaml[400];
    int n = snprintf(yaml, sizeof yaml,
                     "listeners: { l: { bind: \":80\", site: s } }\n"
                     "sites: { s: { %s, routes: [ { respond: {} } ] } }\n",
                     configs[which]);
    struct one_file file = { { read_it, find_none }, { (const char *)bytes + 1, len - 1 } };
    const struct config_input in = { .path = "fuzz.yaml",
                                     .text = { yaml, (size_t)n },
                                     .files = &file.files };
    struct config_report report;
    config_report_init(&report);
    struct config *c = config_load_input(&in, &report);
    CHECK((c == NULL) == (report.errors_count > 0));
    if (c) {
        check_users(c->sites[0].handling.basic_auth);
        check_networks(&c->sites[0].handling.access.deny);
    }
    if (which == 0 && !name_has_dollar(file.text))
        check_report(&report);
    config_free(c);
    config_report_free(&report);
    return 0;
}
