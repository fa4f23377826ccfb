/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
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

#include "core/config/load.h"
#include "core/control.h"
#include "core/keeper_socket.h"
#include "core/listen.h"
#include "core/options.h"
#include "core/ring/sock.h"
#include "core/tls_check.h"

/* A server process that lived so long was well: the next wait is the shortest again. */
#define WELL_MS 60000
#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 10000

enum keeper_state {
    KEEPER_SERVING, /* the server process runs */
    KEEPER_WAITING, /* it died; the next one is started at restart_ms */
    KEEPER_LEAVING, /* it was told to end: its exit code becomes ours */
};

struct held {
    char text[KEEPER_TEXT_MAX];
    uint32_t number;
    int fd;
    struct addr bound;
};

struct keeper {
    struct config *config; /* the last good one */
    const char *path;
    enum keeper_state state;
    pid_t server;
    int socket; /* our end of the pair; -1: none */
    int signal_fd;
    sigset_t signals, signals_before;
    uint64_t started_ms, restart_ms;
    uint32_t wait_ms;
    struct held *held;
    uint32_t held_count;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- the configuration --- */

/* Keeps what a next server process would start with; the messages are the server's to print. */
static void load_again(struct keeper *k)
{
    struct config_report *report = malloc(sizeof *report);
    if (!report)
        return;
    config_report_init(report);
    struct config *config = tls_checked(config_load(k->path, report), report);
    config_report_free(report);
    free(report);
    if (!config)
        return;
    config_free(k->config);
    k->config = config;
}

/* --- sockets --- */

static const struct held *find(const struct keeper *k, const struct keeper_question *q)
{
    for (uint32_t i = 0; i < k->held_count; i++)
        if (k->held[i].number == q->number && strcmp(k->held[i].text, q->text) == 0)
            return &k->held[i];
    return NULL;
}

static int hold(struct keeper *k, const struct keeper_question *q, const struct held **out)
{
    struct held *held = realloc(k->held, (k->held_count + 1) * sizeof *held);
    if (!held)
        return -ENOMEM;
    k->held = held;
    struct held *h = &held[k->held_count];
    *h = (struct held){ .number = q->number };
    memcpy(h->text, q->text, sizeof h->text);
    h->fd = listen_open(&q->addr, q->number == 0, &h->bound);
    if (h->fd < 0)
        return h->fd;
    k->held_count++;
    *out = h;
    return 0;
}

static void release(struct keeper *k, const char *text)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < k->held_count; i++)
        if (strcmp(k->held[i].text, text) == 0)
            listen_close(k->held[i].fd, &k->held[i].bound);
        else
            k->held[kept++] = k->held[i];
    k->held_count = kept;
}

static void answer(struct keeper *k, const struct keeper_question *q)
{
    if (q->verb == KEEPER_RELEASE) {
        release(k, q->text);
        return;
    }
    if (q->verb == KEEPER_LOADED) {
        load_again(k);
        return;
    }
    const struct held *h = find(k, q);
    struct keeper_answer a = { .err = h ? 0 : hold(k, q, &h) };
    if (a.err == 0)
        a.bound = h->bound;
    keeper_reply(k->socket, &a, a.err ? -1 : h->fd);
}

/* --- the server process --- */

/* For good: no more privileges, none to be had by executing something. */
static bool drop_privileges(const char *user)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (!user || geteuid() != 0)
        return true;
    const struct passwd *p = getpwnam(user);
    if (!p) {
        fprintf(stderr, "sluice: this machine has no user '%s'\n", user);
        return false;
    }
    if (initgroups(user, p->pw_gid) != 0 || setgid(p->pw_gid) != 0 || setuid(p->pw_uid) != 0) {
        fprintf(stderr, "sluice: cannot become user '%s': %s\n", user, strerror(errno));
        return false;
    }
    return true;
}

static _Noreturn void be_server(struct keeper *k, int socket, pid_t keeper_pid)
{
    close(k->socket);
    close(k->signal_fd);
    for (uint32_t i = 0; i < k->held_count; i++)
        close(k->held[i].fd);
    free(k->held);
    sigprocmask(SIG_SETMASK, &k->signals_before, NULL);
    int code = EXIT_FAILED;
    bool dropped = drop_privileges(k->config->user);
    /* Without the keeper nobody would pass signals on. After the drop, which would undo it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!dropped || getppid() != keeper_pid)
        config_free(k->config);
    else
        code = control_run(k->config, k->path, socket);
    close(socket);
    exit(code);
}

static bool start_server(struct keeper *k)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pid_t self = getpid();
    k->socket = pair[0];
    k->server = fork();
    if (k->server == 0)
        be_server(k, pair[1], self);
    close(pair[1]);
    if (k->server < 0) {
        close(pair[0]);
        k->socket = -1;
        return false;
    }
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

static void hang_up(struct keeper *k)
{
    if (k->socket >= 0)
        close(k->socket);
    k->socket = -1;
}

/* True: we end too, with *code. What ends by itself has said why; what dies of a signal is started
 * again, unless it was told to end. */
static bool server_ended(struct keeper *k, int status, int *code)
{
    hang_up(k);
    k->server = 0;
    if (WIFEXITED(status) || k->state == KEEPER_LEAVING) {
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
        return true;
    }
    wait_and_restart(k);
    fprintf(stderr, "sluice: the server process died of signal %d (%s); starting it again\n",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    return false;
}

/* --- signals --- */

static bool take_signal(struct keeper *k, int *code)
{
    struct signalfd_siginfo info;
    if (read(k->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    int number = (int)info.ssi_signo, status;
    switch (number) {
    case SIGCHLD:
        return k->server > 0 && waitpid(k->server, &status, WNOHANG) == k->server &&
               server_ended(k, status, code);
    case SIGHUP:
        load_again(k);
        break;
    case SIGINT:
    case SIGTERM:
    case SIGQUIT:
        if (k->state == KEEPER_WAITING) {
            *code = EXIT_OK;
            return true;
        }
        k->state = KEEPER_LEAVING;
        break;
    default:
        break;
    }
    if (k->server > 0)
        kill(k->server, number);
    return false;
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

static int keep(struct keeper *k)
{
    int code = EXIT_FAILED;
    for (;;) {
        struct pollfd fds[] = { { k->signal_fd, POLLIN, 0 }, { k->socket, POLLIN, 0 } };
        if (poll(fds, 2, wait_ms(k)) < 0 && errno != EINTR)
            return EXIT_FAILED;
        struct keeper_question q;
        if (fds[1].revents & POLLIN && keeper_receive(k->socket, &q))
            answer(k, &q);
        else if (fds[1].revents & (POLLIN | POLLHUP))
            hang_up(k); /* the server's end follows by signal */
        if (fds[0].revents & POLLIN && take_signal(k, &code))
            return code;
        if (k->state == KEEPER_WAITING && wait_ms(k) == 0 && !start_server(k))
            wait_and_restart(k);
    }
}

int keeper_run(struct config *config, const char *path)
{
    struct keeper k = { .config = config, .path = path, .socket = -1, .signal_fd = -1 };
    int code = EXIT_FAILED;
    if (open_signals(&k) && start_server(&k))
        code = keep(&k);
    else
        fprintf(stderr, "sluice: cannot start: %s\n", strerror(errno));
    for (uint32_t i = 0; i < k.held_count; i++)
        listen_close(k.held[i].fd, &k.held[i].bound);
    free(k.held);
    hang_up(&k);
    if (k.signal_fd >= 0)
        close(k.signal_fd);
    config_free(k.config);
    return code;
}
