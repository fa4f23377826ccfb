/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/options.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balance/balance.h"
#include "core/base/check.h"
#include "core/certificates.h"
#include "core/config/values.h"
#include "core/control.h"
#include "core/options_upstream.h"

#define TIMEOUT_MAX_MS (24 * 3600 * 1000) /* a day */

struct parse {
    struct config *c;
    struct backend_config *b;  /* its only one; room for SERVERS_MAX servers */
    struct handling *handling; /* of its only route */
    struct upstream_options upstream;
    bool log_given;
    struct certificate_option certificates[TLS_OPTIONS_MAX];
    uint32_t certificates_count; /* 0: plain HTTP */
};

static bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sluice proxy: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

/* Memory of the configuration. */
static void *room(struct parse *p, size_t bytes)
{
    void *mem = config_alloc(p->c, bytes);
    CHECK(mem); /* before anything runs */
    return mem;
}

static const char *keep(struct parse *p, struct str s)
{
    return memcpy(room(p, s.len + 1), s.ptr, s.len);
}

static bool next_piece(struct str *rest, struct str *piece)
{
    if (!rest->ptr)
        return false;
    const char *comma = memchr(rest->ptr, ',', rest->len);
    size_t n = comma ? (size_t)(comma - rest->ptr) : rest->len;
    *piece = (struct str){ rest->ptr, n };
    *rest = comma ? (struct str){ comma + 1, rest->len - n - 1 } : (struct str){ 0 };
    return true;
}

static bool read_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *out = strtoul(text, &end, 10);
    return *end == '\0' && *out <= max;
}

static bool read_from(void *to, const char *value)
{
    struct parse *p = to;
    struct str rest = str_of(value), piece;
    while (next_piece(&rest, &piece)) {
        struct config *c = p->c;
        const char *why;
        if (c->binds_count == LISTENERS_MAX)
            return complain("--from: more than %d addresses", LISTENERS_MAX);
        struct bind_config *b = &c->binds[c->binds_count];
        if (!addr_parse(piece, true, &b->addr, &why))
            return complain("--from: '%.*s': %s (write 127.0.0.1:8080, [::1]:8080, :8080 or "
                            "unix:/path)",
                            (int)piece.len, piece.ptr, why);
        b->text = keep(p, piece);
        b->listener = &c->listeners[0];
        c->binds_count++;
    }
    return true;
}

/* "ADDR" or "ADDR@WEIGHT" */
static bool read_server(struct parse *p, struct str piece)
{
    struct backend_config *b = p->b;
    if (b->servers_count == SERVERS_MAX)
        return complain("--to: more than %d servers", SERVERS_MAX);
    struct server_config *s = &b->servers[b->servers_count];
    unsigned long weight = 1;
    const char *text = keep(p, piece), *at = strrchr(text, '@');
    if (at && strncmp(text, "unix:@", 6) == 0 && at == text + 5)
        at = NULL;
    if (at) {
        if (!read_number(at + 1, SERVER_WEIGHT_MAX, &weight))
            return complain("--to: '%s': the weight after '@' is a number from 0 to %d", text,
                            SERVER_WEIGHT_MAX);
        text = keep(p, (struct str){ text, (size_t)(at - text) });
    }
    if (!upstream_read_address(&p->upstream, text, p->c, s))
        return false;
    for (uint32_t i = 0; i < b->servers_count; i++)
        if (strcmp(b->servers[i].name, text) == 0)
            return complain("--to: '%s' is given twice; use @WEIGHT for a larger share", text);
    s->weight = (uint32_t)weight;
    b->servers_count++;
    return true;
}

static bool read_to(void *to, const char *value)
{
    struct parse *p = to;
    struct str rest = str_of(value), piece;
    while (next_piece(&rest, &piece))
        if (!read_server(p, piece))
            return false;
    return true;
}

static bool read_balance(void *to, const char *value)
{
    struct parse *p = to;
    struct backend_config *b = p->b;
    const char *colon = strchr(value, ':');
    struct str name = { value, colon ? (size_t)(colon - value) : strlen(value) };
    const struct balance_policy *policy = balance_policy_find(name);
    if (!policy) {
        fputs("sluice proxy: --balance: policies are", stderr);
        for (uint32_t i = 0; balance_policy_at(i); i++)
            fprintf(stderr, "%s %s", i ? "," : "", balance_policy_at(i)->name);
        fprintf(stderr, "; not '%.*s'\n", (int)name.len, name.ptr);
        return false;
    }
    if (colon && !policy->keyed)
        return complain("--balance: %s has no key", policy->name);
    b->balance.policy = policy->name;
    b->balance.key = policy->keyed ? KEY_CLIENT_IP : KEY_NONE;
    if (colon && !balance_key_parse(str_of(colon + 1), &b->balance.key, &b->balance.key_name))
        return complain("--balance: key '%s' is none of " BALANCE_KEYS, colon + 1);
    return true;
}

static void log_to(struct parse *p, enum log_format format, const char *path)
{
    struct log_config *log = room(p, sizeof *log);
    *log = (struct log_config){ .name = "access",
                                .format = format,
                                .destination =
                                    path[0] == '-' && !path[1] ? LOG_TO_STDOUT : LOG_TO_FILE,
                                .path = path,
                                .sample_ppm = 1000000 };
    p->c->logs = log;
    p->c->logs_count = 1;
    p->handling->log = p->c->sites[0].handling.log = log;
}

static bool read_log(void *to, const char *value)
{
    struct parse *p = to;
    static const struct {
        const char *word;
        enum log_format format;
    } words[] = { { "json", LOG_JSON },
                  { "human", LOG_HUMAN },
                  { "combined", LOG_COMBINED },
                  { "trace", LOG_TRACE } };
    p->log_given = true;
    if (strcmp(value, "off") == 0)
        return true;
    enum log_format format = LOG_JSON;
    const char *path = value;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(value, words[i].word, n) == 0 && (value[n] == ':' || value[n] == '\0')) {
            format = words[i].format;
            path = value[n] ? value + n + 1 : "-";
        }
    }
    if (!path[0])
        return complain("--log: '%s' names no file", value);
    log_to(p, format, path);
    return true;
}

/* "CERT,KEY" or "self-signed" */
static bool read_tls(void *to, const char *value)
{
    struct parse *p = to;
    if (p->certificates_count == TLS_OPTIONS_MAX)
        return complain("--tls: more than %d certificates", TLS_OPTIONS_MAX);
    struct certificate_option *c = &p->certificates[p->certificates_count++];
    if (strcmp(value, "self-signed") == 0)
        return true;
    const char *comma = strchr(value, ',');
    if (!comma || comma == value || !comma[1] || strchr(comma + 1, ','))
        return complain("--tls: '%s' is neither self-signed nor CERT,KEY: two files in PEM form",
                        value);
    char *chain = room(p, (size_t)(comma - value) + 1);
    memcpy(chain, value, (size_t)(comma - value));
    chain[comma - value] = '\0';
    c->chain = chain;
    c->key = comma + 1;
    return true;
}

static bool read_workers(void *to, const char *value)
{
    struct parse *p = to;
    unsigned long n;
    if (strcmp(value, "auto") == 0) {
        p->c->workers = 0;
        return true;
    }
    if (!read_number(value, WORKERS_MAX, &n) || n == 0)
        return complain("--workers: '%s' is neither auto nor a number from 1 to %d", value,
                        WORKERS_MAX);
    p->c->workers = (uint32_t)n;
    return true;
}

/* "200ms", "2s", "5m", "1h": a bare number is an error (DESIGN 8), and so is 0. */
static bool read_duration(const char *text, uint32_t *ms)
{
    static const struct {
        const char *unit;
        uint32_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long n = strtoul(text, &end, 10);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(end, units[i].unit) != 0)
            continue;
        *ms = (uint32_t)n * units[i].ms;
        return n > 0 && n <= TIMEOUT_MAX_MS / units[i].ms;
    }
    return false;
}

static bool read_timeout(void *to, const char *value)
{
    struct parse *p = to;
    static const struct {
        const char *name;
        size_t offset;
    } timeouts[] = {
#define TIMEOUT(name) { #name, offsetof(struct timeouts, name##_ms) }
        TIMEOUT(client_head),  TIMEOUT(client_body),   TIMEOUT(client_idle),
        TIMEOUT(client_write), TIMEOUT(connect),       TIMEOUT(first_byte),
        TIMEOUT(stall),        TIMEOUT(upstream_idle), TIMEOUT(drain),
#undef TIMEOUT
    };
    const char *equals = strchr(value, '=');
    struct str name = { value, equals ? (size_t)(equals - value) : strlen(value) };
    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
        if (!str_eq(name, str_of(timeouts[i].name)))
            continue;
        uint32_t ms;
        if (!equals || !read_duration(equals + 1, &ms))
            return complain("--timeout: '%s' wants a duration from 1ms to 24h with its unit: "
                            "%s=200ms, =2s, =5m, =1h",
                            value, timeouts[i].name);
        memcpy((char *)&p->c->timeouts + timeouts[i].offset, &ms, sizeof ms);
        return true;
    }
    fprintf(stderr, "sluice proxy: --timeout: names are");
    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++)
        fprintf(stderr, "%s %s", i ? "," : "", timeouts[i].name);
    fprintf(stderr, "; not '%s'\n", value);
    return false;
}

static bool read_via(void *to, const char *value)
{
    (void)value;
    return ((struct parse *)to)->handling->via = true;
}

static bool read_forwarded(void *to, const char *value)
{
    (void)value;
    return ((struct parse *)to)->handling->forwarded = true;
}

static bool read_to_ca(void *to, const char *value)
{
    ((struct parse *)to)->upstream.ca = value;
    return true;
}

static bool read_to_sni(void *to, const char *value)
{
    ((struct parse *)to)->upstream.sni = value;
    return true;
}

static bool read_to_cert(void *to, const char *value)
{
    ((struct parse *)to)->upstream.cert = value;
    return true;
}

static bool read_to_insecure(void *to, const char *value)
{
    (void)value;
    return ((struct parse *)to)->upstream.insecure = true;
}

/* What stands for all is looked up where it applies. */
static void spread_timeouts(struct config *c)
{
    struct route_config *route = &c->sites[0].routes[0];
    c->sites[0].handling.timeouts = c->timeouts;
    route->handling.timeouts = c->timeouts;
    route->targets[0].timeouts = c->timeouts;
    c->backends[0].timeouts = c->timeouts;
}

static const struct option options[] = {
    { "--from", NULL, "ADDR[,ADDR...]",
      "where to listen: 127.0.0.1:8080, [::1]:8080, :8080 (all\n"
      "addresses, IPv4 and IPv6), unix:/path; port 0: a free one",
      read_from, COMPLETE_NOTHING, NULL },
    { "--to", NULL, "ADDR[,ADDR...]",
      "the servers: 127.0.0.1:9000, app.internal:9000, unix:/path, or\n"
      "https://app.internal[:8443] for TLS; ADDR@WEIGHT gives one a\n"
      "larger share",
      read_to, COMPLETE_NOTHING, NULL },
    { "--balance", NULL, "POLICY[:KEY]",
      "round_robin (default), random, least_requests, power_of_two,\n"
      "peak_ewma, or maglev, ring_hash, rendezvous with a KEY of\n" BALANCE_KEYS,
      read_balance, COMPLETE_WORDS,
      "round_robin random least_requests power_of_two peak_ewma maglev:client_ip maglev:path "
      "maglev:header: maglev:cookie: ring_hash:header: rendezvous:header:" },
    { "--log", NULL, "[FORMAT:]FILE",
      "access log: FORMAT is json (default), human, combined or\n"
      "trace;\n"
      "FILE '-' is standard output; 'off' for none. Without --log:\n"
      "human on a terminal, else off",
      read_log, COMPLETE_FILE, NULL },
    { "--tls", NULL, "CERT,KEY",
      "speak TLS 1.2 and 1.3 with clients: two files in PEM form, or\n"
      "'self-signed' to try it. Given again: chosen by the name that\n"
      "clients ask for",
      read_tls, COMPLETE_FILE, NULL },
    { "--to-ca", NULL, "FILE",
      "https:// servers: the CAs (PEM) that sign their certificates;\n"
      "else the system's",
      read_to_ca, COMPLETE_FILE, NULL },
    { "--to-sni", NULL, "NAME",
      "https:// servers: the name to ask for and to verify; else the\n"
      "one in the URL, for an IP address the request's host",
      read_to_sni, COMPLETE_NOTHING, NULL },
    { "--to-cert", NULL, "CERT,KEY",
      "https:// servers: our own certificate, if they ask for one:\n"
      "two files in PEM form",
      read_to_cert, COMPLETE_FILE, NULL },
    { "--to-insecure", NULL, NULL, "https:// servers: do not verify their certificates",
      read_to_insecure, COMPLETE_NOTHING, NULL },
    { "--workers", NULL, "N", "threads, each with its own ring; auto (default): one per CPU",
      read_workers, COMPLETE_WORDS, "auto" },
    { "--timeout", NULL, "NAME=DURATION",
      "may be repeated, with units: connect=200ms; NAME is one of\n"
      "client_head (10s), client_body (30s), client_idle (60s),\n"
      "client_write (30s), connect (2s), first_byte (60s), stall\n"
      "(60s), upstream_idle (4s), drain (30s)",
      read_timeout, COMPLETE_TIMEOUT, NULL },
    { "--via", NULL, NULL, "add Via (RFC 9110 7.6.3) both ways", read_via, COMPLETE_NOTHING, NULL },
    { "--forwarded", NULL, NULL, "add Forwarded (RFC 7239) to requests", read_forwarded,
      COMPLETE_NOTHING, NULL },
    { 0 },
};
static const struct example examples[] = {
    { "sluice proxy --from :8080 --to 127.0.0.1:9000", "proxy one server, without a file" },
    { "sluice proxy --from :8080 --to 127.0.0.1:9000,127.0.0.1:9001@2",
      "two servers; the second gets twice as much" },
    { "sluice proxy --from :8080 --to 127.0.0.1:9000,127.0.0.1:9001 --balance maglev:path",
      "the same path, the same server" },
    { "sluice proxy --from :8443 --to unix:/run/app.sock --tls site.pem,site.key",
      "TLS towards clients" },
    { "sluice proxy --from :8080 --to https://app.internal", "TLS towards the server" },
    { "sluice proxy --from :8080 --to 127.0.0.1:9000 --log json:/var/log/access.json",
      "with an access log" },
    { NULL, NULL },
};

static int run(int argc, char **argv)
{
    struct config *config = config_new_proxy();
    if (!config) {
        fputs("sluice: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    int code = options_proxy(argc, argv, config);
    if (code == 0)
        return control_run(config, NULL, -1);
    config_free(config);
    return code < 0 ? EXIT_OK : code;
}

const struct command command_proxy = {
    .name = "proxy",
    .synopsis = "--from ADDR[,ADDR...] --to ADDR[,ADDR...] [OPTION...]",
    .doc = "Puts sluice before HTTP servers, in one line. TERM or QUIT: finish what runs, then end "
           "(30 s at most). INT, or a second TERM: end at once. USR1: open the log file anew.",
    .examples = examples,
    .options = options,
    .run = run,
};

int options_proxy(int argc, char **argv, struct config *c)
{
    struct parse p = { .c = c, .b = &c->backends[0], .handling = &c->sites[0].routes[0].handling };
    p.b->servers = room(&p, SERVERS_MAX * sizeof *p.b->servers);
    int code = command_parse(&command_proxy, argc, argv, &p);
    if (code)
        return code;
    bool any_weight = false;
    for (uint32_t i = 0; i < p.b->servers_count; i++)
        any_weight |= p.b->servers[i].weight > 0;
    if (c->binds_count == 0 || p.b->servers_count == 0)
        return command_usage(&command_proxy, "%s is missing", c->binds_count ? "--to" : "--from");
    if (!any_weight)
        return command_usage(&command_proxy,
                             "--to: every server has weight 0: nobody could be served");
    if (!upstream_finish(&p.upstream, c, p.b))
        return EXIT_CONFIG;
    if (!p.log_given && isatty(STDOUT_FILENO))
        log_to(&p, LOG_HUMAN, "-");
    spread_timeouts(c);
    if (p.certificates_count && !certificates_use(c, p.certificates, p.certificates_count))
        return EXIT_CONFIG;
    return 0;
}
