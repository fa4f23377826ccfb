/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several logs of one writer, and syslog. */
#include "tests/unit/observe/log_test.h"

/* ---- several logs ---- */

static void log_to_slot(struct fixture *f, uint16_t log, uint64_t n)
{
    char path[64];
    int len = snprintf(path, sizeof path, "/%u/%lu", log, (unsigned long)n);
    const struct record r = { .log = log,
                              .client = { .family = AF_UNIX },
                              .status = 200,
                              .method = STR("GET"),
                              .path = { path, (size_t)len } };
    log_put(f->ports[0], &r);
}

static void turn_until_int(struct fixture *f, const int *value, int at_least)
{
    while (*value < at_least)
        loop_turn(f->loop, TIMER_NEVER);
}

/* A reload: the next configuration's logs are opened before those of the one before are let go. */
static void logs_change_without_losing_a_line(void **state)
{
    struct fixture *f = *state;
    char why[256];
    begin(f, f->path);
    struct log_config logs[] = {
        { .format = LOG_COMBINED, .destination = LOG_TO_FILE, .path = f->path },
        { .format = LOG_JSON, .destination = LOG_TO_FILE, .path = f->moved },
    };
    const struct config next = { .logs = logs, .logs_count = 2 };
    struct log_group *g = log_writer_open(f->writer, &next, why, sizeof why);
    assert_non_null(g);
    uint16_t first = log_group_first(g);
    assert_int_equal(first, 1);
    for (uint64_t i = 0; i < 100; i++) {
        log_to_slot(f, 0, i);
        log_to_slot(f, first, i);
        log_to_slot(f, first + 1, i);
    }
    log_group_close(f->group, on_group_closed, f); /* with records in the ring */
    f->group = g;
    turn_until_int(f, &f->groups_closed, 1);
    memset(&f->log, 0xff, sizeof f->log); /* what it was opened with may go */
    log_to_slot(f, first, 100);
    turn_until(f, &stats(f)->records, 301);
    char *text = contents(f->path);
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 201);
    free(text);
    text = contents(f->moved);
    assert_memory_equal(text, "{\"time\":", 8);
    free(text);
    stop(f, TIMER_NEVER);
    assert_int_equal(f->groups_closed, 2);
    assert_int_equal(stats(f)->records_lost, 0);
}

static void a_slot_that_was_let_go_is_used_again(void **state)
{
    struct fixture *f = *state;
    char why[256];
    begin(f, f->path);
    for (int i = 1; i <= 3; i++) {
        struct log_group *g = log_writer_open(f->writer, &f->config, why, sizeof why);
        assert_non_null(g);
        assert_int_equal(log_group_first(g), i % 2);
        log_group_close(f->group, on_group_closed, f);
        f->group = g;
        turn_until_int(f, &f->groups_closed, i);
    }
}

/* A reload that names a log which cannot be opened changes nothing. */
static void a_group_that_cannot_be_opened_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char why[256];
    begin(f, f->path);
    struct log_config logs[] = {
        { .format = LOG_JSON, .destination = LOG_TO_FILE, .path = f->moved },
        { .format = LOG_JSON, .destination = LOG_TO_FILE, .path = f->dir },
    };
    const struct config bad = { .logs = logs, .logs_count = 2 };
    assert_null(log_writer_open(f->writer, &bad, why, sizeof why));
    assert_non_null(strstr(why, f->dir));
    log_one(f);
    turn_until(f, &stats(f)->records, 1);
}

static void log_beside_a_stuck_one(struct fixture *f)
{
    char why[256];
    struct log_config logs[] = {
        { .format = LOG_COMBINED, .destination = LOG_TO_FILE, .path = f->pipe },
        { .format = LOG_COMBINED, .destination = LOG_TO_FILE, .path = f->path },
    };
    const struct config both = { .logs = logs, .logs_count = 2 };
    struct log_group *g = log_writer_open(f->writer, &both, why, sizeof why);
    assert_non_null(g);
    uint16_t first = log_group_first(g);
    /* More than the pipe and both batches take. */
    for (uint64_t i = 0; i < 2 * LOG_BATCH_BYTES / 64; i++) {
        log_to_slot(f, first, i);
        if (i % 1024 == 0)
            loop_turn(f->loop, TIMER_NEVER);
    }
    for (uint64_t i = 0; i < 10; i++)
        log_to_slot(f, first + 1, i);
    assert_int_equal(counter_read(&f->dropped[0]), 0);
    turn_until(f, &stats(f)->records, 10);
    log_group_close(g, on_group_closed, f);
    stop(f, f->loop->now_ns);
}

static void a_stuck_log_holds_up_no_other_for_long(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    snprintf(f->pipe, sizeof f->pipe, "/proc/self/fd/%d", fds[1]);
    begin(f, "/dev/null");
    free(stderr_of(f, log_beside_a_stuck_one));
    char *text = contents(f->path);
    assert_non_null(strstr(text, "/2/9 HTTP"));
    free(text);
    close(fds[0]);
    close(fds[1]);
}

/* ---- syslog ---- */

static int listen_datagrams(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    strcpy(un.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static void hear_syslog(int fd, unsigned n)
{
    char got[4096], name[64], id[64], end[128];
    unsigned pid;
    ssize_t len = recv(fd, got, sizeof got - 1, 0);
    assert_true(len > 0);
    got[len] = 0;
    /* RFC 5424: PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG */
    assert_int_equal(sscanf(got, "<134>1 1970-01-01T00:00:00.000000Z %63s sluice %u %63s - unix",
                            name, &pid, id),
                     3);
    assert_int_equal(pid, getpid());
    assert_string_equal(id, "access");
    snprintf(end, sizeof end, "\"GET /0/%u HTTP/1.0\" 200 0 \"-\" \"-\"", n);
    assert_string_equal(got + len - strlen(end), end);
}

static void syslog_hears_each_line_and_may_be_started_anew(void **state)
{
    struct fixture *f = *state;
    int fd = listen_datagrams(f->path);
    begin_to(f, LOG_TO_SYSLOG, f->path);
    log_one(f);
    log_one(f);
    turn_until(f, &stats(f)->records, 2);
    hear_syslog(fd, 0);
    hear_syslog(fd, 1);
    close(fd);
    fd = listen_datagrams(f->path);
    log_one(f);
    turn_until(f, &stats(f)->records, 3);
    hear_syslog(fd, 2);
    assert_int_equal(stats(f)->records_lost, 0);
    close(fd);
}

static void say_to_nobody(struct fixture *f)
{
    log_one(f);
    turn_until(f, &stats(f)->write_errors, 1);
}

static void syslog_that_is_gone_costs_lines(void **state)
{
    struct fixture *f = *state;
    int fd = listen_datagrams(f->path);
    begin_to(f, LOG_TO_SYSLOG, f->path);
    close(fd);
    unlink(f->path);
    char *said = stderr_of(f, say_to_nobody);
    assert_non_null(strstr(said, "Connection refused; lines lost since the last message: 1"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(logs_change_without_losing_a_line),
        test(a_slot_that_was_let_go_is_used_again),
        test(a_group_that_cannot_be_opened_leaves_nothing),
        test(a_stuck_log_holds_up_no_other_for_long),
        test(syslog_hears_each_line_and_may_be_started_anew),
        test(syslog_that_is_gone_costs_lines),
    };
    return cmocka_run_group_tests_name("observe/log_sinks", tests, NULL, NULL);
}
