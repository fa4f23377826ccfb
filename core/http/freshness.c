/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/freshness.h"

#include "core/http/chars.h"
#include "core/http/date.h"

/* --- what the response says --- */

static uint32_t clamp_s(uint64_t s)
{
    return s > DELTA_SECONDS_MAX ? DELTA_SECONDS_MAX : (uint32_t)s;
}

/* The date in the first field of that id; false: none, or it is not one. */
/* Good until 2106; a clock beyond stands still for us. */
static uint32_t seconds32(uint64_t s)
{
    return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static bool date_of(const struct http_head *h, enum http_field_id id, uint64_t now_s, uint64_t *s)
{
    const struct http_field *f = head_field(h, id);
    return f && http_date_parse(head_value(h, f), now_s, s);
}

/* RFC 9111 5.1: of several values the first; what is no number counts as absent. */
static uint32_t age_value_s(const struct http_head *h)
{
    const struct http_field *f = head_field(h, FIELD_AGE);
    struct str rest = f ? head_value(h, f) : (struct str){ 0 }, first;
    if (!f || !http_list_next(&rest, &first))
        return 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < first.len; i++) {
        if (!char_is_digit(first.ptr[i]))
            return 0;
        sum = sum * 10 + (uint64_t)(first.ptr[i] - '0');
        if (sum > DELTA_SECONDS_MAX)
            sum = DELTA_SECONDS_MAX;
    }
    return (uint32_t)sum;
}

/* RFC 9111 4.2.3: the larger of what the date and what the caches before us say. */
static uint64_t age_at_receipt_s(const struct http_head *h, uint64_t date_s, uint64_t requested_s,
                                 uint64_t received_s)
{
    uint64_t apparent = received_s > date_s ? received_s - date_s : 0;
    uint64_t delay = received_s > requested_s ? received_s - requested_s : 0;
    uint64_t corrected = age_value_s(h) + delay;
    /* Without an Age there was no cache on the way, and what is apparent is a clock's error or an
     * old Date: that of an answer kept somewhere without saying so. */
    return apparent > corrected ? apparent : corrected;
}

/* RFC 9110 15.1 */
static bool heuristically_cacheable(unsigned status)
{
    switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
        return true;
    default:
        return false;
    }
}

/* RFC 9111 4.2.2 */
static uint32_t heuristic_s(const struct http_head *h, const struct freshness_rules *rules,
                            uint64_t date_s, const struct cache_control *cc)
{
    uint64_t modified_s;
    if (!heuristically_cacheable(h->status) && !(cc->given & CC_PUBLIC))
        return 0;
    if (rules->heuristic_percent == 0 || !date_of(h, FIELD_LAST_MODIFIED, date_s, &modified_s) ||
        modified_s >= date_s)
        return rules->default_s;
    uint64_t s = (date_s - modified_s) * rules->heuristic_percent / 100;
    return s > rules->heuristic_max_s ? rules->heuristic_max_s : (uint32_t)s;
}

/* RFC 9111 4.2.1: for shared caches. An Expires that is no date is in the past (5.3). */
static uint32_t lifetime_s(struct freshness *f, const struct http_head *h,
                           const struct freshness_rules *rules, const struct cache_control *cc,
                           bool targeted, uint64_t date_s)
{
    f->explicit_lifetime = true;
    if (cc->given & CC_S_MAXAGE)
        return cc->s_maxage_s;
    if (cc->given & CC_MAX_AGE)
        return cc->max_age_s;
    const struct http_field *expires = targeted ? NULL : head_field(h, FIELD_EXPIRES);
    if (expires) {
        uint64_t until_s;
        bool one = !head_field_next(h, expires) &&
                   http_date_parse(head_value(h, expires), date_s, &until_s);
        return one && until_s > date_s ? clamp_s(until_s - date_s) : 0;
    }
    f->explicit_lifetime = false;
    return heuristic_s(h, rules, date_s, cc);
}

/* Pragma: no-cache means something in requests only (RFC 9111 5.4). */
static bool read_control(struct cache_control *cc, const struct http_head *h,
                         const struct freshness_rules *rules)
{
    if (rules->targeted.len && cache_control_read_targeted(cc, h, rules->targeted))
        return true;
    cache_control_read(cc, h);
    return false;
}

void freshness_read(struct freshness *f, const struct http_head *h,
                    const struct freshness_rules *rules, uint64_t requested_s, uint64_t received_s)
{
    struct cache_control cc;
    *f = (struct freshness){ 0 };
    bool targeted = read_control(&cc, h, rules);
    uint64_t date_s = received_s;
    date_of(h, FIELD_DATE, received_s, &date_s);
    uint64_t age_s = age_at_receipt_s(h, date_s, requested_s, received_s);
    f->born_s = seconds32(received_s > age_s ? received_s - age_s : 0);
    f->lifetime_s = lifetime_s(f, h, rules, &cc, targeted, date_s);
    if (rules->override_s) {
        f->lifetime_s = rules->override_s;
        f->born_s = seconds32(received_s);
        f->explicit_lifetime = true;
    }
    f->always_ask = cc.given & CC_NO_CACHE;
    f->never_stale = cc.given & (CC_MUST_REVALIDATE | CC_PROXY_REVALIDATE | CC_S_MAXAGE);
    f->stale_while_revalidate_s =
        cc.given & CC_STALE_WHILE_REVALIDATE ? cc.stale_while_revalidate_s : rules->grace_s;
    f->stale_if_error_s = cc.given & CC_STALE_IF_ERROR ? cc.stale_if_error_s : rules->grace_s;
}

/* --- may it be kept --- */

/* Statuses whose meaning this cache knows and keeps to (must-understand, RFC 9111 5.2.2.3). */
static bool understood(unsigned status)
{
    return heuristically_cacheable(status) || status == 302 || status == 303 || status == 307;
}

static bool vary_all(const struct http_head *h)
{
    return head_list_has(h, FIELD_VARY, STR("*"));
}

enum store_verdict freshness_may_store(const struct http_head *request,
                                       const struct http_head *response, const struct freshness *f,
                                       const struct freshness_rules *rules)
{
    struct cache_control asked, cc;
    cache_control_read(&asked, request);
    read_control(&cc, response, rules);
    unsigned status = response->status;
    if (request->method_id != METHOD_GET)
        return STORE_METHOD;
    if (asked.given & CC_NO_STORE && !rules->ignore_request_control)
        return STORE_REQUEST_NO;
    if (status < 200 || status == 206 || status == 304)
        return STORE_STATUS;
    if (cc.given & CC_MUST_UNDERSTAND) {
        if (!understood(status))
            return STORE_STATUS;
        cc.given &= ~(uint32_t)CC_NO_STORE; /* RFC 9111 5.2.2.3: then that is to be ignored */
    }
    if (cc.given & (CC_NO_STORE | CC_PRIVATE))
        return STORE_RESPONSE_NO;
    if ((head_field(request, FIELD_AUTHORIZATION) || rules->authorized) &&
        !(cc.given & (CC_PUBLIC | CC_S_MAXAGE | CC_MUST_REVALIDATE)))
        return STORE_AUTHORIZATION;
    if (head_field(response, FIELD_SET_COOKIE) && !rules->store_set_cookie)
        return STORE_SET_COOKIE;
    if (vary_all(response))
        return STORE_VARY_ALL;
    bool validator = head_field(response, FIELD_ETAG) || head_field(response, FIELD_LAST_MODIFIED);
    if (f->lifetime_s == 0 && !validator)
        return STORE_NO_LIFETIME;
    if (!f->explicit_lifetime && f->lifetime_s == 0 && !heuristically_cacheable(status) &&
        !(cc.given & CC_PUBLIC))
        return STORE_STATUS;
    return STORE_OK;
}

/* --- may it be used --- */

uint32_t freshness_age_s(const struct freshness *f, uint64_t now_s)
{
    return now_s > f->born_s ? clamp_s(now_s - f->born_s) : 0;
}

/* How old it may be for this request, in addition to what the response says. */
struct wanted {
    bool validated;     /* not without asking */
    uint32_t max_age_s; /* DELTA_SECONDS_MAX: any */
    uint32_t min_fresh_s;
    uint32_t max_stale_s;
};

static struct wanted read_wanted(const struct http_head *request,
                                 const struct freshness_rules *rules)
{
    struct wanted w = { .max_age_s = DELTA_SECONDS_MAX };
    if (rules->ignore_request_control)
        return w;
    struct cache_control cc;
    cache_control_read(&cc, request);
    if (!head_field(request, FIELD_CACHE_CONTROL))
        w.validated = head_list_has(request, FIELD_PRAGMA, STR("no-cache"));
    w.validated |= (cc.given & CC_NO_CACHE) != 0;
    if (cc.given & CC_MAX_AGE)
        w.max_age_s = cc.max_age_s;
    if (cc.given & CC_MIN_FRESH)
        w.min_fresh_s = cc.min_fresh_s;
    if (cc.given & CC_MAX_STALE)
        w.max_stale_s = cc.max_stale_s;
    return w;
}

enum reuse freshness_reuse(const struct freshness *f, const struct http_head *request,
                           const struct freshness_rules *rules, uint64_t now_s)
{
    struct wanted w = read_wanted(request, rules);
    uint64_t age_s = freshness_age_s(f, now_s), lifetime = f->lifetime_s;
    if (f->always_ask || w.validated || age_s > w.max_age_s)
        return REUSE_VALIDATE;
    if (age_s < lifetime && age_s + w.min_fresh_s <= lifetime)
        return REUSE_FRESH;
    if (f->never_stale || w.min_fresh_s)
        return REUSE_VALIDATE;
    if (age_s < lifetime + f->stale_while_revalidate_s)
        return REUSE_STALE_MEANWHILE;
    if (w.max_stale_s && age_s - lifetime <= w.max_stale_s)
        return REUSE_STALE_ALLOWED;
    return REUSE_VALIDATE;
}

bool freshness_stale_if_error(const struct freshness *f, const struct http_head *request,
                              const struct freshness_rules *rules, uint64_t now_s)
{
    struct wanted w = read_wanted(request, rules);
    if (f->never_stale || f->always_ask || w.validated)
        return false;
    uint64_t allowed_s = f->stale_if_error_s;
    if (!rules->ignore_request_control) {
        struct cache_control cc;
        cache_control_read(&cc, request);
        if (cc.given & CC_STALE_IF_ERROR && cc.stale_if_error_s > allowed_s)
            allowed_s = cc.stale_if_error_s;
    }
    return freshness_age_s(f, now_s) < f->lifetime_s + allowed_s;
}

bool freshness_only_if_cached(const struct http_head *request, const struct freshness_rules *rules)
{
    struct cache_control cc;
    cache_control_read(&cc, request);
    return !rules->ignore_request_control && (cc.given & CC_ONLY_IF_CACHED);
}
