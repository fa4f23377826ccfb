/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/hdr.h"

#include <inttypes.h>

uint32_t hdr_index(uint64_t us)
{
    uint32_t value = us > HDR_US_MAX ? HDR_US_MAX : (uint32_t)us;
    uint32_t bits = value ? 32 - (uint32_t)__builtin_clz(value) : 0;
    uint32_t shift = bits > HDR_HALF_BITS + 1 ? bits - HDR_HALF_BITS - 1 : 0;
    return (shift << HDR_HALF_BITS) + (value >> shift);
}

uint64_t hdr_value(uint32_t index)
{
    uint32_t octave = index >> HDR_HALF_BITS;
    uint32_t shift = octave > 1 ? octave - 1 : 0;
    return ((uint64_t)(index - (shift << HDR_HALF_BITS) + 1) << shift) - 1;
}

void hdr_add(struct hdr *h, uint64_t us)
{
    h->counts[hdr_index(us)]++;
    h->total++;
}

void hdr_merge(struct hdr *h, const struct hdr *other)
{
    for (uint32_t i = 0; i < HDR_BUCKETS; i++)
        h->counts[i] += other->counts[i];
    h->total += other->total;
}

uint64_t hdr_share_us(const struct hdr *h, double share)
{
    double wanted = share * (double)h->total;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HDR_BUCKETS; i++) {
        seen += h->counts[i];
        if (h->counts[i] && (double)seen >= wanted)
            return hdr_value(i);
    }
    return 0;
}

void hdr_write(const struct hdr *h, FILE *to)
{
    const char *between = "";
    fputc('[', to);
    for (uint32_t i = 0; i < HDR_BUCKETS; i++) {
        if (!h->counts[i])
            continue;
        fprintf(to, "%s[%" PRIu32 ",%" PRIu64 "]", between, i, h->counts[i]);
        between = ",";
    }
    fputc(']', to);
}
