/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/staple.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "tls/der.h"

#define DAY_S (24 * 3600)
#define CLOCK_SLACK_S 300 /* a clock may go so much ahead of ours */

enum {
    STATUS_GOOD = 0x80, /* [0], primitive */
    STATUS_REVOKED = 0xa1,
    RESPONDER_NAME = 0xa1,
    RESPONDER_KEY = 0xa2,
};

/* What it says about one certificate. */
struct single {
    struct der serial;
    uint8_t status;
    int64_t this_s, next_s; /* since the epoch; next_s 0: not said */
};

/* YYYYMMDDHHMMSSZ */
static bool time_of(struct der d, int64_t *out)
{
    struct tm tm = { 0 };
    int at[6];
    static const int lengths[6] = { 4, 2, 2, 2, 2, 2 };
    uint32_t i = 0;
    if (d.left != 15 || d.at[14] != 'Z')
        return false;
    for (int k = 0; k < 6; k++) {
        at[k] = 0;
        for (int n = 0; n < lengths[k]; n++, i++) {
            if (d.at[i] < '0' || d.at[i] > '9')
                return false;
            at[k] = 10 * at[k] + d.at[i] - '0';
        }
    }
    tm.tm_year = at[0] - 1900;
    tm.tm_mon = at[1] - 1;
    tm.tm_mday = at[2];
    tm.tm_hour = at[3];
    tm.tm_min = at[4];
    tm.tm_sec = at[5];
    *out = timegm(&tm);
    return true;
}

/* RFC 6960 4.2.1, down to the list of what it says. *status: 0, successful. */
static bool find_singles(struct der in, uint32_t *status, struct der *singles)
{
    struct der code, bytes, type, basic, data, when;
    uint8_t tag;
    if (!der_take(&in, DER_SEQUENCE, &in) || !der_take(&in, DER_ENUMERATED, &code) ||
        code.left != 1)
        return false;
    *status = code.at[0];
    if (*status)
        return true;
    if (!der_take(&in, DER_CONTEXT, &bytes) || !der_take(&bytes, DER_SEQUENCE, &bytes) ||
        !der_take(&bytes, DER_OID, &type) || !der_take(&bytes, DER_OCTETS, &basic) ||
        !der_take(&basic, DER_SEQUENCE, &basic) || !der_take(&basic, DER_SEQUENCE, &data))
        return false;
    der_skip(&data, DER_CONTEXT); /* version */
    return der_next(&data, &tag, &when, NULL) && (tag == RESPONDER_NAME || tag == RESPONDER_KEY) &&
           der_take(&data, DER_GENERALIZED_TIME, &when) && der_take(&data, DER_SEQUENCE, singles);
}

static bool read_single(struct der *singles, struct single *s)
{
    struct der in, id, part, status, when;
    *s = (struct single){ 0 };
    if (!der_take(singles, DER_SEQUENCE, &in) || !der_take(&in, DER_SEQUENCE, &id) ||
        !der_take(&id, DER_SEQUENCE, &part) || !der_take(&id, DER_OCTETS, &part) ||
        !der_take(&id, DER_OCTETS, &part) || !der_take(&id, DER_INTEGER, &s->serial) ||
        !der_next(&in, &s->status, &status, NULL) || !der_take(&in, DER_GENERALIZED_TIME, &when) ||
        !time_of(when, &s->this_s))
        return false;
    if (in.left == 0 || in.at[0] != DER_CONTEXT)
        return true;
    return der_take(&in, DER_CONTEXT, &when) && der_take(&when, DER_GENERALIZED_TIME, &when) &&
           time_of(when, &s->next_s);
}

static bool is_about(struct der serial, const struct certificate *c)
{
    for (; serial.left > 1 && serial.at[0] == 0; serial.left--)
        serial.at++;
    return serial.left == c->serial_bytes && memcmp(serial.at, c->serial, serial.left) == 0;
}

/* NULL: it may be shown. */
static const char *judge(const struct single *s, int64_t now_s, int64_t *until_s)
{
    *until_s = s->next_s ? s->next_s : s->this_s + DAY_S;
    if (s->status == STATUS_REVOKED)
        return "it says that the certificate is revoked";
    if (s->status != STATUS_GOOD)
        return "it does not know the certificate";
    if (s->this_s > now_s + CLOCK_SLACK_S)
        return "it is not valid yet";
    if (*until_s <= now_s)
        return "it is too old";
    return NULL;
}

static const char *check(struct der response, const struct certificate *c, int64_t now_s,
                         int64_t *until_s)
{
    struct der singles;
    struct single s;
    uint32_t status;
    if (!find_singles(response, &status, &singles))
        return "it is no OCSP response in DER form";
    if (status)
        return "the CA's server refused to answer";
    while (singles.left) {
        if (!read_single(&singles, &s))
            return "it is malformed";
        if (is_about(s.serial, c))
            return judge(&s, now_s, until_s);
    }
    return "it is about another certificate";
}

bool staple_check(struct str response, const struct certificate *c, int64_t now_s, int64_t *until_s,
                  char *why, uint32_t why_bytes)
{
    const struct der in = { (const uint8_t *)response.ptr, (uint32_t)response.len };
    const char *cause = check(in, c, now_s, until_s);
    if (cause)
        snprintf(why, why_bytes, "%s", cause);
    return !cause;
}
