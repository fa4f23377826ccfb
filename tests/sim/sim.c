/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"

struct sim_block {
    struct sim_block *next;
    _Alignas(16) char bytes[];
};

void sim_init(struct sim *s, uint64_t seed, bool trace_print)
{
    *s = (struct sim){ .rng.state = seed, .trace_print = trace_print };
    /* Neighbouring seeds give unrelated worlds. */
    s->rng.state = rng_next(&s->rng);
    s->now_ns = SIM_S; /* time 0 is nobody's */
    s->trace_lines = calloc(SIM_TRACE_LINES, sizeof *s->trace_lines);
    CHECK(s->trace_lines);
}

void sim_destroy(struct sim *s)
{
    while (s->blocks) {
        struct sim_block *b = s->blocks;
        s->blocks = b->next;
        free(b);
    }
    free(s->heap);
    free(s->trace_lines);
    *s = (struct sim){ 0 };
}

void *sim_alloc(struct sim *s, size_t bytes)
{
    s->allocating = true;
    struct sim_block *b = calloc(1, sizeof *b + bytes);
    s->allocating = false;
    CHECK(b);
    b->next = s->blocks;
    s->blocks = b;
    return b->bytes;
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_at(struct sim *s, uint64_t at_ns, sim_event_fn fn, void *arg, uint64_t n)
{
    CHECK(at_ns >= s->now_ns);
    if (s->heap_count == s->heap_max) {
        s->heap_max = s->heap_max ? s->heap_max * 2 : 256;
        s->heap = realloc(s->heap, s->heap_max * sizeof *s->heap);
        CHECK(s->heap);
    }
    struct sim_event e = { .at_ns = at_ns, .fn = fn, .arg = arg, .n = n };
    e.order = rng_next(&s->rng) << 32 | s->sequence++;
    uint32_t i = s->heap_count++;
    while (i > 0 && before(&e, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = e;
}

static struct sim_event take_first(struct sim *s)
{
    struct sim_event first = s->heap[0];
    struct sim_event last = s->heap[--s->heap_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return first;
}

bool sim_step(struct sim *s, uint64_t until_ns)
{
    if (s->heap_count == 0 || s->heap[0].at_ns > until_ns)
        return false;
    struct sim_event e = take_first(s);
    s->now_ns = e.at_ns;
    s->events++;
    e.fn(e.arg, e.n);
    return true;
}

void sim_trace(struct sim *s, const char *format, ...)
{
    char *line = s->trace_lines[s->trace_count++ % SIM_TRACE_LINES];
    int n = snprintf(line, SIM_TRACE_LINE_BYTES, "%12.6f ", (double)s->now_ns / 1e9);
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, SIM_TRACE_LINE_BYTES - (size_t)n, format, args);
    va_end(args);
    s->trace_hash = hash_bytes(line, strlen(line), s->trace_hash);
    if (s->trace_print)
        puts(line);
}

void sim_trace_dump(const struct sim *s)
{
    uint64_t first = s->trace_count > SIM_TRACE_LINES ? s->trace_count - SIM_TRACE_LINES : 0;
    for (uint64_t i = first; i < s->trace_count; i++)
        fprintf(stderr, "%s\n", s->trace_lines[i % SIM_TRACE_LINES]);
}

void sim_fail(struct sim *s, const char *format, ...)
{
    fflush(stdout);
    if (!s->trace_print)
        sim_trace_dump(s);
    s->trace_count = 0; /* it is told */
    fprintf(stderr, "sim: at %.6f s: ", (double)s->now_ns / 1e9);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}
