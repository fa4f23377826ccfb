/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/limit.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/limits.h"

/* --- tables --- */

/* A key lives in one set, in any of its places; a set is one line of memory. */
#define BUCKET_WAYS 4
#define COUNT_WAYS 8

struct bucket_set {
    struct {
        _Atomic uint64_t key; /* 0: free */
        token_bucket bucket;
    } of[BUCKET_WAYS];
};

/* Key and count change together: [40 bits of the key][24 bits of count]. Count 0: free. */
struct count_set {
    _Atomic uint64_t of[COUNT_WAYS];
};

#define COUNT_MASK UINT64_C(0xffffff)

struct limits {
    uint64_t seed;
    struct bucket_set *buckets;
    struct count_set *counts;
};

_Static_assert((LIMIT_BUCKET_SETS & (LIMIT_BUCKET_SETS - 1)) == 0, "indexed by bits of the key");
_Static_assert((LIMIT_COUNT_SETS & (LIMIT_COUNT_SETS - 1)) == 0, "indexed by bits of the key");

/* calloc gives large blocks as the kernel zeroed them: untouched pages cost nothing. A set that
 * lies across two lines is slower, not wrong. */
struct limits *limits_create(uint64_t seed)
{
    struct limits *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->seed = seed;
    l->buckets = calloc(LIMIT_BUCKET_SETS, sizeof *l->buckets);
    l->counts = calloc(LIMIT_COUNT_SETS, sizeof *l->counts);
    if (l->buckets && l->counts)
        return l;
    limits_destroy(l);
    return NULL;
}

void limits_destroy(struct limits *l)
{
    if (!l)
        return;
    free(l->buckets);
    free(l->counts);
    free(l);
}

/* --- keys --- */

static void keep_bits(unsigned char *ip, size_t bytes, uint32_t bits)
{
    if (bits >= bytes * 8)
        return;
    ip[bits / 8] &= (unsigned char)~(0xff >> bits % 8);
    memset(ip + bits / 8 + 1, 0, bytes - bits / 8 - 1);
}

uint64_t limit_key(const struct limits *l, uint64_t rule, const struct peer_addr *client,
                   uint32_t ipv4_bits, uint32_t ipv6_bits)
{
    unsigned char of[25] = { 0 }; /* address, family, rule */
    if (client->family == AF_INET) {
        memcpy(of, client->ip, 4);
        keep_bits(of, 4, ipv4_bits);
    } else if (client->family == AF_INET6) {
        memcpy(of, client->ip, 16);
        keep_bits(of, 16, ipv6_bits);
    }
    of[16] = client->family;
    memcpy(of + 17, &rule, sizeof rule);
    uint64_t key = hash_bytes(of, sizeof of, l->seed);
    return key ? key : 1;
}

/* --- rates --- */

static uint64_t read_key(const struct bucket_set *s, unsigned i)
{
    return atomic_load_explicit(&s->of[i].key, memory_order_relaxed);
}

static uint64_t read_bucket(const struct bucket_set *s, unsigned i)
{
    return atomic_load_explicit(&s->of[i].bucket, memory_order_relaxed);
}

/* The place that a new key takes: one that is free, or full, which is the same; or else the one
 * that is the nearest to full, whose client then gets a little more than its rate. */
static unsigned find_victim(const struct bucket_set *s)
{
    unsigned best = 0;
    for (unsigned i = 0; i < BUCKET_WAYS; i++) {
        if (read_key(s, i) == 0)
            return i;
        if (read_bucket(s, i) < read_bucket(s, best))
            best = i;
    }
    return best;
}

static unsigned find_key(const struct bucket_set *s, uint64_t key)
{
    unsigned i = 0;
    while (i < BUCKET_WAYS && read_key(s, i) != key)
        i++;
    return i;
}

/* Two threads may bring in one key at once, and one may lose its place between finding and using
 * it: then a few tokens are counted for nobody. */
static token_bucket *find_bucket(struct limits *l, uint64_t key, uint64_t now_ns)
{
    struct bucket_set *s = &l->buckets[key & (LIMIT_BUCKET_SETS - 1)];
    unsigned i = find_key(s, key);
    while (i == BUCKET_WAYS) {
        unsigned victim = find_victim(s);
        uint64_t old = read_key(s, victim);
        if (!atomic_compare_exchange_strong(&s->of[victim].key, &old, key)) {
            i = find_key(s, key);
            continue;
        }
        if (read_bucket(s, victim) > now_ns * TOKEN_UNITS_PER_NS)
            atomic_store_explicit(&s->of[victim].bucket, 0, memory_order_relaxed);
        i = find_key(s, key); /* the first place counts */
        uint64_t ours = key;
        if (i < victim)
            atomic_compare_exchange_strong(&s->of[victim].key, &ours, 0);
    }
    return &s->of[i].bucket;
}

uint32_t limit_batch(const struct token_rule *r, uint32_t workers)
{
    uint64_t n = r->burst / (20 * (uint64_t)(workers ? workers : 1));
    return n < 1 ? 1 : n > LIMIT_BATCH_MAX ? LIMIT_BATCH_MAX : (uint32_t)n;
}

static struct limit_lease *lease_of(struct limit_leases *leases, uint64_t key)
{
    return &leases->of[key >> 32 & (LIMIT_LEASES - 1)];
}

bool limit_take(struct limits *l, struct limit_leases *leases, uint64_t key,
                const struct token_rule *r, uint32_t batch, uint64_t now_ns, uint64_t *wait_ns)
{
    struct limit_lease *lease = lease_of(leases, key);
    if (lease->key == key && lease->tokens) {
        lease->tokens--;
        return true;
    }
    uint32_t n = token_bucket_take(find_bucket(l, key, now_ns), r, now_ns, batch, wait_ns);
    if (n < 2)
        return n == 1;
    if (lease->key != key && lease->tokens)
        token_bucket_give_back(find_bucket(l, lease->key, now_ns), lease->interval, lease->tokens);
    *lease = (struct limit_lease){ key, r->interval, n - 1 };
    return true;
}

void limit_give_back(struct limits *l, struct limit_leases *leases, uint64_t key,
                     const struct token_rule *r)
{
    struct limit_lease *lease = lease_of(leases, key);
    if (lease->key == key) {
        lease->tokens++;
        return;
    }
    struct bucket_set *s = &l->buckets[key & (LIMIT_BUCKET_SETS - 1)];
    unsigned i = find_key(s, key);
    if (i < BUCKET_WAYS)
        token_bucket_give_back(&s->of[i].bucket, r->interval, 1);
}

/* --- how many at a time --- */

static struct count_set *count_set_of(struct limits *l, uint64_t key, uint64_t *tag)
{
    *tag = key & ~COUNT_MASK;
    return &l->counts[key & (LIMIT_COUNT_SETS - 1)];
}

/* The place that counts for this tag, or one that is free; COUNT_WAYS: neither. *word is what it
 * holds. */
static unsigned find_count(const struct count_set *s, uint64_t tag, uint64_t *word)
{
    unsigned free_at = COUNT_WAYS;
    uint64_t free_word = 0;
    for (unsigned i = 0; i < COUNT_WAYS; i++) {
        *word = atomic_load(&s->of[i]);
        bool used = (*word & COUNT_MASK) != 0;
        if (used && (*word & ~COUNT_MASK) == tag)
            return i;
        if (!used && free_at == COUNT_WAYS) {
            free_at = i;
            free_word = *word;
        }
    }
    *word = free_word;
    return free_at;
}

static bool counted_elsewhere(const struct count_set *s, uint64_t tag, unsigned here)
{
    for (unsigned i = 0; i < COUNT_WAYS; i++) {
        uint64_t word = atomic_load(&s->of[i]);
        if (i != here && (word & COUNT_MASK) && (word & ~COUNT_MASK) == tag)
            return true;
    }
    return false;
}

enum limit_entry limit_enter(struct limits *l, uint64_t key, uint32_t max)
{
    uint64_t tag, word;
    struct count_set *s = count_set_of(l, key, &tag);
    if (max > COUNT_MASK)
        max = COUNT_MASK;
    for (;;) {
        unsigned i = find_count(s, tag, &word);
        if (i == COUNT_WAYS)
            return LIMIT_UNCOUNTED;
        uint64_t count = word & COUNT_MASK;
        if (count >= max)
            return LIMIT_REFUSED;
        if (!atomic_compare_exchange_strong(&s->of[i], &word, tag | (count + 1)))
            continue;
        if (count || !counted_elsewhere(s, tag, i))
            return LIMIT_ENTERED;
        limit_leave(l, key); /* another thread brought the key in at the same moment: again */
    }
}

void limit_leave(struct limits *l, uint64_t key)
{
    uint64_t tag, word;
    struct count_set *s = count_set_of(l, key, &tag);
    for (;;) {
        unsigned i = find_count(s, tag, &word);
        if (i < COUNT_WAYS && (word & COUNT_MASK) &&
            atomic_compare_exchange_strong(&s->of[i], &word, word - 1))
            return;
    }
}
