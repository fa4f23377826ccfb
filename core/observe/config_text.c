/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/config_text.h"

#include <ctype.h>

#include "core/base/check.h"

#define REMOVED "REMOVED"

static bool holds(struct str text, struct str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (str_eq_fold((struct str){ text.ptr + i, word.len }, word))
            return true;
    return false;
}

static bool is_secret_name(struct str name)
{
    static const struct str words[] = { STR("authorization"), STR("password"), STR("passwd"),
                                        STR("secret"),        STR("token"),    STR("credential"),
                                        STR("api-key"),       STR("api_key"),  STR("apikey") };
    if (str_eq_fold(name, STR("cookie")) || str_eq_fold(name, STR("set-cookie")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (holds(name, words[i]))
            return true;
    return false;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* "key: value" at a colon: the key before it, quoted or not. */
static struct str key_before(const char *line, const char *colon)
{
    const char *end = colon;
    while (end > line && (is_space(end[-1]) || end[-1] == '"' || end[-1] == '\''))
        end--;
    const char *start = end;
    while (start > line && is_name_char(start[-1]))
        start--;
    return (struct str){ start, (size_t)(end - start) };
}

/* Where a value ends that begins at p: its quote, or what ends a value in a flow or a line. */
static const char *value_end(const char *p, const char *end)
{
    if (p < end && (*p == '"' || *p == '\'')) {
        char quote = *p++;
        while (p < end && *p != quote)
            p += *p == '\\' && quote == '"' && p + 1 < end ? 2 : 1;
        return p < end ? p + 1 : end;
    }
    while (p < end && *p != ',' && *p != '}' && *p != ']' &&
           !(is_space(*p) && p + 1 < end && p[1] == '#'))
        p++;
    return p;
}

/* Hashes as crypt(3) writes them: $2b$..., $6$... */
static bool is_hash(const char *p, const char *end)
{
    return end - p > 8 && p[0] == '$' && p[1] != '{' && memchr(p + 1, '$', 6) &&
           (isdigit((unsigned char)p[1]) || p[1] == 'y' || p[1] == 'a');
}

static bool is_reference(const char *p, const char *end)
{
    while (p < end && (is_space(*p) || *p == '"' || *p == '\''))
        p++;
    return end - p > 3 && p[0] == '$' && p[1] == '{';
}

/* The spaces before the text of a line. */
static size_t indent_of(const char *line, const char *end)
{
    const char *p = line;
    while (p < end && (is_space(*p) || *p == '-'))
        p++;
    return p == end ? SIZE_MAX : (size_t)(p - line);
}

struct printer {
    FILE *to;
    size_t hidden_below; /* lines further in belong to a secret value; SIZE_MAX: none */
};

/* The value is a block, a list or a map, or a quoted text that does not end in its line: what
 * stands further in belongs to it. */
static bool goes_on(const char *value, const char *end)
{
    if (value == end || strchr("|>#{[", *value))
        return true;
    const char *stop = value_end(value, end);
    return (*value == '"' || *value == '\'') && (stop == value + 1 || stop[-1] != *value);
}

static void print_line(struct printer *p, const char *line, const char *end)
{
    size_t indent = indent_of(line, end);
    if (p->hidden_below != SIZE_MAX && indent > p->hidden_below)
        return;
    p->hidden_below = SIZE_MAX;
    const char *written = line;
    for (const char *at = line; at < end; at++) {
        const char *value = at + 1;
        if (is_hash(at, end)) {
            value = at;
        } else if (*at != ':' || !is_secret_name(key_before(line, at))) {
            continue;
        }
        while (value < end && is_space(*value))
            value++;
        if (is_reference(value, end))
            continue;
        const char *stop = value_end(value, end);
        if (goes_on(value, end)) {
            p->hidden_below = indent;
            stop = end;
        }
        fwrite(written, 1, (size_t)(value - written), p->to);
        fputs(value == at + 1 ? " " REMOVED : REMOVED, p->to);
        written = stop;
        at = stop - 1;
    }
    fwrite(written, 1, (size_t)(end - written), p->to);
    fputc('\n', p->to);
}

bool config_text_print(const struct config *c, FILE *to)
{
    for (uint32_t i = 0; i < c->sources_count; i++) {
        const struct config_source *s = &c->sources[i];
        struct printer p = { .to = to, .hidden_below = SIZE_MAX };
        fprintf(to, "%s# %s\n", i ? "\n" : "", s->name);
        for (const char *at = s->text.ptr, *end = at + s->text.len; at < end;) {
            const char *line_end = memchr(at, '\n', (size_t)(end - at));
            line_end = line_end ? line_end : end;
            print_line(&p, at, line_end);
            at = line_end + 1;
        }
    }
    return c->sources_count > 0;
}
