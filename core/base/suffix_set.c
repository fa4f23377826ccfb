/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/suffix_set.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

#define BLOCK_NAMES 16
#define LABEL_BYTES_MAX 63
/* In place of '.': before every character that a name may have. */
#define DOT 1

/* --- names --- */

static bool is_name(const char *p, size_t len)
{
    size_t label = 0;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        bool other = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (c == '.' ? label == 0 : !other || label == LABEL_BYTES_MAX)
            return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

static size_t normal_ipv6(struct str host, char out[HOST_NAME_BYTES_MAX + 1])
{
    struct in6_addr a;
    char text[INET6_ADDRSTRLEN];
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct str){ host.ptr + 1, host.len - 2 };
    if (host.len >= sizeof text)
        return 0;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET6, text, &a) != 1 || !inet_ntop(AF_INET6, &a, out, INET6_ADDRSTRLEN))
        return 0;
    return strlen(out);
}

size_t host_name_normal(struct str host, char out[HOST_NAME_BYTES_MAX + 1], bool *is_ip)
{
    struct in_addr v4;
    *is_ip = host.len && memchr(host.ptr, ':', host.len);
    if (*is_ip)
        return normal_ipv6(host, out);
    if (host.len > 1 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len > HOST_NAME_BYTES_MAX)
        return 0;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    out[host.len] = '\0';
    if (!is_name(out, host.len))
        return 0;
    *is_ip = inet_pton(AF_INET, out, &v4) == 1;
    return host.len;
}

static void reverse(const char *name, size_t len, unsigned char *out)
{
    for (size_t i = 0; i < len; i++)
        out[i] = name[len - 1 - i] == '.' ? DOT : (unsigned char)name[len - 1 - i];
}

/* --- looking up --- */

static uint64_t head_of(const unsigned char *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof v; i++)
        v = v << 8 | (i < len ? p[i] : 0);
    return v;
}

/* The last block that does not begin after the name; UINT32_MAX: there is none. */
static uint32_t find_block(const struct suffix_set *s, const unsigned char *name, size_t len)
{
    uint64_t head = head_of(name, len);
    uint32_t low = 0, high = s->blocks_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool after = s->heads[middle] > head;
        if (s->heads[middle] == head) {
            const unsigned char *first = s->bytes + s->offsets[middle];
            size_t n = first[0] < len ? first[0] : len;
            int c = memcmp(first + 1, name, n);
            after = c > 0 || (c == 0 && first[0] > len);
        }
        if (after)
            high = middle;
        else
            low = middle + 1;
    }
    return low - 1;
}

static size_t common(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && a[n] == b[n])
        n++;
    return n;
}

bool suffix_set_has(const struct suffix_set *s, struct str name, size_t *held_len)
{
    unsigned char q[HOST_NAME_BYTES_MAX];
    if (s->blocks_count == 0 || name.len == 0 || name.len > sizeof q)
        return false;
    reverse(name.ptr, name.len, q);
    uint32_t block = find_block(s, q, name.len);
    if (block == UINT32_MAX)
        return false;
    const unsigned char *p = s->bytes + s->offsets[block];
    uint32_t left = s->names_count - block * BLOCK_NAMES;
    size_t same = 0; /* what the name has in common with the one at hand, which comes before it */
    for (uint32_t i = 0; i < left && i < BLOCK_NAMES; i++) {
        size_t shared = i ? *p++ : 0, rest = *p++;
        if (shared < same)
            return false; /* it comes after the name, as all that follow */
        if (shared == same) {
            same += common(p, rest, q + same, name.len - same);
            size_t len = shared + rest;
            if (same == len && (len == name.len || q[len] == DOT)) {
                if (held_len)
                    *held_len = len;
                return true;
            }
            if (same < len && (same == name.len || p[same - shared] > q[same]))
                return false;
        }
        p += rest;
    }
    return false;
}

/* --- making one --- */

static bool grow(struct suffix_builder *b, size_t bytes)
{
    if (b->pool_len + bytes > UINT32_MAX)
        return false;
    if (b->pool_len + bytes > b->pool_cap) {
        size_t cap = b->pool_cap ? b->pool_cap * 2 : 4096;
        unsigned char *pool = realloc(b->pool, cap);
        if (!pool)
            return false;
        b->pool = pool;
        b->pool_cap = cap;
    }
    if (b->count == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 256;
        uint32_t *names = realloc(b->names, cap * sizeof *names);
        if (!names)
            return false;
        b->names = names;
        b->cap = cap;
    }
    return true;
}

bool suffix_builder_add(struct suffix_builder *b, struct str name, const char **why)
{
    char text[HOST_NAME_BYTES_MAX + 1];
    bool is_ip;
    if (name.len > 1 && name.ptr[0] == '.')
        name = (struct str){ name.ptr + 1, name.len - 1 };
    if (name.len > 1 && name.ptr[0] == '*' && name.ptr[1] == '.') {
        *why = "a name stands for all below it, too: leave '*.' out";
        return false;
    }
    size_t len = host_name_normal(name, text, &is_ip);
    if (len == 0) {
        *why = "no host name (letters, digits, '-', '_' and dots; others in their xn-- form)";
        return false;
    }
    if (!grow(b, len + 1)) {
        *why = "out of memory";
        return false;
    }
    b->names[b->count++] = (uint32_t)b->pool_len;
    b->pool[b->pool_len] = (unsigned char)len;
    reverse(text, len, b->pool + b->pool_len + 1);
    b->pool_len += len + 1;
    return true;
}

/* The byte of a name at a depth; -1 past its end. */
static int byte_at(const struct suffix_builder *b, uint32_t name, size_t depth)
{
    const unsigned char *p = b->pool + name;
    return depth < p[0] ? p[1 + depth] : -1;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static int median(int a, int b, int c)
{
    if (a > b) {
        int t = a;
        a = b;
        b = t;
    }
    return c < a ? a : c > b ? b : c;
}

/* Multikey quicksort: names have much in common, which is not compared again and again. All of
 * them are the same before `depth`. Recurses on what is smaller than half, and once a depth. */
static void sort(const struct suffix_builder *b, uint32_t *names, uint32_t n, size_t depth)
{
    while (n > 1) {
        int pivot = median(byte_at(b, names[0], depth), byte_at(b, names[n / 2], depth),
                           byte_at(b, names[n - 1], depth));
        uint32_t less = 0, at = 0, more = n;
        while (at < more) {
            int c = byte_at(b, names[at], depth);
            if (c < pivot)
                swap(&names[less++], &names[at++]);
            else if (c > pivot)
                swap(&names[--more], &names[at]);
            else
                at++;
        }
        if (pivot >= 0)
            sort(b, names + less, more - less, depth + 1);
        if (less < n - more) {
            sort(b, names, less, depth);
            names += more;
            n -= more;
        } else {
            sort(b, names + more, n - more, depth);
            n = less;
        }
    }
}

static bool is_below(const unsigned char *upper, const unsigned char *name)
{
    return name[0] >= upper[0] && memcmp(upper + 1, name + 1, upper[0]) == 0 &&
           (name[0] == upper[0] || name[1 + upper[0]] == DOT);
}

static size_t shared_of(const struct suffix_builder *b, uint32_t i)
{
    const unsigned char *a = b->pool + b->names[i - 1], *c = b->pool + b->names[i];
    return common(a + 1, a[0], c + 1, c[0]);
}

static uint32_t blocks_of(const struct suffix_builder *b)
{
    return (b->count + BLOCK_NAMES - 1) / BLOCK_NAMES;
}

size_t suffix_builder_seal(struct suffix_builder *b)
{
    if (b->count == 0)
        return 0;
    sort(b, b->names, b->count, 0);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < b->count; i++)
        if (!is_below(b->pool + b->names[kept - 1], b->pool + b->names[i]))
            b->names[kept++] = b->names[i];
    b->count = kept;
    size_t bytes = blocks_of(b) * (sizeof(uint64_t) + sizeof(uint32_t));
    for (uint32_t i = 0; i < b->count; i++) {
        size_t len = b->pool[b->names[i]];
        bytes += i % BLOCK_NAMES ? 2 + len - shared_of(b, i) : 1 + len;
    }
    return bytes;
}

void suffix_builder_write(const struct suffix_builder *b, void *memory, struct suffix_set *out)
{
    uint32_t blocks = blocks_of(b);
    uint64_t *heads = memory;
    uint32_t *offsets = (uint32_t *)(heads + blocks);
    unsigned char *bytes = (unsigned char *)(offsets + blocks), *at = bytes;
    for (uint32_t i = 0; i < b->count; i++) {
        const unsigned char *name = b->pool + b->names[i];
        size_t len = name[0], shared = 0;
        if (i % BLOCK_NAMES) {
            shared = shared_of(b, i);
            *at++ = (unsigned char)shared;
        } else {
            heads[i / BLOCK_NAMES] = head_of(name + 1, len);
            offsets[i / BLOCK_NAMES] = (uint32_t)(at - bytes);
        }
        *at++ = (unsigned char)(len - shared);
        memcpy(at, name + 1 + shared, len - shared);
        at += len - shared;
    }
    *out = (struct suffix_set){ heads, offsets, bytes, blocks, b->count };
}

void suffix_builder_free(struct suffix_builder *b)
{
    free(b->pool);
    free(b->names);
    *b = (struct suffix_builder){ 0 };
}
