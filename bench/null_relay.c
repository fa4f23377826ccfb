/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice-null-relay: the floor of what a proxy on this machine and this ring can cost. It reads no
 * byte of what it passes on: one connection to the server for each connection of a client. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/relay.h"
#include "core/ring/sock.h"

#define PIPES_KEPT 256
/* Measured at 256 KiB, 1 MiB and 10 MiB: 64 KiB and 256 KiB cost as much or more, up to a fifth. */
#define PIPE_BYTES (128 * 1024)
#define BURN_NS_MAX 1000000000

struct options {
    struct addr to;
    const struct relay_strategy *strategy;
    unsigned pipe_bytes, piece_bytes, burn_ns;
};

void relay_burn(struct relay_worker *w)
{
    struct timespec t;
    uint64_t end = 0, now = 0;
    if (!w->burn_ns)
        return;
    do {
        clock_gettime(CLOCK_MONOTONIC, &t);
        now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
        end = end ? end : now + w->burn_ns;
    } while (now < end);
}

static void free_relay(struct relay *r)
{
    struct relay_worker *w = r->worker;
    if (r->up.pipe)
        splice_give(&w->pipes, r->up.pipe);
    if (r->down.pipe)
        splice_give(&w->pipes, r->down.pipe);
    sock_close(r->up.from, r->aborted);
    sock_close(r->up.to, r->aborted);
    list_remove(&r->node);
    slab_give(&w->slab, r);
}

void relay_join(struct relay *r)
{
    if (!op_busy(&r->up.rx) && !op_busy(&r->up.tx) && !op_busy(&r->down.rx) &&
        !op_busy(&r->down.tx))
        free_relay(r);
}

static void close_relay(struct relay *r, bool aborted)
{
    struct loop *l = r->worker->loop;
    r->closing = true;
    r->aborted = aborted;
    op_cancel(l, &r->up.rx);
    op_cancel(l, &r->up.tx);
    op_cancel(l, &r->down.rx);
    op_cancel(l, &r->down.tx);
    relay_join(r);
}

void relay_abort(struct relay *r)
{
    close_relay(r, true);
}

void relay_flow_ended(struct flow *f)
{
    struct relay *r = f->relay;
    f->ended = true;
    sock_shutdown_write(f->to);
    if (r->up.ended && r->down.ended)
        close_relay(r, false);
}

static void connected(struct op *op, struct op_result result)
{
    struct relay *r = container_of(op, struct relay, up.tx);
    if (r->closing)
        relay_join(r);
    else if (result.res < 0)
        relay_abort(r);
    else
        r->worker->strategy->start(r);
}

static void accepted(struct server_worker *sw, int client)
{
    struct relay_worker *w = sw->user;
    int server = sock_open(w->to->sa.sa_family);
    struct relay *r = server < 0 ? NULL : slab_take(&w->slab);
    if (!r) {
        if (server >= 0)
            sock_close(server, false);
        sock_close(client, true);
        return;
    }
    *r = (struct relay){
        .worker = w,
        .up = { .relay = r, .from = client, .to = server },
        .down = { .relay = r, .from = server, .to = client },
    };
    list_push_back(&w->relays, &r->node);
    w->connections++;
    op_init(&r->up.tx, connected);
    op_connect(w->loop, &r->up.tx, server, &w->to->sa, w->to->len);
}

static void start(struct server_worker *sw)
{
    const struct options *o = sw->server->user;
    struct relay_worker *w = calloc(1, sizeof *w);
    CHECK(w);
    w->strategy = o->strategy;
    w->to = &o->to;
    w->loop = sw->loop;
    list_init(&w->relays);
    slab_init(&w->slab, sizeof(struct relay), 0);
    w->piece_bytes = o->piece_bytes;
    w->burn_ns = o->burn_ns;
    w->loop->pipes.pipe_bytes = o->pipe_bytes;
    splice_pool_init(&w->pipes, PIPES_KEPT, o->pipe_bytes);
    sw->user = w;
}

static void stop(struct server_worker *sw)
{
    struct relay_worker *w = sw->user;
    for (struct list *n = w->relays.next, *next; n != &w->relays; n = next) {
        struct relay *r = container_of(n, struct relay, node);
        next = n->next;
        if (!r->closing)
            close_relay(r, false);
    }
}

static void end(struct server_worker *sw)
{
    struct relay_worker *w = sw->user;
    fprintf(stderr,
            "worker %u: %" PRIu64 " connections, %" PRIu64 " pieces, %" PRIu64 " bytes, %" PRIu64
            " calls of io_uring_enter, %" PRIu64 " of splice\n",
            sw->index, w->connections, w->pieces, w->bytes, loop_syscalls(w->loop), w->splices);
    splice_pool_destroy(&w->pipes);
    slab_destroy(&w->slab);
    free(w);
}

static void usage(FILE *to)
{
    fputs("  sluice-null-relay --from :8080 --to 127.0.0.1:9000\n"
          "  sluice-null-relay --from :8080 --to 127.0.0.1:9000 --strategy splice\n"
          "\n"
          "Passes bytes on between clients and one server: what any proxy costs at least.\n"
          "\n"
          "  --from ADDR[,...]   where to listen: IP:PORT, :PORT or unix:PATH\n"
          "  --to ADDR           the server\n"
          "  --strategy WORD     copy (default): receive and send through buffers;\n"
          "                      splice: splice(2) through pipes, past user space;\n"
          "                      ring-splice: the same by IORING_OP_SPLICE\n"
          "  --pipe BYTES        the size of a pipe (default 131072)\n"
          "  --piece BYTES       at most so many are spliced before the next connection's turn\n"
          "                      (default 1048576)\n"
          "  --burn NS           wastes so much time at each piece: a slowdown to be found\n"
          "  --workers N         threads, each with its ring (default 1)\n"
          "  --help              this text\n"
          "\n"
          "Ends on SIGINT or SIGTERM and then says on stderr what it did.\n",
          to);
}

static bool strategy_option(const char *word, struct options *o)
{
    static const struct {
        const char *word;
        const struct relay_strategy *strategy;
    } words[] = {
        { "copy", &relay_copy },
        { "splice", &relay_splice },
        { "ring-splice", &relay_ring },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) == 0) {
            o->strategy = words[i].strategy;
            return true;
        }
    }
    fprintf(stderr, "--strategy: '%s' is none of copy, splice, ring-splice\n", word);
    return false;
}

/* 0 to go on, else the exit code + 1. */
static int read_options(int argc, char **argv, struct server *s, struct options *o)
{
    static const struct option names[] = {
        { "from", required_argument, NULL, 'f' },
        { "to", required_argument, NULL, 't' },
        { "strategy", required_argument, NULL, 's' },
        { "workers", required_argument, NULL, 'w' },
        { "pipe", required_argument, NULL, 'p' },
        { "piece", required_argument, NULL, 'b' },
        { "burn", required_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    bool ok = true;
    int c;
    *o = (struct options){ .strategy = &relay_copy,
                           .pipe_bytes = PIPE_BYTES,
                           .piece_bytes = SPLICE_BYTES_MAX };
    while (ok && (c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        const char *why;
        switch (c) {
        case 'f':
            ok = server_listen_option(s, optarg);
            break;
        case 't':
            ok = addr_parse(str_of(optarg), false, &o->to, &why);
            if (!ok)
                fprintf(stderr, "--to: address '%s': %s\n", optarg, why);
            break;
        case 's':
            ok = strategy_option(optarg, o);
            break;
        case 'p':
            ok = server_count_option("--pipe", optarg, SPLICE_BYTES_MAX, &o->pipe_bytes);
            break;
        case 'b':
            ok = server_count_option("--piece", optarg, SPLICE_BYTES_MAX, &o->piece_bytes);
            break;
        case 'n':
            ok = server_count_option("--burn", optarg, BURN_NS_MAX, &o->burn_ns);
            break;
        case 'w':
            ok = server_count_option("--workers", optarg, SERVER_WORKERS_MAX, &s->worker_count);
            break;
        case 'h':
            usage(stdout);
            return 1;
        default:
            ok = false;
        }
    }
    if (ok && (optind < argc || s->listen_count == 0 || o->to.len == 0)) {
        fputs("--from and --to are needed, and nothing else without a name\n", stderr);
        ok = false;
    }
    if (!ok)
        usage(stderr);
    return ok ? 0 : 3;
}

int main(int argc, char **argv)
{
    struct options o;
    struct server s = {
        .worker_count = 1,
        .user = &o,
        .start = start,
        .accepted = accepted,
        .stop = stop,
        .end = end,
    };
    int ends = read_options(argc, argv, &s, &o);
    return ends ? ends - 1 : server_run(&s);
}
