/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where does a run of allowed bytes end? Each scan answers the position of the first byte of p, at
 * or after i and below n, that is not of its class, or n. Nothing before p or beyond p + n is read:
 * a last piece shorter than a register is read together with bytes before it.
 *
 * SSE2 is what every x86-64 has (AVX2 was measured: nothing gained at the usual lengths); elsewhere
 * words of eight bytes are looked at. The portable form is
 * always compiled, so that the tests hold both against each other. */
#ifndef SLUICE_HTTP_SCAN_H
#define SLUICE_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/http/chars.h"

#define SCAN_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t scan_load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Not 0 if any byte of x is below bound, for 0 < bound <= 128. */
static inline uint64_t scan_any_below(uint64_t x, uint8_t bound)
{
    return (x - SCAN_BYTES(bound)) & ~x & SCAN_BYTES(0x80);
}

static inline size_t scan_value_portable(const char *p, size_t i, size_t n)
{
    for (; i + 8 <= n; i += 8) {
        uint64_t x = scan_load8(p + i);
        if (!(scan_any_below(x, 0x20) | scan_any_below(x ^ SCAN_BYTES(0x7f), 1)))
            continue;
        for (size_t k = i; k < i + 8; k++) /* perhaps it was only a tab */
            if (!char_is(p[k], CHAR_TEXT))
                return k;
    }
    while (i < n && char_is(p[i], CHAR_TEXT))
        i++;
    return i;
}

static inline size_t scan_target_portable(const char *p, size_t i, size_t n)
{
    for (; i + 8 <= n; i += 8) {
        uint64_t x = scan_load8(p + i);
        if (scan_any_below(x, 0x21) | scan_any_below(x ^ SCAN_BYTES(0x7f), 1) |
            (x & SCAN_BYTES(0x80)))
            break;
    }
    while (i < n && p[i] > ' ' && p[i] < 0x7f)
        i++;
    return i;
}

/* *underscore is set if a '_' was passed. */
static inline size_t scan_name_portable(const char *p, size_t i, size_t n, bool *underscore)
{
    for (; i < n && char_is(p[i], CHAR_TOKEN); i++)
        *underscore |= p[i] == '_';
    return i;
}

#ifdef __SSE2__
#include <emmintrin.h>

#define SCAN_WIDTH 16

static inline __m128i scan_load16(const char *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* Bytes of v that are low <= byte <= low + span. */
static inline __m128i scan_in_range(__m128i v, uint8_t low, uint8_t span)
{
    __m128i t = _mm_sub_epi8(v, _mm_set1_epi8((char)low));
    return _mm_cmpeq_epi8(_mm_min_epu8(t, _mm_set1_epi8((char)span)), t);
}

/* One bit for each byte that ends the run. */
static inline uint32_t scan_value_stops(__m128i v)
{
    __m128i control = scan_in_range(v, 0, 0x1f);
    __m128i tab = _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del));
}

static inline uint32_t scan_target_stops(__m128i v)
{
    return (uint32_t)_mm_movemask_epi8(scan_in_range(v, 0x21, 0x7e - 0x21)) ^ 0xffff;
}

/* The usual bytes of names only: letters, digits, '-'. */
static inline uint32_t scan_name_stops(__m128i v)
{
    __m128i letter = scan_in_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 25);
    __m128i digit = scan_in_range(v, '0', 9);
    __m128i dash = _mm_cmpeq_epi8(v, _mm_set1_epi8('-'));
    __m128i usual = _mm_or_si128(_mm_or_si128(letter, digit), dash);
    return (uint32_t)_mm_movemask_epi8(usual) ^ 0xffff;
}

/* `stops` is known at compile time in each use: the call disappears. */
static inline __attribute__((always_inline)) size_t
scan_wide(const char *p, size_t i, size_t n, uint32_t (*stops)(__m128i),
          size_t (*narrow)(const char *, size_t, size_t))
{
    for (; n - i >= SCAN_WIDTH; i += SCAN_WIDTH) {
        uint32_t mask = stops(scan_load16(p + i));
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
    if (n < SCAN_WIDTH)
        return narrow(p, i, n);
    size_t known = SCAN_WIDTH - (n - i); /* bytes of the last register before i */
    uint32_t mask = stops(scan_load16(p + n - SCAN_WIDTH)) >> known;
    return mask ? i + (size_t)__builtin_ctz(mask) : n;
}

static inline size_t scan_value(const char *p, size_t i, size_t n)
{
    return scan_wide(p, i, n, scan_value_stops, scan_value_portable);
}

static inline size_t scan_target(const char *p, size_t i, size_t n)
{
    return scan_wide(p, i, n, scan_target_stops, scan_target_portable);
}

static inline size_t scan_usual_name_portable(const char *p, size_t i, size_t n)
{
    while (i < n && char_is(p[i], CHAR_TOKEN) && p[i] != '_')
        i++;
    return i;
}

static inline size_t scan_name(const char *p, size_t i, size_t n, bool *underscore)
{
    for (;; i++) {
        i = scan_wide(p, i, n, scan_name_stops, scan_usual_name_portable);
        if (i == n || !char_is(p[i], CHAR_TOKEN))
            return i;
        *underscore |= p[i] == '_';
    }
}
#else
#define scan_value scan_value_portable
#define scan_target scan_target_portable
#define scan_name scan_name_portable
#endif

#endif
