/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h2_budget.h"

#include "core/base/limits.h"

_Static_assert(H2_ABUSE_COUNT <= H2_ABUSE_KINDS_MAX, "each kind has its counter");

static const struct rule {
    const char *word;
    uint16_t burst, per_second, per_request;
} rules[H2_ABUSE_COUNT] = {
#define BUDGET(NAME, word, burst, per_second, per_request)                                         \
    [H2_ABUSE_##NAME] = { word, burst, per_second, per_request },
#include "core/http/h2_budget.def"
#undef BUDGET
};

void h2_budget_init(struct h2_budget *b, uint64_t now_ns)
{
    b->since_ns = now_ns;
    for (unsigned i = 0; i < H2_ABUSE_COUNT; i++)
        b->left[i] = rules[i].burst;
}

static void credit(struct h2_budget *b, unsigned kind, uint64_t n)
{
    uint64_t left = b->left[kind] + n;
    b->left[kind] = (uint16_t)(left < rules[kind].burst ? left : rules[kind].burst);
}

bool h2_budget_spend(struct h2_budget *b, enum h2_abuse kind, uint64_t now_ns)
{
    uint64_t seconds = (now_ns - b->since_ns) / UINT64_C(1000000000);
    if (seconds) {
        b->since_ns += seconds * UINT64_C(1000000000);
        for (unsigned i = 0; i < H2_ABUSE_COUNT; i++)
            credit(b, i, seconds * rules[i].per_second);
    }
    if (b->left[kind] == 0)
        return false;
    b->left[kind]--;
    return true;
}

void h2_budget_earn(struct h2_budget *b)
{
    for (unsigned i = 0; i < H2_ABUSE_COUNT; i++)
        if (rules[i].per_request)
            credit(b, i, rules[i].per_request);
}

const char *h2_abuse_word(enum h2_abuse kind)
{
    return rules[kind].word;
}
