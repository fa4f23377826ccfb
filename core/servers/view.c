/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/view.h"

#include <string.h>

#include "core/base/check.h"

/* The server as workers have it; NULL: they do not. */
static const struct shared_server *shared_of(const struct servers *s,
                                             const struct backend_servers *b, const char *id)
{
    const struct plan *p = s->fleet->plan;
    const struct server_list *l = p && b->config ? p->lists[b->index] : NULL;
    for (uint32_t i = 0; l && i < l->set->count; i++)
        if (strcmp(l->shared[i]->name, id) == 0)
            return l->shared[i];
    return NULL;
}

static uint32_t in_flight(const struct shared_server *s)
{
    uint32_t n = 0, cells = atomic_load_explicit(&s->cells_count, memory_order_acquire);
    for (uint32_t i = 0; i < cells; i++) {
        struct server_cell *c = atomic_load_explicit(&s->cells[i], memory_order_acquire);
        n += c ? atomic_load_explicit(&c->load.own, memory_order_relaxed) : 0;
    }
    return n;
}

/* One word for how it is. */
static const char *status_of(const struct merged_server *m, const struct shared_server *shared)
{
    uint32_t flags = shared ? shared_server_flags(shared) : 0;
    return m->removed                      ? "removed"
           : !m->config.addr.len           ? "unresolved"
           : m->state == STATE_MAINTENANCE ? "maintenance"
           : m->state == STATE_DRAIN       ? "draining"
           : flags & SERVER_UNHEALTHY      ? "unhealthy"
           : flags & SERVER_EJECTED        ? "ejected"
                                           : "up";
}

static const char *health_of(const struct backend_servers *b, const struct shared_server *shared)
{
    if (!b->config || b->config->health.kind == PROBE_NONE || !shared)
        return "unchecked";
    return shared_server_flags(shared) & SERVER_UNHEALTHY ? "unhealthy" : "healthy";
}

static const char *said_by(bool by_hand, enum server_layer layer)
{
    return server_layer_text(by_hand ? LAYER_API : layer);
}

json_t *view_server(const struct servers *s, const struct backend_servers *b,
                    const struct merged_server *m)
{
    const struct shared_server *shared = shared_of(s, b, m->config.name);
    char address[ADDR_TEXT_MAX];
    addr_format(&m->config.addr, address);
    json_t *j = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:s, s:{s:s, s:s, s:s}, s:s, s:i, s:b}", "id", m->config.name,
        "address", m->config.addr.len ? address : m->config.host, "status", status_of(m, shared),
        "state", server_state_text(m->state), "weight", (int)m->config.weight, "layer",
        server_layer_text(m->layer), "set_by", "server", server_layer_text(m->named_by), "weight",
        said_by(m->weighted, m->weight_by), "state", said_by(m->stated, m->named_by), "health",
        health_of(b, shared), "priority", (int)m->config.priority, "backup", (int)m->config.backup);
    if (!j)
        return NULL;
    if (m->from)
        json_object_set_new(j, "from", json_string(m->from));
    if (m->config.zone)
        json_object_set_new(j, "zone", json_string(m->config.zone));
    if (m->weighted)
        json_object_set_new(j, "layer_weight", json_integer(m->layer_weight));
    json_object_set_new(j, "in_flight", json_integer(shared ? in_flight(shared) : 0));
    json_object_set_new(j, "latency_ms",
                        shared && shared->latency_at_ns ? json_real(shared->latency / 1e6)
                                                        : json_null());
    return j;
}

static json_t *view_names(const struct servers *s, const struct backend_servers *b)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < b->entries_count; i++) {
        if (!b->entries[i].resolution)
            continue;
        const struct watched_name *w =
            container_of(b->entries[i].resolution, struct watched_name, resolution);
        json_t *j = json_pack("{s:s, s:s, s:s, s:i}", "name", b->entries[i].server->host, "layer",
                              server_layer_text(b->entries[i].layer), "status",
                              w->asked ? lookup_status_text(w->status) : "not answered yet",
                              "addresses", (int)w->resolution.count);
        if (j && w->answered_ns)
            json_object_set_new(j, "age_s",
                                json_integer((json_int_t)((s->loop->now_ns - w->answered_ns) /
                                                          UINT64_C(1000000000))));
        json_array_append_new(all, j);
    }
    return all;
}

static json_t *view_notes(const struct backend_servers *b)
{
    static const char *const kinds[] = { [ISSUE_DUPLICATE] = "duplicate",
                                         [ISSUE_ORPHAN] = "orphan",
                                         [ISSUE_CONFLICT] = "conflict",
                                         [ISSUE_TOO_MANY] = "too_many",
                                         [ISSUE_WEIGHTLESS] = "weightless" };
    static const char *const texts[] = {
        [ISSUE_DUPLICATE] = "it is named twice; this one has no effect",
        [ISSUE_ORPHAN] = "it was changed by hand, and nobody names it any more",
        [ISSUE_CONFLICT] = "the configuration, file or DNS says something else of it than when "
                           "it was changed by hand; the change by hand is in force",
        [ISSUE_TOO_MANY] = "a backend has no room for so many servers; this one is left out",
        [ISSUE_WEIGHTLESS] = "every server has weight 0: none gets anything new",
    };
    json_t *all = json_array();
    for (uint32_t i = 0; i < b->now->notes_count; i++) {
        const struct merge_note *n = &b->now->notes[i];
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s}", "kind", kinds[n->issue], "id",
                                             n->id, "layer", server_layer_text(n->layer), "text",
                                             texts[n->issue]));
    }
    return all;
}

json_t *view_backend(const struct servers *s, const struct backend_servers *b)
{
    json_t *servers = json_array();
    for (uint32_t i = 0; i < b->now->count; i++)
        json_array_append_new(servers, view_server(s, b, &b->now->items[i]));
    json_t *j = json_pack("{s:s, s:I, s:b, s:o, s:o, s:o}", "backend", b->name, "version",
                          (json_int_t)b->version, "in_force", !b->pending, "servers", servers,
                          "names", view_names(s, b), "conflicts", view_notes(b));
    if (j && b->file.path)
        json_object_set_new(j, "file",
                            json_pack("{s:s, s:b}", "path", b->file.path, "good", !b->file.bad));
    return j;
}

json_t *view_backends(const struct servers *s)
{
    json_t *all = json_array();
    for (const struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        const struct backend_servers *b = container_of(n, struct backend_servers, node);
        if (b->config)
            json_array_append_new(all, view_backend(s, b));
    }
    return json_pack("{s:o}", "backends", all);
}
