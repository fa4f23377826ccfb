/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/certificate_set.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "tls/client_hello.h"

/* The certificates of one name. */
struct pair {
    uint32_t ecdsa, other; /* not both CERTIFICATE_NONE */
};

struct name_slot {
    const char *name; /* the certificate's; NULL: free slot */
    struct pair pair;
};

struct certificate_set {
    _Atomic uint32_t refs;
    struct certificate_entry *entries;
    uint32_t count, room;
    struct pair fallback;
    /* by name and by hash of texts: open addressing, a power of two of slots, at most half full */
    struct name_slot *names;
    uint32_t names_mask;
    uint32_t *hashes; /* CERTIFICATE_NONE: free */
    uint32_t hashes_mask;
};

struct certificate_set *certificate_set_create(void)
{
    struct certificate_set *s = calloc(1, sizeof *s);
    if (s) {
        s->refs = 1;
        s->fallback = (struct pair){ CERTIFICATE_NONE, CERTIFICATE_NONE };
    }
    return s;
}

bool certificate_set_add(struct certificate_set *s, struct certificate *c, const char *path,
                         struct str staple, int64_t staple_until_s)
{
    CHECK(!s->names);
    if (s->count == s->room) {
        uint32_t room = s->room ? 2 * s->room : 4;
        struct certificate_entry *more = realloc(s->entries, room * sizeof *more);
        if (!more) {
            certificate_free(c);
            return false;
        }
        s->entries = more;
        s->room = room;
    }
    struct certificate_entry *e = &s->entries[s->count++];
    *e = (struct certificate_entry){ .certificate = c, .path = strdup(path) };
    if (staple.len && e->path && (e->staple = malloc(staple.len))) {
        memcpy(e->staple, staple.ptr, staple.len);
        e->staple_bytes = (uint32_t)staple.len;
        e->staple_until_s = staple_until_s;
    }
    return e->path && (e->staple || staple.len == 0);
}

/* --- the index --- */

static struct name_slot *find_name(const struct certificate_set *s, const char *name, size_t len)
{
    uint32_t i = (uint32_t)hash_bytes(name, len, 0) & s->names_mask;
    for (;; i = (i + 1) & s->names_mask) {
        struct name_slot *slot = &s->names[i];
        if (!slot->name || (strlen(slot->name) == len && memcmp(slot->name, name, len) == 0))
            return slot;
    }
}

/* The place in the pair; of several the first keeps it. */
static uint32_t *place_in(struct pair *p, const struct certificate *c)
{
    return c->kind == CERTIFICATE_ECDSA ? &p->ecdsa : &p->other;
}

static uint32_t slots_for(uint32_t count)
{
    uint32_t slots = 2;
    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

static bool make_room(struct certificate_set *s)
{
    uint32_t names = 1;
    for (uint32_t i = 0; i < s->count; i++)
        names += s->entries[i].certificate->names_count;
    s->names_mask = slots_for(names) - 1;
    s->names = calloc(s->names_mask + 1, sizeof *s->names);
    s->hashes_mask = slots_for(s->count + 1) - 1;
    s->hashes = malloc((s->hashes_mask + 1) * sizeof *s->hashes);
    for (uint32_t i = 0; s->hashes && i <= s->hashes_mask; i++)
        s->hashes[i] = CERTIFICATE_NONE;
    return s->names && s->hashes;
}

static uint32_t *find_hash(const struct certificate_set *s, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash & s->hashes_mask;; i = (i + 1) & s->hashes_mask)
        if (s->hashes[i] == CERTIFICATE_NONE || s->entries[s->hashes[i]].certificate->hash == hash)
            return &s->hashes[i];
}

bool certificate_set_seal(struct certificate_set *s,
                          void (*twice)(void *arg, const char *name, uint32_t first,
                                        uint32_t second),
                          void *arg)
{
    if (!make_room(s))
        return false;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct certificate *c = s->entries[i].certificate, *first = s->entries[0].certificate;
        uint32_t *same = find_hash(s, c->hash);
        if (*same == CERTIFICATE_NONE)
            *same = i;
        for (uint32_t k = 0; k < c->names_count; k++) {
            struct name_slot *slot = find_name(s, c->names[k], strlen(c->names[k]));
            if (!slot->name)
                *slot = (struct name_slot){ c->names[k], { CERTIFICATE_NONE, CERTIFICATE_NONE } };
            uint32_t *place = place_in(&slot->pair, c);
            if (*place == CERTIFICATE_NONE)
                *place = i;
            else if (*place != i && twice)
                twice(arg, c->names[k], *place, i);
        }
        bool with_first =
            c->names_count && first->names_count && strcmp(c->names[0], first->names[0]) == 0;
        uint32_t *place = place_in(&s->fallback, c);
        if ((i == 0 || with_first) && *place == CERTIFICATE_NONE)
            *place = i;
    }
    return true;
}

/* --- looking --- */

uint32_t certificate_set_count(const struct certificate_set *s)
{
    return s->count;
}

const struct certificate_entry *certificate_set_at(const struct certificate_set *s, uint32_t i)
{
    CHECK(i < s->count);
    return &s->entries[i];
}

uint32_t certificate_set_find_hash(const struct certificate_set *s, uint64_t hash)
{
    return *find_hash(s, hash);
}

uint32_t certificate_set_find_path(const struct certificate_set *s, const char *path)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].path, path) == 0)
            return i;
    return CERTIFICATE_NONE;
}

static const struct pair *find_pair(const struct certificate_set *s, struct str name)
{
    if (name.len == 0 || name.len > SERVER_NAME_BYTES_MAX)
        return NULL;
    const struct name_slot *slot = find_name(s, name.ptr, name.len);
    const char *dot = memchr(name.ptr, '.', name.len);
    if (!slot->name && dot) {
        char wild[SERVER_NAME_BYTES_MAX + 1];
        size_t rest = name.len - (size_t)(dot - name.ptr);
        wild[0] = '*';
        memcpy(wild + 1, dot, rest);
        slot = find_name(s, wild, rest + 1);
    }
    return slot->name ? &slot->pair : NULL;
}

uint32_t certificate_set_choose(const struct certificate_set *s, struct str name, bool ecdsa,
                                bool *known)
{
    const struct pair *p = find_pair(s, name);
    *known = p != NULL;
    if (!p)
        p = &s->fallback;
    bool take = p->ecdsa != CERTIFICATE_NONE && (ecdsa || p->other == CERTIFICATE_NONE);
    return take ? p->ecdsa : p->other;
}

/* --- life --- */

void certificate_set_ref(struct certificate_set *s)
{
    s->refs++;
}

void certificate_set_unref(struct certificate_set *s)
{
    if (!s || --s->refs)
        return;
    for (uint32_t i = 0; i < s->count; i++) {
        certificate_free(s->entries[i].certificate);
        free(s->entries[i].path);
        free(s->entries[i].staple);
    }
    free(s->entries);
    free(s->names);
    free(s->hashes);
    free(s);
}
