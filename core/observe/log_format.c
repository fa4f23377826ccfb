/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/log_format.h"

#include <time.h>

#include "core/base/cache_status.h"
#include "core/base/check.h"
#include "core/base/end_reason.h"

#define HUMAN_PATH_BYTES_MAX 100

static void put_padded(struct out *o, int value, unsigned width)
{
    out_u64_padded(o, (uint64_t)value, width);
}

static struct tm utc(uint64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    CHECK(gmtime_r(&seconds, &tm));
    return tm;
}

static void put_clock(struct out *o, const struct tm *tm)
{
    put_padded(o, tm->tm_hour, 2);
    out_char(o, ':');
    put_padded(o, tm->tm_min, 2);
    out_char(o, ':');
    put_padded(o, tm->tm_sec, 2);
}

static void put_ip(struct out *o, const struct peer_addr *p)
{
    char text[ADDR_TEXT_MAX];
    out_mem(o, text, peer_addr_format_ip(p, text));
}

static void put_peer(struct out *o, const struct peer_addr *p)
{
    char text[ADDR_TEXT_MAX];
    out_mem(o, text, peer_addr_format(p, text));
}

/* ---- json ---- */

static const struct log_field fields[] = {
#define LOG_FIELD(name, type, when, doc) { #name, type, when, doc },
#include "core/observe/log_field.def"
#undef LOG_FIELD
};

const struct log_field *log_field_at(uint32_t i)
{
    return i < ARRAY_LEN(fields) ? &fields[i] : NULL;
}

/* Names a field, which has to be in the table. */
enum {
#define LOG_FIELD(name, type, when, doc) LOG_FIELD_##name,
#include "core/observe/log_field.def"
#undef LOG_FIELD
};

/* RFC 9110 2.5: how people write it: "HTTP/1.1", "HTTP/2". */
static void put_version(struct out *o, const struct record *r)
{
    if (r->version_major == 2) {
        out_lit(o, "HTTP/2");
    } else {
        out_lit(o, "HTTP/1.");
        out_u64(o, r->version_minor);
    }
}

#define json_key(o, name)                                                                          \
    do {                                                                                           \
        (void)LOG_FIELD_##name;                                                                    \
        out_lit((o), ",\"" #name "\":");                                                           \
    } while (0)

#define json_u64(o, name, value)                                                                   \
    do {                                                                                           \
        json_key(o, name);                                                                         \
        out_u64((o), (value));                                                                     \
    } while (0)

#define json_str(o, name, value)                                                                   \
    do {                                                                                           \
        if ((value).len) {                                                                         \
            json_key(o, name);                                                                     \
            json_quoted((o), (value));                                                             \
        }                                                                                          \
    } while (0)

static void json_quoted(struct out *o, struct str s)
{
    out_char(o, '"');
    out_json(o, s);
    out_char(o, '"');
}

void log_format_time(struct out *o, uint64_t wall_us)
{
    struct tm tm = utc(wall_us);
    put_padded(o, tm.tm_year + 1900, 4);
    out_char(o, '-');
    put_padded(o, tm.tm_mon + 1, 2);
    out_char(o, '-');
    put_padded(o, tm.tm_mday, 2);
    out_char(o, 'T');
    put_clock(o, &tm);
    out_char(o, '.');
    out_u64_padded(o, wall_us % 1000000, 6);
    out_char(o, 'Z');
}

static void json_phases(struct out *o, const struct record *r)
{
    const struct {
        struct str name;
        uint32_t us;
    } phases[] = {
        { STR("accept"), r->accept_us },         { STR("queue"), r->queue_us },
        { STR("waited"), r->waited_us },         { STR("connect"), r->connect_us },
        { STR("first_byte"), r->first_byte_us }, { STR("total"), r->total_us },
    };
    char separator = '{';
    json_key(o, phases);
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        if (phases[i].us == UINT32_MAX)
            continue;
        out_char(o, separator);
        separator = ',';
        json_quoted(o, phases[i].name);
        out_char(o, ':');
        out_u64(o, phases[i].us);
    }
    if (separator == '{')
        out_char(o, '{');
    out_char(o, '}');
}

static void json_captured(struct out *o, unsigned field, const struct strings *names,
                          struct str *captured)
{
    char separator = '{';
    for (uint32_t i = 0; i < names->items_count; i++) {
        struct str value;
        if (!record_captured(captured, &value))
            break;
        if (!value.ptr)
            continue;
        if (separator == '{') {
            out_char(o, ',');
            json_quoted(o, str_of(fields[field].name));
            out_char(o, ':');
        }
        out_char(o, separator);
        separator = ',';
        json_quoted(o, names->items[i]);
        out_char(o, ':');
        json_quoted(o, value);
    }
    if (separator == ',')
        out_char(o, '}');
}

static void json_request_id(struct out *o, const struct record *r)
{
    out_char(o, '"');
    if (r->request_id.len) {
        out_json(o, r->request_id);
    } else {
        out_hex_padded(o, r->request_id_hi, 16);
        out_hex_padded(o, r->request_id_lo, 16);
    }
    out_char(o, '"');
}

static const char *const failure_words[] = {
    "ok",
#define FAILURE(name, word, err, text) word,
#include "tls/failures.def"
#undef FAILURE
};

/* Those that tls/context.c offers. */
static struct str cipher_name(uint16_t suite)
{
    static const struct {
        uint16_t suite;
        const char *name;
    } names[] = {
        { 0x1301, "TLS_AES_128_GCM_SHA256" },
        { 0x1302, "TLS_AES_256_GCM_SHA384" },
        { 0x1303, "TLS_CHACHA20_POLY1305_SHA256" },
        { 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
        { 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
        { 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
        { 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
        { 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
        { 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].suite == suite)
            return str_of(names[i].name);
    return STR("unknown");
}

static void json_line(struct out *o, const struct log_config *log, const struct record *r)
{
    const struct end_reason_info *end = end_reason_info(r->end_reason);
    out_lit(o, "{\"time\":\""); /* the first one, without a comma */
    log_format_time(o, r->start_wall_us);
    out_char(o, '"');
    json_key(o, request_id);
    json_request_id(o, r);
    json_key(o, peer);
    out_char(o, '"');
    put_peer(o, &r->peer);
    out_char(o, '"');
    json_key(o, client);
    out_char(o, '"');
    put_ip(o, &r->client);
    out_char(o, '"');
    json_u64(o, connection, r->connection);
    json_u64(o, request, r->request);
    json_u64(o, worker, r->worker);
    json_str(o, listener, r->listener);
    json_str(o, site, r->site);
    json_str(o, route, r->route);
    json_str(o, backend, r->backend);
    if (r->destination.len)
        json_str(o, destination, r->destination);
    if (r->rule.len)
        json_str(o, rule, r->rule);
    if (r->user.len)
        json_str(o, user, r->user);
    if (r->tls_minor) {
        json_str(o, tls, r->tls_minor == 3 ? STR("TLSv1.3") : STR("TLSv1.2"));
        json_str(o, cipher, cipher_name(r->tls_cipher));
        json_str(o, server_name, r->server_name);
        if (r->client_subject.len)
            json_str(o, client_subject, r->client_subject);
        json_key(o, resumed);
        out_str(o, r->tls_resumed ? STR("true") : STR("false"));
    }
    if (r->tls_failure)
        json_str(o, tls_failure, str_of(failure_words[r->tls_failure]));
    json_str(o, method, r->method);
    json_str(o, authority, r->authority);
    json_str(o, path, r->path);
    if (r->method.len) {
        json_key(o, version);
        out_char(o, '"');
        put_version(o, r);
        out_char(o, '"');
    }
    json_str(o, referer, r->referer);
    json_str(o, user_agent, r->user_agent);
    if (r->status)
        json_u64(o, status, r->status);
    if (r->server_status)
        json_u64(o, server_status, r->server_status);
    json_u64(o, bytes_in, r->bytes_in);
    json_u64(o, bytes_out, r->bytes_out);
    json_str(o, server, r->server);
    json_u64(o, tries, r->tries);
    if (r->cache)
        json_str(o, cache, str_of(cache_status_word((enum cache_status)r->cache)));
    json_key(o, reused);
    out_str(o, r->reused ? STR("true") : STR("false"));
    json_phases(o, r);
    json_str(o, end, str_of(end->word));
    json_u64(o, end_code, r->end_reason);
    if (end->who != WHO_NONE)
        json_str(o, broken_by, str_of(end_who_word(end->who)));
    struct str captured = r->captured;
    json_captured(o, LOG_FIELD_request_headers, &log->request_headers, &captured);
    json_captured(o, LOG_FIELD_response_headers, &log->response_headers, &captured);
    out_lit(o, "}\n");
}

/* ---- human ---- */

static void human_status(struct out *o, bool colour, uint16_t status)
{
    static const char *const colours[] = { "31", "36", "32", "36", "33", "31" };
    if (colour) {
        out_lit(o, "\033[");
        out_str(o, str_of(colours[status / 100 < ARRAY_LEN(colours) ? status / 100 : 0]));
        out_char(o, 'm');
    }
    if (status)
        out_u64(o, status);
    else
        out_lit(o, "---");
    if (colour)
        out_lit(o, "\033[0m");
}

/* With one decimal below ten: "9.9 ms", "12 ms". */
static void human_tenths(struct out *o, uint64_t tenths)
{
    out_u64(o, tenths / 10);
    if (tenths < 100) {
        out_char(o, '.');
        out_u64(o, tenths % 10);
    }
}

static void human_duration(struct out *o, uint32_t us)
{
    if (us < 1000) {
        out_u64(o, us);
        out_lit(o, " us");
    } else if (us < 1000000) {
        human_tenths(o, us / 100);
        out_lit(o, " ms");
    } else {
        human_tenths(o, us / 100000);
        out_lit(o, " s");
    }
}

static void human_bytes(struct out *o, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    if (bytes < 1024) {
        out_u64(o, bytes);
        out_lit(o, " B");
        return;
    }
    unsigned unit = 0;
    for (; bytes >= 1024 * 1024; bytes /= 1024)
        unit++;
    human_tenths(o, bytes * 10 / 1024);
    out_char(o, ' ');
    out_char(o, units[unit]);
    out_lit(o, "iB");
}

static void human_target(struct out *o, const struct record *r)
{
    if (r->path.len == 0 && r->authority.len == 0)
        return;
    if (r->path.len == 0 || r->path.ptr[0] == '/') /* else the target names it */
        out_json(o, r->authority);
    bool cut = r->path.len > HUMAN_PATH_BYTES_MAX;
    out_json(o, (struct str){ r->path.ptr, cut ? HUMAN_PATH_BYTES_MAX : r->path.len });
    out_str(o, cut ? STR("... ") : STR(" "));
}

static void human_line(struct out *o, bool colour, const struct record *r)
{
    const struct end_reason_info *end = end_reason_info(r->end_reason);
    struct tm tm = utc(r->start_wall_us);
    put_clock(o, &tm);
    out_char(o, '.');
    out_u64_padded(o, r->start_wall_us / 1000 % 1000, 3);
    out_lit(o, "Z ");
    human_status(o, colour, r->status);
    out_char(o, ' ');
    out_json(o, r->method.len ? r->method : STR("-"));
    out_char(o, ' ');
    human_target(o, r);
    human_bytes(o, r->bytes_out);
    if (r->total_us != UINT32_MAX) {
        out_char(o, ' ');
        human_duration(o, r->total_us);
    }
    out_char(o, ' ');
    put_ip(o, &r->client);
    if (r->server.len) {
        out_lit(o, " -> ");
        out_json(o, r->server);
    }
    if (r->tries > 1) {
        out_lit(o, ", ");
        out_u64(o, r->tries);
        out_lit(o, " tries");
    }
    if (end->who != WHO_NONE) {
        out_lit(o, ": ");
        out_str(o, str_of(end->text));
    }
    out_char(o, '\n');
}

/* ---- combined ---- */

/* As Apache does: quotes and backslashes behind a backslash, the rest as \xhh. */
static void combined_text(struct out *o, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            out_char(o, '\\');
            out_char(o, (char)c);
        } else if (c < 0x20 || c >= 0x7f) {
            out_lit(o, "\\x");
            out_char(o, "0123456789abcdef"[c >> 4]);
            out_char(o, "0123456789abcdef"[c & 15]);
        } else {
            out_char(o, (char)c);
        }
    }
}

static void combined_quoted(struct out *o, struct str s)
{
    out_char(o, '"');
    combined_text(o, s.len ? s : STR("-"));
    out_char(o, '"');
}

/* Without spaces: it is one column. */
static void combined_user(struct out *o, struct str s)
{
    if (s.len == 0)
        out_char(o, '-');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ')
            out_lit(o, "\\x20");
        else
            combined_text(o, (struct str){ s.ptr + i, 1 });
    }
}

static void combined_time(struct out *o, uint64_t wall_us)
{
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct tm tm = utc(wall_us);
    out_char(o, '[');
    put_padded(o, tm.tm_mday, 2);
    out_char(o, '/');
    out_str(o, str_of(months[tm.tm_mon]));
    out_char(o, '/');
    put_padded(o, tm.tm_year + 1900, 4);
    out_char(o, ':');
    put_clock(o, &tm);
    out_lit(o, " +0000]");
}

static void combined_line(struct out *o, const struct record *r)
{
    bool client_broke_it = end_reason_info(r->end_reason)->who == WHO_CLIENT;
    put_ip(o, &r->client);
    out_lit(o, " - ");
    combined_user(o, r->user);
    out_char(o, ' ');
    combined_time(o, r->start_wall_us);
    out_lit(o, " \"");
    if (r->method.len) {
        combined_text(o, r->method);
        out_char(o, ' ');
        combined_text(o, r->path);
        out_char(o, ' ');
        put_version(o, r);
    } else {
        out_char(o, '-');
    }
    out_lit(o, "\" ");
    out_u64(o, r->status ? r->status : client_broke_it ? 499 : 444);
    out_char(o, ' ');
    out_u64(o, r->bytes_out);
    out_char(o, ' ');
    combined_quoted(o, r->referer);
    out_char(o, ' ');
    combined_quoted(o, r->user_agent);
    out_char(o, '\n');
}

void log_format_line(struct out *o, const struct log_config *log, bool colour,
                     const struct record *given)
{
    char path[LOG_REDACTED_BYTES_MAX], referer[LOG_REDACTED_BYTES_MAX];
    char shorter[LOG_REDACTED_BYTES_MAX];
    struct record r = *given;
    r.path = log_redact_path(log_redact(r.path, &log->redact, path), &log->redact_paths, shorter);
    r.referer = log_redact(r.referer, &log->redact, referer);
    switch (log->format) {
    case LOG_JSON:
        json_line(o, log, &r);
        return;
    case LOG_HUMAN:
        human_line(o, colour, &r);
        return;
    case LOG_COMBINED:
        combined_line(o, &r);
        return;
    case LOG_TRACE:
        log_trace_line(o, &r);
        return;
    case LOG_NONE:
        break;
    }
    CHECK(log->format != LOG_NONE); /* nobody formats for no log */
}
