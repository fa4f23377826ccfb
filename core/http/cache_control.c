/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/cache_control.h"

#include "core/base/check.h"
#include "core/http/chars.h"
#include "core/http/structured.h"

struct directive {
    struct str name;
    enum cache_directive bit;
    uint16_t seconds; /* where its value goes; 0: it has none */
    uint32_t worst;   /* of its values: what a malformed one is taken for */
};

/* No seconds are the first member of their struct. */
#define SECONDS(member) offsetof(struct cache_control, member)
_Static_assert(offsetof(struct cache_control, given) == 0, "0 says that there are no seconds");

static const struct directive directives[] = {
    { { "no-store", 8 }, CC_NO_STORE, 0, 0 },
    { { "no-cache", 8 }, CC_NO_CACHE, 0, 0 },
    { { "private", 7 }, CC_PRIVATE, 0, 0 },
    { { "public", 6 }, CC_PUBLIC, 0, 0 },
    { { "must-revalidate", 15 }, CC_MUST_REVALIDATE, 0, 0 },
    { { "proxy-revalidate", 16 }, CC_PROXY_REVALIDATE, 0, 0 },
    { { "must-understand", 15 }, CC_MUST_UNDERSTAND, 0, 0 },
    { { "no-transform", 12 }, CC_NO_TRANSFORM, 0, 0 },
    { { "only-if-cached", 14 }, CC_ONLY_IF_CACHED, 0, 0 },
    { { "immutable", 9 }, CC_IMMUTABLE, 0, 0 },
    { { "max-age", 7 }, CC_MAX_AGE, SECONDS(max_age_s), 0 },
    { { "s-maxage", 8 }, CC_S_MAXAGE, SECONDS(s_maxage_s), 0 },
    { { "max-stale", 9 }, CC_MAX_STALE, SECONDS(max_stale_s), 0 },
    { { "min-fresh", 9 }, CC_MIN_FRESH, SECONDS(min_fresh_s), DELTA_SECONDS_MAX },
    { { "stale-while-revalidate", 22 },
      CC_STALE_WHILE_REVALIDATE,
      SECONDS(stale_while_revalidate_s),
      0 },
    { { "stale-if-error", 14 }, CC_STALE_IF_ERROR, SECONDS(stale_if_error_s), 0 },
};

static const struct directive *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(directives); i++)
        if (str_eq_fold(directives[i].name, name))
            return &directives[i];
    return NULL;
}

/* A second value that says something else is as bad as a malformed one (RFC 9111 4.2.1). */
static void set_seconds(struct cache_control *cc, const struct directive *d, uint32_t seconds)
{
    uint32_t *at = (uint32_t *)(void *)((char *)cc + d->seconds);
    *at = cc->given & d->bit && *at != seconds ? d->worst : seconds;
}

/* Digits, also quoted (RFC 9111 5.2: recipients take both forms). */
static bool parse_seconds(struct str v, uint32_t *seconds)
{
    if (v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"')
        v = (struct str){ v.ptr + 1, v.len - 2 };
    if (v.len == 0)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < v.len; i++) {
        if (!char_is_digit(v.ptr[i]))
            return false;
        sum = sum * 10 + (uint64_t)(v.ptr[i] - '0');
        if (sum > DELTA_SECONDS_MAX)
            sum = DELTA_SECONDS_MAX;
    }
    *seconds = (uint32_t)sum;
    return true;
}

static void read_directive(struct cache_control *cc, struct str element)
{
    size_t name_len = chars_token(element.ptr, element.len);
    const struct directive *d = find((struct str){ element.ptr, name_len });
    if (!d)
        return;
    struct str value = { element.ptr + name_len, element.len - name_len };
    bool has_value = value.len > 0 && value.ptr[0] == '=';
    if (d->seconds) {
        uint32_t seconds = d->worst;
        if (has_value)
            parse_seconds((struct str){ value.ptr + 1, value.len - 1 }, &seconds);
        else if (value.len == 0 && d->bit == CC_MAX_STALE)
            seconds = DELTA_SECONDS_MAX;
        set_seconds(cc, d, seconds);
    } else if (value.len && !has_value) {
        return; /* "public nonsense" */
    }
    cc->given |= d->bit;
}

void cache_control_read(struct cache_control *cc, const struct http_head *h)
{
    *cc = (struct cache_control){ 0 };
    const struct http_field *f = head_field(h, FIELD_CACHE_CONTROL);
    for (; f; f = head_field_next(h, f)) {
        struct str rest = head_value(h, f), element;
        while (http_list_next(&rest, &element))
            read_directive(cc, element);
    }
}

/* RFC 9213 2.1: what has seconds is an integer; what has none is a boolean, or has field names,
 * which count like none. What is of another type means nothing. Of two members the last counts. */
static void read_member(struct cache_control *cc, const struct sf_member *m)
{
    const struct directive *d = find(m->key);
    if (!d)
        return;
    cc->given &= ~(uint32_t)d->bit;
    if (!d->seconds) {
        if (m->type != SF_BOOLEAN || m->integer)
            cc->given |= d->bit;
        return;
    }
    if (m->type != SF_INTEGER)
        return;
    int64_t seconds = m->integer < 0 ? (int64_t)d->worst : m->integer;
    if (seconds > (int64_t)DELTA_SECONDS_MAX)
        seconds = DELTA_SECONDS_MAX;
    set_seconds(cc, d, (uint32_t)seconds);
    cc->given |= d->bit;
}

bool cache_control_read_targeted(struct cache_control *cc, const struct http_head *h,
                                 struct str name)
{
    *cc = (struct cache_control){ 0 };
    bool any = false;
    for (uint32_t i = 0; i < h->fields_count; i++) {
        if (!str_eq_fold(head_str(h, h->fields[i].name), name))
            continue;
        struct str rest = head_value(h, &h->fields[i]);
        struct sf_member m;
        enum sf_result r;
        while ((r = sf_dictionary_next(&rest, &m)) == SF_MEMBER) {
            read_member(cc, &m);
            any = true;
        }
        if (r == SF_ERROR)
            return false;
    }
    return any;
}
