/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in files beside the configuration: lists of networks, users, pages. They are read
 * with it, and again with each reload. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/inputs.h"
#include "core/config/lines.h"

#define PAGE_BYTES_MAX ((size_t)1 << 20)

/* ---- Networks ------------------------------------------------------------------------------- */

bool load_networks(struct loader *l, const struct node *n, const char *path, struct networks *out)
{
    struct source *s = tree_read_data(l->tree, path, n->place, false);
    if (!s)
        return false;
    struct lines counting = { .source = s }, lines = { .source = s };
    struct str line;
    uint32_t count = 0;
    while (next_line(&counting, &line))
        count++;
    struct network *all = load_extend(l, out->items, out->items_count, count, sizeof *all);
    if (count && !all)
        return false;
    struct networks to = { all, out->items_count };
    while (next_line(&lines, &line)) {
        const char *hash = memchr(line.ptr, '#', line.len), *why;
        struct str text =
            hash ? line_trim((struct str){ line.ptr, (size_t)(hash - line.ptr) }) : line;
        if (network_parse(text, &to.items[to.items_count], &why))
            to.items_count++;
        else
            report_error(l->report, line_place(&lines, text), "'%s': %s", quote(text).text, why);
    }
    *out = to;
    return true;
}

/* ---- Users ---------------------------------------------------------------------------------- */

/* Hashes that are slow on purpose; those of crypt(3). */
static bool known_hash(struct str hash)
{
    static const char *const prefixes[] = { "$2y$", "$2b$", "$2a$", "$6$", "$5$", "$y$" };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t n = strlen(prefixes[i]);
        if (hash.len > n && memcmp(hash.ptr, prefixes[i], n) == 0)
            return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    struct str x = ((const struct basic_user *)a)->name, y = ((const struct basic_user *)b)->name;
    int c = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return c ? c : x.len < y.len ? -1 : x.len > y.len;
}

/* One line of a file as htpasswd makes it. */
static bool read_user(struct loader *l, struct place at, struct str line, struct basic_user *u)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct str name = { line.ptr, colon ? (size_t)(colon - line.ptr) : 0 };
    struct str hash = { colon ? colon + 1 : NULL, colon ? line.len - name.len - 1 : 0 };
    if (name.len == 0) {
        report_error(l->report, at, "not NAME:HASH");
        return false;
    }
    if (!known_hash(hash)) {
        report_error(l->report, at,
                     "user '%s': this kind of hash is not read; write it with "
                     "htpasswd -B (bcrypt)",
                     quote(name).text);
        return false;
    }
    u->name = load_str(l, name);
    u->hash = load_str(l, hash);
    return u->name.ptr && u->hash.ptr;
}

static void read_users(struct loader *l, const struct node *n, struct basic_auth_config *auth)
{
    struct source *s = tree_read_data(l->tree, auth->path, n->place, true);
    if (!s)
        return;
    struct lines counting = { .source = s }, lines = { .source = s };
    struct str line;
    uint32_t count = 0;
    while (next_line(&counting, &line))
        count++;
    auth->users = load_extend(l, NULL, 0, count, sizeof *auth->users);
    while (auth->users && next_line(&lines, &line))
        if (read_user(l, line_place(&lines, line), line, &auth->users[auth->users_count]))
            auth->users_count++;
    if (count == 0)
        report_warning(l->report, n->place, "'%s' names no user: nobody can come in", auth->path);
    if (auth->users)
        qsort(auth->users, auth->users_count, sizeof *auth->users, by_name);
    for (uint32_t i = 1; i < auth->users_count; i++)
        if (str_eq(auth->users[i].name, auth->users[i - 1].name))
            report_error(l->report, (struct place){ .source = s }, "user '%s' stands there twice",
                         quote(auth->users[i].name).text);
}

void take_basic_auth(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    struct basic_auth_config *auth = NULL;
    const struct basic_auth_input *in = read;
    if (count) {
        auth = load_alloc(l, sizeof *auth);
        if (!auth || !in->users)
            return;
        auth->realm = in->realm.len ? in->realm : STR("restricted");
        auth->path = in->users;
        const struct node *users = node_get(n, STR("users"));
        read_users(l, users ? users : n, auth);
    }
    *(const struct basic_auth_config **)out = auth;
}

/* ---- Pages ---------------------------------------------------------------------------------- */

static struct str content_type(const char *path)
{
    static const struct {
        const char *ending;
        struct str type;
    } types[] = {
        { ".json", { "application/json", 16 } },
        { ".txt", { "text/plain; charset=utf-8", 25 } },
    };
    size_t len = strlen(path);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i].ending);
        if (len > n && strcmp(path + len - n, types[i].ending) == 0)
            return types[i].type;
    }
    return STR("text/html; charset=utf-8");
}

static bool read_page(struct loader *l, const struct node *n, struct error_page *page)
{
    struct source *s = tree_read_data(l->tree, page->path, n->place, false);
    if (!s)
        return false;
    if (s->text.len > PAGE_BYTES_MAX) {
        report_error(l->report, n->place, "'%s' is larger than %zu MiB", page->path,
                     PAGE_BYTES_MAX >> 20);
        return false;
    }
    page->content_type = content_type(page->path);
    return template_parse(l, n->place, s->text, TEMPLATE_PAGE, &page->body);
}

void take_error_pages(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    struct error_pages *to = &((struct handling *)out)->error_pages;
    const struct error_page *more = read;
    struct error_page *all = load_extend(l, to->items, to->items_count, count, sizeof *all);
    const struct node *item = n->first;
    if (!all)
        return;
    /* A class before single statuses: the last that fits wins. */
    uint32_t at = to->items_count;
    for (int single = 0; single < 2; single++, item = n->first) {
        for (uint32_t i = 0; i < count; i++, item = item->next) {
            if (!more[i].path || single != (more[i].status_min == more[i].status_max))
                continue;
            all[at] = more[i];
            if (read_page(l, item, &all[at]))
                at++;
        }
    }
    *to = (struct error_pages){ all, at };
}

void take_maintenance(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)count;
    const struct maintenance_input *in = read;
    struct maintenance_config *m = out;
    *m = (struct maintenance_config){ .on = in->enabled,
                                      .retry_after_s = in->retry_after_s,
                                      .except = in->except };
    const struct node *page = node_get(n, STR("page"));
    if (!page || !in->page)
        return;
    struct error_page *p = load_alloc(l, sizeof *p);
    if (!p)
        return;
    *p = (struct error_page){ .status_min = 503, .status_max = 503, .path = in->page };
    if (read_page(l, page, p))
        m->page = p;
}
