/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content codings, decoded by the libraries themselves. */
#ifndef SLUICE_TESTS_CODING_H
#define SLUICE_TESTS_CODING_H

#include <stddef.h>

/* As much as can be decoded of what may be cut, at most `room` bytes. SIZE_MAX: it is damaged, or
 * the coding is none of gzip, br and zstd. */
size_t decode(const char *coding, const char *in, size_t n, char *out, size_t room);

#endif
