/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/dns_message.h"

#include <string.h>

#define HEADER_BYTES 12
#define CLASS_IN 1

/* A name as text, "www.example.com"; not every one is a host name. */
struct text_name {
    char text[256];
    size_t len;
};

struct message {
    const unsigned char *bytes;
    size_t len;
};

/* A resource record (RFC 1035 4.1.3). */
struct raw_record {
    struct text_name owner;
    uint16_t type, class;
    uint32_t ttl_s;
    size_t data, data_len; /* where in the message */
};

static unsigned get16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* Adds a label in lower case; a dot inside one would make another name of it. */
static bool add_label(struct text_name *n, const unsigned char *p, size_t len)
{
    if (n->len + len + 2 > sizeof n->text)
        return false;
    if (n->len)
        n->text[n->len++] = '.';
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '.' || p[i] == '\0')
            return false;
        n->text[n->len++] = ascii_lower((char)p[i]);
    }
    n->text[n->len] = '\0';
    return true;
}

/* The name at *at, which goes on behind it. A pointer leads to an earlier place than where its
 * name, or the pointer before it, began: so it ends. */
static bool read_name(const struct message *m, size_t *at, struct text_name *out)
{
    size_t p = *at, floor = *at;
    bool jumped = false;
    *out = (struct text_name){ 0 };
    for (;;) {
        if (p >= m->len)
            return false;
        unsigned n = m->bytes[p];
        if (n == 0) {
            if (!jumped)
                *at = p + 1;
            return true;
        }
        if (n < 64) {
            if (p + 1 + n > m->len || !add_label(out, m->bytes + p + 1, n))
                return false;
            p += 1 + n;
        } else if (n >= 192) {
            if (p + 2 > m->len)
                return false;
            size_t to = get16(m->bytes + p) & 0x3fff;
            if (!jumped)
                *at = p + 2;
            jumped = true;
            if (to >= floor)
                return false;
            p = floor = to;
        } else {
            return false;
        }
    }
}

static bool read_record(const struct message *m, size_t *at, struct raw_record *out)
{
    if (!read_name(m, at, &out->owner) || m->len - *at < 10)
        return false;
    const unsigned char *p = m->bytes + *at;
    uint32_t ttl = (uint32_t)get16(p + 4) << 16 | get16(p + 6);
    out->type = (uint16_t)get16(p);
    out->class = (uint16_t)get16(p + 2);
    out->ttl_s = ttl > INT32_MAX ? 0 : ttl; /* RFC 2181 8 */
    out->data = *at + 10;
    out->data_len = get16(p + 8);
    if (out->data_len > m->len - out->data)
        return false;
    *at = out->data + out->data_len;
    return true;
}

/* Where the answers begin, and how many are announced. */
static bool find_answers(const struct message *m, size_t *at, unsigned *count)
{
    if (m->len < HEADER_BYTES)
        return false;
    unsigned questions = get16(m->bytes + 4);
    struct text_name ignored;
    *count = get16(m->bytes + 6);
    *at = HEADER_BYTES;
    for (unsigned i = 0; i < questions; i++) {
        if (!read_name(m, at, &ignored) || m->len - *at < 4)
            return false;
        *at += 4;
    }
    return true;
}

static bool is_name(const struct text_name *n, const char *name)
{
    return strcmp(n->text, name) == 0;
}

/* The last name of the chain of aliases that begins at `name`. */
static enum dns_verdict follow(const struct message *m, size_t first, unsigned count,
                               struct text_name *name, uint32_t *ttl_s)
{
    for (unsigned aliases = 0; aliases <= DNS_ALIASES_MAX; aliases++) {
        size_t at = first;
        bool found = false;
        for (unsigned i = 0; i < count && !found; i++) {
            struct raw_record r;
            if (!read_record(m, &at, &r))
                return DNS_MESSAGE_MALFORMED;
            if (r.type != DNS_TYPE_CNAME || r.class != CLASS_IN || !is_name(&r.owner, name->text))
                continue;
            size_t data = r.data;
            if (!read_name(m, &data, name) || data != r.data + r.data_len)
                return DNS_MESSAGE_MALFORMED;
            if (r.ttl_s < *ttl_s)
                *ttl_s = r.ttl_s;
            found = true;
        }
        if (!found)
            return DNS_MESSAGE_OK;
    }
    return DNS_MESSAGE_MALFORMED;
}

static bool read_srv(const struct message *m, const struct raw_record *r, struct dns_record *out)
{
    struct text_name target;
    const char *why;
    size_t at = r->data + 6;
    if (r->data_len < 7 || !read_name(m, &at, &target) || at != r->data + r->data_len)
        return false;
    const unsigned char *p = m->bytes + r->data;
    out->priority = (uint16_t)get16(p);
    out->weight = (uint16_t)get16(p + 2);
    out->port = (uint16_t)get16(p + 4);
    if (!host_name_parse((struct str){ target.text, target.len }, &out->target, &why))
        out->target = (struct host_name){ .absolute = target.len > 0 };
    return true;
}

/* Whether the record is whole; whether there is something in it for us goes to *useful. */
static bool read_data(const struct message *m, const struct raw_record *r, enum dns_type type,
                      struct dns_record *out, bool *useful)
{
    *useful = true;
    if (type == DNS_TYPE_SRV) {
        bool whole = read_srv(m, r, out);
        /* A target that is no host name; "." is one that says something. */
        *useful = whole && (out->target.len > 0 || !out->target.absolute);
        return whole;
    }
    if (r->data_len != (type == DNS_TYPE_A ? 4 : 16))
        return false;
    memcpy(out->ip, m->bytes + r->data, r->data_len);
    return true;
}

enum dns_verdict dns_message_read(const unsigned char *bytes, size_t len, const char *name,
                                  enum dns_type type,
                                  void (*fn)(void *arg, const struct dns_record *r), void *arg)
{
    const struct message m = { bytes, len };
    size_t first;
    unsigned count, given = 0;
    uint32_t ttl_s = UINT32_MAX;
    struct text_name last = { .len = strlen(name) };
    if (last.len >= sizeof last.text || !find_answers(&m, &first, &count))
        return DNS_MESSAGE_MALFORMED;
    memcpy(last.text, name, last.len);
    enum dns_verdict v = follow(&m, first, count, &last, &ttl_s);
    if (v != DNS_MESSAGE_OK)
        return v;
    size_t at = first;
    for (unsigned i = 0; i < count && given < DNS_RECORDS_MAX; i++) {
        struct raw_record r;
        struct dns_record out = { 0 };
        bool useful;
        if (!read_record(&m, &at, &r))
            return DNS_MESSAGE_MALFORMED;
        if (r.type != type || r.class != CLASS_IN || !is_name(&r.owner, last.text))
            continue;
        if (!read_data(&m, &r, type, &out, &useful))
            return DNS_MESSAGE_MALFORMED;
        out.ttl_s = r.ttl_s < ttl_s ? r.ttl_s : ttl_s;
        if (useful)
            fn(arg, &out);
        given += useful;
    }
    return given ? DNS_MESSAGE_OK : DNS_MESSAGE_NO_DATA;
}
