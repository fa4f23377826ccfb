/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/check.h"

void message_init(struct message *m, struct sim *s, bool request)
{
    *m = (struct message){ .request = request };
    m->head = sim_alloc(s, MESSAGE_HEAD_MAX);
}

void message_reset(struct message *m)
{
    struct message fresh = { .request = m->request,
                             .head = m->head,
                             .on_head = m->on_head,
                             .on_body = m->on_body,
                             .user = m->user };
    *m = fresh;
}

const char *message_field(const struct message *m, const char *name)
{
    for (uint32_t i = 0; i < m->fields_count; i++)
        if (strcasecmp(m->fields[i].name, name) == 0)
            return m->fields[i].value;
    return NULL;
}

uint32_t message_field_count(const struct message *m, const char *name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->fields_count; i++)
        n += strcasecmp(m->fields[i].name, name) == 0;
    return n;
}

/* ---- heads ------------------------------------------------------------------------------------
 */

static bool token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Splits "name: value" in place. */
static bool split_field(char *line, struct message_field *f)
{
    char *colon = line;
    while (token_char(*colon))
        colon++;
    if (colon == line || *colon != ':')
        return false;
    *colon = 0;
    char *value = colon + 1;
    while (*value == ' ' || *value == '\t')
        value++;
    char *end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 && *c != '\t')
            return false;
    *f = (struct message_field){ line, value };
    return true;
}

/* Splits the lines of a complete section in m->head into fields. */
static bool split_lines(struct message *m, struct message_field *fields, uint32_t *count,
                        uint32_t max, bool start_line)
{
    char *at = m->head;
    m->head[m->head_bytes] = 0;
    if (strlen(at) != m->head_bytes)
        return false; /* a NUL */
    while (*at != '\r') {
        char *end = strchr(at, '\n');
        if (!end || end == at || end[-1] != '\r')
            return false;
        end[-1] = 0;
        if (strchr(at, '\r'))
            return false;
        if (start_line) {
            m->first = at;
            start_line = false;
        } else if (*count == max || !split_field(at, &fields[*count])) {
            return false;
        } else {
            ++*count;
        }
        at = end + 1;
    }
    return !start_line;
}

static bool parse_length(const char *text, uint64_t *value)
{
    *value = 0;
    if (!*text || strlen(text) > 18)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *value = *value * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

static const char *understand_framing(struct message *m)
{
    const char *length = message_field(m, "content-length");
    const char *coding = message_field(m, "transfer-encoding");
    if (length && coding)
        return "both Content-Length and Transfer-Encoding";
    if (message_field_count(m, "content-length") > 1)
        return "Content-Length repeated";
    if (message_field_count(m, "transfer-encoding") > 1 || (coding && strcmp(coding, "chunked")))
        return "Transfer-Encoding is not chunked";
    if (length && !parse_length(length, &m->length))
        return "malformed Content-Length";
    m->has_length = length != NULL;
    m->chunked = coding != NULL;
    return NULL;
}

static void head_complete(struct message *m)
{
    if (!split_lines(m, m->fields, &m->fields_count, MESSAGE_FIELDS_MAX, true)) {
        m->error = "malformed head";
        return;
    }
    m->error = understand_framing(m);
    if (m->error)
        return;
    m->on_head(m, m->user);
    if (m->error)
        return;
    if (m->interim) {
        m->interim = false;
        m->state = MESSAGE_HEAD;
        m->head_bytes = m->fields_count = 0;
    } else if (m->no_body) {
        m->state = MESSAGE_DONE;
    } else if (m->chunked) {
        m->state = MESSAGE_CHUNK_SIZE;
    } else if (m->has_length || m->request) {
        m->left = m->length;
        m->state = m->left ? MESSAGE_LENGTH : MESSAGE_DONE;
    } else {
        m->state = MESSAGE_UNTIL_CLOSE;
    }
}

/* Adds to the section in m->head; true when its empty line is there. */
static bool collect_section(struct message *m, char c)
{
    if (m->head_bytes >= MESSAGE_HEAD_MAX - 1) {
        m->error = "head too large";
        return false;
    }
    m->head[m->head_bytes++] = c;
    uint32_t n = m->head_bytes;
    return c == '\n' && ((n >= 4 && memcmp(m->head + n - 4, "\r\n\r\n", 4) == 0) ||
                         (m->state == MESSAGE_TRAILERS && n == 2 && m->head[0] == '\r'));
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

static void chunk_line(struct message *m, char c)
{
    if (c != '\n') {
        if (m->line_bytes == sizeof m->line - 1)
            m->error = "chunk header too long";
        else
            m->line[m->line_bytes++] = c;
        return;
    }
    if (m->line_bytes < 2 || m->line_bytes > 17 || m->line[m->line_bytes - 1] != '\r') {
        m->error = "malformed chunk header";
        return;
    }
    m->line[m->line_bytes - 1] = 0;
    m->line_bytes = 0;
    m->left = 0;
    for (const char *d = m->line; *d; d++) {
        const char *digits = "0123456789abcdefABCDEF", *digit = strchr(digits, *d);
        if (!digit) {
            m->error = "malformed chunk size";
            return;
        }
        uint64_t value = (uint64_t)(digit - digits);
        m->left = m->left * 16 + (value > 15 ? value - 6 : value);
    }
    m->state = m->left ? MESSAGE_CHUNK_DATA : MESSAGE_TRAILERS;
    m->head_bytes = 0;
}

static void chunk_end(struct message *m, char c)
{
    if (c != (m->left == 2 ? '\r' : '\n'))
        m->error = "no CRLF after a chunk";
    else if (--m->left == 0)
        m->state = MESSAGE_CHUNK_SIZE;
}

static void body_run(struct message *m, const uint8_t *bytes, size_t n)
{
    m->on_body(m, bytes, n, m->user);
    m->body_bytes += n;
    if (m->state == MESSAGE_UNTIL_CLOSE)
        return;
    m->left -= n;
    if (m->left > 0)
        return;
    if (m->state == MESSAGE_CHUNK_DATA) {
        m->state = MESSAGE_CHUNK_END;
        m->left = 2;
    } else {
        m->state = MESSAGE_DONE;
    }
}

size_t message_feed(struct message *m, const uint8_t *bytes, size_t n)
{
    size_t at = 0;
    while (at < n && !m->error && m->state != MESSAGE_DONE) {
        size_t run = 1;
        char c = (char)bytes[at];
        m->wire_bytes++;
        switch (m->state) {
        case MESSAGE_HEAD:
            if (collect_section(m, c))
                head_complete(m);
            break;
        case MESSAGE_TRAILERS:
            if (collect_section(m, c)) {
                /* The fields point into the same memory: they are not asked for any more. */
                m->fields_count = 0;
                m->state = MESSAGE_DONE;
                if (!split_lines(m, m->trailers, &m->trailers_count, 8, false))
                    m->error = "malformed trailers";
            }
            break;
        case MESSAGE_CHUNK_SIZE:
            chunk_line(m, c);
            break;
        case MESSAGE_CHUNK_END:
            chunk_end(m, c);
            break;
        default:
            run = n - at;
            if (m->state != MESSAGE_UNTIL_CLOSE && run > m->left)
                run = m->left;
            m->wire_bytes += run - 1;
            body_run(m, bytes + at, run);
            break;
        }
        at += run;
    }
    return at;
}
