/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The content codings that we know (RFC 9110 8.4.1). */
#ifndef SLUICE_BASE_CODING_H
#define SLUICE_BASE_CODING_H

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BROTLI, CODING_ZSTD, CODING_COUNT };

#endif
