/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Not how long a test takes: after it, it has failed. Sanitizers on a busy machine are slow. */
#define DEADLINE_S 40
#define NOTED_BYTES_MAX 300

struct block {
    struct block *next;
    max_align_t data[];
};

uint64_t wire_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- memory and text ---- */

void *wire_alloc(struct wire *w, size_t bytes)
{
    struct block *b = calloc(1, sizeof *b + bytes);
    assert_non_null(b);
    b->next = w->blocks;
    w->blocks = b;
    return b->data;
}

static char *format_text(struct wire *w, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *p = wire_alloc(w, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

char *wire_text(struct wire *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *p = format_text(w, format, args);
    va_end(args);
    return p;
}

char *wire_repeat(struct wire *w, char c, size_t count)
{
    char *p = wire_alloc(w, count + 1);
    memset(p, c, count);
    return p;
}

void text_add(struct text *t, const void *p, size_t n)
{
    if (t->len + n + 1 > t->cap) {
        t->cap = 2 * (t->len + n + 1);
        t->p = realloc(t->p, t->cap);
        assert_non_null(t->p);
    }
    memcpy(t->p + t->len, p, n);
    t->len += n;
    t->p[t->len] = '\0';
}

void wire_note(struct wire *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *p = format_text(w, format, args);
    va_end(args);
    text_add(&w->notes, p, strlen(p));
    text_add(&w->notes, "\n", 1);
}

void wire_note_bytes(struct wire *w, const char *who, const char *what, const void *p, size_t n)
{
    const unsigned char *bytes = p;
    text_add(&w->notes, who, strlen(who));
    text_add(&w->notes, what, strlen(what));
    for (size_t i = 0; i < n && i < NOTED_BYTES_MAX; i++) {
        char shown[8];
        int len = bytes[i] == '\r'   ? snprintf(shown, sizeof shown, "\\r")
                  : bytes[i] == '\n' ? snprintf(shown, sizeof shown, "\\n")
                  : bytes[i] < 0x20 || bytes[i] > 0x7e
                      ? snprintf(shown, sizeof shown, "\\x%02x", bytes[i])
                      : snprintf(shown, sizeof shown, "%c", bytes[i]);
        text_add(&w->notes, shown, (size_t)len);
    }
    if (n > NOTED_BYTES_MAX)
        wire_note(w, "... (%zu bytes)", n);
    else
        text_add(&w->notes, "\n", 1);
}

void wire_fail(struct wire *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *why = format_text(w, format, args);
    va_end(args);
    wire_note(w, "FAILED: %s", why);
    fail_msg("%s", why);
    abort(); /* fail_msg() does not return */
}

/* ---- files ---- */

char *wire_path(struct wire *w, const char *name)
{
    if (!w->dir[0]) {
        strcpy(w->dir, "/tmp/sluice-wire-XXXXXX");
        assert_non_null(mkdtemp(w->dir));
    }
    return wire_text(w, "%s/%s", w->dir, name);
}

char *wire_read_file(struct wire *w, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        wire_fail(w, "cannot read %s: %s", path, strerror(errno));
    struct text t = { 0 };
    char part[4096];
    ssize_t n;
    text_add(&t, "", 0);
    while ((n = read(fd, part, sizeof part)) > 0)
        text_add(&t, part, (size_t)n);
    close(fd);
    char *p = wire_text(w, "%s", t.p);
    free(t.p);
    return p;
}

static void remove_dir(struct wire *w)
{
    if (!w->dir[0])
        return;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", w->dir, (char *)NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

/* ---- waiting ---- */

int wire_left_ms(struct wire *w)
{
    uint64_t now = wire_now_us();
    if (now >= w->deadline_us)
        wire_fail(w, "the deadline of %d s has passed", DEADLINE_S);
    return (int)((w->deadline_us - now) / 1000) + 1;
}

void wire_wait(struct wire *w, int fd, short events, const char *what)
{
    struct pollfd p = { .fd = fd, .events = events };
    int rc;
    do
        rc = poll(&p, 1, wire_left_ms(w));
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        wire_fail(w, "%s: nothing happened until the deadline", what);
}

/* ---- children ---- */

pid_t wire_fork(struct wire *w, int (*run)(int fd, const void *arg), int fd, const void *arg)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        wire_fail(w, "fork: %s", strerror(errno));
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(fd, STDERR_FILENO + 1) < 0)
        _exit(1);
    /* What the test closes must be closed: no copies here. */
    close_range(STDERR_FILENO + 2, ~0U, 0);
    _exit(run(STDERR_FILENO + 1, arg));
}

int wire_join(struct wire *w, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(fd >= 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int rc = poll(&p, 1, wire_left_ms(w));
    close(fd);
    if (rc == 0)
        wire_fail(w, "process %d did not end until the deadline", (int)pid);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- a test ---- */

int wire_setup(void **state)
{
    const struct wire_script *script = *state;
    struct wire *w = calloc(1, sizeof *w);
    if (!w)
        return -1;
    w->script = script->run;
    w->sluice.err_fd = w->sluice.out_fd = -1;
    w->deadline_us = wire_now_us() + UINT64_C(1000000) * DEADLINE_S;
    text_add(&w->notes, "", 0);
    text_add(&w->sluice.err, "", 0);
    text_add(&w->sluice.out, "", 0);
    *state = w;
    return 0;
}

void wire_run(void **state)
{
    struct wire *w = *state;
    w->script(w);
    sluice_stop(w);
    w->passed = true;
}

/* What sluice has said and nobody has read. */
static void drain(int fd, struct text *t)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char part[4096];
    ssize_t n;
    while (fd >= 0 && poll(&p, 1, 0) > 0 && (n = read(fd, part, sizeof part)) > 0)
        text_add(t, part, (size_t)n);
}

static void kill_and_reap(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

int wire_teardown(void **state)
{
    struct wire *w = *state;
    struct process *s = &w->sluice;
    kill_and_reap(s->pid);
    if (!w->passed) {
        drain(s->err_fd, &s->err);
        drain(s->out_fd, &s->out);
        fprintf(stderr,
                "--- what happened:\n%s--- sluice's stderr:\n%s--- its log, unread:\n%s---\n",
                w->notes.p, s->err.p, s->out.p);
    }
    for (unsigned i = 0; i < w->children_count; i++)
        kill_and_reap(w->children[i]);
    wire_close_all(w);
    for (struct origin *o = w->origins; o; o = o->next)
        kill_and_reap(o->pid);
    close_if_open(s->err_fd);
    close_if_open(s->out_fd);
    remove_dir(w);
    free(w->notes.p);
    free(s->err.p);
    free(s->out.p);
    for (struct block *b = w->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(w);
    return 0;
}
