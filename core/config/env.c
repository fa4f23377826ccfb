/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ${NAME} takes the environment's value, $${ stands for the characters "${". What a variable holds
 * is not looked through again. */
#include <stdlib.h>
#include <string.h>

#include "core/config/tree.h"

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* One piece of the text. */
struct piece {
    struct str text; /* what it becomes */
    size_t len;      /* what it takes */
};

/* Finds the value for "${NAME}", which begins text. */
static bool look_up(struct tree *t, struct place at, struct str text, struct piece *piece)
{
    size_t i = 2;
    while (i < text.len && name_char(text.ptr[i], i == 2))
        i++;
    if (i == text.len || text.ptr[i] != '}' || i == 2) {
        report_error(t->report, at, "'%s' is not ${NAME}; write '$${' for the characters '${'",
                     quote((struct str){ text.ptr, i < text.len ? i + 1 : i }).text);
        return false;
    }
    char name[256];
    size_t len = i - 2;
    const char *value = NULL;
    if (len < sizeof name) {
        memcpy(name, text.ptr + 2, len);
        name[len] = '\0';
        value = t->getenv(name);
    }
    if (!value) {
        report_error(t->report, at, "the environment has no '%s'",
                     quote((struct str){ text.ptr + 2, len }).text);
        return false;
    }
    *piece = (struct piece){ str_of(value), i + 1 };
    return true;
}

static bool next_piece(struct tree *t, struct place at, struct str rest, struct piece *piece)
{
    if (rest.len >= 3 && memcmp(rest.ptr, "$${", 3) == 0) {
        *piece = (struct piece){ { rest.ptr + 1, 2 }, 3 };
        return true;
    }
    if (rest.len >= 2 && memcmp(rest.ptr, "${", 2) == 0)
        return look_up(t, at, rest, piece);
    size_t n = 1;
    while (n < rest.len && rest.ptr[n] != '$')
        n++;
    *piece = (struct piece){ { rest.ptr, n }, n };
    return true;
}

bool env_expand(struct tree *t, struct place at, struct str text, struct str *out, bool *expanded)
{
    *out = text;
    *expanded = false;
    if (!memmem(text.ptr, text.len, "${", 2))
        return true;
    char *result = NULL;
    size_t len = 0;
    /* Once to measure, once to write. */
    for (int round = 0; round < 2; round++) {
        len = 0;
        for (size_t i = 0; i < text.len;) {
            struct piece piece;
            if (!next_piece(t, at, (struct str){ text.ptr + i, text.len - i }, &piece))
                return false;
            if (round)
                memcpy(result + len, piece.text.ptr, piece.text.len);
            len += piece.text.len;
            i += piece.len;
        }
        if (!round) {
            result = tree_alloc(t, len + 1);
            if (!result)
                return false;
        }
    }
    *out = (struct str){ result, len };
    *expanded = true;
    return true;
}
