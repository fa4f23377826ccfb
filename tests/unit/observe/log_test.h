/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A log writer on the real ring, with two workers' ports. Included once by each test. */
#ifndef SLUICE_TESTS_LOG_TEST_H
#define SLUICE_TESTS_LOG_TEST_H

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/observe/log_writer.h"

/* Not every test needs all of it. */
#define TOOL static __attribute__((unused))

#define WORKERS 2

struct fixture {
    char dir[64], path[96], moved[96], pipe[64];
    struct loop *loop;
    struct log_writer *writer;
    struct config config;
    struct log_config log;
    struct log_port *ports[WORKERS];
    counter dropped[WORKERS];
    uint64_t logged; /* by log_one() */
    bool stopped;
    struct log_group *group; /* NULL: being closed */
    int groups_closed;
};

TOOL int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char why[256];
    strcpy(f->dir, "/tmp/sluice-log-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/access.log", f->dir);
    snprintf(f->moved, sizeof f->moved, "%s/access.log.1", f->dir);
    signal(SIGPIPE, SIG_IGN);
    alarm(100); /* whatever waits in vain */
    f->loop = loop_create(&(struct loop_config){ 0 }, why, sizeof why);
    if (!f->loop)
        fprintf(stderr, "%s\n", why);
    *state = f;
    return f->loop ? 0 : -1;
}

TOOL void on_stopped(struct log_writer *w, void *arg)
{
    (void)w;
    ((struct fixture *)arg)->stopped = true;
}

TOOL void begin_to(struct fixture *f, enum log_destination destination, const char *path)
{
    char why[256];
    f->log = (struct log_config){
        .name = "access", .format = LOG_COMBINED, .destination = destination, .path = path
    };
    f->config = (struct config){ .logs = &f->log, .logs_count = 1 };
    f->writer = log_writer_create(f->loop, false, NULL);
    assert_non_null(f->writer);
    struct log_group *g = log_writer_open(f->writer, &f->config, why, sizeof why);
    if (!g)
        fail_msg("%s", why);
    assert_int_equal(log_group_first(g), 0);
    f->group = g;
    for (int i = 0; i < WORKERS; i++) {
        f->ports[i] = log_writer_port(f->writer, &f->dropped[i]);
        assert_non_null(f->ports[i]);
    }
}

TOOL void begin(struct fixture *f, const char *path)
{
    begin_to(f, strcmp(path, "-") ? LOG_TO_FILE : LOG_TO_STDOUT, path);
}

TOOL void on_group_closed(void *arg)
{
    ((struct fixture *)arg)->groups_closed++;
}

TOOL void stop(struct fixture *f, uint64_t deadline_ns)
{
    if (f->group)
        log_group_close(f->group, on_group_closed, f);
    f->group = NULL;
    log_writer_stop(f->writer, deadline_ns, on_stopped, f);
    while (!f->stopped)
        loop_turn(f->loop, TIMER_NEVER);
}

TOOL int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->writer && !f->stopped)
        stop(f, TIMER_NEVER);
    log_writer_destroy(f->writer);
    loop_destroy(f->loop);
    unlink(f->path);
    unlink(f->moved);
    rmdir(f->dir);
    free(f);
    return 0;
}

TOOL void log_numbered(struct log_port *port, uint64_t worker, uint64_t n)
{
    char path[64];
    int len = snprintf(path, sizeof path, "/%lu/%lu", (unsigned long)worker, (unsigned long)n);
    const struct record r = { .client = { .family = AF_UNIX },
                              .status = 200,
                              .method = STR("GET"),
                              .path = { path, (size_t)len } };
    log_put(port, &r);
}

TOOL void log_one(struct fixture *f)
{
    log_numbered(f->ports[0], 0, f->logged++);
}

/* More than two batches, fewer than the rings take. */
#define MANY 4000

TOOL void log_many(struct fixture *f)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        for (uint64_t n = 0; n < MANY; n++)
            log_numbered(f->ports[i], i, n);
        assert_int_equal(counter_read(&f->dropped[i]), 0);
    }
}

TOOL const struct log_writer_stats *stats(struct fixture *f)
{
    return log_writer_stats(f->writer);
}

TOOL void turn_until(struct fixture *f, const uint64_t *value, uint64_t at_least)
{
    while (*value < at_least)
        loop_turn(f->loop, TIMER_NEVER);
}

/* All of a file, NUL-terminated; the caller's. */
TOOL char *contents(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = NULL;
    size_t size = 0;
    ssize_t n = getdelim(&text, &size, 0, file);
    fclose(file);
    if (n < 0)
        text[0] = 0;
    return text;
}

/* Lines as log_numbered() makes them, of each worker in ascending order; returns how many. */
TOOL uint64_t count_ordered_lines(const char *path)
{
    char *text = contents(path);
    uint64_t lines = 0;
    int64_t last[WORKERS] = { -1, -1 };
    for (char *at = text, *end; *at; at = end + 1, lines++) {
        end = strchr(at, '\n');
        assert_non_null(end);
        unsigned worker;
        long n;
        assert_int_equal(
            sscanf(at, "unix - - [01/Jan/1970:00:00:00 +0000] \"GET /%u/%ld HTTP/1.0\" 200 0 \"-\"",
                   &worker, &n),
            2);
        assert_true(worker < WORKERS && n > last[worker]);
        last[worker] = n;
    }
    free(text);
    return lines;
}

/* stderr into a file while something is done. */
TOOL char *stderr_of(struct fixture *f, void (*what)(struct fixture *f))
{
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    int fd = open(f->moved, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(fd, STDERR_FILENO);
    what(f);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fd);
    return contents(f->moved);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
