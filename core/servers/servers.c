/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/servers.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/fleet_servers.h"

#define KNOWN_WAIT_MS                                                                              \
    2000 /* for names that a configuration brings; it is taken up all the same                     \
          */
#define RETRY_MS 20
#define FILE_INTERVAL_MS 500

/* ---- Backends ------------------------------------------------------------------------------- */

struct backend_servers *servers_find(const struct servers *s, const char *name)
{
    for (const struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        if (strcmp(b->name, name) == 0)
            return b;
    }
    return NULL;
}

struct backend_servers *servers_get(struct servers *s, const char *name)
{
    struct backend_servers *b = servers_find(s, name);
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    if (!b || !(b->name = strdup(name))) {
        free(b);
        return NULL;
    }
    b->version = 1;
    list_push_back(&s->backends, &b->node);
    return b;
}

static void free_backend(struct backend_servers *b)
{
    list_remove(&b->node);
    overlay_free(&b->overlay);
    server_file_free(&b->file);
    merged_free(b->now);
    free(b->entries);
    free(b->name);
    free(b);
}

/* ---- Layers --------------------------------------------------------------------------------- */

static bool add_entry(struct servers *s, const struct server_config *c, enum server_layer layer,
                      struct server_entry *to)
{
    *to = (struct server_entry){ .server = c, .layer = layer };
    if (c->kind == SERVER_ADDRESS)
        return true;
    const struct watched_name *w = names_want(&s->names, c);
    to->resolution = w ? &w->resolution : NULL;
    return w;
}

/* All that the layers name, of a backend as a configuration has it. NULL without memory. */
static struct server_entry *make_entries(struct servers *s, const struct backend_servers *b,
                                         const struct backend_config *bc, uint32_t *count)
{
    bool has_file = bc->servers_file && b->file.path && strcmp(bc->servers_file, b->file.path) == 0;
    const struct servers_text *text = has_file ? b->file.text : NULL;
    uint32_t from_file = text ? text->servers_count : 0, n = 0;
    struct server_entry *e =
        calloc(bc->servers_count + from_file + b->overlay.count + 1, sizeof *e);
    bool made = e != NULL;
    for (uint32_t i = 0; made && i < bc->servers_count; i++)
        made = add_entry(s, &bc->servers[i], LAYER_CONFIG, &e[n++]);
    for (uint32_t i = 0; made && i < from_file; i++)
        made = add_entry(s, &text->servers[i], LAYER_FILE, &e[n++]);
    for (uint32_t i = 0; made && i < b->overlay.count; i++)
        if (b->overlay.items[i]->added)
            made = add_entry(s, b->overlay.items[i]->added, LAYER_API, &e[n++]);
    *count = n;
    if (made)
        return e;
    free(e);
    return NULL;
}

static struct merged *merge(const struct servers *s, const struct backend_servers *b,
                            const struct server_entry *entries, uint32_t count)
{
    return merge_servers(entries, count, (const struct server_change *const *)b->overlay.items,
                         b->overlay.count, s->names.dns.family);
}

/* ---- What workers have ---------------------------------------------------------------------- */

/* Who drains and who is under maintenance. */
static void mark(const struct server_list *l, const struct merged *merged, uint64_t now_ns)
{
    for (uint32_t i = 0; i < l->set->count; i++) {
        struct shared_server *shared = l->shared[i];
        const struct merged_server *m = merged_find(merged, shared->name);
        enum server_state state = m ? m->state : STATE_READY;
        uint32_t set = state == STATE_DRAIN         ? SERVER_DRAINING
                       : state == STATE_MAINTENANCE ? SERVER_MAINTENANCE
                                                    : 0;
        shared_server_mark(shared, set, (SERVER_DRAINING | SERVER_MAINTENANCE) & ~set, now_ns);
    }
}

static void mark_in_force(const struct servers *s, const struct backend_servers *b)
{
    mark(s->fleet->plan->lists[b->index], b->now, s->loop->now_ns);
}

/* Those that say no limits have their backend's. */
static uint32_t in_force(const struct merged *m, const struct backend_config *bc,
                         struct server_config out[SERVERS_MAX])
{
    uint32_t count = merged_in_force(m, out);
    for (uint32_t i = 0; i < count; i++) {
        if (!out[i].requests_max)
            out[i].requests_max = bc->per_server.requests_max;
        if (!out[i].connections_max)
            out[i].connections_max = bc->per_server.connections_max;
    }
    return count;
}

/* False: later. */
static bool tell_workers(struct servers *s, struct backend_servers *b)
{
    struct server_config all[SERVERS_MAX];
    uint32_t count = in_force(b->now, b->config, all);
    if (!fleet_change_servers(s->fleet, b->index, all, count))
        return false;
    mark_in_force(s, b);
    watch_plan(s->watch, s->fleet->plan);
    return true;
}

static void try_pending(struct servers *s)
{
    bool left = false;
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        if (b->pending && b->config)
            b->pending = !tell_workers(s, b);
        left |= b->pending && b->config;
    }
    if (left)
        loop_timer_set(s->loop, &s->retry, s->loop->now_ns + ms_to_ns(RETRY_MS));
}

static void on_retry(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    try_pending(container_of(t, struct servers, retry));
}

/* Of a backend that is in force: what came of a layer. */
static void update(struct servers *s, struct backend_servers *b)
{
    struct merged *m = b->entries ? merge(s, b, b->entries, b->entries_count) : NULL;
    if (!m)
        return; /* no memory: as it was */
    struct merged *old = b->now;
    bool same = merged_same(old, m);
    b->now = m;
    b->version++;
    merged_free(old);
    if (!same)
        b->pending = true;
    else if (!b->pending)
        mark_in_force(s, b);
    try_pending(s);
}

/* The layers name other servers, or have other places. */
static void rebuild(struct servers *s, struct backend_servers *b)
{
    uint32_t count;
    struct server_entry *e = make_entries(s, b, b->config, &count);
    if (!e)
        return;
    free(b->entries);
    b->entries = e;
    b->entries_count = count;
    update(s, b);
}

/* Names that nobody wants any more are forgotten. */
static void sweep_names(struct servers *s)
{
    if (s->next)
        return; /* what is prepared wants some, too */
    names_begin(&s->names);
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        for (uint32_t i = 0; b->config && i < b->entries_count; i++)
            if (b->entries[i].resolution)
                (void)names_want(&s->names, b->entries[i].server);
    }
    names_end(&s->names);
}

void servers_changed(struct servers *s, struct backend_servers *b)
{
    if (!b->config)
        return;
    rebuild(s, b);
    sweep_names(s);
}

/* ---- A configuration that comes ------------------------------------------------------------- */

static void forget_planned(struct servers *s)
{
    for (uint32_t i = 0; i < s->planned_count; i++)
        merged_free(s->planned[i]);
    free(s->planned);
    s->planned = NULL;
    s->planned_count = 0;
}

static void end_waiting(struct servers *s)
{
    timer_remove(&s->loop->timers, &s->deadline);
    void (*on_known)(void *arg) = s->on_known;
    s->on_known = NULL;
    if (on_known)
        on_known(s->arg);
}

static void run_known(struct task *t)
{
    struct servers *s = container_of(t, struct servers, known_task);
    if (s->on_known && names_all_asked(&s->names))
        end_waiting(s);
}

static void on_deadline(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    end_waiting(container_of(t, struct servers, deadline));
}

static void use_config(struct servers *s, const struct config *c)
{
    servers_use_journal(s, c->journal);
    names_use(&s->names, &c->dns);
}

static void use_file(struct servers *s, struct backend_servers *b, const char *path)
{
    if (server_file_use(&b->file, path) && path)
        (void)server_file_look(&b->file, s->keeper, b->name);
}

void servers_prepare(struct servers *s, const struct config *c, void (*on_known)(void *arg),
                     void *arg)
{
    CHECK(!s->on_known);
    forget_planned(s);
    s->next = c;
    s->on_known = on_known;
    s->arg = arg;
    s->planned = calloc(c->backends_count + 1, sizeof(struct merged *));
    s->planned_count = s->planned ? c->backends_count : 0;
    use_config(s, c);
    for (uint32_t i = 0; i < c->backends_count; i++) {
        const struct backend_config *bc = &c->backends[i];
        struct backend_servers *b = servers_get(s, bc->name);
        uint32_t count;
        if (b && (!b->config || !b->file.path)) /* else the servers in force point into it */
            use_file(s, b, bc->servers_file);
        free(b ? make_entries(s, b, bc, &count) : NULL); /* its names are asked for */
    }
    loop_timer_set(s->loop, &s->deadline, s->loop->now_ns + ms_to_ns(KNOWN_WAIT_MS));
    loop_defer(s->loop, &s->known_task);
}

void servers_give_up(struct servers *s)
{
    timer_remove(&s->loop->timers, &s->deadline);
    s->on_known = NULL;
    s->next = NULL;
    forget_planned(s);
    if (s->fleet->plan)
        use_config(s, s->fleet->plan->config);
    sweep_names(s);
}

uint32_t servers_list(void *servers, const struct backend_config *bc,
                      struct server_config out[SERVERS_MAX])
{
    struct servers *s = servers;
    uint32_t index = (uint32_t)(bc - s->next->backends), count;
    struct backend_servers *b = servers_get(s, bc->name);
    struct server_entry *e = b ? make_entries(s, b, bc, &count) : NULL;
    struct merged *m = e ? merge(s, b, e, count) : NULL;
    free(e);
    if (index >= s->planned_count || !m) {
        merged_free(m);
        return 0; /* no memory: none, until the next change */
    }
    merged_free(s->planned[index]);
    s->planned[index] = m;
    return in_force(m, bc, out);
}

void servers_planned(struct servers *s, const struct plan *p)
{
    for (uint32_t i = 0; i < s->planned_count; i++)
        if (s->planned[i])
            mark(p->lists[i], s->planned[i], s->loop->now_ns);
}

void servers_applied(struct servers *s)
{
    const struct config *c = s->fleet->plan->config;
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next)
        container_of(n, struct backend_servers, node)->config = NULL;
    for (uint32_t i = 0; i < c->backends_count; i++) {
        struct backend_servers *b = servers_get(s, c->backends[i].name);
        if (!b || i >= s->planned_count || !s->planned[i])
            continue;
        merged_free(b->now);
        b->now = s->planned[i];
        s->planned[i] = NULL;
        b->config = &c->backends[i];
        b->index = i;
        b->pending = false;
        free(b->entries); /* they point into the configuration of before */
        b->entries = NULL;
        b->entries_count = 0;
        use_file(s, b, b->config->servers_file);
    }
    s->next = NULL;
    forget_planned(s);
    for (struct list *n = s->backends.next, *next; n != &s->backends; n = next) {
        next = n->next;
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        if (b->config)
            rebuild(s, b); /* something may have come in between */
        else if (b->overlay.count == 0)
            free_backend(b);
    }
    sweep_names(s);
}

/* ---- What comes in -------------------------------------------------------------------------- */

static void on_name(struct names_of_servers *names, struct watched_name *w)
{
    struct servers *s = container_of(names, struct servers, names);
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        bool has = false;
        for (uint32_t i = 0; b->config && i < b->entries_count; i++)
            has |= b->entries[i].resolution == &w->resolution;
        if (has)
            update(s, b);
    }
    if (s->on_known)
        loop_defer(s->loop, &s->known_task);
}

static void on_file_timer(struct timer *t, uint64_t now_ns)
{
    struct servers *s = container_of(t, struct servers, file_timer);
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        if (b->config && b->file.path && server_file_look(&b->file, s->keeper, b->name))
            servers_changed(s, b);
    }
    loop_timer_set(s->loop, t, now_ns + ms_to_ns(FILE_INTERVAL_MS));
}

/* ---- Life ----------------------------------------------------------------------------------- */

void servers_start(struct servers *s, struct loop *l, struct fleet *f, struct watch *w, int keeper)
{
    *s = (struct servers){ .loop = l, .fleet = f, .watch = w, .keeper = keeper, .journal_fd = -1 };
    list_init(&s->backends);
    names_start(&s->names, l, on_name);
    timer_init(&s->retry, on_retry);
    timer_init(&s->deadline, on_deadline);
    timer_init(&s->file_timer, on_file_timer);
    s->known_task.run = run_known;
    if (keeper >= 0)
        loop_timer_set(l, &s->file_timer, l->now_ns + ms_to_ns(FILE_INTERVAL_MS));
}

void servers_stop(struct servers *s, void (*on_stopped)(void *arg), void *arg)
{
    timer_remove(&s->loop->timers, &s->retry);
    timer_remove(&s->loop->timers, &s->deadline);
    timer_remove(&s->loop->timers, &s->file_timer);
    s->on_known = NULL;
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        b->config = NULL; /* it goes with the last plan */
        free(b->entries);
        b->entries = NULL;
        b->entries_count = 0;
    }
    names_stop(&s->names, on_stopped, arg);
}

void servers_destroy(struct servers *s)
{
    if (!s->loop)
        return;
    forget_planned(s);
    servers_use_journal(s, NULL);
    for (struct list *n = s->backends.next, *next; n != &s->backends; n = next) {
        next = n->next;
        free_backend(container_of(n, struct backend_servers, node));
    }
}
