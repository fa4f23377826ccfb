/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections of scripted clients and servers: what they say and hear. */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "tests/wire/wire.h"

#define ORIGIN_BACKLOG 512
#define RECEIVE_BYTES (64 * 1024)

/* ---- opening ---- */

static struct addr read_address(struct wire *w, const char *text)
{
    struct addr a;
    const char *why;
    if (!addr_parse(str_of(text), false, &a, &why))
        wire_fail(w, "address '%s': %s", text, why);
    return a;
}

static struct conn *conn_new(struct wire *w, int fd, const char *who)
{
    struct conn *c = wire_alloc(w, sizeof *c);
    c->w = w;
    c->fd = fd;
    snprintf(c->who, sizeof c->who, "%s", who);
    c->next = w->conns;
    w->conns = c;
    return c;
}

static struct conn *dial(struct wire *w, const char *address, const char *own_address)
{
    struct addr a = read_address(w, address);
    int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct conn *c = conn_new(w, fd, wire_text(w, "client %u", ++w->clients_count));
    if (a.sa.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (own_address) {
        struct addr own = read_address(w, own_address);
        assert_int_equal(bind(fd, &own.sa, own.len), 0);
    }
    if (connect(fd, &a.sa, a.len) != 0)
        wire_fail(w, "%s cannot connect to %s: %s", c->who, address, strerror(errno));
    wire_note(w, "%s connects to %s", c->who, address);
    return c;
}

struct conn *client_dial(struct wire *w)
{
    return dial(w, sluice_address(w, 0), NULL);
}

struct conn *client_dial_to(struct wire *w, const char *address)
{
    return dial(w, address, NULL);
}

struct conn *client_dial_from(struct wire *w, const char *own_address)
{
    return dial(w, sluice_address(w, 0), own_address);
}

void client_refused(struct wire *w)
{
    struct addr a = read_address(w, sluice_address(w, 0));
    int rc, err;
    do {
        int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        rc = connect(fd, &a.sa, a.len);
        err = errno;
        close(fd);
        wire_left_ms(w);
    } while (rc == 0 || err != ECONNREFUSED);
}

static struct origin *origin_bind(struct wire *w, const char *address, int backlog)
{
    struct addr a = read_address(w, address);
    struct origin *o = wire_alloc(w, sizeof *o);
    o->w = w;
    o->fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(o->fd >= 0);
    struct origin **last = &w->origins;
    while (*last)
        last = &(*last)->next;
    *last = o;
    setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(o->fd, &a.sa, a.len) != 0 || (backlog >= 0 && listen(o->fd, backlog) != 0))
        wire_fail(w, "cannot listen on %s: %s", address, strerror(errno));
    if (a.sa.sa_family == AF_UNIX) {
        o->name = wire_text(w, "%s", address);
        return o;
    }
    a.len = sizeof a - offsetof(struct addr, sa);
    assert_int_equal(getsockname(o->fd, &a.sa, &a.len), 0);
    char text[ADDR_TEXT_MAX];
    addr_format(&a, text);
    o->name = wire_text(w, "%s", text);
    return o;
}

struct origin *origin_open_at(struct wire *w, const char *address)
{
    return origin_bind(w, address, ORIGIN_BACKLOG);
}

struct origin *origin_open(struct wire *w)
{
    return origin_open_at(w, "127.0.0.1:0");
}

struct origin *origin_dead(struct wire *w)
{
    return origin_bind(w, "127.0.0.1:0", -1);
}

/* Its queue of connections is full, and the kernel drops what else asks. */
struct origin *origin_full(struct wire *w)
{
    struct origin *o = origin_bind(w, "127.0.0.1:0", 0);
    struct addr a = read_address(w, o->name);
    for (unsigned i = 0; i < 8; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fd >= 0);
        conn_new(w, fd, "queued");
        if (connect(fd, &a.sa, a.len) != 0)
            assert_int_equal(errno, EINPROGRESS);
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        if (poll(&p, 1, 0) == 0)
            return o; /* on loopback an answer would have come at once */
    }
    wire_fail(w, "the queue of %s does not fill", o->name);
}

void origin_close(struct origin *o)
{
    close(o->fd);
    o->fd = -1;
}

struct conn *origin_accept(struct origin *o)
{
    wire_wait(o->w, o->fd, POLLIN, wire_text(o->w, "a connection to %s", o->name));
    int fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    const char *port = strrchr(o->name, ':');
    struct conn *c = conn_new(o->w, fd, wire_text(o->w, "server%.16s #%u", port, ++o->accepted));
    wire_note(o->w, "%s accepts", c->who);
    return c;
}

struct conn *origin_accept_any(struct wire *w)
{
    struct pollfd fds[16];
    nfds_t count = 0;
    for (struct origin *o = w->origins; o; o = o->next) {
        assert_true(count < sizeof fds / sizeof fds[0]);
        fds[count++] = (struct pollfd){ .fd = o->fd, .events = POLLIN };
    }
    if (poll(fds, count, wire_left_ms(w)) == 0)
        wire_fail(w, "nobody connects to any server");
    struct origin *o = w->origins;
    for (nfds_t i = 0; !(fds[i].revents & POLLIN); i++)
        o = o->next;
    return origin_accept(o);
}

void origin_untouched(struct origin *o)
{
    struct pollfd p = { .fd = o->fd, .events = POLLIN };
    if (poll(&p, 1, 0) != 0)
        wire_fail(o->w, "somebody has connected to %s", o->name);
}

/* ---- saying ---- */

void say_bytes(struct conn *c, const void *p, size_t n)
{
    wire_note_bytes(c->w, c->who, " > ", p, n);
    const char *at = p;
    while (n) {
        ssize_t sent = send(c->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            wire_wait(c->w, c->fd, POLLOUT, c->who);
            continue;
        }
        if (sent < 0)
            wire_fail(c->w, "%s cannot send: %s", c->who, strerror(errno));
        at += sent;
        n -= (size_t)sent;
    }
}

void say(struct conn *c, const char *text)
{
    say_bytes(c, text, strlen(text));
}

void sayf(struct conn *c, const char *format, ...)
{
    char text[8192];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    say_bytes(c, text, (size_t)n);
}

/* Asks the kernel about one TCP socket, by its two ends. */
static int ask_diag(int netlink, const struct addr *own, const struct addr *peer)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 req;
    } ask = {
        .head = { .nlmsg_len = sizeof ask,
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST },
        .req = { .sdiag_family = AF_INET,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = ~0U,
                 .id = { .idiag_sport = own->v4.sin_port,
                         .idiag_dport = peer->v4.sin_port,
                         .idiag_src = { own->v4.sin_addr.s_addr },
                         .idiag_dst = { peer->v4.sin_addr.s_addr },
                         .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } },
    };
    return send(netlink, &ask, sizeof ask, 0) == (ssize_t)sizeof ask ? 0 : -1;
}

/* Bytes that the other end of a TCP connection has received but its process has not read; 0 too
 * when the connection is not there any more. */
static unsigned unread_by_peer(struct conn *c)
{
    struct addr own = { .len = sizeof own - offsetof(struct addr, sa) }, peer = own;
    if (getsockname(c->fd, &own.sa, &own.len) != 0 || getpeername(c->fd, &peer.sa, &peer.len) != 0)
        return 0;
    assert_int_equal(own.sa.sa_family, AF_INET);
    int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    assert_true(netlink >= 0);
    assert_int_equal(ask_diag(netlink, &peer, &own), 0);
    struct {
        struct nlmsghdr head;
        struct inet_diag_msg msg;
        char attributes[4096];
    } answer;
    ssize_t n = recv(netlink, &answer, sizeof answer, 0);
    close(netlink);
    assert_true(n >= (ssize_t)sizeof answer.head);
    return answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY ? answer.msg.idiag_rqueue : 0;
}

void wait_taken(struct conn *c)
{
    while (unread_by_peer(c) > 0) {
        wire_left_ms(c->w);
        sched_yield();
    }
}

void say_slowly(struct conn *c, const char *text)
{
    wire_note(c->w, "%s, byte by byte:", c->who);
    for (; *text; text++) {
        say_bytes(c, text, 1);
        wait_taken(c);
    }
}

/* ---- hearing ---- */

bool conn_receive(struct conn *c)
{
    if (c->ended)
        return false;
    if (c->in_cap - c->in_len < RECEIVE_BYTES) {
        c->in_cap = 2 * c->in_cap + RECEIVE_BYTES;
        c->in = realloc(c->in, c->in_cap);
        assert_non_null(c->in);
    }
    wire_wait(c->w, c->fd, POLLIN, c->who);
    ssize_t n = recv(c->fd, c->in + c->in_len, RECEIVE_BYTES, 0);
    if (n > 0) {
        wire_note_bytes(c->w, c->who, " < ", c->in + c->in_len, (size_t)n);
        c->in_len += (size_t)n;
        return true;
    }
    c->ended = true;
    c->reset = n < 0;
    wire_note(c->w, "%s < %s", c->who, n < 0 ? strerror(errno) : "end");
    return false;
}

void conn_consume(struct conn *c, size_t n)
{
    c->in_len -= n;
    memmove(c->in, c->in + n, c->in_len);
}

char *hear_bytes(struct conn *c, size_t n)
{
    while (c->in_len < n)
        if (!conn_receive(c))
            wire_fail(c->w, "%s: %s after %zu of %zu bytes", c->who, c->reset ? "reset" : "the end",
                      c->in_len, n);
    char *p = wire_alloc(c->w, n + 1);
    memcpy(p, c->in, n);
    conn_consume(c, n);
    return p;
}

char *hear_until(struct conn *c, const char *mark)
{
    const char *found;
    size_t len = strlen(mark);
    while (!(found = c->in_len ? memmem(c->in, c->in_len, mark, len) : NULL))
        if (!conn_receive(c))
            wire_fail(c->w, "%s: %s where more was expected", c->who,
                      c->reset ? "reset" : "the end");
    return hear_bytes(c, (size_t)(found - c->in) + len);
}

void hear(struct conn *c, const char *text)
{
    size_t n = strlen(text);
    const char *heard = hear_bytes(c, n);
    if (memcmp(heard, text, n) != 0)
        wire_fail(c->w, "%s heard \"%s\" where \"%s\" was expected", c->who, heard, text);
}

void hear_end(struct conn *c)
{
    if (c->in_len || conn_receive(c))
        wire_fail(c->w, "%s hears bytes where the end was expected", c->who);
    if (c->reset)
        wire_fail(c->w, "%s: reset where an orderly end was expected", c->who);
}

void hear_gone(struct conn *c)
{
    while (conn_receive(c))
        c->in_len = 0;
}

void hear_reset(struct conn *c)
{
    hear_gone(c);
    if (!c->reset)
        wire_fail(c->w, "%s: an orderly end where a reset was expected", c->who);
}

void hear_nothing(struct conn *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    if (c->in_len || poll(&p, 1, 0) != 0)
        wire_fail(c->w, "%s hears something too early", c->who);
}

/* ---- ending ---- */

void end_sending(struct conn *c)
{
    wire_note(c->w, "%s ends sending", c->who);
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
}

static void conn_close(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->in);
    c->in = NULL;
    c->in_len = c->in_cap = 0;
}

void hang_up(struct conn *c)
{
    wire_note(c->w, "%s hangs up", c->who);
    conn_close(c);
}

void hang_up_hard(struct conn *c)
{
    wire_note(c->w, "%s hangs up hard", c->who);
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    conn_close(c);
}

void wire_close_all(struct wire *w)
{
    for (struct conn *c = w->conns; c; c = c->next)
        conn_close(c);
    for (struct origin *o = w->origins; o; o = o->next)
        if (o->fd >= 0)
            origin_close(o);
    /* Somebody else may be given their ports: they are nobody's $SERVERS any more. */
    struct origin **at = &w->origins;
    while (*at) {
        if ((*at)->pid)
            at = &(*at)->next;
        else
            *at = (*at)->next;
    }
}
