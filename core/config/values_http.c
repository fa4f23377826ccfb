/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of HTTP stands in a configuration: names, hosts, paths, patterns. */
#include <arpa/inet.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/loader.h"
#include "core/config/suggest.h"
#include "core/config/values.h"

#define PATH_BYTES_MAX 1024

static bool alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 9110 5.6.2 */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!alnum(s.ptr[i]) && (s.ptr[i] == 0 || !strchr("!#$%&'*+-.^_`|~", s.ptr[i])))
            return false;
    return s.len > 0;
}

static struct str lower(struct loader *l, struct str s)
{
    struct str copy = load_str(l, s);
    if (copy.ptr)
        for (size_t i = 0; i < s.len; i++)
            ((char *)copy.ptr)[i] = ascii_lower(s.ptr[i]);
    return copy;
}

/* ---- Names ---------------------------------------------------------------------------------- */

static void read_method(struct loader *l, const struct schema_key *k, const struct node *n,
                        void *out)
{
    (void)k;
    static const char *const known[] = { "GET",   "HEAD",    "POST",    "PUT",  "DELETE",
                                         "PATCH", "OPTIONS", "CONNECT", "TRACE" };
    if (!is_token(n->text) || n->text.len > METHOD_BYTES_MAX) {
        report_error(l->report, n->place, "'%s' is no method", quote(n->text).text);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!str_eq(str_of(known[i]), n->text) && str_eq_fold(str_of(known[i]), n->text)) {
            report_error(l->report, n->place,
                         "'%s': methods are case-sensitive; did you mean '%s'?",
                         quote(n->text).text, known[i]);
            return;
        }
    }
    *(struct str *)out = load_str(l, n->text);
}

static bool check_token(struct loader *l, const struct node *n, const char *what)
{
    if (!is_token(n->text))
        report_error(l->report, n->place, "'%s' is no name of a %s", quote(n->text).text, what);
    return is_token(n->text);
}

static void read_header(struct loader *l, const struct schema_key *k, const struct node *n,
                        void *out)
{
    (void)k;
    if (check_token(l, n, "header"))
        *(struct str *)out = load_str(l, n->text);
}

static void read_header_lower(struct loader *l, const struct schema_key *k, const struct node *n,
                              void *out)
{
    (void)k;
    if (check_token(l, n, "header"))
        *(struct str *)out = lower(l, n->text);
}

static void read_path_rule(struct loader *l, const struct schema_key *k, const struct node *n,
                           void *out)
{
    struct str s = n->text;
    bool star = false, whole = true;
    (void)k;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '*') {
            star = true;
            whole = whole && s.ptr[i - 1] == '/' && (i + 1 == s.len || s.ptr[i + 1] == '/');
        }
    }
    if (s.len == 0 || s.ptr[0] != '/' || !star || !whole)
        report_error(l->report, n->place,
                     "'%s': a path is wanted in which '*' stands for whole segments, as in "
                     "\"/users/*\"",
                     quote(s).text);
    else
        *(struct str *)out = load_str(l, s);
}

static void read_token(struct loader *l, const struct schema_key *k, const struct node *n,
                       void *out)
{
    (void)k;
    for (size_t i = 0; i < n->text.len; i++) {
        if (strchr("=&;# \t\"", n->text.ptr[i])) {
            report_error(l->report, n->place, "'%s': '%c' cannot stand in a name here",
                         quote(n->text).text, n->text.ptr[i]);
            return;
        }
    }
    if (n->text.len)
        *(struct str *)out = load_str(l, n->text);
    else
        report_error(l->report, n->place, "'': a name must not be empty");
}

/* ---- Hosts ---------------------------------------------------------------------------------- */

static const char *host_problem(struct str host, bool wildcard)
{
    char ip[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    if (host.len == 0 || host.len > 253)
        return "a host has 1 to 253 characters";
    if (host.ptr[0] == '[' && !wildcard) {
        if (host.len < 4 || host.len - 2 >= sizeof ip || host.ptr[host.len - 1] != ']')
            return "an IPv6 host is written [::1], without port";
        memcpy(ip, host.ptr + 1, host.len - 2);
        ip[host.len - 2] = '\0';
        return inet_pton(AF_INET6, ip, &v6) == 1 ? NULL : "malformed IPv6 address";
    }
    if (memchr(host.ptr, ':', host.len))
        return "a host is written without its port";
    if (host.ptr[0] == '.' || host.ptr[host.len - 1] == '.')
        return "a host neither begins nor ends with '.'";
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (c == '*')
            return "'*' stands for the whole first label only, as in \"*.example.com\"";
        if ((unsigned char)c >= 0x80)
            return "write the ASCII form of the name (xn--...)";
        if (!alnum(c) && c != '-' && c != '.' && c != '_')
            return "not a host name";
        if (c == '.' && host.ptr[i + 1] == '.')
            return "an empty label";
    }
    return NULL;
}

static void read_host_pattern(struct loader *l, const struct schema_key *k, const struct node *n,
                              void *out)
{
    (void)k;
    struct text_match *m = out;
    struct str host = n->text;
    if (str_eq(host, STR("*"))) {
        report_error(l->report, n->place, "'*': leave 'host' out to match every host");
        return;
    }
    bool wildcard = host.len > 2 && memcmp(host.ptr, "*.", 2) == 0;
    if (wildcard)
        host = (struct str){ host.ptr + 2, host.len - 2 };
    const char *problem = host_problem(host, wildcard);
    if (problem) {
        report_error(l->report, n->place, "'%s': %s", quote(n->text).text, problem);
        return;
    }
    m->kind = wildcard ? MATCH_WILDCARD : MATCH_EXACT;
    m->text = lower(l, wildcard ? (struct str){ host.ptr - 1, host.len + 1 } : host);
}

/* ---- Paths ---------------------------------------------------------------------------------- */

static bool unreserved(char c)
{
    return alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, ascii_lower(c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* What keeps a path from being equal to any path in normal form (core/http/path.h), or NULL. */
static const char *path_problem(struct str path)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return "a path begins with '/'";
    if (path.len > PATH_BYTES_MAX)
        return "a path has at most 1024 characters";
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        struct str rest = { path.ptr + i, path.len - i };
        if (c == '?' || c == '#')
            return "a path ends before '?'; a query is matched by 'query'";
        if (c == '*')
            return "'*' may only end a path, as in /a/*; for more write '~ ' and a regular "
                   "expression";
        if (c == '/') {
            size_t dots = 0;
            while (1 + dots < rest.len && rest.ptr[1 + dots] == '.')
                dots++;
            if ((dots == 1 || dots == 2) && (1 + dots == rest.len || rest.ptr[1 + dots] == '/'))
                return "never met: '.' and '..' are taken out of paths";
        } else if (c == '%') {
            int high = rest.len >= 3 ? hex(rest.ptr[1]) : -1,
                low = rest.len >= 3 ? hex(rest.ptr[2]) : -1;
            if (high == 0 && low == 0)
                return "never met: paths with %00 are refused";
            if (high < 0 || low < 0)
                return "'%' is followed by two hexadecimal digits";
            if (unreserved((char)(high << 4 | low)))
                return "never met: what needs no '%' is decoded in paths";
            if (rest.ptr[1] >= 'a' || rest.ptr[2] >= 'a')
                return "never met: '%' is followed by upper-case digits in paths";
        } else if (!unreserved(c) && !strchr("!$&'()+,;=:@[]|^", c)) {
            return "spaces and the like are written as '%' with two hexadecimal digits";
        }
    }
    return NULL;
}

/* "~ ^/a": what follows, or ptr NULL. */
static struct str regex_text(struct str s, uint32_t *skip)
{
    *skip = 1;
    if (s.len == 0 || s.ptr[0] != '~')
        return (struct str){ 0 };
    while (*skip < s.len && s.ptr[*skip] == ' ')
        ++*skip;
    return (struct str){ s.ptr + *skip, s.len - *skip };
}

static uint32_t count_segments(struct str path)
{
    uint32_t count = 0;
    for (size_t i = 0; i < path.len; i++)
        count += path.ptr[i] == '/';
    return count;
}

static void read_path_pattern(struct loader *l, const struct schema_key *k, const struct node *n,
                              void *out)
{
    (void)k;
    struct text_match *m = out;
    uint32_t skip;
    struct str path = n->text, pattern = regex_text(path, &skip);
    if (pattern.ptr) {
        m->kind = MATCH_REGEX;
        m->regex = regex_compile(l, n, pattern, skip);
        return;
    }
    bool prefix = path.len >= 2 && memcmp(path.ptr + path.len - 2, "/*", 2) == 0;
    struct str text = prefix ? (struct str){ path.ptr, path.len - 2 } : path;
    m->kind = !prefix ? MATCH_EXACT : text.len ? MATCH_PREFIX : MATCH_ANY;
    const char *problem = m->kind == MATCH_ANY ? NULL : path_problem(text);
    if (!problem && prefix && count_segments(text) > PREFIX_SEGMENTS_MAX)
        report_error(l->report, n->place, "'%s': a path before /* has at most %d segments",
                     quote(path).text, PREFIX_SEGMENTS_MAX);
    else if (problem)
        report_error(l->report, n->place, "'%s': %s", quote(path).text, problem);
    else
        m->text = load_str(l, text);
}

static void read_path_prefix(struct loader *l, const struct schema_key *k, const struct node *n,
                             void *out)
{
    (void)k;
    const char *problem = path_problem(n->text);
    if (!problem && n->text.ptr[n->text.len - 1] == '/')
        problem = "a prefix ends without '/'";
    if (problem)
        report_error(l->report, n->place, "'%s': %s", quote(n->text).text, problem);
    else
        *(struct str *)out = load_str(l, n->text);
}

static void read_url_prefix(struct loader *l, const struct schema_key *k, const struct node *n,
                            void *out)
{
    (void)k;
    for (size_t i = 0; i < n->text.len; i++) {
        if ((unsigned char)n->text.ptr[i] <= ' ' || n->text.ptr[i] == 0x7f) {
            report_error(l->report, n->place, "'%s' holds a space or control character",
                         quote(n->text).text);
            return;
        }
    }
    *(struct str *)out = load_str(l, n->text);
}

static void read_path_template(struct loader *l, const struct schema_key *k, const struct node *n,
                               void *out)
{
    if (n->text.len && (n->text.ptr[0] == '/' || n->text.ptr[0] == '$'))
        value_template.read(l, k, n, out);
    else
        report_error(l->report, n->place, "'%s': a path begins with '/'", quote(n->text).text);
}

static void read_rewrite(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    struct route_config *r = out;
    r->rewrites = true;
    read_path_template(l, k, n, &r->rewrite);
}

/* "preserve", "server" or a host, perhaps with a port. */
static void read_host_header(struct loader *l, const struct schema_key *k, const struct node *n,
                             void *out)
{
    (void)k;
    struct handling *h = out;
    if (str_eq(n->text, STR("preserve"))) {
        h->host_rule = HOST_PRESERVE;
        return;
    }
    if (str_eq(n->text, STR("server"))) {
        h->host_rule = HOST_SERVER;
        return;
    }
    struct str host = n->text;
    size_t digits = 0;
    while (digits < host.len && host.ptr[host.len - 1 - digits] >= '0' &&
           host.ptr[host.len - 1 - digits] <= '9')
        digits++;
    if (digits && digits <= 5 && digits < host.len && host.ptr[host.len - 1 - digits] == ':')
        host.len -= digits + 1;
    if (!memchr(host.ptr, '.', host.len) && host.ptr[0] != '[') {
        report_error(l->report, n->place,
                     "'%s' is neither preserve nor server nor a host like app.internal",
                     quote(n->text).text);
        return;
    }
    const char *problem = host_problem(host, false);
    if (problem) {
        report_error(l->report, n->place, "'%s': %s", quote(n->text).text, problem);
        return;
    }
    h->host_rule = HOST_TEXT;
    h->host_text = load_str(l, n->text);
}

/* ---- Values of headers and arguments -------------------------------------------------------- */

static void read_pattern(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    (void)k;
    struct text_match *m = out;
    uint32_t skip;
    struct str pattern = regex_text(n->text, &skip);
    if (str_eq(n->text, STR("*"))) {
        m->kind = MATCH_ANY;
    } else if (pattern.ptr) {
        m->kind = MATCH_REGEX;
        m->regex = regex_compile(l, n, pattern, skip);
    } else {
        m->kind = MATCH_EXACT;
        m->text = load_str(l, n->text);
    }
}

/* "404" or "5xx" */
static void read_status_range(struct loader *l, const struct schema_key *k, const struct node *n,
                              void *out)
{
    (void)k;
    uint16_t *range = out;
    const char *s = n->text.ptr;
    if (n->text.len == 3 && s[0] >= '4' && s[0] <= '5') {
        unsigned hundreds = (unsigned)(s[0] - '0') * 100;
        if (s[1] == 'x' && s[2] == 'x') {
            range[0] = (uint16_t)hundreds;
            range[1] = (uint16_t)(hundreds + 99);
            return;
        }
        if (s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9') {
            range[0] = range[1] =
                (uint16_t)(hundreds + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0'));
            return;
        }
    }
    report_error(l->report, n->place, "'%s' is neither a status from 400 to 599 nor 4xx or 5xx",
                 quote(n->text).text);
}

/* ---- Balancing ------------------------------------------------------------------------------ */

bool balance_key_parse(struct str text, enum balance_key *key, struct str *name)
{
    static const struct {
        const char *word;
        enum balance_key key;
        bool named;
    } kinds[] = {
        { "client_ip", KEY_CLIENT_IP, false },
        { "path", KEY_PATH, false },
        { "uri", KEY_PATH, false },
        { "sni", KEY_SNI, false },
        { "header", KEY_HEADER, true },
        { "cookie", KEY_COOKIE, true },
        { "query", KEY_ARGUMENT, true },
    };
    const char *colon = memchr(text.ptr, ':', text.len);
    struct str kind = { text.ptr, colon ? (size_t)(colon - text.ptr) : text.len };
    *name = (struct str){ colon ? colon + 1 : NULL, colon ? text.len - kind.len - 1 : 0 };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eq(kind, str_of(kinds[i].word)) || kinds[i].named != (colon != NULL))
            continue;
        *key = kinds[i].key;
        return !colon || (*key == KEY_ARGUMENT ? name->len > 0 : is_token(*name));
    }
    return false;
}

static void read_balance_key(struct loader *l, const struct schema_key *k, const struct node *n,
                             void *out)
{
    (void)k;
    struct balance_config *b = out;
    struct str name;
    if (!balance_key_parse(n->text, &b->key, &name)) {
        b->key = KEY_NONE;
        report_error(l->report, n->place, "'%s' is none of " BALANCE_KEYS, quote(n->text).text);
    } else if (name.len) {
        b->key_name = b->key == KEY_HEADER ? lower(l, name) : load_str(l, name);
    }
}

/* ---- The types ------------------------------------------------------------------------------ */

#define TOKEN_JSON "\"type\":\"string\",\"pattern\":\"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\""
#define SCALAR_JSON "\"type\":[\"string\",\"number\",\"boolean\"]"

const struct value_type value_method = {
    .name = "method",
    .form = "a method",
    .json = TOKEN_JSON,
    .bytes = sizeof(struct str),
    .read = read_method,
    .example = "POST",
};
const struct value_type value_header = {
    .name = "header name",
    .form = "a header name",
    .json = TOKEN_JSON,
    .bytes = sizeof(struct str),
    .read = read_header,
    .example = "X-Request-Id",
};
const struct value_type value_header_lower = {
    .name = "header name",
    .form = "a header name",
    .json = TOKEN_JSON,
    .bytes = sizeof(struct str),
    .read = read_header_lower,
    .example = "x-request-id",
};
const struct value_type value_path_rule = {
    .name = "path",
    .form = "a path with '*' for segments",
    .json = "\"type\":\"string\",\"pattern\":\"^/(.*/)?\\\\*(/|$)\"",
    .bytes = sizeof(struct str),
    .read = read_path_rule,
    .example = "\"/users/*\"",
};
const struct value_type value_token = {
    .name = "name",
    .form = "a name",
    .json = "\"type\":\"string\",\"minLength\":1",
    .bytes = sizeof(struct str),
    .read = read_token,
    .example = "token",
};
const struct value_type value_retry_cause = {
    .name = "cause",
    .form = "connect, reset, timeout, 5xx or a status",
    .json = "\"enum\":[\"connect\",\"reset\",\"timeout\",\"5xx\"]},"
            "{\"type\":\"integer\",\"minimum\":400,\"maximum\":599",
    .bytes = sizeof(struct str),
    .read = read_token,
    .example = "503",
};
const struct value_type value_host_pattern = {
    .name = "host",
    .form = "www.example.com or \"*.example.com\"",
    .json = "\"type\":\"string\",\"pattern\":\"^(\\\\*\\\\.)?[^*:]+$|^\\\\[\"",
    .bytes = sizeof(struct text_match),
    .read = read_host_pattern,
    .example = "www.example.com",
};
const struct value_type value_path_pattern = {
    .name = "path",
    .form = "/exact, /prefix/* or '~ ' and a regular expression",
    .json = "\"type\":\"string\",\"pattern\":\"^[/~]\"",
    .bytes = sizeof(struct text_match),
    .read = read_path_pattern,
    .example = "\"/api/*\"",
};
const struct value_type value_pattern = {
    .name = "pattern",
    .form = "the value, \"*\" for any, or '~ ' and a regular expression",
    .json = SCALAR_JSON,
    .bytes = sizeof(struct text_match),
    .read = read_pattern,
};
const struct value_type value_path_prefix = {
    .name = "path prefix",
    .form = "/prefix",
    .json = "\"type\":\"string\",\"pattern\":\"^/.*[^/]$\"",
    .bytes = sizeof(struct str),
    .read = read_path_prefix,
    .example = "/api",
};
const struct value_type value_url_prefix = {
    .name = "prefix",
    .form = "text",
    .json = SCALAR_JSON,
    .bytes = sizeof(struct str),
    .read = read_url_prefix,
};
const struct value_type value_path_template = {
    .name = "path with variables",
    .form = "a path like /new/$1",
    .json = "\"type\":\"string\",\"pattern\":\"^[/$]\"",
    .bytes = sizeof(struct template),
    .read = read_path_template,
    .example = "/new/$1",
};
const struct value_type value_rewrite = {
    .name = "path with variables",
    .form = "a path like /new/$1",
    .json = "\"type\":\"string\",\"pattern\":\"^[/$]\"",
    .bytes = sizeof(struct route_config),
    .read = read_rewrite,
    .example = "/new/$1",
};
const struct value_type value_host_header = {
    .name = "host",
    .form = "preserve, server or a host",
    .json = "\"type\":\"string\",\"pattern\":\"^(preserve|server|.*[.].*|\\\\[.*)$\"",
    .bytes = sizeof(struct handling),
    .read = read_host_header,
    .example = "app.internal",
};
const struct value_type value_status_range = {
    .name = "status",
    .form = "a status like 404, or 4xx or 5xx",
    .json = "\"type\":\"string\",\"pattern\":\"^[45](xx|[0-9][0-9])$\"",
    .bytes = 2 * sizeof(uint16_t),
    .read = read_status_range,
    .example = "5xx",
};
const struct value_type value_balance_key = {
    .name = "key",
    .form = "one of " BALANCE_KEYS,
    .json = "\"type\":\"string\","
            "\"pattern\":\"^(client_ip|path|uri|sni|(header|cookie|query):.+)$\"",
    .bytes = sizeof(struct balance_config),
    .read = read_balance_key,
};
