/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of how much servers and backends take, and what becomes of what is too much. */
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Places and the queue ------------------------------------------------------------------- */

static const struct schema_key per_server_keys[] = {
    { KEY("max_requests"), EXAMPLE("100"), VALUE(server_limits_config, requests_max, value_number),
      BOUNDS(1, CAP_MAX), .otherwise = "any number",
      .doc = "The same for each server that has no max_requests." },
    { KEY("max_connections"), EXAMPLE("50"),
      VALUE(server_limits_config, connections_max, value_number), BOUNDS(1, CAP_MAX),
      .otherwise = "any number", .doc = "The same for each server that has no max_connections." },
};
const struct schema_object schema_per_server = {
    OBJECT_OF("per_server", server_limits_config, per_server_keys),
};

static const struct schema_key queue_keys[] = {
    { KEY("max"), VALUE(backend_config, queue_max, value_number), DEFAULT(QUEUE_MAX),
      BOUNDS(0, CAP_MAX),
      .doc =
          "How many requests may wait, in all workers together. More are answered 503 at once." },
    { KEY("timeout"), EXAMPLE("2s"), VALUE(backend_config, queue_ms, value_duration),
      BOUNDS(1, 86400000), .otherwise = "timeouts.queue",
      .doc = "How long. Then the request is answered 503." },
};
const struct schema_object schema_queue = {
    OBJECT_OF("queue", backend_config, queue_keys),
    .shorthand = "max",
    .inherits = true,
};

/* ---- The circuit breaker -------------------------------------------------------------------- */

static const struct schema_key breaker_keys[] = {
    { KEY("max_requests"), EXAMPLE("1000"), VALUE(breaker_config, requests_max, value_number),
      BOUNDS(1, CAP_MAX), .otherwise = "any number",
      .doc = "So many requests at a time on all servers together; more wait in the queue." },
    { KEY("error_rate"), EXAMPLE("50%"), VALUE(breaker_config, error_rate_ppm, value_percent),
      BOUNDS(1, 1000000), .otherwise = "any",
      .doc = "With such a share of failures (no answer, or a 5xx) in an interval the circuit "
             "opens: requests are answered 503 at once, without asking a server." },
    { KEY("requests"), VALUE(breaker_config, requests_min, value_number), DEFAULT(20),
      BOUNDS(1, 1000000), .doc = "Fewer in an interval say nothing." },
    { KEY("interval"), VALUE(breaker_config, interval_ms, value_duration), DEFAULT(10000),
      BOUNDS(10, 3600000), .doc = "How long failures are counted together." },
    { KEY("time"), VALUE(breaker_config, time_ms, value_duration), DEFAULT(5000),
      BOUNDS(1, 3600000),
      .doc = "How long the circuit is open; then 'trials' decide. Twice as long each time that "
             "they fail." },
    { KEY("time_max"), VALUE(breaker_config, time_max_ms, value_duration), DEFAULT(60000),
      BOUNDS(1, 86400000), .doc = "The time doubles up to this one." },
    { KEY("trials"), VALUE(breaker_config, trials, value_number), DEFAULT(3), BOUNDS(1, 10000),
      .doc = "So many requests go through then. One that fails opens the circuit again; when all "
             "go well it is closed." },
};
const struct schema_object schema_breaker = {
    OBJECT_OF("breaker", breaker_config, breaker_keys),
};
