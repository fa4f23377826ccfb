/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load_options.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdlib.h>

#define RATE_MAX 10e6
#define SECONDS_MAX (366.0 * 24 * 3600)
#define CONNECTIONS_MAX 100000
#define THREADS_MAX 64
#define STREAMS_MAX 1000

static void usage(FILE *to)
{
    fputs("  sluice-load --url http://127.0.0.1:8080/ --rate 1000 --seconds 10\n"
          "  sluice-load --url https://127.0.0.1:8443/ --rate 200 --new-connections\n"
          "  sluice-load --url http://127.0.0.1:8080/ --rate max --connections 8\n"
          "  sluice-load --url https://127.0.0.1:8443/ --http2 --streams 8 --connections 16\n"
          "  sluice-load --url http://127.0.0.1:8080/websocket --websocket --body 1024\n"
          "  sluice-load --url http://127.0.0.1:8080 --trace requests --log answers\n"
          "\n"
          "Sends HTTP/1.1 or HTTP/2 requests at a fixed rate. Each is timed from when it was due, "
          "not from\n"
          "when it could be sent: a server that stands still is charged for all who wait.\n"
          "Prints a line \"interval {...}\" for each interval and one with the whole, as JSON,\n"
          "latencies as [bucket, count] of an HdrHistogram in microseconds.\n"
          "\n"
          "  --url URL              http:// or https://HOST[:PORT]/PATH; certificates are not\n"
          "                         verified\n"
          "  --rate N|max           requests/s (default 1000); max: as many as the connections\n"
          "                         carry, each sending its next when it has its answer\n"
          "  --seconds N            how long requests are sent (default 10)\n"
          "  --connections N        at most so many at once (default 64)\n"
          "  --http2                over https negotiated by ALPN, over http with prior knowledge\n"
          "  --streams N            with it, at most so many at once on a connection (default 1)\n"
          "  --websocket            a request is a message of --body bytes, which is to come back\n"
          "  --threads N            each with a ring and its share of all (default 1)\n"
          "  --new-connections      one for each request\n"
          "  --no-resumption        a full TLS handshake for each connection\n"
          "  --arrivals WORD        uniform (default) or poisson\n"
          "  --method WORD          default GET\n"
          "  --body BYTES           of each request\n"
          "  --path PATH            instead of the URL's; several take turns\n"
          "  --timeout N[ms|s]      of a request (default 10s)\n"
          "  --interval N[ms|s]     of the interval lines (default 1s)\n"
          "  --expect-status N      another one is an error (default: 400 and more are)\n"
          "  --expect-bytes N       a body of another length is an error\n"
          "  --trace FILE           requests of a file, a line each: MICROSECONDS METHOD TARGET\n"
          "                         BODY_BYTES, by rising time since the begin\n"
          "  --log FILE             a line a request: INDEX DUE_US LATENCY_US STATUS BYTES RESULT\n"
          "  --help                 this text\n",
          to);
}

static bool wrong(const char *name, const char *value, const char *wanted)
{
    fprintf(stderr, "sluice-load: --%s '%s': %s\n", name, value, wanted);
    return false;
}

static bool read_double(const char *name, const char *text, double max, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out > 0) || *out > max)
        return wrong(name, text, "a number above 0 is wanted");
    return true;
}

static bool read_whole(const char *name, const char *text, uint64_t min, uint64_t max,
                       uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (end == text || *end || errno || *text == '-' || *out < min || *out > max) {
        fprintf(stderr, "sluice-load: --%s '%s': a whole number from %llu to %llu is wanted\n",
                name, text, (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    return true;
}

static bool read_duration(const char *name, const char *text, uint64_t *out_ns)
{
    char *end;
    double value = strtod(text, &end);
    double unit_ns = strcmp(end, "ms") == 0 ? 1e6 : strcmp(end, "s") == 0 ? 1e9 : 0;
    if (end == text || unit_ns == 0 || !(value * unit_ns >= 1e6) || value * unit_ns > 3600e9)
        return wrong(name, text, "a duration with its unit is wanted: 500ms, 10s");
    *out_ns = (uint64_t)(value * unit_ns);
    return true;
}

/* What can stand in a request line. */
static bool is_target(struct str s)
{
    if (s.len == 0 || s.len > LOAD_TARGET_MAX || *s.ptr != '/')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 'A' || s.ptr[i] > 'Z')
            return false;
    return s.len > 0 && s.len < 32;
}

static bool resolve(struct load_options *o, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    int err = getaddrinfo(o->server_name, port, &hints, &found);
    if (err) {
        fprintf(stderr, "sluice-load: host '%s', port '%s': %s\n", o->server_name, port,
                gai_strerror(err));
        return false;
    }
    o->to.len = found->ai_addrlen;
    memcpy(&o->to.sa, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

/* scheme://HOST[:PORT][/PATH]; HOST may be [IPV6]. */
static bool read_url(const char *url, struct load_options *o)
{
    const char *rest = strstr(url, "://");
    size_t scheme = rest ? (size_t)(rest - url) : 0;
    o->tls = scheme == 5 && memcmp(url, "https", 5) == 0;
    if (!o->tls && !(scheme == 4 && memcmp(url, "http", 4) == 0))
        return wrong("url", url, "http://HOST[:PORT]/PATH or https://... is wanted");
    rest += 3;
    o->host = (struct str){ rest, strcspn(rest, "/?#") };
    const char *path = rest + o->host.len;
    const char *close = *rest == '[' ? memchr(rest, ']', o->host.len) : NULL;
    struct str name = { rest, o->host.len };
    if (close)
        name = (struct str){ rest + 1, (size_t)(close - rest - 1) };
    else if (memchr(rest, ':', o->host.len))
        name.len = (size_t)((const char *)memchr(rest, ':', o->host.len) - rest);
    const char *behind = close ? close + 1 : name.ptr + name.len;
    char port[8] = "";
    size_t port_len = (size_t)(path - behind);
    if (name.len == 0 || name.len >= sizeof o->server_name || port_len >= sizeof port)
        return wrong("url", url, "a host is wanted");
    memcpy(o->server_name, name.ptr, name.len);
    o->server_name[name.len] = 0;
    if (port_len > 1)
        memcpy(port, behind + 1, port_len - 1);
    o->paths[0] = *path == '/' ? (struct str){ path, strcspn(path, "#") } : STR("/");
    if (!is_target(o->paths[0]))
        return wrong("url", url, "the path has blanks or control characters");
    return resolve(o, port[0] ? port : o->tls ? "443" : "80");
}

static struct str next_word(struct str *line)
{
    struct str word = { line->ptr, 0 };
    while (word.len < line->len && word.ptr[word.len] != ' ')
        word.len++;
    size_t used = word.len < line->len ? word.len + 1 : word.len;
    *line = (struct str){ line->ptr + used, line->len - used };
    return word;
}

static bool word_number(struct str word, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9' || *out > UINT64_MAX / 1000000)
            return false;
        *out = *out * 10 + (uint64_t)(word.ptr[i] - '0');
    }
    return word.len > 0;
}

static bool read_entry(struct str line, struct trace_entry *e)
{
    uint64_t at_us;
    if (!word_number(next_word(&line), &at_us))
        return false;
    e->at_ns = at_us * 1000;
    e->method = next_word(&line);
    e->target = next_word(&line);
    return is_method(e->method) && is_target(e->target) && word_number(line, &e->body_bytes);
}

/* The file stays in memory: entries point into it. */
static bool read_trace(const char *path, struct load_options *o)
{
    FILE *f = fopen(path, "r");
    size_t room = 0, lines = 0, line_room = 0;
    char *line = NULL;
    uint64_t last_ns = 0;
    bool ok = f != NULL;
    if (!f)
        return wrong("trace", path, strerror(errno));
    for (ssize_t len; ok && (len = getline(&line, &line_room, f)) >= 0;) {
        lines++;
        if (len > 0 && line[len - 1] == '\n')
            len--;
        if (lines > room) {
            room = room ? 2 * room : 1024;
            o->trace = realloc(o->trace, room * sizeof *o->trace);
        }
        struct trace_entry *e = &o->trace[lines - 1];
        ok = read_entry((struct str){ line, (size_t)len }, e) && e->at_ns >= last_ns;
        if (!ok) {
            fprintf(stderr,
                    "sluice-load: %s:%zu: MICROSECONDS METHOD TARGET BODY_BYTES is wanted, times "
                    "rising\n",
                    path, lines);
            break;
        }
        last_ns = e->at_ns;
        e->method.ptr = strndup(e->method.ptr, e->method.len);
        e->target.ptr = strndup(e->target.ptr, e->target.len);
        ok = e->method.ptr && e->target.ptr;
        o->trace_count = lines;
    }
    free(line);
    fclose(f);
    if (ok && lines == 0)
        return wrong("trace", path, "there is no request in it");
    return ok;
}

enum {
    OPTION_FIRST = 256,
    URL,
    RATE,
    SECONDS,
    CONNECTIONS,
    THREADS,
    HTTP2,
    WEBSOCKET,
    STREAMS,
    NEW,
    FULL,
    ARRIVALS,
    METHOD,
    BODY,
    PATH,
    TIMEOUT,
    INTERVAL,
    STATUS,
    BYTES,
    TRACE,
    LOG
};

static const struct option names[] = {
    { "url", required_argument, NULL, URL },
    { "rate", required_argument, NULL, RATE },
    { "seconds", required_argument, NULL, SECONDS },
    { "connections", required_argument, NULL, CONNECTIONS },
    { "threads", required_argument, NULL, THREADS },
    { "websocket", no_argument, NULL, WEBSOCKET },
    { "http2", no_argument, NULL, HTTP2 },
    { "streams", required_argument, NULL, STREAMS },
    { "new-connections", no_argument, NULL, NEW },
    { "no-resumption", no_argument, NULL, FULL },
    { "arrivals", required_argument, NULL, ARRIVALS },
    { "method", required_argument, NULL, METHOD },
    { "body", required_argument, NULL, BODY },
    { "path", required_argument, NULL, PATH },
    { "timeout", required_argument, NULL, TIMEOUT },
    { "interval", required_argument, NULL, INTERVAL },
    { "expect-status", required_argument, NULL, STATUS },
    { "expect-bytes", required_argument, NULL, BYTES },
    { "trace", required_argument, NULL, TRACE },
    { "log", required_argument, NULL, LOG },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

static bool read_path(const char *text, struct load_options *o, unsigned *given)
{
    if (*given == LOAD_PATHS_MAX || !is_target(str_of(text)))
        return wrong("path", text, "at most 1024 are wanted, beginning with / and without blanks");
    o->paths[(*given)++] = str_of(text);
    return true;
}

/* One option. */
static bool read_option(int c, const char *text, struct load_options *o, unsigned *paths)
{
    uint64_t n = 0;
    bool ok = true;
    switch (c) {
    case RATE:
        o->rate = 0;
        return strcmp(text, "max") == 0 || read_double("rate", text, RATE_MAX, &o->rate);
    case SECONDS:
        return read_double("seconds", text, SECONDS_MAX, &o->seconds);
    case CONNECTIONS:
        ok = read_whole("connections", text, 1, CONNECTIONS_MAX, &n);
        o->connections = (unsigned)n;
        return ok;
    case THREADS:
        ok = read_whole("threads", text, 1, THREADS_MAX, &n);
        o->threads = (unsigned)n;
        return ok;
    case WEBSOCKET:
        o->websocket = true;
        return true;
    case HTTP2:
        o->http2 = true;
        return true;
    case STREAMS:
        ok = read_whole("streams", text, 1, STREAMS_MAX, &n);
        o->streams = (unsigned)n;
        return ok;
    case NEW:
        o->new_connections = true;
        return true;
    case FULL:
        o->no_resumption = true;
        return true;
    case ARRIVALS:
        o->poisson = strcmp(text, "poisson") == 0;
        return o->poisson || strcmp(text, "uniform") == 0 ||
               wrong("arrivals", text, "uniform or poisson is wanted");
    case METHOD:
        o->method = str_of(text);
        return is_method(o->method) || wrong("method", text, "capital letters are wanted");
    case BODY:
        return read_whole("body", text, 0, UINT64_C(1) << 40, &o->body_bytes);
    case PATH:
        return read_path(text, o, paths);
    case TIMEOUT:
        return read_duration("timeout", text, &o->timeout_ns);
    case INTERVAL:
        return read_duration("interval", text, &o->interval_ns);
    case STATUS:
        ok = read_whole("expect-status", text, 100, 999, &n);
        o->expect_status = (int)n;
        return ok;
    case BYTES:
        ok = read_whole("expect-bytes", text, 0, UINT64_C(1) << 50, &n);
        o->expect_bytes = (int64_t)n;
        return ok;
    case TRACE:
        return read_trace(text, o);
    case LOG:
        o->log = fopen(text, "w");
        return o->log || wrong("log", text, strerror(errno));
    default:
        return false;
    }
}

int load_options_read(int argc, char **argv, struct load_options *o)
{
    const char *url = NULL;
    unsigned paths = 0;
    bool ok = true;
    int c;
    *o = (struct load_options){
        .rate = 1000,
        .seconds = 10,
        .connections = 64,
        .threads = 1,
        .streams = 1,
        .method = STR("GET"),
        .timeout_ns = UINT64_C(10) * 1000000000,
        .interval_ns = 1000000000,
        .expect_bytes = -1,
    };
    while (ok && (c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        if (c == 'h') {
            usage(stdout);
            return 0;
        }
        if (c == URL)
            url = optarg;
        else
            ok = read_option(c, optarg, o, &paths);
    }
    if (ok && (!url || optind < argc)) {
        fputs("sluice-load: --url is needed, and nothing without a name\n", stderr);
        ok = false;
    }
    if (ok && o->threads > o->connections)
        ok = wrong("threads", "", "more than there are connections");
    if (ok && o->streams > 1 && (!o->http2 || o->new_connections))
        ok = wrong("streams", "", "they are HTTP/2's, on connections that are kept");
    if (ok && o->websocket && (o->http2 || o->new_connections || o->trace))
        ok = wrong("websocket", "", "of HTTP/1.1, on connections that are kept, without a trace");
    if (ok && 2 * o->timeout_ns / o->interval_ns > 10000)
        ok = wrong("interval", "", "too short for that timeout");
    struct str first = o->paths[0];
    ok = ok && read_url(url, o);
    if (paths > 0)
        o->paths[0] = first;
    o->path_count = paths ? paths : 1;
    if (!ok)
        load_options_free(o);
    return ok ? -1 : 2;
}

void load_options_free(struct load_options *o)
{
    for (size_t i = 0; i < o->trace_count; i++) {
        free((char *)o->trace[i].method.ptr);
        free((char *)o->trace[i].target.ptr);
    }
    free(o->trace);
    if (o->log)
        fclose(o->log);
}
