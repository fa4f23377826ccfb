/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that answer by themselves, and clients that ask all the time. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define PEERS_MAX 1024
#define REQUEST_BYTES_MAX (16 * 1024)

/* ---- a server ---- */

struct peer {
    size_t len;
    char in[REQUEST_BYTES_MAX];
};

/* Answers each request without a body that is there in whole; false: the peer is gone. */
static bool serve(int fd, struct peer *p, const char *answer)
{
    ssize_t n = recv(fd, p->in + p->len, sizeof p->in - p->len, 0);
    if (n <= 0)
        return false;
    p->len += (size_t)n;
    char *end;
    while ((end = memmem(p->in, p->len, "\r\n\r\n", 4))) {
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            return false;
        p->len -= (size_t)(end + 4 - p->in);
        memmove(p->in, end + 4, p->len);
    }
    return true;
}

static int run_server(int listen_fd, const void *arg)
{
    static struct pollfd fds[PEERS_MAX];
    static struct peer peers[PEERS_MAX];
    char answer[256];
    const char *text = arg;
    unsigned status = 200;
    if (sscanf(text, "%3u ", &status) == 1)
        text += 4;
    snprintf(answer, sizeof answer, "HTTP/1.1 %u Whatever\r\nContent-Length: %zu\r\n\r\n%s", status,
             strlen(text), text);
    nfds_t count = 1;
    fds[0] = (struct pollfd){ .fd = listen_fd, .events = POLLIN };
    while (poll(fds, count, -1) > 0 || errno == EINTR) {
        for (nfds_t i = count - 1; i > 0; i--) {
            if (!fds[i].revents || serve(fds[i].fd, &peers[i], answer))
                continue;
            close(fds[i].fd);
            fds[i] = fds[--count];
            peers[i] = peers[count];
        }
        if ((fds[0].revents & POLLIN) && count < PEERS_MAX) {
            int fd = accept(listen_fd, NULL, NULL);
            if (fd < 0)
                continue;
            peers[count].len = 0;
            fds[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
        }
    }
    return 1;
}

struct origin *origin_answering_at(struct wire *w, const char *address, const char *text)
{
    struct origin *o = origin_open_at(w, address);
    o->pid = wire_fork(w, run_server, o->fd, text);
    origin_close(o); /* the child has it */
    return o;
}

struct origin *origin_answering(struct wire *w, const char *text)
{
    return origin_answering_at(w, "127.0.0.1:0", text);
}

void origin_kill(struct origin *o)
{
    wire_note(o->w, "%s is killed", o->name);
    kill(o->pid, SIGKILL);
    wire_join(o->w, o->pid);
    o->pid = 0;
}

/* ---- clients ---- */

static void count_answer(struct load *load, const struct message *m)
{
    if (m->status == 200) {
        load->answered++;
        if (m->body[0] >= 'A' && m->body[0] <= 'Z')
            load->by[m->body[0] - 'A']++;
    } else {
        load->others++;
    }
}

void load_run(struct wire *w, struct load *load)
{
    const char *request =
        wire_text(w, "GET %s HTTP/1.1\r\nHost: example.com\r\n\r\n", load->path ? load->path : "/");
    struct conn **conns = wire_alloc(w, load->connections * sizeof *conns);
    struct pollfd *fds = wire_alloc(w, load->connections * sizeof *fds);
    unsigned asked = 0;
    for (unsigned i = 0; i < load->connections; i++) {
        conns[i] = client_dial(w);
        fds[i] = (struct pollfd){ .fd = conns[i]->fd, .events = POLLIN };
        say(conns[i], request);
        asked++;
    }
    while (load->answered + load->others < load->requests) {
        if (poll(fds, load->connections, wire_left_ms(w)) < 0)
            continue;
        for (unsigned i = 0; i < load->connections; i++) {
            if (!fds[i].revents)
                continue;
            struct message m = hear_answer(conns[i]);
            count_answer(load, &m);
            if (load->kill_after && load->answered + load->others == load->kill_after)
                origin_kill(load->victim);
            if (asked < load->requests) {
                say(conns[i], request);
                asked++;
            } else {
                hang_up(conns[i]);
                fds[i].fd = -1;
            }
        }
    }
}

const char *who_answers(struct wire *w, unsigned requests, const char *path, const char *fields)
{
    struct conn *c = client_dial(w);
    char *answers = wire_repeat(w, ' ', requests);
    for (unsigned i = 0; i < requests; i++) {
        sayf(c, "GET %s HTTP/1.1\r\nHost: example.com\r\n%s\r\n", path, fields);
        answers[i] = hear_status(c, 200).body[0];
    }
    hang_up(c);
    return answers;
}
