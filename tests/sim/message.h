/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A strict reader of HTTP/1 messages for the scripted clients and servers: independent of
 * core/http on purpose, so that a mistake there is not believed here. */
#ifndef SLUICE_SIM_MESSAGE_H
#define SLUICE_SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/sim.h"

#define MESSAGE_HEAD_MAX (72 * 1024)
#define MESSAGE_FIELDS_MAX 160

enum message_state {
    MESSAGE_HEAD,
    MESSAGE_LENGTH,      /* `left` body bytes to come */
    MESSAGE_CHUNK_SIZE,  /* collecting the line in `line` */
    MESSAGE_CHUNK_DATA,  /* `left` bytes of the chunk to come */
    MESSAGE_CHUNK_END,   /* `left` bytes of CRLF to come */
    MESSAGE_TRAILERS,    /* collecting in `head` */
    MESSAGE_UNTIL_CLOSE, /* responses */
    MESSAGE_DONE,
};

struct message_field {
    const char *name, *value;
};

struct message {
    enum message_state state;
    bool request;
    bool no_body;      /* set by on_head: responses to HEAD, 204, 304 */
    bool interim;      /* set by on_head: a 1xx; another head follows */
    const char *error; /* what is wrong with it; NULL: nothing */
    char *head;        /* split by NULs once complete */
    uint32_t head_bytes;
    char line[64];
    uint32_t line_bytes;
    uint64_t left, body_bytes, wire_bytes;
    const char *first; /* start line */
    struct message_field fields[MESSAGE_FIELDS_MAX];
    uint32_t fields_count;
    struct message_field trailers[8];
    uint32_t trailers_count;
    bool has_length, chunked;
    uint64_t length;
    /* The start line and the fields are there. */
    void (*on_head)(struct message *m, void *user);
    void (*on_body)(struct message *m, const uint8_t *bytes, size_t n, void *user);
    void *user;
};

void message_init(struct message *m, struct sim *s, bool request);

/* Ready for the next message. */
void message_reset(struct message *m);

/* Consumes up to the end of the message, or up to an error; gives the number of bytes. */
size_t message_feed(struct message *m, const uint8_t *bytes, size_t n);

/* Whether something of the message was read. */
static inline bool message_begun(const struct message *m)
{
    return m->wire_bytes > 0;
}

/* The value of the field of that name (lower case), NULL without. */
const char *message_field(const struct message *m, const char *name);
uint32_t message_field_count(const struct message *m, const char *name);

#endif
