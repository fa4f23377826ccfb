/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/http/date.h"

#define DAY_S 86400
#define DAYS_400_YEARS 146097
#define DAYS_0000_03_01_TO_EPOCH 719468

static void two_digits(char *out, unsigned v)
{
    out[0] = (char)('0' + v / 10);
    out[1] = (char)('0' + v % 10);
}

/* Years are counted from March, so that the leap day is the last of its year and the lengths of
 * the months before it follow one line: 153 days every five months. */
void http_date(char out[HTTP_DATE_BYTES], uint64_t unix_s)
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* the epoch was a Thursday */
    static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    uint64_t days = unix_s / DAY_S, second = unix_s % DAY_S;
    uint64_t since_0 = days + DAYS_0000_03_01_TO_EPOCH;
    uint64_t day = since_0 % DAYS_400_YEARS; /* of 400 years */
    uint64_t year = (day - day / 1460 + day / 36524 - day / (DAYS_400_YEARS - 1)) / 365;
    day -= 365 * year + year / 4 - year / 100; /* of the year */
    uint64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5; /* of the month */
    year += since_0 / DAYS_400_YEARS * 400 + (month >= 10);

    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_BYTES);
    memcpy(out, weekdays + days % 7 * 3, 3);
    two_digits(out + 5, (unsigned)day + 1);
    memcpy(out + 8, months + month * 3, 3);
    two_digits(out + 12, (unsigned)(year / 100 % 100));
    two_digits(out + 14, (unsigned)(year % 100));
    two_digits(out + 17, (unsigned)(second / 3600));
    two_digits(out + 20, (unsigned)(second / 60 % 60));
    two_digits(out + 23, (unsigned)(second % 60));
}
