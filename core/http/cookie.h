/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_HTTP_COOKIE_H
#define SLUICE_HTTP_COOKIE_H

#include "core/http/head.h"

/* The value of one cookie of a request (RFC 6265 4.2.1: "a=1; b=2"); empty when absent. */
struct str http_cookie(const struct http_head *h, struct str name);

#endif
