/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/proxy/name_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/str.h"

static void put16(unsigned char *p, unsigned v)
{
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
}

static unsigned get16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static size_t put_name(unsigned char *at, const char *name)
{
    unsigned char *p = at;
    while (*name) {
        size_t n = strcspn(name, ".");
        *p++ = (unsigned char)n;
        memcpy(p, name, n);
        p += n;
        name += n + (name[n] == '.');
    }
    *p++ = 0;
    return (size_t)(p - at);
}

void reply_code(struct reply *r, unsigned rcode)
{
    r->bytes[3] = (unsigned char)(0x80 | rcode);
}

void reply_truncated(struct reply *r)
{
    r->bytes[2] |= 2;
}

void reply_record(struct reply *r, const char *owner, unsigned type, unsigned ttl_s,
                  const void *data, size_t len)
{
    unsigned char *p = r->bytes + r->len;
    if (owner) {
        p += put_name(p, owner);
    } else {
        put16(p, 0xc00c);
        p += 2;
    }
    put16(p, type);
    put16(p + 2, 1);
    put16(p + 4, ttl_s >> 16);
    put16(p + 6, ttl_s & 0xffff);
    put16(p + 8, (unsigned)len);
    memcpy(p + 10, data, len);
    r->len = (size_t)(p + 10 + len - r->bytes);
    CHECK(r->len <= sizeof r->bytes);
    put16(r->bytes + 6, get16(r->bytes + 6) + 1);
}

void reply_a(struct reply *r, const char *owner, unsigned ttl_s, const char *ip)
{
    unsigned char data[4];
    CHECK(inet_pton(AF_INET, ip, data) == 1);
    reply_record(r, owner, 1, ttl_s, data, sizeof data);
}

void reply_aaaa(struct reply *r, const char *owner, unsigned ttl_s, const char *ip)
{
    unsigned char data[16];
    CHECK(inet_pton(AF_INET6, ip, data) == 1);
    reply_record(r, owner, 28, ttl_s, data, sizeof data);
}

void reply_cname(struct reply *r, const char *owner, unsigned ttl_s, const char *to)
{
    unsigned char data[256];
    reply_record(r, owner, 5, ttl_s, data, put_name(data, to));
}

void reply_srv(struct reply *r, unsigned ttl_s, unsigned priority, unsigned weight, unsigned port,
               const char *target)
{
    unsigned char data[300];
    put16(data, priority);
    put16(data + 2, weight);
    put16(data + 4, port);
    reply_record(r, NULL, 33, ttl_s, data, 6 + put_name(data + 6, target));
}

/* Of a question: its name, type, and where it ends. */
static size_t read_question(const unsigned char *p, size_t len, struct question_seen *q)
{
    size_t at = 12, n = 0;
    while (at < len && p[at]) {
        for (unsigned i = 1; i <= p[at]; i++)
            q->name[n++] = ascii_lower((char)p[at + i]);
        q->name[n++] = '.';
        at += p[at] + 1u;
    }
    q->name[n ? n - 1 : 0] = '\0';
    q->type = get16(p + at + 1);
    return at + 5;
}

/* Bytes of the answer in r; 0: none. */
static size_t answer(struct name_server *s, const unsigned char *p, size_t len, bool tcp,
                     struct reply *r)
{
    struct question_seen q = { .tcp = tcp };
    *r = (struct reply){ .len = read_question(p, len, &q) };
    memcpy(r->bytes, p, r->len);
    put16(r->bytes + 2, 0x8180);
    put16(r->bytes + 6, 0);
    put16(r->bytes + 8, 0);
    put16(r->bytes + 10, 0);
    for (unsigned i = 0; i < s->seen_count; i++)
        q.before += s->seen[i].type == q.type && strcmp(s->seen[i].name, q.name) == 0;
    if (s->seen_count < 256)
        s->seen[s->seen_count++] = q;
    s->questions++;
    s->tcp_questions += tcp;
    return s->script(&q, r) ? r->len : 0;
}

static void answer_udp(struct name_server *s)
{
    unsigned char p[4096];
    struct reply r;
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(s->udp, p, sizeof p, 0, (struct sockaddr *)&from, &from_len);
    size_t len = n > 12 ? answer(s, p, (size_t)n, false, &r) : 0;
    if (len)
        sendto(s->udp, r.bytes, len, 0, (struct sockaddr *)&from, from_len);
}

static void answer_tcp(struct name_server *s)
{
    unsigned char p[4096], head[2];
    struct reply r;
    int fd = accept(s->tcp, NULL, NULL);
    if (recv(fd, head, 2, MSG_WAITALL) == 2 &&
        recv(fd, p, get16(head), MSG_WAITALL) == (ssize_t)get16(head)) {
        size_t len = answer(s, p, get16(head), true, &r);
        put16(head, (unsigned)len);
        if (len && send(fd, head, 2, MSG_NOSIGNAL | MSG_MORE) == 2)
            send(fd, r.bytes, len, MSG_NOSIGNAL);
    }
    close(fd);
}

static void *serve(void *arg)
{
    struct name_server *s = arg;
    struct pollfd fds[3] = { { s->stop[0], POLLIN, 0 },
                             { s->udp, POLLIN, 0 },
                             { s->tcp, POLLIN, 0 } };
    while (poll(fds, 3, -1) > 0 && !fds[0].revents) {
        if (fds[1].revents)
            answer_udp(s);
        if (fds[2].revents)
            answer_tcp(s);
    }
    return NULL;
}

void name_server_start(struct name_server *s,
                       bool (*script)(const struct question_seen *q, struct reply *r))
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    *s = (struct name_server){ .script = script };
    for (;;) { /* until a port is free for both */
        s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        at.sin_port = 0;
        CHECK(bind(s->udp, (struct sockaddr *)&at, sizeof at) == 0);
        CHECK(getsockname(s->udp, (struct sockaddr *)&at, &len) == 0);
        if (bind(s->tcp, (struct sockaddr *)&at, sizeof at) == 0)
            break;
        close(s->udp);
        close(s->tcp);
    }
    CHECK(listen(s->tcp, 16) == 0 && pipe(s->stop) == 0);
    s->port = ntohs(at.sin_port);
    CHECK(pthread_create(&s->thread, NULL, serve, s) == 0);
}

void name_server_stop(struct name_server *s)
{
    CHECK(write(s->stop[1], "", 1) == 1);
    pthread_join(s->thread, NULL);
    close(s->udp);
    close(s->tcp);
    close(s->stop[0]);
    close(s->stop[1]);
}
