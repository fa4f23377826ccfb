/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/check.h"
#include "core/http/chars.h"
#include "core/http/date.h"

#define DAY_S 86400
#define YEAR_S (UINT64_C(31556952)) /* the mean one */

struct parsed {
    unsigned year, month, day; /* month: 0 to 11; day: from 1 */
    unsigned hour, minute, second;
};

static bool take(struct str *s, struct str literal)
{
    if (s->len < literal.len || memcmp(s->ptr, literal.ptr, literal.len) != 0)
        return false;
    *s = (struct str){ s->ptr + literal.len, s->len - literal.len };
    return true;
}

/* Exactly that many digits. */
static bool take_digits(struct str *s, unsigned count, unsigned *value)
{
    if (s->len < count)
        return false;
    *value = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!char_is_digit(s->ptr[i]))
            return false;
        *value = *value * 10 + (unsigned)(s->ptr[i] - '0');
    }
    *s = (struct str){ s->ptr + count, s->len - count };
    return true;
}

/* One of the names, of which *which is the position. */
static bool take_name(struct str *s, const char *const *names, unsigned count, unsigned *which)
{
    for (unsigned i = 0; i < count; i++) {
        if (take(s, str_of(names[i]))) {
            *which = i;
            return true;
        }
    }
    return false;
}

static bool take_month(struct str *s, unsigned *month)
{
    static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    return take_name(s, names, ARRAY_LEN(names), month);
}

static bool take_time(struct str *s, struct parsed *p)
{
    return take_digits(s, 2, &p->hour) && take(s, STR(":")) && take_digits(s, 2, &p->minute) &&
           take(s, STR(":")) && take_digits(s, 2, &p->second);
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

static bool is_a_time(const struct parsed *p)
{
    return p->day >= 1 && p->day <= days_in(p->year, p->month) && p->hour < 24 && p->minute < 60 &&
           p->second <= 60; /* a leap second may be */
}

static uint64_t leap_days_before(unsigned year)
{
    unsigned y = year - 1;
    return y / 4 - y / 100 + y / 400;
}

static uint64_t to_unix(const struct parsed *p)
{
    if (p->year < 1970)
        return 0;
    uint64_t days = (uint64_t)(p->year - 1970) * 365 + leap_days_before(p->year) -
                    leap_days_before(1970) + p->day - 1;
    for (unsigned m = 0; m < p->month; m++)
        days += days_in(p->year, m);
    return days * DAY_S + (uint64_t)p->hour * 3600 + (uint64_t)p->minute * 60 + p->second;
}

/* "06 Nov 1994 08:49:37 GMT", behind "Sun, " */
static bool imf_fixdate(struct str s, struct parsed *p)
{
    return take(&s, STR(", ")) && take_digits(&s, 2, &p->day) && take(&s, STR(" ")) &&
           take_month(&s, &p->month) && take(&s, STR(" ")) && take_digits(&s, 4, &p->year) &&
           take(&s, STR(" ")) && take_time(&s, p) && take(&s, STR(" GMT")) && s.len == 0;
}

/* "06-Nov-94 08:49:37 GMT", behind "Sunday, " */
static bool rfc_850(struct str s, struct parsed *p)
{
    return take(&s, STR(", ")) && take_digits(&s, 2, &p->day) && take(&s, STR("-")) &&
           take_month(&s, &p->month) && take(&s, STR("-")) && take_digits(&s, 2, &p->year) &&
           take(&s, STR(" ")) && take_time(&s, p) && take(&s, STR(" GMT")) && s.len == 0;
}

/* "Nov  6 08:49:37 1994", behind "Sun " */
static bool asctime_date(struct str s, struct parsed *p)
{
    if (!take(&s, STR(" ")) || !take_month(&s, &p->month) || !take(&s, STR(" ")))
        return false;
    bool day = take(&s, STR(" ")) ? take_digits(&s, 1, &p->day) : take_digits(&s, 2, &p->day);
    return day && take(&s, STR(" ")) && take_time(&s, p) && take(&s, STR(" ")) &&
           take_digits(&s, 4, &p->year) && s.len == 0;
}

/* The year that ends so and is at most 50 years after now, or the one before. */
static unsigned full_year(unsigned two_digits, uint64_t now_s)
{
    unsigned now = 1970 + (unsigned)(now_s / YEAR_S);
    unsigned year = now / 100 * 100 + two_digits;
    if (year > now + 50)
        return year - 100;
    return year + 50 < now && year + 100 <= now + 50 ? year + 100 : year;
}

bool http_date_parse(struct str s, uint64_t now_s, uint64_t *unix_s)
{
    static const char *const long_days[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                             "Thursday", "Friday", "Saturday" };
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    struct parsed p = { 0 };
    unsigned weekday;
    bool ok;
    if (take_name(&s, long_days, ARRAY_LEN(long_days), &weekday)) {
        ok = rfc_850(s, &p);
        p.year = full_year(p.year, now_s);
    } else if (take_name(&s, days, ARRAY_LEN(days), &weekday)) {
        ok = imf_fixdate(s, &p) || asctime_date(s, &p);
    } else {
        return false;
    }
    if (!ok || !is_a_time(&p))
        return false;
    *unix_s = to_unix(&p);
    return true;
}
