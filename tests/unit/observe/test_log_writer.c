/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer on the real ring, into real files. */
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/observe/log_writer.h"

#define WORKERS 2

struct fixture {
    char dir[64], path[96], moved[96], pipe[64];
    struct loop *loop;
    struct log_writer *writer;
    struct log_port *ports[WORKERS];
    counter dropped[WORKERS];
    uint64_t logged; /* by log_one() */
    bool stopped;
};

static int set_up(void **state)
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

static void on_stopped(struct log_writer *w, void *arg)
{
    (void)w;
    ((struct fixture *)arg)->stopped = true;
}

static void begin(struct fixture *f, const char *path)
{
    char why[256];
    const struct log_writer_config config = { .path = path,
                                              .format = LOG_COMBINED,
                                              .ports_max = WORKERS };
    f->writer = log_writer_create(f->loop, &config, why, sizeof why);
    if (!f->writer)
        fail_msg("%s", why);
    for (int i = 0; i < WORKERS; i++) {
        f->ports[i] = log_writer_port(f->writer, &f->dropped[i]);
        assert_non_null(f->ports[i]);
    }
}

static void stop(struct fixture *f, uint64_t deadline_ns)
{
    log_writer_stop(f->writer, deadline_ns, on_stopped, f);
    while (!f->stopped)
        loop_turn(f->loop, TIMER_NEVER);
}

static int tear_down(void **state)
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

static void log_numbered(struct log_port *port, uint64_t worker, uint64_t n)
{
    char path[64];
    int len = snprintf(path, sizeof path, "/%lu/%lu", (unsigned long)worker, (unsigned long)n);
    const struct record r = { .client = { .family = AF_UNIX },
                              .status = 200,
                              .method = STR("GET"),
                              .path = { path, (size_t)len } };
    log_put(port, &r);
}

static void log_one(struct fixture *f)
{
    log_numbered(f->ports[0], 0, f->logged++);
}

/* More than two batches, fewer than the rings take. */
#define MANY 3840

static void log_many(struct fixture *f)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        for (uint64_t n = 0; n < MANY; n++)
            log_numbered(f->ports[i], i, n);
        assert_int_equal(counter_read(&f->dropped[i]), 0);
    }
}

static const struct log_writer_stats *stats(struct fixture *f)
{
    return log_writer_stats(f->writer);
}

static void turn_until(struct fixture *f, const uint64_t *value, uint64_t at_least)
{
    while (*value < at_least)
        loop_turn(f->loop, TIMER_NEVER);
}

/* All of a file, NUL-terminated; the caller's. */
static char *contents(const char *path)
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
static uint64_t count_ordered_lines(const char *path)
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

static void what_is_logged_gets_written(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    for (int i = 1; i <= 3; i++) {
        log_one(f);
        turn_until(f, &stats(f)->records, i);
        assert_int_equal(count_ordered_lines(f->path), i);
    }
    log_one(f);
    stop(f, TIMER_NEVER);
    assert_int_equal(count_ordered_lines(f->path), 4);
    assert_int_equal(stats(f)->records_lost, 0);
}

static void it_goes_on_at_the_end_of_a_file(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    log_one(f);
    stop(f, TIMER_NEVER);
    log_writer_destroy(f->writer);
    f->stopped = false;
    begin(f, f->path);
    log_one(f);
    stop(f, TIMER_NEVER);
    assert_int_equal(count_ordered_lines(f->path), 2);
}

static void stopping_writes_all_that_was_logged(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    log_many(f);
    stop(f, TIMER_NEVER);
    assert_int_equal(stats(f)->records, WORKERS * MANY);
    assert_int_equal(count_ordered_lines(f->path), WORKERS * MANY);
}

static void a_full_batch_is_followed_by_another_at_once(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    char path[RECORD_STR_MAX];
    memset(path, '"', sizeof path); /* two bytes each, in the log */
    path[0] = '/';
    const struct record r = { .method = STR("GET"), .path = { path, sizeof path } };
    uint64_t n = 2 * LOG_BATCH_BYTES / (2 * sizeof path) + 1;
    for (uint64_t i = 0; i < n; i++)
        log_put(f->ports[i % WORKERS], &r);
    turn_until(f, &stats(f)->records, n);
    assert_int_equal(stats(f)->writes, 3);
}

struct counted_port {
    void (*wake)(struct log_port *port);
    int wakes;
};

static struct counted_port *counted;

static void count_wake(struct log_port *port)
{
    counted->wakes++;
    counted->wake(port);
}

/* The first record after a pause wakes the writer; those of the interval that follows do not. */
static void it_is_woken_once_an_interval(void **state)
{
    struct fixture *f = *state;
    struct counted_port c = { 0 };
    begin(f, f->path);
    c.wake = f->ports[0]->wake;
    counted = &c;
    f->ports[0]->wake = count_wake;
    log_one(f);
    log_one(f);
    assert_int_equal(c.wakes, 1);
    turn_until(f, &stats(f)->records, 2);
    for (int i = 0; i < 100; i++)
        log_one(f);
    assert_int_equal(c.wakes, 1);
    turn_until(f, &stats(f)->records, 102);
    assert_int_equal(stats(f)->writes, 2);
    uint64_t turns = f->loop->turns;
    while (f->loop->turns < turns + 3) /* nothing comes: it asks for a wake and sleeps */
        loop_turn(f->loop, ms_to_ns(10 * LOG_INTERVAL_MS));
    assert_int_equal(timer_wheel_next_ns(&f->loop->timers), TIMER_NEVER);
    log_one(f);
    assert_int_equal(c.wakes, 2);
}

/* stderr into a file while something is done. */
static char *stderr_of(struct fixture *f, void (*what)(struct fixture *f))
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

static void lose_some(struct fixture *f)
{
    for (uint64_t i = 1; i <= 5; i++) {
        log_one(f);
        turn_until(f, &stats(f)->write_errors, i);
    }
}

static void lose_the_rest(struct fixture *f)
{
    log_one(f);
    stop(f, TIMER_NEVER);
}

static void a_full_disk_costs_lines_and_says_so_once(void **state)
{
    struct fixture *f = *state;
    begin(f, "/dev/full");
    char *said = stderr_of(f, lose_some);
    assert_string_equal(said, "sluice: access log /dev/full: No space left on device; "
                              "lines lost since the last message: 1\n");
    free(said);
    assert_int_equal(stats(f)->records_lost, 5);
    assert_int_equal(stats(f)->records, 0);
    said = stderr_of(f, lose_the_rest);
    assert_string_equal(said, "sluice: access log /dev/full: No space left on device; "
                              "lines lost since the last message: 5\n");
    free(said);
    assert_int_equal(stats(f)->records_lost, 6);
}

static void overflow_and_stop(struct fixture *f)
{
    while (counter_read(&f->dropped[0]) < 3)
        log_one(f);
    stop(f, TIMER_NEVER);
}

static void what_found_no_room_is_said_too(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    char *said = stderr_of(f, overflow_and_stop);
    assert_non_null(strstr(said, "cannot keep up; lines lost since the last message: 3"));
    free(said);
}

/* The disk gets full in the middle of a line, and free again. */
static void lines_after_a_torn_one_are_whole(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, limit;
    begin(f, f->path);
    for (int i = 0; i < 10; i++)
        log_one(f);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 100; /* within the second line */
    setrlimit(RLIMIT_FSIZE, &limit);
    turn_until(f, &stats(f)->write_errors, 1);
    log_one(f);
    turn_until(f, &stats(f)->write_errors, 2);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(stats(f)->records, 1);
    assert_int_equal(stats(f)->records_lost, 10);
    log_one(f);
    turn_until(f, &stats(f)->records, 2);
    log_one(f);
    turn_until(f, &stats(f)->records, 3);

    char *text = contents(f->path), *end = text;
    static const char *const starts[] = { "\"GET /0/0 HTTP", NULL, "\"GET /0/11 HTTP",
                                          "\"GET /0/12 HTTP" };
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        char *at = end;
        end = strchr(at, '\n');
        assert_non_null(end);
        *end++ = 0;
        if (starts[i])
            assert_non_null(strstr(at, starts[i]));
    }
    assert_int_equal(*end, 0);
    free(text);
}

static void rotation_goes_on_in_a_new_file(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    log_one(f);
    turn_until(f, &stats(f)->records, 1);
    rename(f->path, f->moved);
    log_one(f); /* still to the old one, wherever it is called now */
    turn_until(f, &stats(f)->records, 2);
    log_writer_reopen(f->writer);
    log_one(f);
    turn_until(f, &stats(f)->records, 3);
    assert_int_equal(count_ordered_lines(f->moved), 2);
    assert_int_equal(count_ordered_lines(f->path), 1);
}

static void rotation_in_the_middle_of_a_write_waits_for_it(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    log_many(f);
    turn_until(f, &stats(f)->writes, 1); /* the batch was full: the next is in flight already */
    rename(f->path, f->moved);
    log_writer_reopen(f->writer);
    assert_int_equal(access(f->path, F_OK), -1);
    turn_until(f, &stats(f)->records, WORKERS * MANY);
    uint64_t before = count_ordered_lines(f->moved), after = count_ordered_lines(f->path);
    assert_true(before > stats(f)->records / 3 && after > 0);
    assert_int_equal(before + after, WORKERS * MANY);
}

static void reopen_in_vain(struct fixture *f)
{
    unlink(f->path);
    assert_int_equal(mkdir(f->path, 0700), 0);
    log_writer_reopen(f->writer);
    assert_int_equal(rmdir(f->path), 0);
}

static void if_it_cannot_be_reopened_the_old_file_is_kept(void **state)
{
    struct fixture *f = *state;
    begin(f, f->path);
    int old = open(f->path, O_RDONLY | O_CLOEXEC);
    char *said = stderr_of(f, reopen_in_vain);
    assert_non_null(strstr(said, "going on with the old file"));
    free(said);
    assert_int_equal(stats(f)->reopen_errors, 1);
    log_one(f);
    turn_until(f, &stats(f)->records, 1);
    char first[4];
    assert_int_equal(read(old, first, sizeof first), sizeof first);
    assert_memory_equal(first, "unix", 4);
    close(old);
}

static void a_file_that_cannot_be_opened_is_named(void **state)
{
    struct fixture *f = *state;
    char path[128], why[256] = "";
    snprintf(path, sizeof path, "%s/nowhere/access.log", f->dir);
    const struct log_writer_config config = { .path = path, .format = LOG_JSON, .ports_max = 1 };
    assert_null(log_writer_create(f->loop, &config, why, sizeof why));
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "No such file or directory"));
}

static void stdout_is_written_and_left_open(void **state)
{
    struct fixture *f = *state;
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    begin(f, "-");
    log_one(f);
    turn_until(f, &stats(f)->records, 1);
    log_writer_reopen(f->writer); /* without effect */
    log_one(f);
    stop(f, TIMER_NEVER);
    log_writer_destroy(f->writer);
    f->writer = NULL;
    bool open_still = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_true(open_still);
    assert_int_equal(count_ordered_lines(f->path), 2);
}

static void log_into_a_pipe_that_nobody_reads(struct fixture *f)
{
    log_many(f);
    loop_turn(f->loop, 0);
    stop(f, f->loop->now_ns + ms_to_ns(20));
}

static void stopping_does_not_wait_beyond_its_deadline(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    snprintf(f->pipe, sizeof f->pipe, "/proc/self/fd/%d", fds[1]);
    begin(f, f->pipe);
    char *said = stderr_of(f, log_into_a_pipe_that_nobody_reads);
    assert_non_null(strstr(said, "lines lost"));
    free(said);
    assert_int_equal(stats(f)->records + stats(f)->records_lost, WORKERS * MANY);
    assert_true(stats(f)->records_lost > 0);
    close(fds[0]);
    close(fds[1]);
}

struct worker_thread {
    struct fixture *f;
    unsigned index;
};

static void *log_much(void *arg)
{
    struct worker_thread *t = arg;
    for (uint64_t n = 0; n < 20000; n++) {
        log_numbered(t->f->ports[t->index], t->index, n);
        if (n % 256 == 0) /* about what the writer can follow */
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    return NULL;
}

static void every_workers_lines_are_written_in_order(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[WORKERS];
    struct worker_thread args[WORKERS];
    begin(f, f->path);
    for (unsigned i = 0; i < WORKERS; i++) {
        args[i] = (struct worker_thread){ f, i };
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, &args[i]), 0);
    }
    turn_until(f, &stats(f)->records, 1000);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO); /* a slow machine may drop some, and say it */
    stop(f, TIMER_NEVER);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    uint64_t dropped = counter_read(&f->dropped[0]) + counter_read(&f->dropped[1]);
    assert_int_equal(count_ordered_lines(f->path) + dropped, WORKERS * 20000);
    assert_int_equal(stats(f)->records + dropped, WORKERS * 20000);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_is_logged_gets_written),
        test(it_goes_on_at_the_end_of_a_file),
        test(stopping_writes_all_that_was_logged),
        test(a_full_batch_is_followed_by_another_at_once),
        test(it_is_woken_once_an_interval),
        test(a_full_disk_costs_lines_and_says_so_once),
        test(what_found_no_room_is_said_too),
        test(lines_after_a_torn_one_are_whole),
        test(rotation_goes_on_in_a_new_file),
        test(rotation_in_the_middle_of_a_write_waits_for_it),
        test(if_it_cannot_be_reopened_the_old_file_is_kept),
        test(a_file_that_cannot_be_opened_is_named),
        test(stdout_is_written_and_left_open),
        test(stopping_does_not_wait_beyond_its_deadline),
        test(every_workers_lines_are_written_in_order),
    };
    return cmocka_run_group_tests_name("observe/log_writer", tests, NULL, NULL);
}
