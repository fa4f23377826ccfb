/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was meant: the nearest known word, and hints for words of other proxies. */
#ifndef SLUICE_CONFIG_SUGGEST_H
#define SLUICE_CONFIG_SUGGEST_H

#include <stdint.h>

#include "core/base/str.h"

struct suggestion {
    struct str word;
    struct str nearest; /* ptr NULL: none is near enough */
    uint32_t distance;
};

void suggest_begin(struct suggestion *s, struct str word);

/* Offers a candidate; of equally near ones the first stays. */
void suggest(struct suggestion *s, struct str candidate);

static inline void suggest_word(struct suggestion *s, const char *candidate)
{
    suggest(s, str_of(candidate));
}

/* The nearest of candidates that were C strings, or NULL. */
static inline const char *suggest_word_found(const struct suggestion *s)
{
    return s->nearest.ptr;
}

/* Characters to insert, remove, replace or swap with their neighbour to make one of the other;
 * more than max: max + 1. */
uint32_t edit_distance(struct str a, struct str b, uint32_t max);

/* What nginx, HAProxy or Caddy call so, or NULL. object: where it stands ("route"). */
const char *foreign_hint(const char *object, struct str key);

#endif
