/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificates of one listener, with an index by name. Built once, then immutable, counted, and
 * shared by all workers; a reload builds the next one and takes over what did not change. */
#ifndef SLUICE_TLS_CERTIFICATE_SET_H
#define SLUICE_TLS_CERTIFICATE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "tls/certificate.h"

#define CERTIFICATE_NONE UINT32_MAX

struct certificate_entry {
    struct certificate *certificate;
    char *path;   /* of the chain's file, for messages; "self-signed" */
    char *staple; /* OCSP response in DER; NULL: none */
    uint32_t staple_bytes;
    int64_t staple_until_s; /* its nextUpdate: not sent later */
};

struct certificate_set;

/* Empty, with one reference. NULL without memory. */
struct certificate_set *certificate_set_create(void);

/* Takes over the reference to the certificate, even on failure: false without memory. staple (may
 * be empty) is copied. */
bool certificate_set_add(struct certificate_set *s, struct certificate *c, const char *path,
                         struct str staple, int64_t staple_until_s);

/* After the last one was added: makes the index. twice() (may be NULL) is told of each name that
 * two certificates of one kind are for: the first of them serves it. False without memory. */
bool certificate_set_seal(struct certificate_set *s,
                          void (*twice)(void *arg, const char *name, uint32_t first,
                                        uint32_t second),
                          void *arg);

uint32_t certificate_set_count(const struct certificate_set *s);
const struct certificate_entry *certificate_set_at(const struct certificate_set *s, uint32_t i);

/* A certificate that was made from such texts, or from that path; CERTIFICATE_NONE: none. */
uint32_t certificate_set_find_hash(const struct certificate_set *s, uint64_t hash);
uint32_t certificate_set_find_path(const struct certificate_set *s, const char *path);

/* Which one serves the name (lower case; empty: none was asked for): the exact name, then "*." in
 * place of its first label, then the default, which is the first certificate that was added (with
 * another kind's for the same names). Of one name an ECDSA certificate goes before another if the
 * client takes it. *known: it is one of the first two. The set is not empty. */
uint32_t certificate_set_choose(const struct certificate_set *s, struct str name, bool ecdsa,
                                bool *known);

/* From any thread; s may be NULL to unref. */
void certificate_set_ref(struct certificate_set *s);
void certificate_set_unref(struct certificate_set *s);

#endif
