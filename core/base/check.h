/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CHECK: "cannot happen", in every build. It costs a predicted branch and ends the process with
 * the place and the broken condition; what can happen is handled, never checked. */
#ifndef SLUICE_BASE_CHECK_H
#define SLUICE_BASE_CHECK_H

#include <stddef.h>

#if defined(__GNUC__)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#else
#error "sluice is built with gcc or clang"
#endif

/* Prints "FILE:LINE: FUNC: CHECK failed: WHAT" to stderr and aborts. Never returns. */
_Noreturn void check_failed(const char *file, int line, const char *func, const char *what);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (unlikely(!(cond)))                                                                     \
            check_failed(__FILE__, __LINE__, __func__, #cond);                                     \
    } while (0)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
