/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads written down by a test. */
#ifndef SLUICE_TESTS_HEADS_H
#define SLUICE_TESTS_HEADS_H

#include <stdio.h>

#include "core/http/h1_head.h"

struct written {
    char text[4096];
    struct http_head head;
};

/* A GET with those field lines, each with its CRLF. */
static inline const struct http_head *request_with(struct written *w, const char *fields)
{
    enum end_reason why;
    int n = snprintf(w->text, sizeof w->text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    assert_int_equal(h1_parse_request(w->text, (size_t)n, 0, &w->head, &why), H1_DONE);
    return &w->head;
}

static inline const struct http_head *response_with(struct written *w, unsigned status,
                                                    const char *fields)
{
    enum end_reason why;
    int n = snprintf(w->text, sizeof w->text, "HTTP/1.1 %u x\r\n%s\r\n", status, fields);
    assert_int_equal(h1_parse_response(w->text, (size_t)n, 0, &w->head, &why), H1_DONE);
    return &w->head;
}

#endif
