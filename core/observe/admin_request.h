/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request to the admin socket that is more than "GET this": for whoever answers it. */
#ifndef SLUICE_OBSERVE_ADMIN_REQUEST_H
#define SLUICE_OBSERVE_ADMIN_REQUEST_H

#include "core/http/head.h"

struct admin_request {
    enum http_method method;
    struct str path;     /* as it came, without the query */
    struct str body;     /* empty: none */
    struct str if_match; /* of the field; empty: it is not there */
};

struct admin_reply {
    int status;
    char *body; /* JSON; malloc'd, the admin's to free. NULL: there was no memory */
    size_t body_bytes;
    char fields[200]; /* whole lines of the head */
};

#endif
