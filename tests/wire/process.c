/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sluice process: starting it, its messages, its log, its end. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define ARGUMENTS_MAX 60
#define LINE_BYTES_MAX 4096
/* A log that nobody reads for a while must not stop anything. */
#define LOG_PIPE_BYTES (1024 * 1024)

/* ---- processes ---- */

static char *program(struct wire *w)
{
    char *path = getenv("SLUICE_BIN");
    if (!path)
        wire_fail(w, "SLUICE_BIN does not say where sluice is");
    return path;
}

static void refuse_io_uring(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { .len = sizeof code / sizeof code[0], .filter = code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(126);
}

static void run_program(const struct wire *w, char **argv, int out_fd, int err_fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    dup2(out_fd, STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
    if (w->descriptors_max) {
        struct rlimit r = { w->descriptors_max, w->descriptors_max };
        setrlimit(RLIMIT_NOFILE, &r);
    }
    if (w->io_uring_error)
        refuse_io_uring(w->io_uring_error);
    execv(argv[0], argv);
    fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* The two ends of a terminal, ours first. */
static void open_terminal(int fds[2])
{
    fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fds[0] >= 0);
    assert_int_equal(grantpt(fds[0]), 0);
    assert_int_equal(unlockpt(fds[0]), 0);
    fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fds[1] >= 0);
}

/* Starts sluice with arguments that are separated by spaces. */
static void launch(struct wire *w, struct process *p, const char *arguments)
{
    char *argv[ARGUMENTS_MAX + 2] = { program(w) }, *rest = wire_text(w, "%s", arguments);
    unsigned argc = 1;
    for (char *word = strtok(rest, " "); word; word = strtok(NULL, " ")) {
        assert_true(argc <= ARGUMENTS_MAX);
        argv[argc++] = word;
    }
    wire_note(w, "sluice %s", arguments);
    int out[2], err[2];
    if (w->on_terminal)
        open_terminal(out);
    else
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    (void)fcntl(out[0], F_SETPIPE_SZ, LOG_PIPE_BYTES); /* a smaller one will usually do */
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0)
        run_program(w, argv, out[1], err[1], parent);
    assert_true(p->pid > 0);
    close(out[1]);
    close(err[1]);
    p->out_fd = out[0];
    p->err_fd = err[0];
}

/* More of what a descriptor gives; false at its end. */
static bool read_more(struct wire *w, int fd, struct text *t, const char *what)
{
    char part[4096];
    wire_wait(w, fd, POLLIN, what);
    ssize_t n = read(fd, part, sizeof part);
    if (n > 0)
        text_add(t, part, (size_t)n);
    return n > 0;
}

static const char *read_all(struct wire *w, int fd)
{
    struct text t = { 0 };
    text_add(&t, "", 0);
    while (read_more(w, fd, &t, "the end of sluice's output"))
        ;
    close(fd);
    const char *all = wire_text(w, "%s", t.p);
    free(t.p);
    return all;
}

struct outcome sluice_run(struct wire *w, const char *arguments, ...)
{
    char line[LINE_BYTES_MAX];
    va_list args;
    va_start(args, arguments);
    vsnprintf(line, sizeof line, arguments, args);
    va_end(args);
    struct process p = { 0 };
    launch(w, &p, line);
    /* Neither output fills a pipe, so one may be read after the other. */
    struct outcome result = { .out = read_all(w, p.out_fd), .err = read_all(w, p.err_fd) };
    result.code = wire_join(w, p.pid);
    wire_note(w, "code %d, stdout:\n%sstderr:\n%s", result.code, result.out, result.err);
    return result;
}

/* ---- the proxy ---- */

void sluice_says(struct wire *w, const char *text)
{
    while (!strstr(w->sluice.err.p, text))
        if (!read_more(w, w->sluice.err_fd, &w->sluice.err, text))
            wire_fail(w, "sluice ended without saying '%s'", text);
}

static void read_addresses(struct wire *w)
{
    static const char mark[] = "sluice: listening on ";
    size_t n = 0;
    for (const char *p = w->sluice.err.p; (p = strstr(p, mark)); n++) {
        p += sizeof mark - 1;
        assert_true(n < sizeof w->addresses / sizeof w->addresses[0]);
        w->addresses[n] = wire_text(w, "%.*s", (int)strcspn(p, " \n"), p);
    }
}

/* A process before this one may have left something. */
static void forget(struct wire *w)
{
    struct process *p = &w->sluice;
    if (p->out_fd >= 0)
        close(p->out_fd);
    if (p->err_fd >= 0)
        close(p->err_fd);
    p->out_fd = p->err_fd = -1;
    p->out.len = p->err.len = 0;
    p->out.p[0] = p->err.p[0] = '\0';
    memset(w->addresses, 0, sizeof w->addresses);
}

void sluice_start(struct wire *w, const char *options, ...)
{
    forget(w);
    char given[LINE_BYTES_MAX];
    va_list args;
    va_start(args, options);
    vsnprintf(given, sizeof given, options, args);
    va_end(args);
    char *line =
        wire_text(w, "proxy %s%s%s%s", given, strstr(given, "--from ") ? "" : " --from 127.0.0.1:0",
                  w->on_terminal || strstr(given, "--log ") ? "" : " --log json:-",
                  strstr(given, "--workers ") ? "" : " --workers 1");
    if (!strstr(given, "--to ")) {
        const char *separator = " --to ";
        for (const struct origin *o = w->origins; o; o = o->next, separator = ",")
            line = wire_text(w, "%s%s%s", line, separator, o->name);
    }
    launch(w, &w->sluice, line);
    sluice_says(w, "sluice: try ");
    read_addresses(w);
}

/* Puts `value` in the place of each `name`. */
static char *replaced(struct wire *w, const char *text, const char *name, const char *value)
{
    char *out = wire_text(w, "%s", text);
    for (char *p; (p = strstr(out, name));)
        out = wire_text(w, "%.*s%s%s", (int)(p - out), out, value, p + strlen(name));
    return out;
}

static void write_config(struct wire *w, const char *yaml, va_list args)
{
    char text[4 * LINE_BYTES_MAX];
    int n = vsnprintf(text, sizeof text, yaml, args);
    assert_in_range(n, 1, sizeof text - 1);
    const char *servers = "";
    for (const struct origin *o = w->origins; o; o = o->next)
        servers = wire_text(w, "%s%s\"%s\"", servers, *servers ? ", " : "", o->name);
    char *whole = replaced(w, text, "$LISTEN", "127.0.0.1:0");
    whole = replaced(w, whole, "$SERVERS", servers);
    FILE *f = fopen(wire_path(w, "sluice.yaml"), "w");
    assert_non_null(f);
    fprintf(f, "%slogs: { access: { format: json, to: stdout } }\n%s",
            strncmp(whole, "workers:", 8) == 0 ? "" : "workers: 1\n", whole);
    assert_int_equal(fclose(f), 0);
    wire_note(w, "configuration:\n%s", whole);
}

void sluice_write_config(struct wire *w, const char *yaml, ...)
{
    va_list args;
    va_start(args, yaml);
    write_config(w, yaml, args);
    va_end(args);
}

void sluice_run_file(struct wire *w, const char *path)
{
    launch(w, &w->sluice, wire_text(w, "run -c %s", path));
    sluice_says(w, "sluice: try ");
    read_addresses(w);
}

void sluice_run_config(struct wire *w, const char *yaml, ...)
{
    forget(w);
    va_list args;
    va_start(args, yaml);
    write_config(w, yaml, args);
    va_end(args);
    sluice_run_file(w, wire_path(w, "sluice.yaml"));
}

void sluice_limit_descriptors(struct wire *w, unsigned count)
{
    w->descriptors_max = count;
}

void sluice_without_io_uring(struct wire *w, int error)
{
    w->io_uring_error = error;
}

void sluice_on_terminal(struct wire *w)
{
    w->on_terminal = true;
}

const char *sluice_address(struct wire *w, unsigned n)
{
    if (n >= sizeof w->addresses / sizeof w->addresses[0] || !w->addresses[n])
        wire_fail(w, "sluice has no listener %u", n);
    return w->addresses[n];
}

pid_t sluice_pid(struct wire *w)
{
    return w->sluice.pid;
}

void sluice_signal(struct wire *w, int signal_number)
{
    wire_note(w, "signal %d", signal_number);
    assert_int_equal(kill(w->sluice.pid, signal_number), 0);
}

void sluice_ends(struct wire *w, int exit_code)
{
    int code = wire_join(w, w->sluice.pid);
    w->sluice.pid = 0;
    if (code != exit_code)
        wire_fail(w, "sluice ended with code %d, not %d", code, exit_code);
}

void sluice_stop(struct wire *w)
{
    wire_close_all(w);
    if (!w->sluice.pid)
        return;
    sluice_signal(w, SIGTERM);
    sluice_ends(w, 0);
}

/* ---- the access log ---- */

const char *log_line(struct wire *w)
{
    struct text *t = &w->sluice.out;
    char *end;
    while (!(end = memchr(t->p, '\n', t->len)))
        if (!read_more(w, w->sluice.out_fd, t, "a line of the access log"))
            wire_fail(w, "sluice ended without another line in its log");
    size_t n = (size_t)(end - t->p);
    char *line = wire_text(w, "%.*s", (int)n, t->p);
    t->len -= n + 1;
    memmove(t->p, end + 1, t->len + 1);
    wire_note(w, "log: %s", line);
    return line;
}

const char *log_field(struct wire *w, const char *line, const char *name)
{
    /* Inside a string the quotes would stand behind backslashes. */
    char *mark = wire_text(w, ",\"%s\":", name);
    const char *p = strstr(line, mark);
    if (!p) {
        mark[0] = '{';
        p = strstr(line, mark);
    }
    if (!p)
        return NULL;
    p += strlen(mark);
    bool quoted = *p == '"';
    p += quoted;
    size_t n = 0;
    while (p[n] && (quoted ? p[n] != '"' : !strchr(",}", p[n])))
        n += p[n] == '\\' ? 2 : 1;
    return wire_text(w, "%.*s", (int)n, p);
}

const char *logged(struct wire *w, const char *fields, ...)
{
    char wanted[LINE_BYTES_MAX];
    va_list args;
    va_start(args, fields);
    vsnprintf(wanted, sizeof wanted, fields, args);
    va_end(args);
    const char *line = log_line(w);
    for (char *pair = strtok(wanted, " "); pair; pair = strtok(NULL, " ")) {
        char *value = strchr(pair, '=');
        assert_non_null(value);
        *value++ = '\0';
        const char *found = log_field(w, line, pair);
        if (*value ? !found || strcmp(found, value) != 0 : found != NULL)
            wire_fail(w, "the log says %s=%s where %s was expected: %s", pair,
                      found ? found : "(absent)", *value ? value : "(absent)", line);
    }
    return line;
}
