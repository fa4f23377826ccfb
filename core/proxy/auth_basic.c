/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/auth_basic.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/siphash.h"
#include "core/proxy/exchange.h"
#include "core/proxy/gate.h"
#include "core/proxy/password.h"
#include "core/proxy/worker.h"

/* --- what a worker remembers --- */

#define CACHE_WAYS 4
#define CACHE_SETS 256
/* The hash is part of the key: a changed password is another entry, whatever stands here. */
#define RIGHT_MS 300000
#define WRONG_MS 2000

struct verdict {
    struct siphash key; /* of name, password and hash: neither can be read from it */
    uint64_t until_ns;  /* 0: free */
    bool right;
};

/* One check that is under way, and everybody who waits for it. */
struct check {
    struct list node;
    struct list waiting; /* of struct exchange.check_node */
    struct auth_basic *auth;
    struct siphash key;
    bool known; /* the user is; if not, the time is spent all the same */
    struct password_job job;
    char text[]; /* password and hash, each with its NUL */
};

struct auth_basic {
    struct worker *w;
    struct list checks;
    struct verdict cache[CACHE_SETS][CACHE_WAYS];
};

static bool same(struct siphash a, struct siphash b)
{
    return ((a.lo ^ b.lo) | (a.hi ^ b.hi)) == 0;
}

static const struct verdict *recall(const struct auth_basic *a, struct siphash key)
{
    const struct verdict *set = a->cache[key.lo % CACHE_SETS];
    for (unsigned i = 0; i < CACHE_WAYS; i++)
        if (set[i].until_ns > a->w->loop->now_ns && same(set[i].key, key))
            return &set[i];
    return NULL;
}

/* Wrong ones give way first, then the oldest: guessing drives nobody out. */
static void remember(struct auth_basic *a, struct siphash key, bool right)
{
    struct verdict *set = a->cache[key.lo % CACHE_SETS], *to = &set[0];
    uint64_t now_ns = a->w->loop->now_ns;
    for (unsigned i = 0; i < CACHE_WAYS; i++)
        if (set[i].until_ns < to->until_ns)
            to = &set[i];
    *to = (struct verdict){ key, now_ns + ms_to_ns(right ? RIGHT_MS : WRONG_MS), right };
}

static struct auth_basic *auth_of(struct worker *w)
{
    if (!w->auth_basic) {
        w->auth_basic = calloc(1, sizeof *w->auth_basic);
        if (!w->auth_basic)
            return NULL;
        w->auth_basic->w = w;
        list_init(&w->auth_basic->checks);
    }
    return w->auth_basic;
}

bool auth_basic_pending(const struct worker *w)
{
    return w->auth_basic && !list_empty(&w->auth_basic->checks);
}

void auth_basic_destroy(struct worker *w)
{
    CHECK(!auth_basic_pending(w));
    free(w->auth_basic);
    w->auth_basic = NULL;
}

/* A proxy asks in other words (RFC 9110 11.7). */
static enum end_reason for_client(const struct exchange *ex, enum end_reason why)
{
    if (!ex->site->forward)
        return why;
    return why == END_AUTH_REQUIRED ? END_PROXY_AUTH_REQUIRED
           : why == END_AUTH_FAILED ? END_PROXY_AUTH_FAILED
                                    : why;
}

/* --- checks by the pool --- */

static void answered(struct msg *m, struct loop *at)
{
    (void)at;
    struct check *k = container_of(m, struct check, job.answer);
    struct auth_basic *a = k->auth;
    struct worker *w = a->w;
    bool right = k->known && k->job.right;
    remember(a, k->key, right);
    while (!list_empty(&k->waiting)) {
        struct exchange *ex = container_of(k->waiting.next, struct exchange, check_node);
        list_remove(&ex->check_node);
        exchange_checked(ex, for_client(ex, right ? END_OK : END_AUTH_FAILED));
    }
    list_remove(&k->node);
    free(k);
    worker_object_gone(w);
}

static struct check *find_check(struct auth_basic *a, struct siphash key)
{
    for (struct list *n = a->checks.next; n != &a->checks; n = n->next) {
        struct check *k = container_of(n, struct check, node);
        if (same(k->key, key))
            return k;
    }
    return NULL;
}

static struct check *begin_check(struct auth_basic *a, struct siphash key, struct str password,
                                 struct str hash, bool known)
{
    struct check *k = malloc(sizeof *k + password.len + hash.len + 2);
    if (!k)
        return NULL;
    *k = (struct check){ .auth = a, .key = key, .known = known };
    char *copy = k->text;
    memcpy(copy, password.ptr, password.len);
    copy[password.len] = '\0';
    char *to = copy + password.len + 1;
    memcpy(to, hash.ptr, hash.len);
    to[hash.len] = '\0';
    k->job = (struct password_job){ .loop = a->w->loop, .password = copy, .hash = to };
    k->job.answer.run = answered;
    list_init(&k->waiting);
    list_push_back(&a->checks, &k->node);
    if (password_ask(a->w->gate->passwords, &k->job))
        return k;
    list_remove(&k->node);
    explicit_bzero(copy, password.len);
    free(k);
    return NULL;
}

void auth_basic_forget(struct exchange *ex)
{
    list_remove(&ex->check_node);
}

/* --- credentials --- */

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 4, padded or not. False: malformed, or longer than the memory. */
static bool decode(struct str s, char *to, size_t max, size_t *n)
{
    uint32_t bits = 0, count = 0;
    *n = 0;
    while (s.len && s.ptr[s.len - 1] == '=')
        s.len--;
    for (size_t i = 0; i < s.len; i++) {
        int v = value_of(s.ptr[i]);
        if (v < 0 || *n == max)
            return false;
        bits = bits << 6 | (uint32_t)v;
        count += 6;
        if (count >= 8)
            to[(*n)++] = (char)(bits >> (count -= 8));
    }
    return true;
}

/* "Basic dXNlcjpwYXNz" into text. END_AUTH_REQUIRED: there are none. */
static enum end_reason read_credentials(const struct exchange *ex, char text[CREDENTIALS_BYTES_MAX],
                                        struct str *name, struct str *password)
{
    static const char scheme[] = "Basic ";
    const struct http_field *f =
        head_field(&ex->head, ex->site->forward ? FIELD_PROXY_AUTHORIZATION : FIELD_AUTHORIZATION);
    struct str v = f ? head_value(&ex->head, f) : (struct str){ 0 };
    size_t skip = sizeof scheme - 1, n;
    if (!f || v.len < skip || !str_eq_fold((struct str){ v.ptr, skip }, STR("Basic ")))
        return END_AUTH_REQUIRED;
    while (skip < v.len && v.ptr[skip] == ' ')
        skip++;
    if (f->next ||
        !decode((struct str){ v.ptr + skip, v.len - skip }, text, CREDENTIALS_BYTES_MAX, &n))
        return END_AUTH_FAILED;
    const char *colon = memchr(text, ':', n);
    if (!colon || memchr(text, '\0', n))
        return END_AUTH_FAILED;
    *name = (struct str){ text, (size_t)(colon - text) };
    *password = (struct str){ colon + 1, n - name->len - 1 };
    return END_OK;
}

static int compare(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static const struct basic_user *find_user(const struct basic_auth_config *c, struct str name)
{
    uint32_t low = 0, high = c->users_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int d = compare(name, c->users[middle].name);
        if (d == 0)
            return &c->users[middle];
        if (d < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* All that a verdict depends on. */
static struct siphash key_of(const struct exchange *ex, struct str credentials, struct str hash)
{
    const uint64_t *secret = ex->w->gate->secret;
    struct siphash parts[2] = { siphash_bytes(credentials.ptr, credentials.len, secret),
                                siphash_bytes(hash.ptr, hash.len, secret) };
    return siphash_bytes(parts, sizeof parts, secret);
}

static bool keep_user(struct exchange *ex, struct str name)
{
    char *mem = arena_alloc(&ex->arena, name.len ? name.len : 1);
    if (!mem)
        return false;
    for (size_t i = 0; i < name.len; i++) /* it may go into a header field */
        mem[i] = (unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f ? '?' : name.ptr[i];
    ex->user = (struct str){ mem, name.len };
    return true;
}

static enum end_reason judge(struct exchange *ex, struct str name, struct str password)
{
    const struct basic_auth_config *c = ex->handling->basic_auth;
    struct auth_basic *a = auth_of(ex->w);
    const struct basic_user *user = find_user(c, name);
    if (!a || !keep_user(ex, name))
        return END_OVERLOADED;
    if (c->users_count == 0)
        return END_AUTH_FAILED;
    /* Somebody unknown takes as long as somebody known. */
    struct str hash = user ? user->hash : c->users[0].hash;
    struct str both = { name.ptr, name.len + 1 + password.len };
    struct siphash key = key_of(ex, both, hash);
    const struct verdict *v = recall(a, key);
    if (v)
        return v->right ? END_OK : END_AUTH_FAILED;
    struct check *k = find_check(a, key);
    if (!k)
        k = begin_check(a, key, password, hash, user != NULL);
    if (!k)
        return END_AUTH_BUSY;
    list_push_back(&k->waiting, &ex->check_node);
    ex->state = EX_CHECKING;
    return END_OK;
}

enum end_reason auth_basic(struct exchange *ex)
{
    char text[CREDENTIALS_BYTES_MAX];
    struct str name, password;
    enum end_reason why = read_credentials(ex, text, &name, &password);
    if (why == END_OK)
        why = judge(ex, name, password);
    explicit_bzero(text, sizeof text);
    return for_client(ex, why);
}
