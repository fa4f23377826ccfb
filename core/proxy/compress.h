/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which answers are compressed, how, and what their heads say of it (RFC 9110 8.4, 12.5.3). */
#ifndef SLUICE_PROXY_COMPRESS_H
#define SLUICE_PROXY_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/out.h"
#include "core/http/accept_encoding.h"
#include "core/http/forward.h"

struct body_coder;
struct compress_config;
struct exchange;

/* In which coding an answer is given, beside what its head says. All zero: as it says. */
struct answer_coding {
    bool vary;    /* others get it in another one */
    bool changed; /* not the head's: */
    uint8_t to;   /* enum coding */
};

/* Whether a body of that head may be given in another coding at all: not a part of one, and nobody
 * said no-transform. */
bool compress_allowed(const struct http_head *h);

/* The coding that the head says; CODING_COUNT: one that we do not know, or several. */
enum coding compress_coding_of(const struct http_head *h);

/* Whether it is worth it, uncoded as it is. length: UINT64_MAX: not known. rules may be NULL. */
bool compress_suits(const struct compress_config *rules, const struct http_head *h,
                    uint64_t length);

/* What the client takes of what the route offers; CODING_IDENTITY also for who asks for ranges, or
 * speaks HTTP/1.0. */
enum coding compress_wanted(const struct exchange *ex);

/* Whether the client takes that coding. */
bool compress_accepted(const struct exchange *ex, enum coding coding);

/* The answer comes from a server, or passes the cache: sets ex->coding, and ex->coder if the body
 * is to be coded; then *f is how it is framed. Without memory it stays as it is. */
void compress_answer(struct exchange *ex, const struct http_head *h, struct framing *f);

/* ex->coder, which decodes or encodes. False: no memory. */
bool compress_encode(struct exchange *ex, enum coding to, uint64_t length);
bool compress_decode(struct exchange *ex, enum coding from, bool ours);

/* What ex->coding changes in the head. */
bool compress_edit(const struct exchange *ex, const struct http_head *h, struct field_edits *e,
                   struct out *o);

/* If-Match has tags as clients have seen them: those that we have weakened never matched at the
 * server. They are given back as it knows them. */
bool compress_edit_request(const struct exchange *ex, struct field_edits *e, struct out *o);

#endif
