/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts with variables: $host, $(host), $header(User-Agent), $1, $$ for the character. */
#include <string.h>

#include "core/base/check.h"
#include "core/config/loader.h"
#include "core/config/suggest.h"
#include "core/config/values.h"

#define PARTS_MAX 64

static const struct variable_name {
    const char *name;
    enum variable what;
    bool argument; /* takes a name in parentheses */
    bool response; /* known in responses only */
    bool page;     /* known in error pages */
    const char *doc;
} variables[] = {
    { "client_ip", VAR_CLIENT_IP, false, false, false, "the client's address, by trusted_proxies" },
    { "peer_ip", VAR_PEER_IP, false, false, false, "the address the connection comes from" },
    { "host", VAR_HOST, false, false, false, "the host asked for, without port, lower case" },
    { "port", VAR_PORT, false, false, false, "the port the connection came to" },
    { "method", VAR_METHOD, false, false, false, "the request's method" },
    { "scheme", VAR_SCHEME, false, false, false, "http" },
    { "path", VAR_PATH, false, false, false, "the path asked for, in normal form" },
    { "query", VAR_QUERY, false, false, false, "the query, without '?'" },
    { "search", VAR_SEARCH, false, false, false, "the query with its '?', or nothing" },
    { "uri", VAR_URI, false, false, false, "path and query" },
    { "request_id", VAR_REQUEST_ID, false, false, true, "the request's id" },
    { "listener", VAR_LISTENER, false, false, false, "the name of the listener" },
    { "site", VAR_SITE, false, false, false, "the name of the site" },
    { "route", VAR_ROUTE, false, false, false, "the name of the route" },
    { "backend", VAR_BACKEND, false, false, false, "the name of the backend" },
    { "server", VAR_SERVER, false, true, false, "the name of the server that answered" },
    { "user", VAR_USER, false, false, false, "who asks, where basic_auth is on" },
    { "status", VAR_STATUS, false, true, true, "the response's status" },
    { "header", VAR_HEADER, true, false, false, "a header of the request: $header(User-Agent)" },
    { "cookie", VAR_COOKIE, true, false, false, "a cookie of the request: $cookie(session)" },
    { "argument", VAR_ARGUMENT, true, false, false, "a query argument: $argument(page)" },
    { "tls_version", VAR_TLS_VERSION, false, false, false, "TLSv1.3, TLSv1.2; empty without TLS" },
    { "tls_cipher", VAR_TLS_CIPHER, false, false, false, "the cipher suite, by IANA's name" },
    { "tls_server_name", VAR_TLS_SERVER_NAME, false, false, false,
      "the name that the client asked for in TLS (SNI)" },
    { "tls_client_subject", VAR_TLS_CLIENT_SUBJECT, false, false, false,
      "whom the client's certificate names: CN=joe,O=Example (RFC 4514); empty without one, as the "
      "following" },
    { "tls_client_issuer", VAR_TLS_CLIENT_ISSUER, false, false, false, "who signed it" },
    { "tls_client_serial", VAR_TLS_CLIENT_SERIAL, false, false, false,
      "its serial number, hexadecimal" },
    { "tls_client_fingerprint", VAR_TLS_CLIENT_FINGERPRINT, false, false, false,
      "its SHA-256, hexadecimal" },
    { "tls_client_certificate", VAR_TLS_CLIENT_CERTIFICATE, false, false, false,
      "the certificate itself, as in the header Client-Cert (RFC 9440)" },
    { "response_header", VAR_RESPONSE_HEADER, true, true, false,
      "a header of the server's response: $response_header(Server)" },
};

const char *template_variable_at(uint32_t i, const char **doc)
{
    if (i >= ARRAY_LEN(variables))
        return NULL;
    *doc = variables[i].doc;
    return variables[i].name;
}

struct reader {
    struct loader *l;
    struct place at;
    enum template_scope scope;
    struct template_part parts[PARTS_MAX];
    uint32_t count;
};

static bool add_part(struct reader *r, struct template_part part)
{
    struct template_part *last = r->count ? &r->parts[r->count - 1] : NULL;
    /* Text beside text is one run where it stands so in the source. */
    if (last && part.what == VAR_TEXT && last->what == VAR_TEXT &&
        last->text.ptr + last->text.len == part.text.ptr) {
        last->text.len += part.text.len;
        return true;
    }
    if (r->count == PARTS_MAX) {
        report_error(r->l->report, r->at, "a text has at most %d variables and pieces between them",
                     PARTS_MAX);
        return false;
    }
    r->parts[r->count++] = part;
    return true;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static const struct variable_name *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        if (str_eq(str_of(variables[i].name), name))
            return &variables[i];
    return NULL;
}

static bool unknown(struct reader *r, struct str name)
{
    struct suggestion s;
    suggest_begin(&s, name);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        suggest_word(&s, variables[i].name);
    const char *near = suggest_word_found(&s);
    report_error(r->l->report, r->at, "unknown variable '$%s'%s%s%s", quote(name).text,
                 near ? "; did you mean '$" : "", near ? near : "", near ? "'?" : "");
    return false;
}

static bool add_capture(struct reader *r, char c)
{
    int group = c - '0';
    if (group <= r->l->captures)
        return add_part(r,
                        (struct template_part){ .what = VAR_CAPTURE, .capture = (uint32_t)group });
    if (r->l->captures < 0)
        report_error(r->l->report, r->at,
                     "'$%d' is a group of a regular expression, and this has no path that is one",
                     group);
    else
        report_error(r->l->report, r->at, "'$%d': the path's regular expression has %d group%s",
                     group, r->l->captures, r->l->captures == 1 ? "" : "s");
    return false;
}

/* The argument in parentheses that begins rest; *used counts them in. */
static bool read_argument(struct reader *r, const struct variable_name *v, struct str rest,
                          struct template_part *part, size_t *used)
{
    const char *close = rest.len && rest.ptr[0] == '(' ? memchr(rest.ptr, ')', rest.len) : NULL;
    if (!close || close == rest.ptr + 1) {
        report_error(r->l->report, r->at, "'$%s' wants a name: $%s(NAME)", v->name, v->name);
        return false;
    }
    part->text = load_str(r->l, (struct str){ rest.ptr + 1, (size_t)(close - rest.ptr) - 1 });
    if (!part->text.ptr)
        return false;
    *used = (size_t)(close - rest.ptr) + 1;
    if (v->what == VAR_HEADER || v->what == VAR_RESPONSE_HEADER)
        for (size_t i = 0; i < part->text.len; i++)
            ((char *)part->text.ptr)[i] = ascii_lower(part->text.ptr[i]);
    return true;
}

/* rest begins with '$'; *used: how much the variable takes. */
static bool read_variable(struct reader *r, struct str rest, size_t *used)
{
    char next = rest.len > 1 ? rest.ptr[1] : '\0';
    if (next == '$') {
        *used = 2;
        return add_part(r, (struct template_part){ .text = { rest.ptr + 1, 1 } });
    }
    if (next == '{') { /* was written $${ */
        *used = 1;
        return add_part(r, (struct template_part){ .text = { rest.ptr, 1 } });
    }
    if (next >= '0' && next <= '9') {
        *used = 2;
        return add_capture(r, next);
    }
    bool parentheses = next == '(';
    size_t begin = parentheses ? 2 : 1, end = begin;
    while (end < rest.len && word_char(rest.ptr[end]))
        end++;
    struct str name = { rest.ptr + begin, end - begin };
    if (name.len == 0 || (parentheses && (end == rest.len || rest.ptr[end] != ')'))) {
        report_error(r->l->report, r->at,
                     "'%s': '$' begins a variable; write '$$' for the "
                     "character",
                     quote((struct str){ rest.ptr, rest.len < 16 ? rest.len : 16 }).text);
        return false;
    }
    const struct variable_name *v = find(name);
    if (!v)
        return unknown(r, name);
    if (v->response && r->scope != TEMPLATE_RESPONSE) {
        report_error(r->l->report, r->at, "'$%s' is not known before there is a response", v->name);
        return false;
    }
    struct template_part part = { .what = v->what };
    size_t argument = 0;
    *used = end + parentheses;
    if (v->argument &&
        !read_argument(r, v, (struct str){ rest.ptr + *used, rest.len - *used }, &part, &argument))
        return false;
    *used += argument;
    return add_part(r, part);
}

/* In an error page everything is text but two variables: it may hold scripts and prices. */
static bool read_page_variable(struct reader *r, struct str rest, size_t *used)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        size_t n = strlen(variables[i].name);
        if (variables[i].page && rest.len > n && memcmp(rest.ptr + 1, variables[i].name, n) == 0 &&
            (rest.len == n + 1 || !word_char(rest.ptr[n + 1]))) {
            *used = n + 1;
            return add_part(r, (struct template_part){ .what = variables[i].what });
        }
    }
    *used = 1;
    return add_part(r, (struct template_part){ .text = { rest.ptr, 1 } });
}

bool template_parse(struct loader *l, struct place at, struct str text, enum template_scope scope,
                    struct template *out)
{
    struct reader r = { .l = l, .at = at, .scope = scope };
    text = load_str(l, text); /* parts point into it */
    if (!text.ptr)
        return false;
    for (size_t i = 0, used; i < text.len; i += used) {
        struct str rest = { text.ptr + i, text.len - i };
        const char *dollar = memchr(rest.ptr, '$', rest.len);
        bool ok = true;
        if (dollar != rest.ptr) {
            used = dollar ? (size_t)(dollar - rest.ptr) : rest.len;
            ok = add_part(&r, (struct template_part){ .text = { rest.ptr, used } });
        } else {
            ok = scope == TEMPLATE_PAGE ? read_page_variable(&r, rest, &used)
                                        : read_variable(&r, rest, &used);
        }
        if (!ok)
            return false;
    }
    out->parts = load_extend(l, r.parts, r.count, 0, sizeof r.parts[0]);
    out->parts_count = out->parts ? r.count : 0;
    return r.count == 0 || out->parts;
}
