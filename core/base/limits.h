/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every limit of the data path in one place, with the relations they must keep. Each is reached by
 * a test; past it something clear happens and nothing leaks (DESIGN 9). Those that become
 * configuration keys are the defaults here. */
#ifndef SLUICE_BASE_LIMITS_H
#define SLUICE_BASE_LIMITS_H

/* HTTP heads */
#define HEAD_BYTES_MAX (32 * 1024)           /* request or response head: 431 / 502 */
#define HEAD_FIELDS_MAX 100                  /* fields in a head: 431 / 502 */
#define TARGET_BYTES_MAX (8 * 1024)          /* request target: 414 */
#define METHOD_BYTES_MAX 32                  /* longest method token: 501 */
#define TRAILER_BYTES_MAX (8 * 1024)         /* trailer section of a chunked body */
#define CHUNK_EXTENSION_BYTES_MAX (4 * 1024) /* chunk extensions per body, summed */
#define INTERIM_RESPONSES_MAX 16             /* 1xx per exchange: 502 */
#define CONNECTION_OPTIONS_MAX 32            /* members of a request's Connection: 400 */
#define FORWARD_ADDED_BYTES_MAX (4 * 1024)   /* what forwarding may add to a head */

#define REQUEST_ID_BYTES_MAX 128 /* of a trusted request id; longer ones are replaced */

/* one match of a regular expression in a rule: beyond, the request is answered 500 */
#define REGEX_STEPS_MAX 20000
#define REGEX_DEPTH_MAX 1000
#define REGEX_HEAP_KIB_MAX 256

/* bodies */
#define BUFFER_BYTES (16 * 1024)       /* one receive buffer */
#define LARGE_BUFFER_BYTES (64 * 1024) /* ... of a body that comes in bulk and is copied */
#define BODY_WINDOW_BYTES (64 * 1024)  /* in flight between a source and its sink */
#define LINGER_BYTES_MAX (256 * 1024)  /* request bytes read and dropped after an early answer */

/* HTTP/2, per connection */
#define H2_STREAMS_MAX 100          /* requests at a time: REFUSED_STREAM */
#define H2_WINDOW_BYTES (64 * 1024) /* of a stream: what is taken in before it is asked for */
#define H2_CONNECTION_WINDOW_BYTES (1024 * 1024)
#define H2_ABUSE_KINDS_MAX 16   /* see core/http/h2_budget.def */
#define H2_PING_TIMEOUT_MS 5000 /* of a server, once it is asked */
#define H2_CONTINUATIONS_MAX 8  /* frames that go on with one head */
/* What one head may become out of HPACK: up to here it is answered 431, beyond it is a bomb. */
#define H2_HEAD_LIST_BYTES_MAX (8 * HEAD_BYTES_MAX)

/* memory of one exchange */
#define EXCHANGE_ARENA_FIRST_BYTES (8 * 1024)
#define EXCHANGE_ARENA_EXTRA_BYTES_MAX (256 * 1024)

/* the cache */
#define CACHE_BYTES (256 * 1024 * 1024)

/* compression, per worker */
#define CODER_BYTES (64 * 1024 * 1024)

/* workers */
#define WORKERS_MAX 256
#define LISTENERS_MAX 64
#define TLS_OPTIONS_MAX 64  /* certificates on the command line */
#define CLIENT_RULES_MAX 64 /* client_certificates of one listener */
#define TICKET_KEYS_MAX 4
#define PEM_FILE_BYTES_MAX ((size_t)1 << 20) /* a certificate or key, or the CAs of a system */
#define TLS_READY_MAX 1000 /* certificates ready for use, per worker and listener */
#define SERVERS_MAX 256    /* of one backend (of this release's command line) */
#define SERVER_WEIGHT_MAX 256
#define PREFIX_SEGMENTS_MAX 32 /* of the path that a route matches with all below it */
#define TARGETS_MAX 32         /* backends of one route */
#define ATTEMPTS_MAX 10        /* per exchange, the first included */
#define ATTEMPTS_DEFAULT 3

/* limits per client network, of the process: sets of 4 buckets and of 8 counts */
#define LIMIT_BUCKET_SETS (64 * 1024)
#define LIMIT_COUNT_SETS (32 * 1024)
#define LIMIT_BATCH_MAX 64       /* tokens that a worker takes at a time */
#define REFUSED_CLIENTS_MAX 1024 /* of a worker: clients over a limit that wait for their 429 */

/* passwords */
#define CREDENTIALS_BYTES_MAX 512 /* "NAME:PASSWORD" of a request: 401 */
#define PASSWORD_JOBS_MAX 256     /* that wait for a thread: 503 */
#define PASSWORD_THREADS_MAX 2

/* the ring */
#define RING_SQ_ENTRIES 1024
#define RING_CQ_ENTRIES (16 * 1024)
#define RING_BUFFERS 256 /* lent to the kernel at a time, at most; power of two */

/* pipes to splice through, per worker: a slot for each 4 KiB */
#define RELAY_SPLICE_BYTES (64 * 1024) /* what is worth one */
#define SPLICE_PIPES_KEPT 64
#define SPLICE_PIPE_BYTES (1024 * 1024)

/* upstream pool, per worker and server */
#define POOL_IDLE_MAX 128
#define POOL_USES_MAX 1000000

/* forward proxies */
#define VIA_NAME_BYTES_MAX 64
#define FORWARD_FALLBACK_MS 300  /* until the next of a name's addresses is tried */
#define FORWARD_ADDRESSES_MAX 8  /* of one name, that are tried */
#define FORWARD_IDLE_MAX 8       /* pooled connections to one destination, per worker */
#define FORWARD_IDLE_ALL_MAX 512 /* ... and to all of them */

/* the access log */
#define LOG_RING_BYTES (2 * 1024 * 1024) /* per worker: records that wait to be written */
#define LOG_BATCH_BYTES (256 * 1024)     /* one write */
#define LOG_INTERVAL_MS 10               /* between writes, unless a batch is full */
#define LOG_COMPLAINT_INTERVAL_MS 10000
#define LOG_STALL_MS 1000  /* a log that takes longer for one write holds up no other */
#define LOG_SLOTS_MAX 4096 /* logs, of all configurations that are still in use */

/* default timeouts, all by progress (DESIGN 8) */
#define CLIENT_HEAD_TIMEOUT_MS 10000 /* absolute */
#define CLIENT_BODY_TIMEOUT_MS 30000
#define CLIENT_IDLE_TIMEOUT_MS 60000
#define CLIENT_WRITE_TIMEOUT_MS 30000
#define CLIENT_LINGER_TIMEOUT_MS 2000
#define UPSTREAM_CONNECT_TIMEOUT_MS 2000
#define UPSTREAM_QUEUE_TIMEOUT_MS 5000
#define UPSTREAM_FIRST_BYTE_TIMEOUT_MS 60000
#define UPSTREAM_STALL_TIMEOUT_MS 60000
#define UPSTREAM_IDLE_TIMEOUT_MS 4000
#define TUNNEL_IDLE_TIMEOUT_MS 3600000
#define DRAIN_TIMEOUT_MS 30000
#define LEAVER_IDLE_MS 2000 /* of the clients of a worker that a reload made one too many */

/* names */
#define DNS_TIMEOUT_MS 2000 /* of one try */
#define DNS_ATTEMPTS 3
#define DNS_SERVERS_MAX 8
#define DNS_SEARCH_MAX 16
#define DNS_TTL_MIN_MS 1000 /* what answers are kept for, whatever they say */
#define DNS_TTL_MAX_MS 300000
#define DNS_RETRY_MS 2000        /* after an answer that was none */
#define LOOKUPS_MAX 1024         /* under way at a time, of one resolver */
#define LOOKUP_ADDRESSES_MAX 256 /* of one answer; more are passed over */
#define LOOKUP_TARGETS_MAX 64    /* of one SRV record set */
#define DNS_ALIASES_MAX 16       /* CNAMEs one after the other */

/* balancing */
#define BALANCE_BOUND 125      /* percent of the fair share: ring_hash */
#define LATENCY_DECAY_MS 10000 /* peak_ewma */

#define SPILL_PERCENT 140 /* what healthy servers of a tier take over of unhealthy ones */

/* caps of servers and backends, and who waits for them */
#define CAP_MAX 1000000
#define QUEUE_MAX 1000 /* requests of a backend: 503 */

/* health */
#define HEALTH_INTERVAL_MS 2000
#define HEALTH_TIMEOUT_MS 1000
#define HEALTH_RISE 2
#define HEALTH_FALL 3
#define HEALTH_BODY_BYTES_MAX (16 * 1024) /* that are searched */
#define HEALTH_SERVICE_BYTES_MAX 100      /* of a name of gRPC */
#define EJECTION_FAILURES 5
#define STICKY_NAME_BYTES_MAX 64 /* of a cookie */

/* a server that fails to connect is left alone this long, doubling to the maximum */
#define SERVER_BACKOFF_MIN_MS 1000
#define SERVER_BACKOFF_MAX_MS 30000

_Static_assert(BUFFER_BYTES <= HEAD_BYTES_MAX, "one receive must not exceed a whole head");
_Static_assert(TARGET_BYTES_MAX + METHOD_BYTES_MAX < HEAD_BYTES_MAX, "a request line fits a head");
_Static_assert(TRAILER_BYTES_MAX < HEAD_BYTES_MAX, "trailers fit the head parser");
_Static_assert(BODY_WINDOW_BYTES >= 2 * BUFFER_BYTES, "receive one buffer while another is sent");
_Static_assert(EXCHANGE_ARENA_EXTRA_BYTES_MAX >= 4 * (HEAD_BYTES_MAX + FORWARD_ADDED_BYTES_MAX),
               "an exchange can hold both heads as received and as forwarded");
_Static_assert((RING_BUFFERS & (RING_BUFFERS - 1)) == 0, "the kernel wants a power of two");
_Static_assert(HEAD_FIELDS_MAX < 255, "field positions are kept in a byte");

#endif
