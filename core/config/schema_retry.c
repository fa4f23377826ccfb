/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of what happens when a server does not answer well, and of servers that clients
 * stick to. */
#include <string.h>

#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Retries: of a backend, or of a route --------------------------------------------------- */

static void seal(struct loader *l, const struct node *n, struct retry_config *r)
{
    static const struct {
        struct str word;
        uint32_t bit;
    } words[] = {
        { { "connect", 7 }, RETRY_CONNECT },
        { { "reset", 5 }, RETRY_RESET },
        { { "timeout", 7 }, RETRY_TIMEOUT },
        { { "5xx", 3 }, RETRY_5XX },
    };
    const struct node *on = n->kind == NODE_MAP ? node_get(n, STR("on")) : NULL;
    r->on = on ? RETRY_SAID : RETRY_CONNECT | RETRY_RESET | (r->try_ms ? RETRY_TIMEOUT : 0);
    for (uint32_t i = 0; i < r->words.items_count; i++) {
        struct str word = r->words.items[i];
        uint32_t bit = 0, status = 0;
        for (size_t k = 0; k < ARRAY_LEN(words); k++)
            bit |= str_eq(word, words[k].word) ? words[k].bit : 0;
        if (!bit && word.len == 3 && strspn(word.ptr, "0123456789") >= 3)
            status = (uint32_t)(word.ptr[0] - '0') * 100 + (uint32_t)(word.ptr[1] - '0') * 10 +
                     (uint32_t)(word.ptr[2] - '0');
        if (status >= 400 && status <= 599 && r->statuses_count < ARRAY_LEN(r->statuses))
            r->statuses[r->statuses_count++] = (uint16_t)status;
        else if (!bit)
            report_error(l->report, on->place,
                         "'%s' is none of connect, reset, timeout, 5xx or up to %zu statuses from "
                         "400 to 599",
                         quote(word).text, ARRAY_LEN(r->statuses));
        r->on |= bit;
    }
}

static void end_backend_retries(struct loader *l, const struct node *n, void *out)
{
    seal(l, n, &((struct backend_config *)out)->retry);
}

static void end_route_retries(struct loader *l, const struct node *n, void *out)
{
    seal(l, n, out);
}

#define RETRY_ROWS(type, in)                                                                       \
    { KEY("attempts"), VALUE(type, in attempts_max, value_number), DEFAULT(ATTEMPTS_DEFAULT),      \
      BOUNDS(1, ATTEMPTS_MAX), .doc = "How many servers a request may try, the first included." }, \
        { KEY("on"), EXAMPLE("[connect, reset, 503]"), STRINGS(type, in words, value_retry_cause), \
          .otherwise = "connect and reset; with try_timeout also timeout",                         \
          .doc = "After what: connect (no connection could be made), reset (the connection broke " \
                 "before an answer), timeout (no answer in time), 5xx, or statuses. The answer "   \
                 "of the last server is passed on." },                                             \
        { KEY("non_idempotent"), VALUE(type, in non_idempotent, value_bool), DEFAULT(false),       \
          .doc = "Also requests that a server may have begun to process and that must not be "     \
                 "processed twice, such as POST." },                                               \
        { KEY("budget"), VALUE(type, in budget_ppm, value_percent), DEFAULT(200000),               \
          BOUNDS(0, 1000000),                                                                      \
          .doc = "Retries may be such a share of all requests, and a hundred at once. Beyond, "    \
                 "failures are passed on, so that retries do not overload what is left." },        \
    {                                                                                              \
        KEY("try_timeout"), EXAMPLE("2s"), VALUE(type, in try_ms, value_duration),                 \
            BOUNDS(1, 3600000),                                                                    \
            .otherwise = "none",                                                                   \
            .doc = "For each server to begin its answer, the connection included."                 \
    }

static const struct schema_key backend_retries_keys[] = {
    RETRY_ROWS(backend_config, retry.),
    { KEY("backoff_min"), VALUE(backend_config, backoff_min_ms, value_duration),
      DEFAULT(SERVER_BACKOFF_MIN_MS), BOUNDS(1, 3600000),
      .doc = "How long a server that does not accept connections is left alone at first." },
    { KEY("backoff_max"), VALUE(backend_config, backoff_max_ms, value_duration),
      DEFAULT(SERVER_BACKOFF_MAX_MS), BOUNDS(1, 3600000),
      .doc = "The time doubles up to this one." },
};
const struct schema_object schema_backend_retries = {
    OBJECT_OF("retries", backend_config, backend_retries_keys),
    .inherits = true,
    .end = end_backend_retries,
};

static const struct schema_key route_retries_keys[] = { RETRY_ROWS(retry_config, ) };
const struct schema_object schema_route_retries = {
    OBJECT_OF("route_retries", retry_config, route_retries_keys),
    .end = end_route_retries,
};

void take_retries(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)n;
    (void)count;
    struct retry_config *r = load_alloc(l, sizeof *r);
    if (r)
        *r = *(const struct retry_config *)read;
    *(const struct retry_config **)out = r;
}

/* ---- Sticky servers ------------------------------------------------------------------------- */

/* The secret is what the file holds, without white space at its ends. */
static void end_sticky(struct loader *l, const struct node *n, void *out)
{
    struct sticky_config *s = out;
    const struct node *file = n->kind == NODE_MAP ? node_get(n, STR("secret")) : n;
    struct source *source =
        s->path && file ? tree_read_data(l->tree, s->path, file->place, true) : NULL;
    if (!s->cookie.len)
        s->cookie = STR("sluice_server");
    if (s->cookie.len > STICKY_NAME_BYTES_MAX)
        report_error(l->report, n->place, "the cookie's name is longer than %d bytes",
                     STICKY_NAME_BYTES_MAX);
    if (!source)
        return;
    struct str text = source->text;
    while (text.len && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    if (text.len < 16)
        report_error(l->report, file->place,
                     "'%s' holds less than 16 bytes (make it with: openssl rand -hex 32)",
                     quote(str_of(s->path)).text);
    s->secret = load_str(l, text);
}

static const struct schema_key sticky_keys[] = {
    { KEY("secret"), EXAMPLE("/etc/sluice/sticky.key"), VALUE(sticky_config, path, value_file),
      .required = true,
      .doc = "A file with a secret of 16 bytes or more, the same on all machines that serve the "
             "site. Without it nobody can make a cookie." },
    { KEY("cookie"), EXAMPLE("srv"), VALUE(sticky_config, cookie, value_token),
      .otherwise = "sluice_server", .doc = "Its name." },
    { KEY("max_age"), EXAMPLE("1d"), VALUE(sticky_config, max_age_s, value_seconds),
      BOUNDS(1, 34560000), .otherwise = "as long as the browser runs",
      .doc = "How long browsers keep it." },
    { KEY("secure"), VALUE(sticky_config, secure, value_bool), DEFAULT(false),
      .doc = "Browsers send it over TLS only." },
};
const struct schema_object schema_sticky = {
    OBJECT_OF("sticky", sticky_config, sticky_keys),
    .shorthand = "secret",
    .end = end_sticky,
};
