/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a proxy has to know of gRPC over HTTP/2: its requests, their deadlines, and how it answers
 * one itself. (grpc/doc/PROTOCOL-HTTP2.md, grpc/doc/http-grpc-status-mapping.md) Pure. */
#ifndef SLUICE_HTTP_GRPC_H
#define SLUICE_HTTP_GRPC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/out.h"
#include "core/http/head.h"

enum grpc_status {
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

/* Whether the request is one of gRPC, by its Content-Type: application/grpc, perhaps with "+proto"
 * or parameters; not grpc-web, whose answers are of another form. */
bool grpc_is_request(const struct http_head *h);

/* Its grpc-timeout in nanoseconds, at most a hundred years; 0: none, or none that is understood. */
uint64_t grpc_timeout_ns(const struct http_head *h);

/* What an answer of ours says, in place of an HTTP status of an error. A deadline and what was too
 * much are told apart, where clients would only see UNAVAILABLE and UNKNOWN in the status. */
enum grpc_status grpc_status_of(unsigned http_status);

/* Writes a grpc-message: percent-encoded. */
void grpc_write_message(struct out *o, struct str text);

#endif
