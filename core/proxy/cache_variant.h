/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stored body in another coding than the one in which it is stored: made once, from the stored
 * one, when somebody wants it, kept beside it, and given to all who want it so.
 *
 * It has a body only: heads are always those of the object that it was made from. Its key names
 * that body; when a new one takes its place the old variants are found by nobody and leave by
 * eviction. */
#ifndef SLUICE_PROXY_CACHE_VARIANT_H
#define SLUICE_PROXY_CACHE_VARIANT_H

#include "core/base/list.h"
#include "core/cache/cache.h"
#include "core/http/accept_encoding.h"
#include "core/proxy/body_coder.h"

struct cache_port;
struct cache_reader;

struct cache_variant {
    struct cache_port *port;
    struct cache_maker maker;  /* o == NULL: it has ended */
    struct cache_object *from; /* whole; one reference */
    struct cache_cursor cursor;
    struct body_source source; /* of what is stored */
    struct body_coder coder;
    struct body_sink sink;  /* into the variant */
    struct buf_slice first; /* until it is known whether more follows: then the length is known */
    uint64_t bytes, bytes_max; /* a body that decodes to more is no body */
    struct arena arena;        /* of trailers, of which there are none */
    uint32_t refs;
};

/* The variant of r->o in that coding: finds or begins it, with a reference for the caller. NULL:
 * there is none, and none can be made now. */
struct cache_object *cache_variant_find(struct cache_reader *r, enum coding to);

#endif
