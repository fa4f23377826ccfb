/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer on the real ring, into real files. */
#include "tests/unit/observe/log_test.h"

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
    struct log_config log = { .format = LOG_JSON, .destination = LOG_TO_FILE, .path = path };
    const struct config config = { .logs = &log, .logs_count = 1 };
    f->writer = log_writer_create(f->loop, false, NULL);
    assert_null(log_writer_open(f->writer, &config, why, sizeof why));
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
