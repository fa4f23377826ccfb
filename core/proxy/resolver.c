/* SPDX-License-Identifier: GPL-3.0-or-later */
/* c-ares on a loop: its sockets are watched through the ring, its time is a timer's. */
#include "core/proxy/resolver.h"

#include <ares.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "core/base/check.h"
#include "core/proxy/resolver_internal.h"
#include "core/ring/sock.h"
#include "core/ring/sock_now.h"

#define CLASS_IN 1
#define UDP_BYTES 1232 /* announced: what passes everywhere in one packet (DNS flag day 2020) */

/* A socket of the library. Its poll is in flight as long as something is wanted of it. */
struct watch_fd {
    struct resolver *r;
    struct list node;
    struct op poll;
    int fd;
    uint32_t wanted;  /* poll bits */
    bool closing;     /* the library has done with it: closed as soon as the poll has ended */
    bool in_progress; /* the library works on it: it is not freed meanwhile */
};

struct resolver {
    struct loop *loop;
    struct dns_config config;
    char *texts; /* of the hosts and the search list */
    ares_channel channel;
    struct list watches;
    struct timer timer;
    uint32_t jobs;
    bool destroying;
    struct task gone;
    void (*on_none)(void *arg);
    void *arg;
};

/* ---- The end -------------------------------------------------------------------------------- */

static void free_resolver(struct resolver *r)
{
    free(r->config.servers);
    free(r->config.search.items);
    free(r->config.hosts);
    free(r->texts);
    free(r);
}

static void run_gone(struct task *t)
{
    struct resolver *r = container_of(t, struct resolver, gone);
    void (*on_none)(void *arg) = r->on_none;
    void *arg = r->arg;
    free_resolver(r);
    on_none(arg);
}

static void end_if_done(struct resolver *r)
{
    if (r->destroying && r->jobs == 0 && list_empty(&r->watches))
        loop_defer(r->loop, &r->gone);
}

bool resolver_enter(struct resolver *r)
{
    if (r->destroying || r->jobs >= LOOKUPS_MAX)
        return false;
    r->jobs++;
    return true;
}

void resolver_leave(struct resolver *r)
{
    r->jobs--;
    end_if_done(r);
}

void resolver_destroy(struct resolver *r, void (*on_none)(void *arg), void *arg)
{
    CHECK(!r->destroying);
    r->on_none = on_none;
    r->arg = arg;
    ares_destroy(r->channel); /* ends all queries, closes all sockets */
    timer_remove(&r->loop->timers, &r->timer);
    r->destroying = true;
    end_if_done(r);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static void set_timer(struct resolver *r)
{
    struct timeval tv;
    uint64_t at = TIMER_NEVER;
    if (ares_timeout(r->channel, NULL, &tv))
        at = r->loop->now_ns + (uint64_t)tv.tv_sec * UINT64_C(1000000000) +
             (uint64_t)tv.tv_usec * UINT64_C(1000);
    loop_timer_set(r->loop, &r->timer, at);
}

static void process(struct resolver *r, int readable, int writable)
{
    ares_process_fd(r->channel, readable, writable);
    set_timer(r);
}

static void on_timer(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    process(container_of(t, struct resolver, timer), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* ---- Sockets -------------------------------------------------------------------------------- */

static struct watch_fd *find_watch(struct resolver *r, int fd)
{
    for (struct list *n = r->watches.next; n != &r->watches; n = n->next) {
        struct watch_fd *w = container_of(n, struct watch_fd, node);
        if (w->fd == fd && !w->closing)
            return w;
    }
    return NULL;
}

static void free_watch(struct watch_fd *w)
{
    struct resolver *r = w->r;
    sock_close(w->fd, false);
    list_remove(&w->node);
    free(w);
    end_if_done(r);
}

/* What is wanted has changed. */
static void follow(struct watch_fd *w)
{
    if (w->in_progress)
        return; /* looked at when the library returns */
    if (op_busy(&w->poll))
        op_cancel(w->r->loop, &w->poll); /* its completion follows anew */
    else if (w->closing)
        free_watch(w);
    else if (w->wanted)
        op_poll(w->r->loop, &w->poll, w->fd, w->wanted);
}

static void on_poll(struct op *op, struct op_result result)
{
    struct watch_fd *w = container_of(op, struct watch_fd, poll);
    const uint32_t any = POLLERR | POLLHUP | POLLNVAL;
    if (result.res > 0 && !w->closing) {
        uint32_t bits = (uint32_t)result.res;
        w->in_progress = true;
        process(w->r, bits & (POLLIN | any) ? w->fd : ARES_SOCKET_BAD,
                bits & POLLOUT ? w->fd : ARES_SOCKET_BAD);
        w->in_progress = false;
    }
    follow(w);
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct watch_fd *w = find_watch(arg, fd);
    uint32_t wanted = (readable ? (uint32_t)POLLIN : 0) | (writable ? (uint32_t)POLLOUT : 0);
    if (!w || w->wanted == wanted)
        return;
    w->wanted = wanted;
    follow(w);
}

static int failed(int err)
{
    errno = -err;
    return -1;
}

static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
    (void)protocol;
    struct resolver *r = arg;
    struct watch_fd *w = calloc(1, sizeof *w);
    int fd = w ? sock_now_open(family, type) : -ENOMEM;
    if (fd < 0) {
        free(w);
        return failed(fd);
    }
    w->r = r;
    w->fd = fd;
    op_init(&w->poll, on_poll);
    list_push_back(&r->watches, &w->node);
    return fd;
}

static int close_socket(ares_socket_t fd, void *arg)
{
    struct watch_fd *w = find_watch(arg, fd);
    CHECK(w);
    w->closing = true;
    w->wanted = 0;
    follow(w);
    return 0;
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len,
                          void *arg)
{
    (void)arg;
    int rc = sock_now_connect(fd, sa, len);
    return rc < 0 ? failed(rc) : 0;
}

static ares_ssize_t receive(ares_socket_t fd, void *to, size_t bytes, int flags,
                            struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
    (void)arg;
    ssize_t n = sock_now_receive(fd, to, bytes, flags, from, from_len);
    return n < 0 ? failed((int)n) : n;
}

static ares_ssize_t send_vector(ares_socket_t fd, const struct iovec *iov, int count, void *arg)
{
    (void)arg;
    ssize_t n = sock_now_send(fd, iov, count);
    return n < 0 ? failed((int)n) : n;
}

static const struct ares_socket_functions socket_functions = {
    .asocket = open_socket,
    .aclose = close_socket,
    .aconnect = connect_socket,
    .arecvfrom = receive,
    .asendv = send_vector,
};

/* ---- Questions ------------------------------------------------------------------------------ */

static enum lookup_status status_of(int ares_status)
{
    switch (ares_status) {
    case ARES_SUCCESS:
        return LOOKUP_OK;
    case ARES_ENODATA:
        return LOOKUP_NO_DATA;
    case ARES_ENOTFOUND:
        return LOOKUP_NO_NAME;
    case ARES_EBADNAME:
        return LOOKUP_BAD_NAME;
    case ARES_ETIMEOUT:
        return LOOKUP_TIMED_OUT;
    case ARES_EBADRESP:
        return LOOKUP_MALFORMED;
    default:
        return LOOKUP_FAILED;
    }
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    (void)timeouts;
    struct query *q = arg;
    q->done(q, status_of(status), bytes, len > 0 ? (size_t)len : 0);
}

void resolver_query(struct resolver *r, struct query *q, const char *name, enum dns_type type)
{
    ares_query(r->channel, name, CLASS_IN, (int)type, on_answer, q);
    set_timer(r);
}

struct loop *resolver_loop(const struct resolver *r)
{
    return r->loop;
}

const struct dns_config *resolver_config(const struct resolver *r)
{
    return &r->config;
}

/* ---- The beginning -------------------------------------------------------------------------- */

static void *copy_of(const void *p, size_t bytes)
{
    void *copy = malloc(bytes ? bytes : 1);
    if (copy && bytes)
        memcpy(copy, p, bytes);
    return copy;
}

static struct str put_text(char **at, struct str s)
{
    char *p = *at;
    memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    *at += s.len + 1;
    return (struct str){ p, s.len };
}

static bool copy_config(struct resolver *r, const struct dns_config *c)
{
    struct dns_config *to = &r->config;
    size_t texts = 1;
    for (uint32_t i = 0; i < c->search.items_count; i++)
        texts += c->search.items[i].len + 1;
    for (uint32_t i = 0; i < c->hosts_count; i++)
        texts += c->hosts[i].name.len + 1;
    *to = *c;
    to->servers = copy_of(c->servers, c->servers_count * sizeof *c->servers);
    to->search.items = copy_of(c->search.items, c->search.items_count * sizeof(struct str));
    to->hosts = copy_of(c->hosts, c->hosts_count * sizeof *c->hosts);
    char *at = r->texts = malloc(texts);
    if (!to->servers || !to->search.items || !to->hosts || !at)
        return false;
    for (uint32_t i = 0; i < c->search.items_count; i++)
        to->search.items[i] = put_text(&at, to->search.items[i]);
    for (uint32_t i = 0; i < c->hosts_count; i++)
        to->hosts[i].name = put_text(&at, to->hosts[i].name);
    return true;
}

static bool name_servers(struct resolver *r)
{
    struct ares_addr_port_node nodes[DNS_SERVERS_MAX] = { 0 };
    uint32_t count =
        r->config.servers_count < DNS_SERVERS_MAX ? r->config.servers_count : DNS_SERVERS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct addr *a = &r->config.servers[i];
        struct ares_addr_port_node *n = &nodes[i];
        n->next = i + 1 < count ? &nodes[i + 1] : NULL;
        n->family = a->sa.sa_family;
        n->udp_port = n->tcp_port = ntohs(a->v4.sin_port); /* both families have it there */
        if (a->sa.sa_family == AF_INET)
            n->addr.addr4 = a->v4.sin_addr;
        else
            memcpy(&n->addr.addr6, &a->v6.sin6_addr, sizeof n->addr.addr6);
    }
    /* Nobody named means this machine, to the library too. */
    return count == 0 || ares_set_servers_ports(r->channel, nodes) == ARES_SUCCESS;
}

/* Everything that the library would find out from the machine is said. */
static bool open_channel(struct resolver *r)
{
    char lookups[] = "b", nothing[] = "/dev/null";
    struct ares_options o = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
        .timeout = (int)r->config.timeout_ms,
        .tries = (int)r->config.attempts,
        .ndots = 1,
        .ednspsz = UDP_BYTES,
        .lookups = lookups,
        .resolvconf_path = nothing,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = r,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_DOMAINS |
               ARES_OPT_SORTLIST | ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&r->channel, &o, mask) != ARES_SUCCESS)
        return false;
    ares_set_socket_functions(r->channel, &socket_functions, r);
    if (name_servers(r))
        return true;
    ares_destroy(r->channel);
    return false;
}

struct resolver *resolver_create(struct loop *l, const struct dns_config *config)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->loop = l;
    r->gone.run = run_gone;
    list_init(&r->watches);
    timer_init(&r->timer, on_timer);
    if (copy_config(r, config) && open_channel(r))
        return r;
    free_resolver(r);
    return NULL;
}
