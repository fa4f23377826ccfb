/* SPDX-License-Identifier: GPL-3.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/config/loader.h"
#include "core/config/values.h"

#define PATTERN_BYTES_MAX 4096

/* Where in the scalar the error is, if it stands in one line as it is. */
static struct place place_in(const struct node *n, size_t offset)
{
    struct place at = n->place;
    if (!n->quoted && !n->expanded && at.width == n->text.len) {
        at.column += (uint32_t)(offset < at.width ? offset : at.width - 1);
        at.width = 1;
    }
    return at;
}

const struct regex *regex_compile(struct loader *l, const struct node *n, struct str text,
                                  uint32_t skip)
{
    if (text.len == 0 || text.len > PATTERN_BYTES_MAX) {
        report_error(l->report, n->place, "'%s': a regular expression has 1 to %d characters",
                     quote(n->text).text, PATTERN_BYTES_MAX);
        return NULL;
    }
    struct regex *r = load_alloc(l, sizeof *r);
    struct str copy = load_str(l, text);
    if (!r || !copy.ptr)
        return NULL;
    int err;
    PCRE2_SIZE offset;
    r->code =
        pcre2_compile((PCRE2_SPTR)copy.ptr, copy.len, PCRE2_NEVER_BACKSLASH_C, &err, &offset, NULL);
    if (!r->code) {
        PCRE2_UCHAR why[120] = "";
        pcre2_get_error_message(err, why, sizeof why);
        report_error(l->report, place_in(n, skip + offset), "'%s': %s", quote(text).text,
                     (const char *)why);
        return NULL;
    }
    r->text = copy;
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->captures);
    r->next = l->config->regexes;
    l->config->regexes = r;
    return r;
}

void regex_free_all(struct regex *list)
{
    for (; list; list = list->next)
        pcre2_code_free(list->code);
}
