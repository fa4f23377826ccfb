/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of hosts, one a line, and after an empty line what CONNECT asks for: the list answers as
 * the plain way does, whatever has been left out of it; what comes out as a host is one, and stays
 * it. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/out.h"
#include "core/base/suffix_set.h"
#include "core/http/h1_head.h"
#include "core/http/target.h"

#define NAMES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct name {
    char text[HOST_NAME_BYTES_MAX + 1];
    size_t len;
};

/* The next line; false: an empty one, or the end. */
static bool next_line(struct str *rest, struct str *line)
{
    const char *lf = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    *line = (struct str){ rest->ptr, lf ? (size_t)(lf - rest->ptr) : rest->len };
    size_t taken = line->len + (lf != NULL);
    *rest = (struct str){ rest->ptr + taken, rest->len - taken };
    return line->len > 0;
}

static bool holds(const struct name *upper, struct str name)
{
    return name.len >= upper->len &&
           memcmp(name.ptr + name.len - upper->len, upper->text, upper->len) == 0 &&
           (name.len == upper->len || name.ptr[name.len - upper->len - 1] == '.');
}

static void check_set(const struct suffix_set *s, const struct name *names, uint32_t count,
                      struct str host)
{
    size_t held_len = 0;
    bool expected = false;
    for (uint32_t i = 0; i < count; i++)
        expected = expected || holds(&names[i], host);
    CHECK(suffix_set_has(s, host, &held_len) == expected);
    CHECK(!expected || (held_len > 0 && held_len <= host.len));
}

static void check_connect(struct str authority, const struct suffix_set *s,
                          const struct name *names, uint32_t count)
{
    static char text[4096];
    struct http_head h;
    struct target t;
    struct arena a;
    enum end_reason why;
    struct name host, again;
    bool is_ip, still;
    struct out o = out_into(text, sizeof text);
    out_lit(&o, "CONNECT ");
    out_str(&o, authority);
    out_lit(&o, " HTTP/1.1\r\nHost: a\r\n\r\n");
    if (o.full || h1_parse_request(text, out_len(&o), 0, &h, &why) != H1_DONE)
        return;
    arena_init(&a, NULL, 0, 1 << 20);
    if (target_parse(&h, &a, &t) == END_OK) {
        CHECK(t.form == TARGET_AUTHORITY && t.port > 0 && t.port <= 65535);
        host.len = host_name_normal(t.host, host.text, &is_ip);
        CHECK(host.len <= HOST_NAME_BYTES_MAX);
        if (host.len) {
            again.len = host_name_normal((struct str){ host.text, host.len }, again.text, &still);
            CHECK(again.len == host.len && still == is_ip &&
                  memcmp(again.text, host.text, host.len) == 0);
            check_set(s, names, count, (struct str){ host.text, host.len });
        }
    }
    arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct name names[NAMES_MAX];
    struct suffix_builder b = { 0 };
    struct suffix_set s = { 0 };
    struct str rest = { (const char *)bytes, len }, line;
    uint32_t count = 0;
    while (count < NAMES_MAX && next_line(&rest, &line)) {
        const char *why = NULL;
        bool is_ip, added = suffix_builder_add(&b, line, &why);
        CHECK(added || why);
        if (!added)
            continue;
        if (line.len > 1 && line.ptr[0] == '.')
            line = (struct str){ line.ptr + 1, line.len - 1 };
        names[count].len = host_name_normal(line, names[count].text, &is_ip);
        CHECK(names[count].len > 0);
        count++;
    }
    size_t size = suffix_builder_seal(&b);
    void *memory = malloc(size + 1);
    CHECK(memory);
    if (size)
        suffix_builder_write(&b, memory, &s);
    suffix_builder_free(&b);
    for (uint32_t i = 0; i < count; i++)
        check_set(&s, names, count, (struct str){ names[i].text, names[i].len });
    while (next_line(&rest, &line))
        check_connect(line, &s, names, count);
    free(memory);
    return 0;
}
