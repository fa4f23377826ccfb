/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts what one HTTP/2 peer does that costs us and asks for nothing. Pure: time is passed in. */
#ifndef SLUICE_HTTP_H2_BUDGET_H
#define SLUICE_HTTP_H2_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum h2_abuse {
#define BUDGET(NAME, word, burst, per_second, per_request) H2_ABUSE_##NAME,
#include "core/http/h2_budget.def"
#undef BUDGET
    H2_ABUSE_COUNT
};

struct h2_budget {
    uint64_t since_ns; /* time is credited up to here */
    uint16_t left[H2_ABUSE_COUNT];
};

void h2_budget_init(struct h2_budget *b, uint64_t now_ns);

/* One more of that kind. False: that was one too many. */
bool h2_budget_spend(struct h2_budget *b, enum h2_abuse kind, uint64_t now_ns);

/* Something useful was done. */
void h2_budget_earn(struct h2_budget *b);

const char *h2_abuse_word(enum h2_abuse kind);

#endif
