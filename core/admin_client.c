/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/admin_client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/http/h1_head.h"
#include "core/ring/sock.h"

/* A reload looks up names and may wait for workers: it is not given up sooner. */
#define ANSWER_TIMEOUT_MS 60000
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define READ_BYTES 65536

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool send_request(int fd, const struct admin_question *q)
{
    char *head = NULL;
    int n = asprintf(&head,
                     "%s %s HTTP/1.1\r\nHost: sluice\r\nAccept: %s\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                     q->method, q->target, q->accept, q->body.len);
    bool sent = n > 0 && write_all(fd, head, (size_t)n) && write_all(fd, q->body.ptr, q->body.len);
    if (n > 0)
        free(head);
    return sent;
}

/* All that comes until the end; NULL: nothing, too late, or too much. */
static char *read_answer(int fd, size_t *len)
{
    char *text = NULL;
    *len = 0;
    while (*len < ANSWER_BYTES_MAX) {
        struct pollfd p = { fd, POLLIN, 0 };
        char *more = realloc(text, *len + READ_BYTES + 1);
        ssize_t got = -1;
        if (more)
            text = more;
        if (more && poll(&p, 1, ANSWER_TIMEOUT_MS) > 0)
            got = read(fd, text + *len, READ_BYTES);
        if (got == 0 && *len)
            return text;
        if (got <= 0)
            break;
        *len += (size_t)got;
    }
    free(text);
    return NULL;
}

static bool parse(const struct admin_question *q, size_t len, struct admin_answer *out)
{
    struct http_head h;
    enum end_reason why;
    if (h1_parse_response(out->text, len, 0, &h, &why) == H1_DONE) {
        out->status = h.status;
        out->body = (struct str){ out->text + h.head_bytes, len - h.head_bytes };
        return true;
    }
    fprintf(stderr, "sluice %s: the answer could not be understood\n", q->command);
    free(out->text);
    return false;
}

bool admin_ask(const struct admin_question *q, struct admin_answer *out)
{
    size_t len = 0;
    int fd = sock_stream(q->socket);
    if (fd < 0) {
        fprintf(stderr,
                "sluice %s: nobody answers on %s: %s (did the configuration name another one "
                "before? give that by --socket)\n",
                q->command, q->socket, strerror(-fd));
        return false;
    }
    *out = (struct admin_answer){ 0 };
    if (send_request(fd, q))
        out->text = read_answer(fd, &len);
    sock_close(fd, false);
    if (out->text)
        return parse(q, len, out);
    fprintf(stderr, "sluice %s: no answer from %s\n", q->command, q->socket);
    return false;
}
