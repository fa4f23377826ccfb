/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/lines.h"

#include <string.h>

struct str line_trim(struct str s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len && strchr(" \t\r", s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool next_line(struct lines *l, struct str *line)
{
    struct str text = l->source->text;
    while (l->at < text.len) {
        const char *begin = text.ptr + l->at, *end = memchr(begin, '\n', text.len - l->at);
        size_t len = end ? (size_t)(end - begin) : text.len - l->at;
        l->at += len + 1;
        l->number++;
        *line = line_trim((struct str){ begin, len });
        if (line->len && line->ptr[0] != '#')
            return true;
    }
    return false;
}

struct place line_place(const struct lines *l, struct str line)
{
    return (struct place){ l->source, l->number, 1, (uint32_t)(line.len < 200 ? line.len : 200) };
}
