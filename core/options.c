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

#define TIMEOUT_MAX_MS (24 * 3600 * 1000) /* a day */
#define USAGE "usage: sluice proxy --from ADDR[,ADDR...] --to ADDR[,ADDR...] [OPTION...]"

/* Reads one value; on failure prints and gives false. */
typedef bool (*option_fn)(struct options *o, const char *value);

struct option {
    const char *name;
    const char *value; /* its placeholder; NULL: takes none */
    const char *help;
    option_fn read;
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

/* A copy of a piece of a value. */
static char *keep(struct options *o, struct str s)
{
    char *p = arena_alloc(&o->kept, s.len + 1);
    CHECK(p); /* no more than the arguments, and before anything runs */
    memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return p;
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

static bool read_from(struct options *o, const char *value)
{
    struct str rest = str_of(value), piece;
    while (next_piece(&rest, &piece)) {
        struct config *c = &o->config;
        const char *why;
        if (c->listeners_count == LISTENERS_MAX)
            return complain("--from: more than %d addresses", LISTENERS_MAX);
        struct listener_config *l = &c->listeners[c->listeners_count];
        if (!addr_parse(piece, true, &l->addr, &why))
            return complain("--from: '%.*s': %s (write 127.0.0.1:8080, [::1]:8080, :8080 or "
                            "unix:/path)",
                            (int)piece.len, piece.ptr, why);
        l->text = keep(o, piece);
        c->listeners_count++;
    }
    return true;
}

/* "ADDR" or "ADDR@WEIGHT" */
static bool read_server(struct options *o, struct str piece)
{
    struct backend_config *b = &o->config.backend;
    if (b->servers_count == SERVERS_MAX)
        return complain("--to: more than %d servers", SERVERS_MAX);
    struct server_config *s = &o->servers[b->servers_count];
    unsigned long weight = 1;
    char *text = keep(o, piece), *at = strrchr(text, '@');
    if (at && strncmp(text, "unix:@", 6) == 0 && at == text + 5)
        at = NULL;
    if (at) {
        if (!read_number(at + 1, SERVER_WEIGHT_MAX, &weight))
            return complain("--to: '%s': the weight after '@' is a number from 0 to %d", text,
                            SERVER_WEIGHT_MAX);
        *at = '\0';
    }
    const char *why;
    if (!addr_parse(str_of(text), false, &s->addr, &why))
        return complain("--to: '%s': %s (write 127.0.0.1:9000, [::1]:9000 or unix:/path, with "
                        "@WEIGHT if you like)",
                        text, why);
    for (uint32_t i = 0; i < b->servers_count; i++)
        if (strcmp(o->servers[i].name, text) == 0)
            return complain("--to: '%s' is given twice; use @WEIGHT for a larger share", text);
    s->name = text;
    s->weight = (uint32_t)weight;
    b->servers_count++;
    return true;
}

static bool read_to(struct options *o, const char *value)
{
    struct str rest = str_of(value), piece;
    while (next_piece(&rest, &piece))
        if (!read_server(o, piece))
            return false;
    return true;
}

static bool read_key(struct backend_config *b, const char *key)
{
    const char *colon = strchr(key, ':');
    struct str kind = { key, colon ? (size_t)(colon - key) : strlen(key) };
    struct str name = colon ? str_of(colon + 1) : (struct str){ 0 };
    if (str_eq(kind, STR("client_ip")) && !colon)
        b->key = KEY_CLIENT_IP;
    else if (str_eq(kind, STR("uri")) && !colon)
        b->key = KEY_URI;
    else if (str_eq(kind, STR("header")) && name.len)
        b->key = KEY_HEADER;
    else if (str_eq(kind, STR("cookie")) && name.len)
        b->key = KEY_COOKIE;
    else
        return complain("--balance: key '%s' is none of client_ip, uri, header:NAME, cookie:NAME",
                        key);
    b->key_name = name;
    return true;
}

static bool read_balance(struct options *o, const char *value)
{
    struct backend_config *b = &o->config.backend;
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
    b->policy = policy->name;
    b->key = policy->keyed ? KEY_CLIENT_IP : KEY_NONE;
    return !colon || read_key(b, colon + 1);
}

static bool read_log(struct options *o, const char *value)
{
    static const struct {
        const char *word;
        enum log_format format;
    } words[] = { { "json", LOG_JSON }, { "human", LOG_HUMAN }, { "combined", LOG_COMBINED } };
    struct config *c = &o->config;
    if (strcmp(value, "off") == 0) {
        c->log_format = LOG_NONE;
        c->log_path = "";
        return true;
    }
    c->log_format = LOG_JSON;
    c->log_path = value;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(value, words[i].word, n) == 0 && (value[n] == ':' || value[n] == '\0')) {
            c->log_format = words[i].format;
            c->log_path = value[n] ? value + n + 1 : "-";
        }
    }
    return c->log_path[0] ? true : complain("--log: '%s' names no file", value);
}

/* "CERT,KEY" or "self-signed" */
static bool read_tls(struct options *o, const char *value)
{
    struct tls_config *t = &o->config.tls;
    if (t->certificates_count == CERTIFICATES_MAX)
        return complain("--tls: more than %d certificates", CERTIFICATES_MAX);
    struct certificate_config *c = &t->certificates[t->certificates_count++];
    if (strcmp(value, "self-signed") == 0) {
        *c = (struct certificate_config){ 0 };
        return true;
    }
    const char *comma = strchr(value, ',');
    if (!comma || comma == value || !comma[1] || strchr(comma + 1, ','))
        return complain("--tls: '%s' is neither self-signed nor CERT,KEY: two files in PEM form",
                        value);
    c->chain = keep(o, (struct str){ value, (size_t)(comma - value) });
    c->key = comma + 1;
    return true;
}

static bool read_workers(struct options *o, const char *value)
{
    unsigned long n;
    if (strcmp(value, "auto") == 0) {
        o->config.workers = 0;
        return true;
    }
    if (!read_number(value, WORKERS_MAX, &n) || n == 0)
        return complain("--workers: '%s' is neither auto nor a number from 1 to %d", value,
                        WORKERS_MAX);
    o->config.workers = (uint32_t)n;
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

static bool read_timeout(struct options *o, const char *value)
{
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
        memcpy((char *)&o->config.timeouts + timeouts[i].offset, &ms, sizeof ms);
        return true;
    }
    fprintf(stderr, "sluice proxy: --timeout: names are");
    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++)
        fprintf(stderr, "%s %s", i ? "," : "", timeouts[i].name);
    fprintf(stderr, "; not '%s'\n", value);
    return false;
}

static bool read_via(struct options *o, const char *value)
{
    (void)value;
    return o->config.via = true;
}

static bool read_forwarded(struct options *o, const char *value)
{
    (void)value;
    return o->config.forwarded = true;
}

static const struct option options[] = {
    { "--from", "ADDR[,ADDR...]",
      "where to listen: 127.0.0.1:8080, [::1]:8080, :8080 (all\n"
      "addresses, IPv4 and IPv6), unix:/path; port 0: a free one",
      read_from },
    { "--to", "ADDR[,ADDR...]", "the servers; ADDR@WEIGHT gives one a larger share", read_to },
    { "--balance", "POLICY[:KEY]",
      "round_robin (default), or maglev:KEY with KEY one of\n"
      "client_ip, uri, header:NAME, cookie:NAME",
      read_balance },
    { "--log", "[FORMAT:]FILE",
      "access log: FORMAT is json (default), human or combined;\n"
      "FILE '-' is standard output; 'off' for none. Without --log:\n"
      "human on a terminal, else off",
      read_log },
    { "--tls", "CERT,KEY",
      "speak TLS 1.2 and 1.3 with clients: two files in PEM form, or\n"
      "'self-signed' to try it. Given again: chosen by the name that\n"
      "clients ask for",
      read_tls },
    { "--workers", "N", "threads, each with its own ring; auto (default): one per CPU",
      read_workers },
    { "--timeout", "NAME=DURATION",
      "may be repeated, with units: connect=200ms; NAME is one of\n"
      "client_head (10s), client_body (30s), client_idle (60s),\n"
      "client_write (30s), connect (2s), first_byte (60s), stall\n"
      "(60s), upstream_idle (4s), drain (30s)",
      read_timeout },
    { "--via", NULL, "add Via (RFC 9110 7.6.3) both ways", read_via },
    { "--forwarded", NULL, "add Forwarded (RFC 7239) to requests", read_forwarded },
};

void options_print_proxy_help(FILE *to)
{
    fputs("Put sluice before HTTP servers, in one line:\n\n"
          "  sluice proxy --from :8080 --to 127.0.0.1:9000\n"
          "  sluice proxy --from :8080 --to 127.0.0.1:9000,127.0.0.1:9001@2\n"
          "  sluice proxy --from :8080 --to 127.0.0.1:9000,127.0.0.1:9001 --balance maglev:uri\n"
          "  sluice proxy --from :8080 --to unix:/run/app.sock --log "
          "json:/var/log/access.json\n\n" USAGE "\n\n",
          to);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *o = &options[i];
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        fprintf(to, "  %-26s ", left);
        for (const char *h = o->help; *h; h++)
            fputs(*h == '\n' ? "\n                             " : (char[]){ *h, 0 }, to);
        fputc('\n', to);
    }
    fputs("\nTERM or QUIT: finish what runs, then end (30 s at most). INT, or a second TERM: end\n"
          "at once. USR1: open the log file anew.\n",
          to);
}

void options_print_help(FILE *to)
{
    fputs("sluice, a reverse proxy on io_uring.\n\n"
          "  sluice proxy --from :8080 --to 127.0.0.1:9000     proxy one server\n"
          "  sluice proxy --from :8080 --to HOST:PORT,...      spread over several\n"
          "  sluice proxy --help                               all its options\n"
          "  sluice --version\n",
          to);
}

static int usage(void)
{
    fputs(USAGE "\n       sluice proxy --help for all options\n", stderr);
    return EXIT_USAGE;
}

/* "--name value" or "--name=value"; *used counts the arguments taken, 0: usage error. */
static const struct option *match(int argc, char **argv, int i, const char **value, int *used)
{
    for (size_t k = 0; k < ARRAY_LEN(options); k++) {
        const struct option *o = &options[k];
        size_t n = strlen(o->name);
        if (strncmp(argv[i], o->name, n) != 0 || (argv[i][n] != '\0' && argv[i][n] != '='))
            continue;
        bool inline_value = argv[i][n] == '=';
        *used = 0;
        if (!o->value && inline_value) {
            complain("%s takes no value", o->name);
        } else if (o->value && !inline_value && i + 1 >= argc) {
            complain("%s wants a value: %s", o->name, o->value);
        } else {
            *value = inline_value ? argv[i] + n + 1 : o->value ? argv[i + 1] : NULL;
            *used = o->value && !inline_value ? 2 : 1;
        }
        return o;
    }
    complain("'%s' is not an option of sluice proxy", argv[i]);
    *used = 0;
    return NULL;
}

int options_proxy(int argc, char **argv, struct options *o)
{
    struct config *c = &o->config;
    config_defaults(c);
    c->backend.servers = o->servers;
    arena_init(&o->kept, o->first, sizeof o->first, SIZE_MAX);
    for (int i = 1, used; i < argc; i += used) {
        const char *value = NULL;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options_print_proxy_help(stdout);
            return -1;
        }
        const struct option *option = match(argc, argv, i, &value, &used);
        if (!used || !option->read(o, value))
            return usage();
    }
    bool any_weight = false;
    for (uint32_t i = 0; i < c->backend.servers_count; i++)
        any_weight |= o->servers[i].weight > 0;
    if (c->listeners_count == 0 || c->backend.servers_count == 0) {
        complain("%s is missing", c->listeners_count ? "--to" : "--from");
        return usage();
    }
    if (!any_weight) {
        complain("--to: every server has weight 0: nobody could be served");
        return usage();
    }
    if (!c->log_path && isatty(STDOUT_FILENO)) {
        c->log_format = LOG_HUMAN;
        c->log_path = "-";
    }
    return 0;
}

void options_release(struct options *o)
{
    arena_reset(&o->kept);
}
