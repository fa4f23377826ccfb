/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cache_crowd.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/base/check.h"
#include "core/ring/loop.h"
#include "core/ring/sock.h"

#define DEADLINE_MS 20000

struct crowd {
    struct loop *loop;
    struct timer deadline;
    struct sockaddr_in to;
    char request[512];
    uint32_t request_len;
    unsigned clients, asked, heard;
    uint64_t asked_ns, first_ns, last_ns;
    bool failed;
};

struct crowd_client {
    struct op op;
    struct crowd *crowd;
    int fd;
};

static struct crowd_client *client_of(struct op *op)
{
    return container_of(op, struct crowd_client, op);
}

static void fail(struct crowd *c)
{
    c->failed = true;
    loop_stop(c->loop);
}

static void first_byte(struct op *op, struct op_result r)
{
    struct crowd *c = client_of(op)->crowd;
    if (c->failed || r.res < 0 || !(r.res & POLLIN)) {
        fail(c);
        return;
    }
    c->last_ns = c->loop->now_ns;
    if (c->heard++ == 0)
        c->first_ns = c->last_ns;
    if (c->heard == c->clients)
        loop_stop(c->loop);
}

static void sent(struct op *op, struct op_result r)
{
    struct crowd_client *one = client_of(op);
    struct crowd *c = one->crowd;
    /* A socket without anything in it takes so little. */
    if (c->failed || r.res != (int32_t)c->request_len) {
        fail(c);
        return;
    }
    if (++c->asked == c->clients)
        c->asked_ns = c->loop->now_ns;
    op_init(op, first_byte);
    op_poll(c->loop, op, one->fd, POLLIN);
}

static void connected(struct op *op, struct op_result r)
{
    struct crowd_client *one = client_of(op);
    struct crowd *c = one->crowd;
    if (c->failed || r.res < 0) {
        fail(c);
        return;
    }
    op_init(op, sent);
    op_send(c->loop, op, one->fd, c->request, c->request_len);
}

static void too_late(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    fail(container_of(t, struct crowd, deadline));
}

/* What was asked first may be answered before the last one has asked. */
static double since_asked_ms(const struct crowd *c)
{
    return ((double)c->first_ns - (double)c->asked_ns) / 1e6;
}

static void open_client(struct crowd *c, struct crowd_client *one)
{
    one->crowd = c;
    one->fd = sock_open(AF_INET);
    CHECK(one->fd >= 0);
    op_init(&one->op, connected);
    op_connect(c->loop, &one->op, one->fd, (struct sockaddr *)&c->to, sizeof c->to);
}

static void close_clients(struct crowd *c, struct crowd_client *all)
{
    for (unsigned i = 0; i < c->clients; i++)
        op_cancel(c->loop, &all[i].op);
    while (loop_ops_in_flight(c->loop) > 0)
        loop_turn(c->loop, ms_to_ns(100));
    for (unsigned i = 0; i < c->clients; i++)
        sock_close(all[i].fd, false);
}

int crowd_run(uint16_t port, const char *path, unsigned clients)
{
    char why[512];
    struct rlimit limit = { CROWD_MAX + 64, CROWD_MAX + 64 };
    struct crowd c = { .loop = loop_create(&(struct loop_config){ 0 }, why, sizeof why),
                       .to = { .sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
                       .clients = clients };
    if (!c.loop || clients == 0 || clients > CROWD_MAX) {
        fprintf(stderr, "sluice-cache-sum: %s\n", c.loop ? "1 to 10000 clients" : why);
        return 1;
    }
    setrlimit(RLIMIT_NOFILE, &limit);
    int n = snprintf(c.request, sizeof c.request, "GET %s HTTP/1.1\r\nHost: crowd\r\n\r\n", path);
    CHECK(n > 0 && (size_t)n < sizeof c.request);
    c.request_len = (uint32_t)n;
    struct crowd_client *all = calloc(clients, sizeof *all);
    CHECK(all);
    for (unsigned i = 0; i < clients; i++)
        open_client(&c, &all[i]);
    timer_init(&c.deadline, too_late);
    loop_timer_set(c.loop, &c.deadline, c.loop->now_ns + ms_to_ns(DEADLINE_MS));
    loop_run(c.loop);
    close_clients(&c, all);
    free(all);
    loop_destroy(c.loop);
    if (c.failed)
        return 1;
    printf("{\"clients\":%u,\"first_ms\":%.2f,\"spread_ms\":%.2f}\n", clients, since_asked_ms(&c),
           (double)(c.last_ns - c.first_ns) / 1e6);
    return 0;
}
