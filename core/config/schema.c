/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table, from the top; and what walks over it. */
#include "core/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Relay ---------------------------------------------------------------------------------- */

static const struct word relay_words[] = {
    { "auto", RELAY_AUTO },
    { "copy", RELAY_COPY },
    { "splice", RELAY_SPLICE },
    { "ring_splice", RELAY_RING_SPLICE },
    { NULL, 0 },
};
static const struct schema_key relay_keys[] = {
    { KEY("strategy"), VALUE(relay_config, strategy, value_word), .words = relay_words,
      DEFAULT(RELAY_AUTO),
      .doc = "How bodies and tunnels without TLS are passed on. auto: large ones through pipes, "
             "past user space, by splice(2); ring_splice: the same by the ring's own operation; "
             "splice: whatever can be; copy: nothing." },
    { KEY("splice_from"), VALUE(relay_config, splice_bytes, value_size),
      DEFAULT(RELAY_SPLICE_BYTES), BOUNDS(4096, INT64_MAX),
      .doc = "From how many bytes on a pipe is worth its while: bytes that are still to come of a "
             "body or chunk, or where that is not known, that came in one go." },
    { KEY("pipe"), VALUE(relay_config, pipe_bytes, value_size), DEFAULT(SPLICE_PIPE_BYTES),
      BOUNDS(4096, 1 << 30),
      .doc = "The size of a pipe. The kernel may refuse large ones to users without privileges." },
};
static const struct schema_object schema_relay = {
    OBJECT_OF("relay", relay_config, relay_keys),
};

/* ---- The top level -------------------------------------------------------------------------- */

static const struct word auto_words[] = { { "auto", 0 }, { NULL, 0 } };
static const struct word trust_words[] = {
    { "never", TRUST_NEVER },
    { "trusted_proxies", TRUST_PROXIES },
    { "always", TRUST_ALWAYS },
    { NULL, 0 },
};

static const struct schema_key worker_limits_keys[] = {
    { KEY("clients"), EXAMPLE("20000"), VALUE(config, clients_max, value_number),
      .words = auto_words, DEFAULT(0), BOUNDS(1, 10000000),
      .doc = "How many client connections a worker holds at a time; more are closed at once. "
             "auto: as many as there are descriptors." },
    { KEY("buffers"), EXAMPLE("4096"), VALUE(config, buffers_max, value_number),
      .words = auto_words, DEFAULT(0), BOUNDS(16, 10000000),
      .doc =
          "How many buffers of 16 KiB a worker has; without a free one it stops receiving. "
          "Bodies that are copied in bulk come in larger ones, which are another quarter of their "
          "bytes at most. auto: as memory allows." },
    { KEY("compression_memory"), VALUE(config, coder_bytes, value_size), DEFAULT(CODER_BYTES),
      BOUNDS(0, UINT64_C(1) << 32),
      .doc = "Memory of a worker's compressors that run at a time: 320 KiB for gzip, 1 to 4 MiB "
             "for brotli and zstd, by level. Without room for one more, answers leave "
             "uncompressed." },
};
static const struct schema_object worker_limits = {
    OBJECT_OF("worker_limits", config, worker_limits_keys),
    .inherits = true,
};

static const struct schema_key admin_keys[] = {
    { KEY("socket"), EXAMPLE("/run/sluice/admin.sock"), VALUE(config, admin_socket, value_file),
      .required = true,
      .doc = "The path of the Unix socket that serves /metrics, /healthz, /readyz, /config and "
             "/backends." },
    { KEY("journal"), EXAMPLE("/var/lib/sluice/servers.journal"),
      VALUE(config, journal, value_file), .otherwise = "they go with the process",
      .doc = "The file that keeps changes of servers by this interface over restarts. Lines are "
             "appended to it; delete it while sluice is not running to forget them." },
};
static const struct schema_object admin = {
    OBJECT_OF("admin", config, admin_keys),
    .shorthand = "socket",
    .inherits = true,
};

static const struct schema_key request_id_keys[] = {
    { KEY("header"), EXAMPLE("X-Request-Id"), VALUE(request_id_config, header, value_header),
      .otherwise = "X-Request-Id",
      .doc = "The header that carries the request's id to the server." },
    { KEY("trust"), VALUE(request_id_config, trust, value_word), .words = trust_words,
      DEFAULT(TRUST_PROXIES),
      .doc = "Whose ids are kept: those of trusted_proxies, of everybody (always), of nobody "
             "(never). All others are replaced by a new one." },
};
static const struct schema_object request_id = {
    OBJECT_OF("request_id", request_id_config, request_id_keys),
};

/* In reading order: what is referred to comes before what refers to it. */
static const struct schema_key root_keys[] = {
    { KEY("include"), EXAMPLE("[conf.d/*.yaml]"), LIST(value_file), .take = take_nothing,
      .doc = "Files to read too, by name or pattern (conf.d/*.yaml), relative to this file. Their "
             "listeners, sites, backends and logs join those of this file." },
    { KEY("workers"), EXAMPLE("4"), VALUE(config, workers, value_number), .words = auto_words,
      DEFAULT(0), BOUNDS(1, WORKERS_MAX),
      .doc = "How many threads serve, each with a ring of its own. auto: one per CPU that this "
             "process may use." },
    { KEY("worker_limits"), EXAMPLE("{ clients: 20000 }"), OBJECT_AT(0, worker_limits),
      .doc = "What one worker may use." },
    { KEY("user"), EXAMPLE("www-data"), VALUE(config, user, value_string),
      .otherwise = "stays who it is",
      .doc = "The user that serves, when started as root; it needs none of the files named here, "
             "root opens them. When a reload names another one, a new process takes over." },
    { KEY("admin"), EXAMPLE("/run/sluice/admin.sock"), OBJECT_AT(0, admin),
      .otherwise = "no admin socket", .doc = "The admin interface: HTTP on a Unix socket." },
    { KEY("cache_memory"), VALUE(config, cache_bytes, value_size), DEFAULT(CACHE_BYTES),
      BOUNDS(1 << 20, UINT64_C(1) << 40),
      .doc = "Memory for all that 'cache' keeps, for all workers together; what is needed to find "
             "it again counts." },
    { KEY("lame_duck"), EXAMPLE("5s"), VALUE(config, lame_duck_ms, value_duration), DEFAULT(0),
      BOUNDS(0, 3600000),
      .doc = "Before listeners close for good, /readyz fails for so long, so that balancers in "
             "front look elsewhere." },
    { KEY("trusted_proxies"), EXAMPLE("[10.0.0.0/8, \"fd00::/8\"]"),
      NETWORKS(config, trusted_proxies), .otherwise = "nobody",
      .doc = "The proxies in front: X-Forwarded-For of these peers is believed, from the right up "
             "to the first address that is not among them; that is the client's." },
    { KEY("request_id"), EXAMPLE("{ trust: always }"), OBJECT(config, request_id, request_id),
      .doc = "Each request has an id; logs, error pages and servers see the same one." },
    { KEY("relay"), EXAMPLE("{ splice_from: 128KiB }"), OBJECT(config, relay, schema_relay),
      .doc = "How the bytes of large bodies and of tunnels go from one connection to the other." },
    { KEY("dns"), EXAMPLE("{ servers: [10.0.0.53] }"), OBJECT(config, dns, schema_dns),
      .otherwise = "as this machine",
      .doc = "How names are resolved, while sluice runs. /etc/hosts goes before DNS." },
    { KEY("logs"), EXAMPLE("{ access: { to: /var/log/sluice/access.log } }"),
      MAP(config, logs, schema_log), .otherwise = "no access log",
      .doc = "Access logs by name; sites and routes choose one with 'log'." },
    { KEY("backends"), EXAMPLE("{ app: { servers: [\"127.0.0.1:9000\"] } }"),
      MAP(config, backends, schema_backend), .otherwise = "none",
      .doc = "Groups of servers by name; routes choose them with 'to'." },
    { KEY("defaults"), EXAMPLE("{ log: access, timeouts: { connect: 1s } }"), .shape = SHAPE_OBJECT,
      .object = &schema_defaults, .take = take_defaults, .doc = "What sites begin with." },
    { KEY("sites"), EXAMPLE("{ www: { routes: [{ to: app }] } }"), MAP(config, sites, schema_site),
      .take = take_sites, .otherwise = "none",
      .doc = "Sites by name: which request is answered how." },
    { KEY("listeners"), EXAMPLE("{ web: { bind: \":80\", site: www } }"),
      MAP(config, listeners, schema_listener), .required = true,
      .doc = "Listeners by name: the addresses clients connect to." },
};
const struct schema_object schema_root = {
    OBJECT_OF("configuration", config, root_keys),
};

/* ---- Walking -------------------------------------------------------------------------------- */

const struct schema_key *schema_key_at(const struct schema_object *o, uint32_t i, size_t *offset)
{
    uint32_t early = o->keys_count - o->keys_late;
    uint32_t shared = o->shared ? o->shared->keys_count - o->shared_less : 0;
    const struct schema_key *k = NULL;
    size_t base = 0;
    if (i < early) {
        k = &o->keys[i];
    } else if (i < early + shared) {
        k = &o->shared->keys[i - early];
        base = o->shared_offset;
    } else if (i < o->keys_count + shared) {
        k = &o->keys[i - shared];
    }
    if (k)
        *offset = base + k->offset;
    return k;
}

const struct schema_key *schema_find(const struct schema_object *o, struct str name)
{
    size_t offset;
    const struct schema_key *k;
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++)
        if (str_eq(str_of(k->name), name))
            return k;
    return NULL;
}

struct walk {
    void (*fn)(void *arg, const char *path, const struct schema_key *k,
               const struct schema_object *in);
    void *arg;
    char path[256];
};

static void walk_object(struct walk *w, const struct schema_object *o, size_t len)
{
    size_t offset;
    const struct schema_key *k;
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++) {
        char *end = w->path + len;
        size_t room = sizeof w->path - len;
        size_t n = (size_t)snprintf(end, room, "%s%s", len ? "." : "", k->name);
        CHECK(n + sizeof ".NAME" <= room);
        w->fn(w->arg, w->path, k, o);
        if (!k->object)
            continue;
        const char *each = k->shape == SHAPE_MAP ? ".NAME" : k->shape == SHAPE_LIST ? "[]" : "";
        n += (size_t)snprintf(end + n, room - n, "%s", each);
        walk_object(w, k->object, len + n);
    }
}

void schema_walk(void (*fn)(void *arg, const char *path, const struct schema_key *k,
                            const struct schema_object *in),
                 void *arg)
{
    struct walk w = { .fn = fn, .arg = arg };
    walk_object(&w, &schema_root, 0);
}

void schema_format(const struct schema_key *k, uint64_t value, char out[32])
{
    for (const struct word *w = k->words; w && w->text; w++) {
        if (w->value == value) {
            snprintf(out, 32, "%s", w->text);
            return;
        }
    }
    k->type->format(value, out);
}
