/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of how servers of a backend are found to be bad, and what follows. */
#include <string.h>

#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Active checks -------------------------------------------------------------------------- */

static void read_statuses(struct loader *l, const struct schema_key *k, const struct node *n,
                          void *out)
{
    (void)k;
    uint16_t *span = out;
    unsigned low = 0, high = 0;
    int end = 0;
    char text[16] = "";
    if (n->text.len < sizeof text)
        memcpy(text, n->text.ptr, n->text.len);
    if (sscanf(text, "%3u-%3u%n", &low, &high, &end) == 2 && !text[end]) {
        /* a span */
    } else if (sscanf(text, "%1uxx%n", &low, &end) == 1 && end == 3 && !text[end]) {
        low *= 100;
        high = low + 99;
    } else if (sscanf(text, "%3u%n", &low, &end) == 1 && !text[end]) {
        high = low;
    }
    if (low < 200 || high > 599 || low > high)
        report_error(l->report, n->place,
                     "'%s' is no status from 200 to 599 (write 200, 2xx or 200-399)",
                     quote(n->text).text);
    span[0] = (uint16_t)low;
    span[1] = (uint16_t)high;
}

static const struct value_type value_statuses = {
    .name = "statuses",
    .form = "200, 2xx or 200-399",
    .json =
        "\"type\":[\"string\",\"number\"],\"pattern\":\"^[2-5]([0-9]{2}(-[2-5][0-9]{2})?|xx)$\"",
    .bytes = 2 * sizeof(uint16_t),
    .read = read_statuses,
    .example = "2xx",
};

static const struct word probe_words[] = {
    { "http", PROBE_HTTP }, { "tcp", PROBE_TCP }, { "tls", PROBE_TLS },
    { "grpc", PROBE_GRPC }, { NULL, 0 },
};

static const struct schema_key health_keys[] = {
    { KEY("path"), EXAMPLE("/healthz"), VALUE(health_config, path, value_text), .otherwise = "/",
      .doc = "What is asked for by GET, in the backend's protocol." },
    { KEY("type"), VALUE(health_config, kind, value_word), .words = probe_words,
      .otherwise = "http",
      .doc =
          "http: a request (over TLS, if the backend has 'tls') and its answer; tcp: a "
          "connection; tls: a handshake; grpc: grpc.health.v1.Health/Check has to say SERVING." },
    { KEY("service"), EXAMPLE("shop.Orders"), VALUE(health_config, service, value_text),
      .otherwise = "the server as a whole", .doc = "With type grpc: the service to ask about." },
    { KEY("host"), EXAMPLE("app.internal"), VALUE(health_config, host, value_text),
      .otherwise = "the server's address", .doc = "The Host of the request." },
    { KEY("status"), VALUE(health_config, status_min, value_statuses), .otherwise = "200-399",
      .doc = "What a good server answers." },
    { KEY("body"), EXAMPLE("\"ready\""), VALUE(health_config, body, value_text),
      .otherwise = "anything", .doc = "A text that the first 16 KiB of the answer's body hold." },
    { KEY("interval"), VALUE(health_config, interval_ms, value_duration),
      DEFAULT(HEALTH_INTERVAL_MS), BOUNDS(10, 3600000),
      .doc = "Between checks of a server; half of it while it is down or in doubt." },
    { KEY("timeout"), VALUE(health_config, timeout_ms, value_duration), DEFAULT(HEALTH_TIMEOUT_MS),
      BOUNDS(1, 60000), .doc = "For the whole check." },
    { KEY("rise"), VALUE(health_config, rise, value_number), DEFAULT(HEALTH_RISE), BOUNDS(1, 100),
      .doc = "So many good checks in a row bring a server back." },
    { KEY("fall"), VALUE(health_config, fall, value_number), DEFAULT(HEALTH_FALL), BOUNDS(1, 100),
      .doc = "So many bad checks in a row take a server out. The first check decides alone." },
    { KEY("port"), EXAMPLE("9090"), VALUE(health_config, port, value_number), BOUNDS(1, 65535),
      .otherwise = "the server's", .doc = "Where the check goes, if not to the server's port." },
};
const struct schema_object schema_health = {
    OBJECT_OF("health", health_config, health_keys),
    .shorthand = "path",
    .end = end_health,
};

/* ---- Ejection by answers -------------------------------------------------------------------- */

static const struct schema_key ejection_keys[] = {
    { KEY("failures"), VALUE(ejection_config, consecutive, value_number),
      DEFAULT(EJECTION_FAILURES), BOUNDS(0, 10000),
      .doc = "So many failures in a row (no answer, or a 5xx) take a server out; 0: any." },
    { KEY("error_rate"), EXAMPLE("50%"), VALUE(ejection_config, error_rate_ppm, value_percent),
      BOUNDS(1, 1000000), .otherwise = "any",
      .doc = "Such a share of failures in an interval takes a server out." },
    { KEY("latency"), EXAMPLE("500%"), VALUE(ejection_config, latency_ppm, value_percent),
      BOUNDS(1010000, 1000000000), .otherwise = "any",
      .doc = "A server whose mean time to answer is so much of the servers' median is taken out." },
    { KEY("interval"), VALUE(ejection_config, interval_ms, value_duration), DEFAULT(10000),
      BOUNDS(10, 3600000), .doc = "How long is looked at for rate and latency." },
    { KEY("requests"), VALUE(ejection_config, requests_min, value_number), DEFAULT(20),
      BOUNDS(1, 1000000), .doc = "Fewer in an interval say nothing." },
    { KEY("time"), VALUE(ejection_config, time_ms, value_duration), DEFAULT(10000),
      BOUNDS(1, 3600000), .doc = "How long a server is out; twice as long when it comes again." },
    { KEY("time_max"), VALUE(ejection_config, time_max_ms, value_duration), DEFAULT(300000),
      BOUNDS(1, 86400000), .doc = "The time doubles up to this one." },
    { KEY("share_max"), VALUE(ejection_config, share_max_ppm, value_percent), DEFAULT(500000),
      BOUNDS(0, 1000000), .doc = "Never is more of a backend's servers out." },
};
const struct schema_object schema_ejection = {
    OBJECT_OF("ejection", ejection_config, ejection_keys),
    .shorthand = "failures",
    .end = end_ejection,
};
