/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kinds of values that a configuration is made of (config.h). */
#ifndef SLUICE_CONFIG_CONFIG_VALUES_H
#define SLUICE_CONFIG_CONFIG_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "core/config/strings.h"

struct network {
    unsigned char ip[16]; /* IPv4 in the first four; bits past `bits` are zero */
    unsigned char family; /* AF_INET, AF_INET6 */
    unsigned char bits;
};

struct networks {
    struct network *items; /* sorted, none inside another (networks.h) */
    uint32_t items_count;
};

/* A compiled PCRE2 pattern (UTF off, matched against bytes), to be matched with limits. */
struct regex {
    struct str text;
    struct pcre2_real_code_8 *code; /* NULL: none */
    uint32_t captures;
    struct regex *next; /* of config.regexes */
};

/* What a text with variables is made of. */
enum variable {
    VAR_TEXT,            /* no variable: `text` itself */
    VAR_CAPTURE,         /* group `capture` of the regular expression that the path met */
    VAR_CLIENT_IP,       /* after the trust list */
    VAR_PEER_IP,         /* of the connection */
    VAR_HOST,            /* without port, lower case */
    VAR_PORT,            /* the listener's */
    VAR_METHOD,          /* of the request, as the following */
    VAR_SCHEME,          /* http */
    VAR_PATH,            /* normal form, as the client asked */
    VAR_QUERY,           /* without '?' */
    VAR_SEARCH,          /* with it; empty: there is no query */
    VAR_URI,             /* path and query */
    VAR_REQUEST_ID,      /* */
    VAR_LISTENER,        /* names of configuration */
    VAR_SITE,            /* */
    VAR_ROUTE,           /* */
    VAR_BACKEND,         /* empty: none */
    VAR_SERVER,          /* empty: none */
    VAR_USER,            /* of Basic authentication; empty: none */
    VAR_STATUS,          /* responses only */
    VAR_HEADER,          /* request header `text` (lower case) */
    VAR_COOKIE,          /* request cookie `text` */
    VAR_ARGUMENT,        /* query argument `text` */
    VAR_RESPONSE_HEADER, /* responses only: header `text` (lower case) */
    VAR_TLS_VERSION,     /* with the client; empty: none, as the following */
    VAR_TLS_CIPHER,
    VAR_TLS_SERVER_NAME,
    VAR_TLS_CLIENT_SUBJECT, /* of the client's certificate, as the following */
    VAR_TLS_CLIENT_ISSUER,
    VAR_TLS_CLIENT_SERIAL,
    VAR_TLS_CLIENT_FINGERPRINT,
    VAR_TLS_CLIENT_CERTIFICATE,
};

struct template_part {
    enum variable what;
    uint32_t capture;
    struct str text;
};

struct template
{
    struct template_part *parts;
    uint32_t parts_count; /* 0: the empty text */
};

/* So many in such a time. */
struct rate {
    uint32_t count; /* never 0 where a rate was given */
    uint32_t per_ms;
};

#endif
