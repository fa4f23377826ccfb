/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/list.h"
#include "core/base/out.h"
#include "core/http/forward.h"
#include "core/http/framing.h"
#include "core/http/h1_head.h"
#include "core/observe/admin_pages.h"
#include "core/ring/sock.h"
#include "tls/transport.h"

#define RETRY_MS 50

enum conn_state {
    CONN_HEAD,    /* collects the request's head; a delivery is asked for */
    CONN_BODY,    /* takes the request's body in; a delivery is asked for */
    CONN_WAITING, /* for the end of a reload; nothing in flight */
    CONN_SENDING, /* a send is in flight */
    CONN_LINGER,  /* all is sent and our side shut; what comes is dropped until the end */
    CONN_CLOSING, /* transport_close() was called */
};

struct conn {
    struct transport t;
    struct list node;
    struct admin *admin;
    struct timer timer;
    enum conn_state state;
    uint64_t body_left;
    bool head_only;  /* HEAD: no body in the answer */
    bool wants_json; /* by Accept */
    const struct admin_page *page;
    struct str query;             /* of the target, in head */
    struct admin_request request; /* texts in head; of pages with methods of their own */
    char *request_body;           /* ours; NULL: dropped */
    char *body;                   /* of the answer; ours */
    struct iovec iov[2];
    char answer_head[512];
    uint32_t received; /* of head */
    char head[ADMIN_HEAD_BYTES_MAX];
};

/* One path being listened on, until its accept is joined. */
struct endpoint {
    struct admin *admin;
    struct endpoint *next;
    struct op accept;
    struct timer retry; /* of an accept that failed */
    int fd;
    bool closing;
    char *path;
};

struct admin {
    struct loop *loop;
    struct admin_user *user;
    struct endpoint *endpoints; /* the one in use is the only one that is not closing */
    struct list conns;
    uint32_t conns_count;
    bool reloading;
    bool stopping;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    struct task stopped_task;
};

static const struct transport_user transport_user;

static void tell_if_stopped(struct admin *a)
{
    if (a->stopping && !a->endpoints && !a->conns_count)
        loop_defer(a->loop, &a->stopped_task);
}

/* ---- answers ---- */

static void close_conn(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    c->state = CONN_CLOSING;
    timer_remove(&c->t.loop->timers, &c->timer);
    transport_close(&c->t, false);
}

static void deadline_in(struct conn *c, uint32_t ms)
{
    loop_timer_set(c->t.loop, &c->timer, c->t.loop->now_ns + ms_to_ns(ms));
}

/* `extra`: whole lines of the head. Takes the body over. */
static void send_answer(struct conn *c, int status, const char *type, const char *extra, char *body,
                        size_t body_bytes)
{
    c->body = body;
    struct str reason = http_status_reason((uint16_t)status);
    int n = snprintf(c->answer_head, sizeof c->answer_head,
                     "HTTP/1.1 %d %.*s\r\n"
                     "Content-Type: %s\r\n"
                     "Content-Length: %zu\r\n"
                     "Cache-Control: no-store\r\n"
                     "%sConnection: close\r\n\r\n",
                     status, (int)reason.len, reason.ptr, type, body_bytes, extra);
    CHECK(n > 0 && (size_t)n < sizeof c->answer_head);
    c->iov[0] = (struct iovec){ c->answer_head, (size_t)n };
    c->iov[1] = (struct iovec){ body, body_bytes };
    c->state = CONN_SENDING;
    deadline_in(c, ADMIN_WRITE_TIMEOUT_MS);
    transport_send(&c->t, c->iov, body_bytes && !c->head_only ? 2 : 1);
}

static void send_text(struct conn *c, int status, const char *extra, const char *text)
{
    char *body = strdup(text);
    if (body)
        send_answer(c, status, "text/plain; charset=utf-8", extra, body, strlen(body));
    else
        close_conn(c);
}

/* ---- requests ---- */

static void answer_page(struct conn *c)
{
    const char *type = "text/plain; charset=utf-8";
    char *body = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&body, &bytes);
    if (!to) {
        close_conn(c);
        return;
    }
    struct admin_user *u = c->admin->user;
    int status = c->page->get ? c->page->get(u, to, &type) : c->page->post(u, c->query, to, &type);
    bool whole = !ferror(to);
    if (fclose(to) == 0 && whole) {
        send_answer(c, status, type, "", body, bytes);
    } else {
        free(body);
        close_conn(c);
    }
}

static void begin_reload(struct conn *c)
{
    struct admin *a = c->admin;
    c->state = CONN_WAITING;
    timer_remove(&a->loop->timers, &c->timer);
    bool was = a->reloading;
    a->reloading = true;
    if (was || !a->user->reload(a->user)) {
        a->reloading = was;
        send_text(c, 409, "", "not now: another reload is under way, or sluice is about to end\n");
    }
}

static void answer_tree(struct conn *c)
{
    struct admin_reply reply;
    c->admin->user->backends(c->admin->user, &c->request, &reply);
    if (reply.body)
        send_answer(c, reply.status, "application/json", reply.fields, reply.body,
                    reply.body_bytes);
    else
        close_conn(c);
}

static void answer_request(struct conn *c)
{
    if (c->page->tree)
        answer_tree(c);
    else if (c->page->get || c->page->post)
        answer_page(c);
    else
        begin_reload(c);
}

static void find_page(struct conn *c, const struct http_head *h)
{
    struct str path = head_str(h, h->target);
    const char *query = memchr(path.ptr, '?', path.len), *end = path.ptr + path.len;
    if (query) {
        c->query = (struct str){ query + 1, (size_t)(end - query - 1) };
        path.len = (size_t)(query - path.ptr);
    }
    const struct http_field *match = head_field_named(h, STR("if-match"));
    c->request = (struct admin_request){ .method = h->method_id,
                                         .path = path,
                                         .if_match = match ? head_value(h, match) : STR("") };
    c->page = admin_page_find(path);
}

static bool accepts_json(const struct http_head *h)
{
    const struct http_field *f = head_field_named(h, STR("accept"));
    struct str rest = f ? head_value(h, f) : (struct str){ 0 }, one;
    while (http_list_next(&rest, &one))
        if (one.len >= 16 && str_eq_fold((struct str){ one.ptr, 16 }, STR("application/json")))
            return true;
    return false;
}

/* Says what is wrong with a request that was understood; false: nothing is. */
static bool refuse(struct conn *c, const struct http_head *h, const struct framing *f)
{
    const struct admin_page *page = c->page;
    bool read = h->method_id == METHOD_GET || h->method_id == METHOD_HEAD;
    if (!page)
        send_text(c, 404, "", "there is no such thing; GET / tells what there is\n");
    else if (f->kind == BODY_CHUNKED || f->length > ADMIN_BODY_BYTES_MAX)
        send_text(c, 413, "", "no body of this kind, or of this length, is read\n");
    else if (page->tree)
        return false;
    else if (page->get && !read)
        send_text(c, 405, "Allow: GET, HEAD\r\n", "this can be read only\n");
    else if (!page->get && h->method_id != METHOD_POST)
        send_text(c, 405, "Allow: POST\r\n", "this is done by POST\n");
    else
        return false;
    return true;
}

/* Of the request's body, as far as it belongs to that. */
static void take_body(struct conn *c, const void *bytes, uint64_t n)
{
    if (n > c->body_left)
        n = c->body_left;
    if (c->request_body && n) {
        memcpy(c->request_body + c->request.body.len, bytes, n);
        c->request.body = (struct str){ c->request_body, c->request.body.len + n };
    }
    c->body_left -= n;
}

static void take_request(struct conn *c, const struct http_head *h)
{
    struct framing f;
    if (framing_of_request(h, &f) != END_OK) {
        send_text(c, 400, "", "this is no HTTP request that could be understood\n");
        return;
    }
    c->head_only = h->method_id == METHOD_HEAD;
    find_page(c, h);
    if (refuse(c, h, &f))
        return;
    c->wants_json = accepts_json(h);
    uint64_t here = c->received - h->head_bytes;
    c->body_left = f.kind == BODY_LENGTH ? f.length : 0;
    if (c->page->tree && c->body_left && !(c->request_body = malloc(c->body_left))) {
        close_conn(c);
        return;
    }
    take_body(c, c->head + h->head_bytes, here);
    if (c->body_left) {
        c->state = CONN_BODY;
        transport_read(&c->t);
    } else {
        answer_request(c);
    }
}

static void read_head(struct conn *c, const void *bytes, uint32_t n)
{
    struct http_head h;
    enum end_reason why = END_OK;
    uint32_t seen = c->received, room = (uint32_t)sizeof c->head - c->received;
    uint32_t taken = n < room ? n : room;
    memcpy(c->head + c->received, bytes, taken);
    c->received += taken;
    switch (h1_parse_request(c->head, c->received, seen, &h, &why)) {
    case H1_DONE:
        take_request(c, &h);
        return;
    case H1_PARTIAL:
        if (c->received < sizeof c->head)
            transport_read(&c->t);
        else
            send_text(c, 431, "", "the head is too large\n");
        return;
    case H1_ERROR:
        send_text(c, 400, "", "this is no HTTP request that could be understood\n");
        return;
    }
}

/* ---- from the transport ---- */

static void on_ready(struct transport *t, int err)
{
    (void)t;
    CHECK(err == 0);
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct conn *c = container_of(t, struct conn, t);
    switch (c->state) {
    case CONN_HEAD:
        read_head(c, data.buf->data + data.off, data.len);
        break;
    case CONN_BODY:
        take_body(c, data.buf->data + data.off, data.len);
        if (c->body_left)
            transport_read(t);
        else
            answer_request(c);
        break;
    case CONN_LINGER:
        transport_read(t);
        break;
    case CONN_WAITING:
    case CONN_SENDING:
    case CONN_CLOSING:
        CHECK(false);
    }
    buf_unref(data.buf);
}

static void on_end(struct transport *t, int err)
{
    (void)err;
    close_conn(container_of(t, struct conn, t));
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    (void)sent_bytes;
    struct conn *c = container_of(t, struct conn, t);
    if (err) {
        close_conn(c);
        return;
    }
    c->state = CONN_LINGER;
    transport_shutdown_write(t);
    deadline_in(c, ADMIN_LINGER_TIMEOUT_MS);
    if (!t->ended)
        transport_read(t);
}

static void on_closed(struct transport *t)
{
    struct conn *c = container_of(t, struct conn, t);
    struct admin *a = c->admin;
    list_remove(&c->node);
    a->conns_count--;
    free(c->body);
    free(c->request_body);
    free(c);
    tell_if_stopped(a);
}

static const struct transport_user transport_user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    close_conn(container_of(timer, struct conn, timer));
}

/* ---- listening ---- */

static void free_endpoint(struct endpoint *e)
{
    struct admin *a = e->admin;
    struct endpoint **at = &a->endpoints;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    timer_remove(&a->loop->timers, &e->retry);
    sock_close(e->fd, false);
    free(e->path);
    free(e);
    tell_if_stopped(a);
}

static void take_connection(struct admin *a, int fd)
{
    struct conn *c = a->conns_count < ADMIN_CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        sock_close(fd, false);
        return;
    }
    c->admin = a;
    c->state = CONN_HEAD;
    list_push_back(&a->conns, &c->node);
    a->conns_count++;
    timer_init(&c->timer, on_timer);
    transport_init_plain(&c->t, a->loop, &transport_user, fd);
    deadline_in(c, ADMIN_REQUEST_TIMEOUT_MS);
    transport_read(&c->t);
}

static void on_accept(struct op *op, struct op_result result)
{
    struct endpoint *e = container_of(op, struct endpoint, accept);
    if (result.res >= 0) {
        if (e->closing)
            sock_close(result.res, false);
        else
            take_connection(e->admin, result.res);
    }
    if (result.more)
        return;
    if (e->closing)
        free_endpoint(e);
    else if (result.res >= 0)
        op_accept(e->admin->loop, &e->accept, e->fd);
    else /* no descriptor, no memory: later */
        loop_timer_set(e->admin->loop, &e->retry, e->admin->loop->now_ns + ms_to_ns(RETRY_MS));
}

static void on_retry(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct endpoint *e = container_of(t, struct endpoint, retry);
    op_accept(e->admin->loop, &e->accept, e->fd);
}

static void close_endpoint(struct endpoint *e)
{
    if (e->closing)
        return;
    e->closing = true;
    e->admin->user->close(e->admin->user, e->path);
    if (op_busy(&e->accept))
        op_cancel(e->admin->loop, &e->accept);
    else
        free_endpoint(e);
}

static struct endpoint *current(const struct admin *a)
{
    struct endpoint *e = a->endpoints;
    while (e && e->closing)
        e = e->next;
    return e;
}

bool admin_listen(struct admin *a, const char *path, char *why, uint32_t why_bytes)
{
    struct endpoint *old = current(a);
    if (path && old && strcmp(old->path, path) == 0)
        return true;
    if (path) {
        struct endpoint *e = calloc(1, sizeof *e);
        char *copy = strdup(path);
        int fd = e && copy ? a->user->open(a->user, path) : -ENOMEM;
        if (fd < 0) {
            snprintf(why, why_bytes, "admin: %s: %s", path, strerror(-fd));
            free(copy);
            free(e);
            return false;
        }
        *e = (struct endpoint){ .admin = a, .fd = fd, .path = copy, .next = a->endpoints };
        a->endpoints = e;
        op_init(&e->accept, on_accept);
        timer_init(&e->retry, on_retry);
        op_accept(a->loop, &e->accept, e->fd);
    }
    if (old)
        close_endpoint(old);
    return true;
}

/* ---- for control ---- */

static void run_stopped(struct task *t)
{
    struct admin *a = container_of(t, struct admin, stopped_task);
    a->on_stopped(a->on_stopped_arg);
}

struct admin *admin_create(struct loop *l, struct admin_user *u)
{
    struct admin *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->loop = l;
    a->user = u;
    list_init(&a->conns);
    a->stopped_task.run = run_stopped;
    return a;
}

void admin_reloaded(struct admin *a, int status, struct str text, struct str json)
{
    a->reloading = false;
    for (struct list *n = a->conns.next, *next; n != &a->conns; n = next) {
        next = n->next;
        struct conn *c = container_of(n, struct conn, node);
        if (c->state != CONN_WAITING)
            continue;
        struct str s = c->wants_json ? json : text;
        char *body = malloc(s.len + 1);
        if (!body) {
            close_conn(c);
            continue;
        }
        memcpy(body, s.ptr, s.len);
        send_answer(c, status, c->wants_json ? "application/json" : "text/plain; charset=utf-8", "",
                    body, s.len);
    }
}

void admin_stop(struct admin *a, void (*on_stopped)(void *arg), void *arg)
{
    a->stopping = true;
    a->on_stopped = on_stopped;
    a->on_stopped_arg = arg;
    for (struct endpoint *e = a->endpoints, *next; e; e = next) {
        next = e->next;
        close_endpoint(e);
    }
    for (struct list *n = a->conns.next, *next; n != &a->conns; n = next) {
        next = n->next;
        close_conn(container_of(n, struct conn, node));
    }
    tell_if_stopped(a);
}

void admin_destroy(struct admin *a)
{
    if (!a)
        return;
    CHECK(!a->endpoints && !a->conns_count);
    free(a);
}
