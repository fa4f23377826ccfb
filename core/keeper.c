/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/control.h"
#include "core/file_stamp.h"
#include "core/keeper_files.h"
#include "core/keeper_holds.h"
#include "core/keeper_socket.h"
#include "core/options.h"
#include "core/privileges.h"
#include "core/ring/memory_file.h"
#include "core/ring/sock.h"

/* A server process that lived so long was well: the next wait is the shortest again. */
#define WELL_MS 60000
#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 10000

/* One that serves, one that comes, and those that drain. */
#define PROCESSES_MAX 8

enum keeper_state {
    KEEPER_SERVING, /* the current server process runs */
    KEEPER_WAITING, /* it died; the next one is started at restart_ms */
    KEEPER_LEAVING, /* all were told to end; the current one's exit code becomes ours */
};

enum server_role {
    SERVER_NONE,    /* the slot is free */
    SERVER_COMING,  /* started to take over; says READY, or ends */
    SERVER_CURRENT, /* there is always one: the signals are for it. pid 0: it died */
    SERVER_OLD,     /* another took over; it drains */
};

struct server {
    enum server_role role;
    pid_t pid;
    int socket;              /* our end of the pair; -1: none */
    int outcome;             /* COMING: to whom it takes over from; -1: none */
    struct server *heir;     /* OLD: waits until this one accepts nobody any more; NULL: no more */
    struct reading *now;     /* what it begins with, or has adopted since */
    struct reading *next;    /* what it had read last; NULL: nothing */
    struct file_watch watch; /* of its renewable files */
    char why[sizeof((struct keeper_outcome *)0)->why]; /* it could not begin */
};

struct keeper {
    const char *path;
    enum keeper_state state;
    int exit_code;
    int signal_fd;
    sigset_t signals, signals_before;
    uint64_t started_ms, restart_ms;
    uint32_t wait_ms;
    struct holds holds;
    struct server servers[PROCESSES_MAX];
    struct server *current;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static unsigned slot_of(const struct keeper *k, const struct server *s)
{
    return (unsigned)(s - k->servers);
}

/* What the messages are is the server process's business, which reads the same. */
static struct reading *read_again(const struct keeper *k, const struct reading *before, bool renew)
{
    struct config_report *report = malloc(sizeof *report);
    if (!report)
        return NULL;
    config_report_init(report);
    struct reading *r =
        renew ? reading_renew(k->path, before, report) : reading_make(k->path, before, report);
    config_report_free(report);
    free(report);
    return r;
}

/* --- the server process --- */

/* Nothing of the keeper's stays but the standard streams and the socket; what was read is wiped:
 * there are keys in it. */
static _Noreturn void be_server(struct keeper *k, const struct server *self, int socket,
                                pid_t keeper_pid)
{
    if (socket > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)socket - 1, 0);
    close_range((unsigned)socket + 1, ~0u, 0);
    sigprocmask(SIG_SETMASK, &k->signals_before, NULL);
    bool dropped = privileges_drop(self->now->config->user);
    /* Without the keeper nobody would pass signals on. After the drop, which would undo it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        reading_free(k->servers[i].now);
        reading_free(k->servers[i].next);
    }
    for (uint32_t i = 0; i < k->holds.count; i++) {
        free(k->holds.items[i].text);
        free(k->holds.items[i].fds);
    }
    free(k->holds.items);
    int code = EXIT_FAILED;
    if (dropped && getppid() == keeper_pid)
        code = control_run(NULL, k->path, socket);
    close(socket);
    exit(code);
}

static bool start_server(struct keeper *k, struct server *s)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    /* One that does not read what it asked for must not hold us up. */
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    pid_t self = getpid();
    s->pid = fork();
    if (s->pid == 0)
        be_server(k, s, pair[1], self);
    close(pair[1]);
    if (s->pid < 0) {
        s->pid = 0;
        close(pair[0]);
        return false;
    }
    s->socket = pair[0];
    s->watch.taken = s->now->stamp;
    return true;
}

static bool start_current(struct keeper *k)
{
    if (!start_server(k, k->current))
        return false;
    k->state = KEEPER_SERVING;
    k->started_ms = now_ms();
    return true;
}

static void wait_and_restart(struct keeper *k)
{
    if (now_ms() - k->started_ms >= WELL_MS || k->wait_ms == 0)
        k->wait_ms = RESTART_MIN_MS;
    else if (k->wait_ms < RESTART_MAX_MS)
        k->wait_ms = 2 * k->wait_ms < RESTART_MAX_MS ? 2 * k->wait_ms : RESTART_MAX_MS;
    k->state = KEEPER_WAITING;
    k->restart_ms = now_ms() + k->wait_ms;
}

static void hang_up(struct server *s)
{
    if (s->socket >= 0)
        close(s->socket);
    s->socket = -1;
}

static void acknowledge(const struct server *s)
{
    const struct keeper_answer a = { 0 };
    keeper_reply(s->socket, &a, -1);
}

/* It accepts nobody any more: the one that takes over may. */
static void let_go_on(struct server *old)
{
    if (old->heir)
        acknowledge(old->heir);
    old->heir = NULL;
}

static void forget(struct keeper *k, struct server *s)
{
    let_go_on(s);
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        if (k->servers[i].heir == s)
            k->servers[i].heir = NULL;
    hang_up(s);
    if (s->outcome >= 0)
        close(s->outcome);
    holds_release_others(&k->holds, NULL, slot_of(k, s));
    reading_free(s->now);
    reading_free(s->next);
    *s = (struct server){ .socket = -1, .outcome = -1 };
}

static void tell_outcome(struct server *s, bool good, const char *why)
{
    struct keeper_outcome o = { .good = good };
    snprintf(o.why, sizeof o.why, "%s", why);
    (void)sock_send_fd(s->outcome, &o, sizeof o, -1);
    close(s->outcome);
    s->outcome = -1;
}

static void kill_all(struct keeper *k, int number, bool old_too)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        if (k->servers[i].pid && (old_too || k->servers[i].role != SERVER_OLD))
            kill(k->servers[i].pid, number);
}

/* What ends by itself has said why, and we end with it; what dies of a signal is started again,
 * unless it was told to end. */
static void current_ended(struct keeper *k, int status)
{
    struct server *s = k->current;
    if (WIFEXITED(status) || k->state == KEEPER_LEAVING) {
        k->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
        k->state = KEEPER_LEAVING;
        kill_all(k, SIGTERM, false);
        return;
    }
    reading_free(s->next);
    s->next = NULL;
    holds_release_others(&k->holds, s->now->config, slot_of(k, s));
    wait_and_restart(k);
    fprintf(stderr, "sluice: the server process died of signal %d (%s); starting it again\n",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void coming_ended(struct keeper *k, struct server *s, int status)
{
    char why[sizeof s->why];
    if (s->why[0])
        memcpy(why, s->why, sizeof why);
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "the new server process died of signal %d", WTERMSIG(status));
    else
        snprintf(why, sizeof why, "the new server process did not start");
    tell_outcome(s, false, why);
    forget(k, s);
}

static void server_ended(struct keeper *k, struct server *s, int status)
{
    hang_up(s);
    s->pid = 0;
    if (s->role == SERVER_CURRENT)
        current_ended(k, status);
    else if (s->role == SERVER_COMING)
        coming_ended(k, s, status);
    else
        forget(k, s);
}

/* --- what it asks --- */

static void reply_files(struct server *s, const struct reading *r, bool other_user)
{
    struct keeper_answer a = { .err = -ENOMEM, .other_user = other_user };
    int fd = -1;
    if (r) {
        fd = memory_file_create("sluice-configuration",
                                (struct str){ r->bundle.bytes, r->bundle.len });
        a.err = fd < 0 ? fd : 0;
    }
    keeper_reply(s->socket, &a, fd);
    if (fd >= 0)
        close(fd);
}

static bool same_user(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void read_for(struct keeper *k, struct server *s)
{
    reading_free(s->next);
    s->next = s->role == SERVER_CURRENT ? read_again(k, s->now, false) : NULL;
    const struct config *c = s->next ? s->next->config : NULL;
    reply_files(s, s->next, c && geteuid() == 0 && !same_user(c->user, s->now->config->user));
}

static void renew_for(struct keeper *k, struct server *s)
{
    if (s->role != SERVER_CURRENT || !file_watch_changed(&s->watch, &s->now->config->renewable)) {
        const struct keeper_answer a = { .err = -EAGAIN };
        keeper_reply(s->socket, &a, -1);
        return;
    }
    reading_free(s->next);
    s->next = read_again(k, s->now, true);
    if (s->next)
        s->next->stamp = s->watch.taken; /* what changed since then is seen as a change */
    reply_files(s, s->next, false);
}

static void ready(struct keeper *k, struct server *s)
{
    struct server *old = k->current;
    if (s->role != SERVER_COMING) {
        acknowledge(s);
        return;
    }
    tell_outcome(s, true, "");
    old->role = SERVER_OLD;
    old->heir = s;
    s->role = SERVER_CURRENT;
    k->current = s;
    k->started_ms = now_ms();
    if (k->state == KEEPER_WAITING)
        k->state = KEEPER_SERVING;
    if (!old->pid)
        forget(k, old);
}

static void adopted(struct server *s)
{
    if (!s->next || !s->next->config)
        return;
    reading_free(s->now);
    s->now = s->next;
    s->next = NULL;
    s->watch.taken = s->now->stamp;
}

/* Gives the other end of the new process's outcome, or -errno. */
static int replace(struct keeper *k, struct server *s)
{
    struct server *new = NULL;
    int pair[2];
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        if (k->servers[i].role == SERVER_COMING)
            return -EBUSY;
        if (k->servers[i].role == SERVER_NONE)
            new = &k->servers[i];
    }
    if (s->role != SERVER_CURRENT || !s->next || !s->next->config || k->state != KEEPER_SERVING)
        return -EINVAL;
    if (!new)
        return -EAGAIN;
    if (!privileges_user_exists(s->next->config->user))
        return -ENOENT;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    *new =
        (struct server){ .role = SERVER_COMING, .socket = -1, .outcome = pair[1], .now = s->next };
    s->next = NULL;
    if (start_server(k, new))
        return pair[0];
    forget(k, new);
    close(pair[0]);
    return -EAGAIN;
}

static const struct hold *take_hold(struct keeper *k, struct server *s, enum hold_kind kind,
                                    const struct keeper_question *q, int *err)
{
    const struct hold *h = NULL;
    *err = -EACCES;
    if (s->next && s->role == SERVER_CURRENT)
        h = holds_take(&k->holds, s->next->config, kind, q->text, q->number, slot_of(k, s), err);
    if (!h && *err == -EACCES)
        h = holds_take(&k->holds, s->now->config, kind, q->text, q->number, slot_of(k, s), err);
    return h;
}

static void reply_socket(struct keeper *k, struct server *s, enum hold_kind kind,
                         const struct keeper_question *q)
{
    struct keeper_answer a = { 0 };
    const struct hold *h = take_hold(k, s, kind, q, &a.err);
    if (h) {
        a.bound = h->bound;
        a.group = h->fds_count;
    }
    keeper_reply(s->socket, &a, h ? h->fds[q->number] : -1);
}

static void reply_named_file(struct server *s, const struct keeper_question *q)
{
    struct keeper_answer a = { .stamp = q->number };
    int fd = keeper_files_open(s->now, s->next, q, &a.stamp);
    a.err = fd < 0 ? fd : 0;
    keeper_reply(s->socket, &a, fd);
    if (fd >= 0)
        close(fd);
}

static void reply_replace(struct keeper *k, struct server *s)
{
    int fd = replace(k, s);
    const struct keeper_answer a = { .err = fd < 0 ? fd : 0 };
    keeper_reply(s->socket, &a, fd);
    if (fd >= 0)
        close(fd);
}

static void answer(struct keeper *k, struct server *s, const struct keeper_question *q)
{
    switch ((enum keeper_verb)q->verb) {
    case KEEPER_CONFIG:
        reply_files(s, s->now, false);
        break;
    case KEEPER_READ:
        read_for(k, s);
        break;
    case KEEPER_RENEW:
        renew_for(k, s);
        break;
    case KEEPER_ADOPTED:
        adopted(s);
        acknowledge(s);
        break;
    case KEEPER_READY:
        ready(k, s);
        break;
    case KEEPER_DEAF:
        let_go_on(s);
        acknowledge(s);
        break;
    case KEEPER_FAILED:
        snprintf(s->why, sizeof s->why, "%.500s", q->text);
        acknowledge(s);
        break;
    case KEEPER_REPLACE:
        reply_replace(k, s);
        break;
    case KEEPER_LISTEN:
        reply_socket(k, s, HOLD_TRAFFIC, q);
        break;
    case KEEPER_ADMIN:
        reply_socket(k, s, HOLD_ADMIN, q);
        break;
    case KEEPER_RELEASE:
        holds_release(&k->holds, HOLD_TRAFFIC, q->text, slot_of(k, s));
        acknowledge(s);
        break;
    case KEEPER_UNADMIN:
        holds_release(&k->holds, HOLD_ADMIN, q->text, slot_of(k, s));
        acknowledge(s);
        break;
    case KEEPER_LOG:
    case KEEPER_SERVERS:
    case KEEPER_JOURNAL:
        reply_named_file(s, q);
        break;
    case KEEPER_VERBS:
        CHECK(false);
    }
}

/* --- signals --- */

static void bury(struct keeper *k)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t i = 0; i < PROCESSES_MAX; i++)
            if (k->servers[i].pid == pid)
                server_ended(k, &k->servers[i], status);
}

/* While there is nobody to read it, what the next one begins with changes. */
static void reload_waiting(struct keeper *k)
{
    struct reading *r = read_again(k, k->current->now, false);
    if (r && r->config) {
        reading_free(k->current->now);
        k->current->now = r;
    } else {
        reading_free(r);
        fputs("sluice: not reloaded: the configuration has errors\n", stderr);
    }
}

static void take_signal(struct keeper *k)
{
    struct signalfd_siginfo info;
    if (read(k->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    int number = (int)info.ssi_signo;
    bool again = k->state == KEEPER_LEAVING;
    switch (number) {
    case SIGCHLD:
        bury(k);
        break;
    case SIGHUP:
        if (k->state == KEEPER_WAITING)
            reload_waiting(k);
        else if (k->current->pid)
            kill(k->current->pid, number);
        break;
    case SIGUSR1:
        kill_all(k, number, true);
        break;
    default: /* INT, TERM, QUIT: those that drain already are stopped by the second one */
        if (k->state == KEEPER_WAITING)
            k->exit_code = EXIT_OK;
        k->state = KEEPER_LEAVING;
        kill_all(k, number, again || number == SIGINT);
        break;
    }
}

static bool open_signals(struct keeper *k)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD };
    sigemptyset(&k->signals);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&k->signals, numbers[i]);
    sigprocmask(SIG_BLOCK, &k->signals, &k->signals_before);
    k->signal_fd = signalfd(-1, &k->signals, SFD_CLOEXEC);
    return k->signal_fd >= 0;
}

/* --- the loop --- */

static int wait_ms(const struct keeper *k)
{
    if (k->state != KEEPER_WAITING)
        return -1;
    uint64_t now = now_ms();
    return k->restart_ms > now ? (int)(k->restart_ms - now) : 0;
}

static bool anybody(const struct keeper *k)
{
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        if (k->servers[i].pid)
            return true;
    return false;
}

static bool keep(struct keeper *k)
{
    while (anybody(k) || k->state == KEEPER_WAITING) {
        struct pollfd fds[PROCESSES_MAX + 1] = { { k->signal_fd, POLLIN, 0 } };
        for (uint32_t i = 0; i < PROCESSES_MAX; i++)
            fds[i + 1] = (struct pollfd){ k->servers[i].socket, POLLIN, 0 };
        if (poll(fds, PROCESSES_MAX + 1, wait_ms(k)) < 0 && errno != EINTR)
            return false;
        for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
            struct keeper_question q;
            struct server *s = &k->servers[i];
            if (s->socket < 0 || s->socket != fds[i + 1].fd)
                continue;
            if (fds[i + 1].revents & POLLIN && keeper_receive(s->socket, &q))
                answer(k, s, &q);
            else if (fds[i + 1].revents & (POLLIN | POLLHUP))
                hang_up(s); /* its end follows by signal */
        }
        if (fds[0].revents & POLLIN)
            take_signal(k);
        if (k->state == KEEPER_WAITING && wait_ms(k) == 0 && !start_current(k))
            wait_and_restart(k);
    }
    return true;
}

int keeper_run(struct reading *first, const char *path)
{
    struct keeper k = { .path = path, .exit_code = EXIT_FAILED, .signal_fd = -1 };
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        k.servers[i] = (struct server){ .socket = -1, .outcome = -1 };
    k.current = &k.servers[0];
    k.current->role = SERVER_CURRENT;
    k.current->now = first;
    if (!open_signals(&k) || !start_current(&k) || !keep(&k))
        fprintf(stderr, "sluice: the keeper cannot go on: %s\n", strerror(errno));
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        forget(&k, &k.servers[i]);
    holds_close(&k.holds);
    if (k.signal_fd >= 0)
        close(k.signal_fd);
    return k.exit_code;
}
