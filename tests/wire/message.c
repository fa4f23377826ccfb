/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP messages as the scripts see them: a reader of its own, that trusts nothing of sluice's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/wire/wire.h"

/* ---- heads ---- */

/* The first line from `line` on that is this field, or NULL. */
static const char *field_line(const char *line, const char *name)
{
    size_t n = strlen(name);
    for (; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return line;
    }
    return NULL;
}

const char *field(const struct message *m, const char *name)
{
    const char *line = field_line(m->head, name);
    if (!line)
        return NULL;
    if (field_line(strchr(line, '\n'), name))
        wire_fail(m->w, "%s stands there more than once:\n%s", name, m->head);
    const char *value = line + strlen(name) + 1;
    value += strspn(value, " ");
    return wire_text(m->w, "%.*s", (int)strcspn(value, "\r\n"), value);
}

void has_field(const struct message *m, const char *name, const char *value)
{
    const char *found = field(m, name);
    if (!found || strcmp(found, value) != 0)
        wire_fail(m->w, "\"%s: %s\" is not in\n%s", name, value, m->head);
}

void has_no_field(const struct message *m, const char *name)
{
    if (field_line(m->head, name))
        wire_fail(m->w, "%s is in\n%s", name, m->head);
}

struct message hear_head(struct conn *c)
{
    struct message m = { .w = c->w, .trailers = "", .body = "" };
    char *head = hear_until(c, "\r\n\r\n");
    head[strlen(head) - 2] = '\0';
    m.head = head;
    m.start = wire_text(c->w, "%.*s", (int)strcspn(head, "\r"), head);
    if (strncmp(m.start, "HTTP/1.", 7) == 0)
        m.status = atoi(m.start + 9);
    const char *length = field(&m, "Content-Length"), *coding = field(&m, "Transfer-Encoding");
    if (length && coding)
        wire_fail(c->w, "length and coding:\n%s", m.head);
    if (coding && strcmp(coding, "chunked") != 0)
        wire_fail(c->w, "a coding that is not chunked:\n%s", m.head);
    m.coding = coding ? BY_CHUNKS : length ? BY_LENGTH : BY_NOTHING;
    m.length = length ? strtoull(length, NULL, 10) : 0;
    return m;
}

/* ---- bodies ---- */

/* Like the functions without "try", but an end leaves what is there and sets m->cut. */
static bool try_bytes(struct conn *c, struct message *m, size_t n)
{
    while (c->in_len < n && !m->cut)
        m->cut = !conn_receive(c);
    return c->in_len >= n;
}

static char *try_line(struct conn *c, struct message *m)
{
    const char *end;
    while (!(end = c->in_len ? memmem(c->in, c->in_len, "\r\n", 2) : NULL) && !m->cut)
        m->cut = !conn_receive(c);
    return end ? hear_bytes(c, (size_t)(end - c->in) + 2) : NULL;
}

/* What is there, up to n bytes. */
static void take(struct conn *c, struct text *body, size_t n)
{
    if (n > c->in_len)
        n = c->in_len;
    text_add(body, c->in, n);
    conn_consume(c, n);
}

static void read_chunks(struct conn *c, struct message *m, struct text *body)
{
    char *line, *end;
    while ((line = try_line(c, m))) {
        size_t n = strtoull(line, &end, 16);
        if (end == line || strcmp(end, "\r\n") != 0)
            wire_fail(c->w, "%s hears '%s' where a chunk begins", c->who, line);
        if (n == 0)
            break;
        bool whole = try_bytes(c, m, n);
        take(c, body, n);
        if (!whole || !try_bytes(c, m, 2))
            return;
        hear(c, "\r\n");
    }
    while ((line = try_line(c, m)) && strcmp(line, "\r\n") != 0)
        m->trailers = wire_text(c->w, "%s%s", m->trailers, line);
}

static void read_to_end(struct conn *c, struct message *m, struct text *body)
{
    while (conn_receive(c))
        ;
    take(c, body, c->in_len);
    m->cut = c->reset;
}

static void read_body(struct conn *c, struct message *m)
{
    struct text body = { 0 };
    text_add(&body, "", 0);
    if (m->coding == BY_CHUNKS) {
        read_chunks(c, m, &body);
    } else if (m->coding == BY_LENGTH) {
        try_bytes(c, m, m->length);
        take(c, &body, m->length);
    } else if (m->coding == BY_CLOSE) {
        read_to_end(c, m, &body);
    }
    char *p = wire_alloc(c->w, body.len + 1);
    memcpy(p, body.p, body.len);
    m->body = p;
    m->body_len = body.len;
    free(body.p);
}

/* ---- messages ---- */

static struct message read_answer(struct conn *c, const char *method)
{
    struct message m = hear_head(c);
    if (m.status < 100)
        wire_fail(c->w, "%s hears '%s' where an answer was expected", c->who, m.start);
    if (strcmp(method, "HEAD") == 0 || m.status < 200 || m.status == 204 || m.status == 304)
        m.coding = BY_NOTHING;
    else if (m.coding == BY_NOTHING)
        m.coding = BY_CLOSE;
    read_body(c, &m);
    return m;
}

struct message hear_request(struct conn *c)
{
    struct message m = hear_head(c);
    read_body(c, &m);
    if (m.cut)
        wire_fail(c->w, "%s hears a request that is cut:\n%s", c->who, m.head);
    return m;
}

struct message hear_answer_to(struct conn *c, const char *method)
{
    struct message m = read_answer(c, method);
    if (m.cut)
        wire_fail(c->w, "%s hears an answer that is cut:\n%s", c->who, m.head);
    return m;
}

struct message hear_answer(struct conn *c)
{
    return hear_answer_to(c, "GET");
}

struct message hear_cut_answer(struct conn *c)
{
    struct message m = read_answer(c, "GET");
    if (!m.cut)
        wire_fail(c->w, "%s hears a whole answer where a cut one was expected:\n%s", c->who,
                  m.head);
    return m;
}

struct message hear_status(struct conn *c, int status)
{
    struct message m = hear_answer(c);
    if (m.status != status)
        wire_fail(c->w, "%s hears %d where %d was expected:\n%s%s", c->who, m.status, status,
                  m.head, m.body);
    return m;
}

struct message hear_answered(struct conn *c, int status, const char *body)
{
    struct message m = hear_status(c, status);
    if (strcmp(m.body, body) != 0)
        wire_fail(c->w, "%s hears \"%s\" where \"%s\" was expected", c->who, m.body, body);
    return m;
}

struct message hear_refused(struct conn *c, int status)
{
    struct message m = hear_status(c, status);
    has_field(&m, "Connection", "close");
    hear_end(c);
    return m;
}

struct conn *get_and_answer(struct conn *client, struct origin *o, struct conn *on,
                            const char *text)
{
    say(client, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    if (!on)
        on = origin_accept(o);
    hear_request(on);
    sayf(on, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
    hear_answered(client, 200, text);
    return on;
}
