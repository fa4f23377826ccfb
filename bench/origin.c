/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice-origin: a server for the bench, the demo and the tests, fast enough not to be what is
 * measured; what it does is asked for by URL. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/origin.h"

static void usage(FILE *to)
{
    fputs("  sluice-origin --listen 127.0.0.1:9000\n"
          "  sluice-origin --listen :9000,unix:/tmp/origin.sock --name a --workers 2\n"
          "  curl http://127.0.0.1:9000/size/100000\n"
          "\n"
          "An HTTP/1.1 server for the bench and the tests.\n"
          "\n"
          "  --listen ADDR[,...]    where to listen: IP:PORT, :PORT (0: any port) or unix:PATH\n"
          "  --name NAME            told in the X-Origin field (default origin)\n"
          "  --workers N            threads, each with its ring (default 1)\n"
          "  --keep-alive-requests N   closes a connection after so many\n"
          "  --keep-alive-idle MS      ... that waits for so long\n"
          "  --help                 this text\n"
          "\n"
          "Paths; bodies are \"" PATTERN "\" over and over:\n",
          to);
    fputs(answer_help, to);
}

/* 0 to go on, else the exit code + 1. */
static int read_options(int argc, char **argv, struct server *s, struct origin_options *o)
{
    static const struct option names[] = {
        { "listen", required_argument, NULL, 'l' },
        { "name", required_argument, NULL, 'n' },
        { "workers", required_argument, NULL, 'w' },
        { "keep-alive-requests", required_argument, NULL, 'k' },
        { "keep-alive-idle", required_argument, NULL, 'i' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    bool ok = true;
    int c;
    while (ok && (c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        switch (c) {
        case 'l':
            ok = server_listen_option(s, optarg);
            break;
        case 'n':
            o->name = optarg;
            ok = strlen(optarg) <= 64 && strpbrk(optarg, "\r\n") == NULL;
            if (!ok)
                fputs("--name: one short line\n", stderr);
            break;
        case 'w':
            ok = server_count_option("--workers", optarg, SERVER_WORKERS_MAX, &s->worker_count);
            break;
        case 'k':
            ok = server_count_option("--keep-alive-requests", optarg, 1000000000,
                                     &o->keep_alive_requests);
            break;
        case 'i':
            ok = server_count_option("--keep-alive-idle", optarg, 24 * 3600 * 1000,
                                     &o->keep_alive_idle_ms);
            break;
        case 'h':
            usage(stdout);
            return 1;
        default:
            ok = false;
        }
    }
    if (ok && (optind < argc || s->listen_count == 0)) {
        fputs("--listen is needed, and nothing else without a name\n", stderr);
        ok = false;
    }
    if (!ok)
        usage(stderr);
    return ok ? 0 : 3;
}

/* Records as an API has them: they compress to a seventh. */
static char *make_json(void)
{
    char *json = malloc(PATTERN_BYTES + COPY_SPARE_BYTES);
    struct rng rng = { 1 };
    CHECK(json);
    struct out o = out_into(json, PATTERN_BYTES);
    while (!o.full) {
        char record[160];
        unsigned id = rng_below(&rng, 100000);
        int n = snprintf(record, sizeof record,
                         "{\"id\":%u,\"name\":\"user%u\",\"email\":\"u%u@example.com\","
                         "\"active\":%s,\"score\":%u.%u},\n",
                         id, rng_below(&rng, 5000), id, rng_below(&rng, 2) ? "true" : "false",
                         rng_below(&rng, 256), rng_below(&rng, 100));
        out_mem(&o, record, (size_t)n);
    }
    memset(o.at, ' ', (size_t)(o.end - o.at));
    memcpy(json + PATTERN_BYTES, json, COPY_SPARE_BYTES);
    return json;
}

static void start(struct server_worker *sw)
{
    const struct origin_options *o = sw->server->user;
    struct origin_worker *w = calloc(1, sizeof *w);
    char *fields;
    CHECK(w);
    int len = asprintf(
        &fields, "Server: sluice-origin\r\nX-Origin: %s\r\nContent-Type: text/plain\r\n", o->name);
    w->pattern = malloc(PATTERN_BYTES + PATTERN_PERIOD);
    CHECK(len > 0 && w->pattern);
    for (size_t i = 0; i < PATTERN_BYTES + PATTERN_PERIOD; i += PATTERN_PERIOD)
        memcpy(w->pattern + i, PATTERN, PATTERN_PERIOD);
    w->json = make_json();
    w->fields = (struct str){ fields, (size_t)len };
    w->loop = sw->loop;
    w->options = o;
    list_init(&w->connections);
    slab_init(&w->slab, sizeof(struct connection), 0);
    sw->user = w;
}

static void stop(struct server_worker *sw)
{
    connection_close_all(sw->user);
}

static void end(struct server_worker *sw)
{
    struct origin_worker *w = sw->user;
    fprintf(stderr,
            "worker %u: %" PRIu64 " connections, %" PRIu64 " requests, %" PRIu64
            " calls of io_uring_enter\n",
            sw->index, w->accepted, w->requests, loop_syscalls(w->loop));
    slab_destroy(&w->slab);
    free((char *)w->fields.ptr);
    free(w->pattern);
    free(w->json);
    free(w);
}

int main(int argc, char **argv)
{
    struct origin_options o = { .name = "origin" };
    struct server s = {
        .worker_count = 1,
        .user = &o,
        .start = start,
        .accepted = connection_accepted,
        .stop = stop,
        .end = end,
    };
    int ends = read_options(argc, argv, &s, &o);
    return ends ? ends - 1 : server_run(&s);
}
