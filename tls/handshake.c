/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Beginning and agreeing. Handshakes cost as much as dozens of requests each, so a worker does a
 * bounded number of steps in a turn of its loop: a storm of them delays others by that much. */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "tls/context_inside.h"
#include "tls/key_log.h"
#include "tls/session.h"

/* About a millisecond. */
#define STEPS_PER_TURN 8

/* A server's ticket comes with its first bytes, or not at all. */
#define RESUME_TRIES 4

/* --- steps --- */

static void ready(struct tls_session *s)
{
    struct transport *t = s->t;
    s->state = SESSION_OPEN;
    s->w->handshakes++;
    if (wolfSSL_session_reused(s->ssl))
        s->w->resumed++;
    if (unlikely(s->w->key_log >= 0))
        key_log_done(s->ssl, s->w->key_log);
    s->more_inside = wolfSSL_pending(s->ssl) > 0;
    s->resume_tries = s->resume ? RESUME_TRIES : 0;
    if (s->offered && !wolfSSL_session_reused(s->ssl))
        tls_resume_drop(s->resume, s->name);
    t->user->on_ready(t, 0);
    /* What is left to send (a server's ticket) goes with the first answer if that comes at once. */
    if (!t->closing && !(t->reading && s->in.len > 0))
        tls_flush(s);
}

static void failed(struct tls_session *s, enum tls_failure why)
{
    struct transport *t = s->t;
    if (s->offered)
        tls_resume_drop(s->resume, s->name);
    tls_session_fail(s, why, 0);
    t->user->on_ready(t, s->err);
}

/* A record of type alert, at the start of what was received. wolfSSL takes one in clear, as OpenSSL
 * sends it when it does not like our certificate, for a broken record. */
static bool is_alert(const struct tls_session *s)
{
    enum { RECORD_ALERT = 21 };
    return s->in.len > 0 && s->in.buf->data[s->in.off] == RECORD_ALERT;
}

static void drive(struct tls_session *s)
{
    bool alert = is_alert(s);
    int rc = s->client ? wolfSSL_connect(s->ssl) : wolfSSL_accept(s->ssl);
    if (rc == WOLFSSL_SUCCESS) {
        ready(s);
        return;
    }
    int error = wolfSSL_get_error(s->ssl, rc);
    if (error == WOLFSSL_ERROR_WANT_READ) {
        if (!s->client)
            tls_context_renumber_tickets(s->ssl);
        tls_wait(s);
    } else if (error == WOLFSSL_ERROR_WANT_WRITE && !s->no_room) {
        s->handshake_blocked = true;
        tls_flush(s);
    } else {
        failed(s, s->no_room ? TLS_MEMORY : alert ? TLS_ALERT : tls_failure_of(error));
    }
}

static bool attach(struct tls_session *s, WOLFSSL *ssl)
{
    if (!ssl)
        return false;
    s->ssl = ssl;
    s->state = SESSION_HANDSHAKE;
    wolfSSL_SetIOReadCtx(ssl, s);
    wolfSSL_SetIOWriteCtx(ssl, s);
    if (unlikely(s->w->key_log >= 0))
        key_log_watch(ssl, s->w->key_log);
    return true;
}

/* TLS ends before it began. What was received is dropped, or kept where a server's transport, which
 * has nothing to say first, has no use for it. */
static void turn_plain(struct tls_session *s, enum tls_failure why, bool keeps)
{
    struct transport *t = s->t;
    struct buf_slice hello = { 0 };
    if (keeps) {
        hello = s->in;
        s->in = (struct buf_slice){ 0 };
    }
    tls_session_free(s);
    transport_init_plain(t, t->loop, t->user, t->fd);
    t->preamble = hello;
    t->user->on_ready(t, tls_failure_err(why));
}

struct buf_slice transport_take_hello(struct transport *t)
{
    struct buf_slice hello = t->preamble;
    t->preamble = (struct buf_slice){ 0 };
    return hello;
}

/* A fatal alert (RFC 8446 6): unrecognized_name(112). There is no wolfSSL yet that could. */
static void say_unknown_name(struct tls_session *s)
{
    char alert[] = { 21, 3, 3, 0, 2, 2, 112 };
    (void)tls_io_send(NULL, alert, sizeof alert, s);
}

static void read_hello(struct tls_session *s)
{
    struct client_hello hello;
    switch (client_hello_parse(s->in.buf->data + s->in.off, s->in.len, &hello)) {
    case HELLO_PARTIAL:
        tls_wait(s);
        return;
    case HELLO_PLAIN_HTTP: /* dropped: its answer says what to do instead */
        s->w->failed++;
        turn_plain(s, TLS_PLAIN_HTTP, false);
        return;
    case HELLO_NOT_TLS:
        failed(s, TLS_NOT_TLS);
        return;
    case HELLO_BAD: /* wolfSSL refuses it, with the right alert */
    case HELLO_OK:
        break;
    }
    if (hello.acme && tls_context_passes_acme(s->context)) {
        turn_plain(s, TLS_ACME, true);
        return;
    }
    memcpy(s->name, hello.name, hello.name_len);
    s->name_len = hello.name_len;
    WOLFSSL *ssl = NULL;
    enum tls_failure why = tls_context_accept(s, &hello, &ssl);
    if (why == TLS_UNKNOWN_NAME)
        say_unknown_name(s);
    if (attach(s, ssl))
        drive(s);
    else
        failed(s, why);
}

static bool begin_client(struct tls_session *s)
{
    if (!attach(s, tls_context_connect(s->context, s->name, s->alpn)))
        return false;
    if (s->resume)
        s->offered = tls_resume_offer(s->resume, s->name, s->ssl);
    return true;
}

static void step(struct tls_session *s)
{
    if (s->state == SESSION_HELLO)
        read_hello(s);
    else if (s->ssl || begin_client(s))
        drive(s);
    else
        failed(s, TLS_MEMORY);
}

/* --- their turn --- */

void tls_handshake_due(struct tls_session *s)
{
    struct tls_worker *w = s->w;
    CHECK(list_empty(&s->pending));
    list_push_back(&w->pending, &s->pending);
    loop_defer(w->loop, &w->task);
}

static void run_steps(struct task *task)
{
    struct tls_worker *w = container_of(task, struct tls_worker, task);
    for (int i = 0; i < STEPS_PER_TURN && !list_empty(&w->pending); i++) {
        struct tls_session *s = container_of(w->pending.next, struct tls_session, pending);
        list_remove(&s->pending);
        step(s);
    }
    if (!list_empty(&w->pending))
        loop_defer_next(w->loop, &w->task);
}

/* --- beginning --- */

void tls_worker_init(struct tls_worker *w, struct loop *l)
{
    *w = (struct tls_worker){ .loop = l, .key_log = -1 };
    slab_init(&w->sessions, sizeof(struct tls_session), 0);
    list_init(&w->pending);
    w->task.run = run_steps;
}

bool tls_worker_use_tickets(struct tls_worker *w, const struct ticket_secret *secret)
{
    return ticket_ring_init(&w->tickets, secret);
}

void tls_worker_destroy(struct tls_worker *w)
{
    CHECK(list_empty(&w->pending));
    ticket_ring_destroy(&w->tickets);
    slab_destroy(&w->sessions);
}

static struct tls_session *begin(struct transport *t, struct tls_worker *w,
                                 const struct transport_user *user, struct tls_context *c, int fd)
{
    struct tls_session *s = slab_take(&w->sessions);
    if (!s)
        return NULL;
    memset(s, 0, offsetof(struct tls_session, name));
    *t = (struct transport){
        .ops = &tls_transport_ops, .user = user, .loop = w->loop, .tls = s, .fd = fd
    };
    s->t = t;
    s->w = w;
    s->context = c;
    tls_context_ref(c);
    list_init(&s->pending);
    tls_session_init_ops(s);
    return s;
}

bool transport_init_tls_server(struct transport *t, struct tls_worker *w,
                               const struct transport_user *user, struct tls_context *c, int fd)
{
    struct tls_session *s = begin(t, w, user, c, fd);
    if (!s)
        return false;
    s->state = SESSION_HELLO;
    tls_wait(s);
    return true;
}

bool transport_init_tls_client(struct transport *t, struct tls_worker *w,
                               const struct transport_user *user, struct tls_context *c,
                               struct str server_name, struct tls_resume *resume)
{
    struct tls_session *s =
        server_name.len <= SERVER_NAME_BYTES_MAX ? begin(t, w, user, c, -1) : NULL;
    if (!s)
        return false;
    s->state = SESSION_TCP;
    s->client = true;
    s->resume = resume;
    s->alpn = c->alpn;
    memcpy(s->name, server_name.ptr, server_name.len);
    s->name[server_name.len] = '\0';
    s->name_len = (uint16_t)server_name.len;
    return true;
}

void transport_tls_offer(struct transport *t, const char *alpn)
{
    CHECK(t->tls && t->tls->state == SESSION_TCP);
    t->tls->alpn = alpn;
}

/* --- what is known --- */

bool transport_tls_silent(const struct transport *t)
{
    const struct tls_session *s = t->tls;
    return s && !s->ssl && s->in.len == 0;
}

bool transport_tls_same_clients(const struct transport *t, struct str host)
{
    return !t->tls || tls_context_same_clients(t->tls, host);
}

enum tls_failure transport_tls_failure(const struct transport *t)
{
    return t->tls ? (enum tls_failure)t->tls->failure : TLS_FINE;
}

struct str transport_tls_server_name(const struct transport *t)
{
    const struct tls_session *s = t->tls;
    return s ? (struct str){ s->name, s->name_len } : (struct str){ 0 };
}

bool transport_tls_resumed(const struct transport *t)
{
    return t->tls && t->tls->state == SESSION_OPEN && wolfSSL_session_reused(t->tls->ssl);
}

bool transport_tls_handshaking(const struct transport *t)
{
    return t->tls && t->tls->state == SESSION_HANDSHAKE;
}

static const char *text(const char *s)
{
    return s ? s : "";
}

bool transport_tls_facts(const struct transport *t, struct tls_facts *out)
{
    const struct tls_session *s = t->tls;
    if (!s || s->state != SESSION_OPEN)
        return false;
    int suite = wolfSSL_get_current_cipher_suite(s->ssl);
    char *protocol = NULL;
    unsigned short protocol_len = 0;
    *out = (struct tls_facts){ .version = text(wolfSSL_get_version(s->ssl)),
                               .cipher = text(wolfSSL_get_cipher_name_iana_from_suite(
                                   (unsigned char)(suite >> 8), (unsigned char)suite)),
                               .group = text(wolfSSL_get_curve_name(s->ssl)),
                               .minor = (uint8_t)(wolfSSL_version(s->ssl) - TLS1_VERSION),
                               .suite = (uint16_t)suite,
                               .server_name = { s->name, s->name_len },
                               .peer = s->peer,
                               .resumed = wolfSSL_session_reused(s->ssl) };
    if (wolfSSL_ALPN_GetProtocol(s->ssl, &protocol, &protocol_len) == WOLFSSL_SUCCESS)
        out->protocol = (struct str){ protocol, protocol_len };
    return true;
}
