/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A latency histogram with HdrHistogram's buckets at three significant digits: microseconds, each
 * doubling cut into 1,024 parts. Pure. */
#ifndef SLUICE_BENCH_HDR_H
#define SLUICE_BENCH_HDR_H

#include <stdint.h>
#include <stdio.h>

#define HDR_HALF_BITS 10
#define HDR_US_MAX UINT32_C(3600000000)
#define HDR_BUCKETS ((31 - HDR_HALF_BITS + 2) << HDR_HALF_BITS)

struct hdr {
    uint64_t total;
    uint64_t counts[HDR_BUCKETS];
};

/* The bucket of a value; beyond HDR_US_MAX: that one's. */
uint32_t hdr_index(uint64_t us);

/* The largest value of a bucket. */
uint64_t hdr_value(uint32_t index);

void hdr_add(struct hdr *h, uint64_t us);

/* Adds what another one holds. */
void hdr_merge(struct hdr *h, const struct hdr *other);

/* The value that `share` (0..1) of all do not exceed; 0 when there is none. */
uint64_t hdr_share_us(const struct hdr *h, double share);

/* Writes [[index,count],...], those that are not 0. */
void hdr_write(const struct hdr *h, FILE *to);

#endif
