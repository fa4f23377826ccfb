/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/record.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

/* Records lie in the ring whole, each behind a frame header and padded to 8 bytes; one that does
 * not fit before the end starts again at the beginning, behind a frame that says so. Positions only
 * grow; their low bits are the place. */
struct frame {
    uint32_t bytes; /* header included; 0: go on at the beginning */
    uint32_t unused;
};

struct record_ring {
    char *bytes;
    uint64_t size;

    /* the producer's line */
    _Alignas(64) _Atomic uint64_t tail; /* all before it may be read */
    uint64_t head_seen;                 /* head, as last looked at */

    /* the consumer's line */
    _Alignas(64) _Atomic uint64_t head; /* all before it may be overwritten */
    uint64_t tail_seen;

    _Alignas(64) _Atomic bool wake_asked;
};

static const size_t string_offsets[] = {
    offsetof(struct record, method),         offsetof(struct record, authority),
    offsetof(struct record, path),           offsetof(struct record, server),
    offsetof(struct record, referer),        offsetof(struct record, user_agent),
    offsetof(struct record, request_id),     offsetof(struct record, listener),
    offsetof(struct record, site),           offsetof(struct record, route),
    offsetof(struct record, backend),        offsetof(struct record, captured),
    offsetof(struct record, destination),    offsetof(struct record, rule),
    offsetof(struct record, user),           offsetof(struct record, server_name),
    offsetof(struct record, client_subject),
};

#define FRAME_BYTES_MAX                                                                            \
    (sizeof(struct frame) + sizeof(struct record) + ARRAY_LEN(string_offsets) * RECORD_STR_MAX + 7)

_Static_assert(sizeof(struct record) % 8 == 0 && sizeof(struct frame) == 8, "frames stay aligned");
_Static_assert(2 * FRAME_BYTES_MAX <= RECORD_RING_BYTES_MIN, "an empty ring takes any record");

static struct str *string_at(struct record *rec, size_t offset)
{
    return (struct str *)((char *)rec + offset);
}

struct record_ring *record_ring_create(uint32_t bytes)
{
    CHECK(bytes >= RECORD_RING_BYTES_MIN && (bytes & (bytes - 1)) == 0);
    struct record_ring *r = aligned_alloc(64, sizeof *r);
    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    r->size = bytes;
    r->bytes = aligned_alloc(64, bytes);
    if (!r->bytes) {
        free(r);
        return NULL;
    }
    return r;
}

void record_ring_destroy(struct record_ring *r)
{
    if (!r)
        return;
    free(r->bytes);
    free(r);
}

static size_t stored_len(const struct record *rec, size_t offset)
{
    const struct str *s = string_at((struct record *)rec, offset);
    return s->len <= RECORD_STR_MAX ? s->len : RECORD_STR_MAX;
}

static char *store_string(char *at, struct str s)
{
    if (s.len <= RECORD_STR_MAX) {
        if (s.len)
            memcpy(at, s.ptr, s.len);
        return at + s.len;
    }
    memcpy(at, s.ptr, RECORD_STR_MAX - 3);
    memcpy(at + RECORD_STR_MAX - 3, "...", 3);
    return at + RECORD_STR_MAX;
}

/* Where a frame of that many bytes may be written, NULL without room. *tail moves past the end of
 * the ring if need be. */
static char *make_room(struct record_ring *r, uint64_t *tail, uint64_t bytes)
{
    uint64_t place = *tail & (r->size - 1);
    uint64_t skipped = bytes <= r->size - place ? 0 : r->size - place;
    if (*tail + skipped + bytes - r->head_seen > r->size) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (*tail + skipped + bytes - r->head_seen > r->size)
            return NULL;
    }
    if (skipped) {
        *(struct frame *)(r->bytes + place) = (struct frame){ 0 };
        *tail += skipped;
        place = 0;
    }
    return r->bytes + place;
}

bool record_ring_put(struct record_ring *r, const struct record *rec, bool *wake)
{
    size_t bytes = sizeof(struct frame) + sizeof *rec;
    for (size_t i = 0; i < ARRAY_LEN(string_offsets); i++)
        bytes += stored_len(rec, string_offsets[i]);
    bytes = (bytes + 7) & ~(size_t)7;

    *wake = false;
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    char *at = make_room(r, &tail, bytes);
    if (!at)
        return false;
    *(struct frame *)at = (struct frame){ .bytes = (uint32_t)bytes };
    memcpy(at + sizeof(struct frame), rec, sizeof *rec);
    at += sizeof(struct frame) + sizeof *rec;
    for (size_t i = 0; i < ARRAY_LEN(string_offsets); i++)
        at = store_string(at, *string_at((struct record *)rec, string_offsets[i]));

    /* Either this load sees the consumer's question, or the consumer, which looks at tail after
     * asking, sees the record: both sides in the one order of sequential consistency. */
    atomic_store(&r->tail, tail + bytes);
    if (atomic_load(&r->wake_asked))
        *wake = atomic_exchange(&r->wake_asked, false);
    return true;
}

bool record_ring_peek(struct record_ring *r, struct record *out)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == r->tail_seen) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head == r->tail_seen)
            return false;
    }
    const struct frame *f = (const struct frame *)(r->bytes + (head & (r->size - 1)));
    if (f->bytes == 0) {
        head = (head | (r->size - 1)) + 1;
        atomic_store_explicit(&r->head, head, memory_order_release);
        f = (const struct frame *)r->bytes;
    }
    const char *at = (const char *)(f + 1);
    memcpy(out, at, sizeof *out);
    at += sizeof *out;
    for (size_t i = 0; i < ARRAY_LEN(string_offsets); i++) {
        struct str *s = string_at(out, string_offsets[i]);
        s->ptr = at;
        s->len = stored_len(out, string_offsets[i]);
        at += s->len;
    }
    return true;
}

void record_ring_pop(struct record_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    CHECK(head != r->tail_seen);
    const struct frame *f = (const struct frame *)(r->bytes + (head & (r->size - 1)));
    CHECK(f->bytes != 0); /* a record was peeked at */
    atomic_store_explicit(&r->head, head + f->bytes, memory_order_release);
}

bool record_ring_ask_wake(struct record_ring *r)
{
    atomic_store(&r->wake_asked, true);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (atomic_load(&r->tail) == head)
        return true;
    /* Not empty after all. If the producer took the question meanwhile, its wake comes: as good. */
    return !record_ring_unask_wake(r);
}

bool record_ring_unask_wake(struct record_ring *r)
{
    return atomic_exchange(&r->wake_asked, false);
}

/* Two bytes of length, 0xffff for a header that is not there, and the value. */
#define NOT_THERE 0xffff

void record_capture(struct out *o, struct str value)
{
    uint16_t n = (uint16_t)(value.len <= RECORD_CAPTURE_MAX ? value.len : RECORD_CAPTURE_MAX);
    if (!value.ptr || (size_t)(o->end - o->at) < sizeof n + n)
        n = NOT_THERE;
    out_mem(o, &n, sizeof n);
    if (n != NOT_THERE)
        out_mem(o, value.ptr, n);
}

bool record_captured(struct str *captured, struct str *value)
{
    uint16_t n;
    if (captured->len < sizeof n)
        return false;
    memcpy(&n, captured->ptr, sizeof n);
    size_t len = n == NOT_THERE ? 0 : n;
    if (captured->len - sizeof n < len)
        return false; /* cut in the record */
    *value = (struct str){ n == NOT_THERE ? NULL : captured->ptr + sizeof n, len };
    captured->ptr += sizeof n + len;
    captured->len -= sizeof n + len;
    return true;
}

void log_put(struct log_port *port, const struct record *rec)
{
    bool wake;
    if (!record_ring_put(port->ring, rec, &wake))
        counter_add(port->dropped, 1);
    else if (wake)
        port->wake(port);
}
