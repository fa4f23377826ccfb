/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/host_name.h"

#define LABEL_BYTES_MAX 63

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What is wrong with one label; NULL: nothing. */
static const char *check_label(const char *p, size_t len, bool *digits)
{
    *digits = true;
    if (len == 0)
        return "two dots in a row, or one at the beginning";
    if (len > LABEL_BYTES_MAX)
        return "a part between dots is longer than 63 bytes";
    if (p[0] == '-' || p[len - 1] == '-')
        return "a part between dots begins or ends with '-'";
    for (size_t i = 0; i < len; i++) {
        char c = ascii_lower(p[i]);
        if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-' && c != '_')
            return "a character that host names do not have";
        *digits = *digits && is_digit(c);
    }
    return NULL;
}

bool host_name_parse(struct str text, struct host_name *out, const char **why)
{
    bool digits = false;
    *out = (struct host_name){ 0 };
    if (text.len > 1 && text.ptr[text.len - 1] == '.') {
        out->absolute = true;
        text.len--;
    }
    *why = text.len == 0 ? "an empty name" : "longer than 253 bytes";
    if (text.len == 0 || text.len > HOST_NAME_BYTES_MAX)
        return false;
    for (size_t begin = 0; begin <= text.len;) {
        const char *p = text.ptr + begin, *dot = memchr(p, '.', text.len - begin);
        size_t len = dot ? (size_t)(dot - p) : text.len - begin;
        *why = check_label(p, len, &digits);
        if (*why)
            return false;
        out->dots += dot != NULL;
        begin += len + 1;
    }
    if (digits) {
        *why = "its last part is a number";
        return false;
    }
    for (size_t i = 0; i < text.len; i++)
        out->text[i] = ascii_lower(text.ptr[i]);
    out->len = (unsigned char)text.len;
    return true;
}
