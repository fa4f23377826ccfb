/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a name to its addresses: the order in which one asks, and what the answers mean together. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/dns.h"
#include "core/proxy/resolver_internal.h"

struct question {
    struct query query;
    struct lookup_job *job;
    enum dns_type type;
    enum lookup_status status;
};

/* Of a service. */
struct target {
    struct lookup lookup;
    struct lookup_job *job;
    struct host_name name;
    uint16_t port, priority, weight;
};

enum job_state {
    JOB_KNOWN,   /* nobody has to be asked: status, and answers, are there */
    JOB_NEW,     /* nobody was asked yet */
    JOB_ASKING,  /* `pending` of the questions are out, for one form of the name */
    JOB_TARGETS, /* the service is known; `pending` of its targets are not */
};

/* Lives from lookup_start() until nobody can call back into it any more: a cancelled one waits for
 * its queries, which the library cannot take back. */
struct lookup_job {
    struct resolver *r;
    struct lookup *lookup; /* NULL: cancelled, or answered */
    enum job_state state;
    struct task task; /* queued when `pending` is 0: goes on */
    enum lookup_kind kind;
    struct host_name name;
    uint32_t candidate;                      /* which form of the name is asked for */
    char asked[2 * HOST_NAME_BYTES_MAX + 2]; /* that form */
    struct question questions[2];
    uint32_t questions_count;
    uint32_t pending;                /* questions, then targets, that are not answered */
    bool no_data_seen, failure_seen; /* of candidates before */
    enum lookup_status status;
    struct target *targets;
    uint32_t targets_count;
    struct dns_answer *items;
    struct dns_answers answers;
};

const char *lookup_status_text(enum lookup_status status)
{
    static const char *const texts[] = {
        [LOOKUP_OK] = "it resolves",
        [LOOKUP_BAD_NAME] = "it is no host name",
        [LOOKUP_NO_NAME] = "there is no such name",
        [LOOKUP_NO_DATA] = "the name has no address",
        [LOOKUP_FAILED] = "the name servers cannot say",
        [LOOKUP_TIMED_OUT] = "no name server answers",
        [LOOKUP_MALFORMED] = "the name server's answer makes no sense",
    };
    return texts[status];
}

/* ---- The end -------------------------------------------------------------------------------- */

static void free_job(struct lookup_job *j)
{
    free(j->targets);
    free(j->items);
    free(j);
}

/* The two questions are answered in any order. Within a family the order stays: name servers turn
 * it to spread the load. */
static void sort_families(struct lookup_job *j)
{
    struct dns_answer *items = j->items, first;
    uint32_t front = 0;
    for (uint32_t i = 0; i < j->answers.count; i++) {
        if (items[i].addr.sa.sa_family != AF_INET)
            continue;
        first = items[i];
        memmove(items + front + 1, items + front, (i - front) * sizeof *items);
        items[front++] = first;
    }
}

/* Gives the answer, if somebody waits for it. */
static void end(struct lookup_job *j)
{
    struct lookup *k = j->lookup;
    if (j->status != LOOKUP_OK)
        j->answers = (struct dns_answers){ 0 };
    if (j->kind == LOOKUP_ADDRESSES)
        sort_families(j);
    j->answers.items = j->items;
    if (k)
        k->job = NULL;
    j->lookup = NULL;
    resolver_leave(j->r); /* it may be destroyed from within done() */
    if (k)
        k->done(k, j->status, &j->answers);
    free_job(j);
}

static void end_as(struct lookup_job *j, enum lookup_status status)
{
    j->status = status;
    end(j);
}

void lookup_cancel(struct lookup *k)
{
    struct lookup_job *j = k->job;
    if (!j)
        return;
    k->job = NULL;
    j->lookup = NULL;
    if (j->state != JOB_TARGETS || j->task.queued)
        return; /* the task frees it */
    for (uint32_t i = 0; i < j->targets_count; i++)
        lookup_cancel(&j->targets[i].lookup);
    end(j);
}

/* ---- Answers -------------------------------------------------------------------------------- */

static void add_answer(struct lookup_job *j, const struct dns_answer *a)
{
    if (!j->items)
        j->items = calloc(LOOKUP_ADDRESSES_MAX, sizeof *j->items);
    if (!j->items || j->answers.count == LOOKUP_ADDRESSES_MAX)
        j->answers.partial = true;
    else
        j->items[j->answers.count++] = *a;
}

static void shorten_ttl(struct lookup_job *j, uint32_t ttl_s)
{
    if (ttl_s < j->answers.ttl_s)
        j->answers.ttl_s = ttl_s;
}

static struct addr addr_of(int family, const unsigned char *ip)
{
    struct addr a = { .len = family == AF_INET ? sizeof a.v4 : sizeof a.v6 };
    a.sa.sa_family = (sa_family_t)family;
    if (family == AF_INET)
        memcpy(&a.v4.sin_addr, ip, 4);
    else
        memcpy(&a.v6.sin6_addr, ip, 16);
    return a;
}

static void take_address(void *arg, const struct dns_record *r)
{
    struct question *q = arg;
    int family = q->type == DNS_TYPE_A ? AF_INET : AF_INET6;
    const struct dns_answer a = { .addr = addr_of(family, r->ip), .target = q->job->name.text };
    add_answer(q->job, &a);
    shorten_ttl(q->job, r->ttl_s);
}

static void take_target(void *arg, const struct dns_record *r)
{
    struct question *q = arg;
    struct lookup_job *j = q->job;
    shorten_ttl(j, r->ttl_s);
    if (r->target.len == 0)
        return; /* there is no such service here (RFC 2782) */
    if (!j->targets)
        j->targets = calloc(LOOKUP_TARGETS_MAX, sizeof *j->targets);
    if (!j->targets || j->targets_count == LOOKUP_TARGETS_MAX) {
        j->answers.partial = true;
        return;
    }
    j->targets[j->targets_count++] = (struct target){
        .job = j, .name = r->target, .port = r->port, .priority = r->priority, .weight = r->weight
    };
}

static void go_on_later(struct lookup_job *j)
{
    if (--j->pending == 0)
        loop_defer(resolver_loop(j->r), &j->task);
}

/* Of an answer that turns bad in its middle nothing is taken. */
static void read_answer(struct question *q, const unsigned char *bytes, size_t len)
{
    struct lookup_job *j = q->job;
    const struct dns_answers before = j->answers;
    switch (dns_message_read(bytes, len, j->asked, q->type,
                             q->type == DNS_TYPE_SRV ? take_target : take_address, q)) {
    case DNS_MESSAGE_OK:
        break;
    case DNS_MESSAGE_NO_DATA:
        q->status = LOOKUP_NO_DATA;
        break;
    case DNS_MESSAGE_MALFORMED:
        q->status = LOOKUP_MALFORMED;
        j->answers = before;
        if (q->type == DNS_TYPE_SRV)
            j->targets_count = 0;
        break;
    }
}

static void on_answer(struct query *query, enum lookup_status status, const unsigned char *bytes,
                      size_t len)
{
    struct question *q = container_of(query, struct question, query);
    q->status = status;
    if (status == LOOKUP_OK && q->job->lookup)
        read_answer(q, bytes, len);
    go_on_later(q->job);
}

/* ---- Questions ------------------------------------------------------------------------------ */

static bool is_short(const struct lookup_job *j)
{
    return j->name.dots < resolver_config(j->r)->ndots;
}

/* Writes form number `candidate` of the name: as it is, and with each domain of the search list
 * behind it, in the order that its dots ask for (resolv.conf(5), ndots). False: there are no more.
 */
static bool write_candidate(struct lookup_job *j)
{
    const struct strings *search = &resolver_config(j->r)->search;
    uint32_t domains = j->name.absolute ? 0 : search->items_count;
    uint32_t as_it_is = is_short(j) ? domains : 0;
    if (j->candidate > domains)
        return false;
    memcpy(j->asked, j->name.text, j->name.len + 1u);
    if (j->candidate == as_it_is)
        return true;
    struct str domain = search->items[j->candidate - (as_it_is < j->candidate)];
    j->asked[j->name.len] = '.';
    memcpy(j->asked + j->name.len + 1, domain.ptr, domain.len);
    j->asked[j->name.len + 1 + domain.len] = '\0';
    return true;
}

static void ask(struct lookup_job *j)
{
    while (write_candidate(j) && strlen(j->asked) > HOST_NAME_BYTES_MAX)
        j->candidate++;
    if (!write_candidate(j)) {
        end_as(j, j->failure_seen   ? LOOKUP_FAILED
                  : j->no_data_seen ? LOOKUP_NO_DATA
                                    : LOOKUP_NO_NAME);
        return;
    }
    j->pending = j->questions_count; /* all, before the first is answered */
    for (uint32_t i = 0; i < j->questions_count; i++)
        resolver_query(j->r, &j->questions[i].query, j->asked, j->questions[i].type);
}

static void add_question(struct lookup_job *j, enum dns_type type)
{
    j->questions[j->questions_count++] =
        (struct question){ .query.done = on_answer, .job = j, .type = type };
}

static void add_questions(struct lookup_job *j)
{
    enum dns_family family = resolver_config(j->r)->family;
    if (j->kind == LOOKUP_SERVICE) {
        add_question(j, DNS_TYPE_SRV);
        return;
    }
    if (family != DNS_IPV6)
        add_question(j, DNS_TYPE_A);
    if (family != DNS_IPV4)
        add_question(j, DNS_TYPE_AAAA);
}

static void note_missing(struct lookup_job *j, bool ipv4, bool ipv6)
{
    j->answers.ipv4_missing |= ipv4;
    j->answers.ipv6_missing |= ipv6;
    j->answers.partial |= ipv4 || ipv6;
}

static bool is_answer(enum lookup_status s)
{
    return s == LOOKUP_OK || s == LOOKUP_NO_DATA || s == LOOKUP_NO_NAME;
}

/* ---- Targets of a service ------------------------------------------------------------------- */

static void on_target(struct lookup *k, enum lookup_status status,
                      const struct dns_answers *answers)
{
    struct target *t = container_of(k, struct target, lookup);
    struct lookup_job *j = t->job;
    struct dns_answer a = {
        .target = t->name.text, .port = t->port, .priority = t->priority, .weight = t->weight
    };
    if (status == LOOKUP_OK) {
        shorten_ttl(j, answers->ttl_s);
        note_missing(j, answers->ipv4_missing, answers->ipv6_missing);
    } else {
        note_missing(j, !is_answer(status), !is_answer(status));
        add_answer(j, &a);
    }
    for (uint32_t i = 0; i < answers->count; i++) {
        a.addr = answers->items[i].addr;
        a.addr.v4.sin_port = htons(t->port); /* both families have it there */
        add_answer(j, &a);
    }
    go_on_later(j);
}

static void ask_targets(struct lookup_job *j)
{
    j->state = JOB_TARGETS;
    j->pending = j->targets_count;
    for (uint32_t i = 0; i < j->targets_count; i++) {
        struct target *t = &j->targets[i];
        char absolute[HOST_NAME_BYTES_MAX + 2];
        memcpy(absolute, t->name.text, t->name.len);
        absolute[t->name.len] = '.';
        t->lookup.done = on_target;
        if (!lookup_start(j->r, &t->lookup, LOOKUP_ADDRESSES,
                          (struct str){ absolute, t->name.len + 1u })) {
            const struct dns_answers none = { .partial = true };
            on_target(&t->lookup, LOOKUP_FAILED, &none);
        }
    }
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* The best that the questions gave. */
static enum lookup_status judge(const struct lookup_job *j)
{
    enum lookup_status all = j->questions[0].status;
    for (uint32_t i = 0; i < j->questions_count; i++) {
        enum lookup_status s = j->questions[i].status;
        if (s == LOOKUP_OK || (all != LOOKUP_OK && s > all))
            all = s;
    }
    return all;
}

static void note_unanswered(struct lookup_job *j)
{
    for (uint32_t i = 0; i < j->questions_count; i++)
        if (!is_answer(j->questions[i].status))
            note_missing(j, j->questions[i].type == DNS_TYPE_A,
                         j->questions[i].type == DNS_TYPE_AAAA);
}

/* All questions are answered. */
static void go_on(struct lookup_job *j)
{
    enum lookup_status status = judge(j);
    switch (status) {
    case LOOKUP_OK:
        note_unanswered(j);
        if (j->kind == LOOKUP_SERVICE && j->targets_count)
            ask_targets(j);
        else
            end_as(j, j->answers.count ? LOOKUP_OK : LOOKUP_NO_DATA);
        break;
    case LOOKUP_NO_NAME:
    case LOOKUP_NO_DATA:
    case LOOKUP_FAILED:
        j->no_data_seen |= status == LOOKUP_NO_DATA;
        j->failure_seen |= status == LOOKUP_FAILED;
        j->candidate++;
        ask(j);
        break;
    default:
        end_as(j, status);
    }
}

static void run(struct task *t)
{
    struct lookup_job *j = container_of(t, struct lookup_job, task);
    if (!j->lookup) {
        end(j);
        return;
    }
    switch (j->state) {
    case JOB_KNOWN:
        end(j);
        break;
    case JOB_NEW:
        j->state = JOB_ASKING;
        add_questions(j);
        ask(j);
        break;
    case JOB_ASKING:
        go_on(j);
        break;
    case JOB_TARGETS:
        end_as(j, j->answers.count ? LOOKUP_OK : LOOKUP_NO_DATA);
        break;
    }
}

/* ---- What needs no question ----------------------------------------------------------------- */

static bool is_literal(struct lookup_job *j, struct str name)
{
    struct addr a;
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = (struct str){ name.ptr + 1, name.len - 2 };
    if (j->kind != LOOKUP_ADDRESSES || !dns_server_parse(name, &a))
        return false;
    a.v4.sin_port = 0;
    size_t n = name.len < sizeof j->name.text ? name.len : sizeof j->name.text - 1;
    memcpy(j->name.text, name.ptr, n);
    add_answer(j, &(struct dns_answer){ .addr = a, .target = j->name.text });
    return true;
}

static void add_of_machine(struct lookup_job *j, const struct addr *a)
{
    enum dns_family family = resolver_config(j->r)->family;
    if (a->sa.sa_family == AF_INET ? family != DNS_IPV6 : family != DNS_IPV4)
        add_answer(j, &(struct dns_answer){ .addr = *a, .target = j->name.text });
}

static bool ends_with(struct str s, struct str end)
{
    return s.len >= end.len && memcmp(s.ptr + s.len - end.len, end.ptr, end.len) == 0;
}

/* By /etc/hosts; "localhost" is this machine, whatever stands there (RFC 6761 6.3). */
static bool is_known(struct lookup_job *j)
{
    static const unsigned char loopback4[4] = { 127, 0, 0, 1 }, loopback6[16] = { [15] = 1 };
    const struct dns_config *c = resolver_config(j->r);
    struct str name = { j->name.text, j->name.len };
    uint32_t found, first = hosts_find(c->hosts, c->hosts_count, name, &found);
    if (j->kind != LOOKUP_ADDRESSES)
        return false;
    for (int family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0)
        for (uint32_t i = first; i < first + found; i++)
            if (c->hosts[i].addr.sa.sa_family == family)
                add_of_machine(j, &c->hosts[i].addr);
    if (!found && (str_eq(name, STR("localhost")) || ends_with(name, STR(".localhost")))) {
        struct addr v4 = addr_of(AF_INET, loopback4), v6 = addr_of(AF_INET6, loopback6);
        add_of_machine(j, &v4);
        add_of_machine(j, &v6);
    }
    return j->answers.count > 0;
}

bool lookup_start(struct resolver *r, struct lookup *k, enum lookup_kind kind, struct str name)
{
    CHECK(!k->job);
    const char *why;
    struct lookup_job *j = calloc(1, sizeof *j);
    if (!j || !resolver_enter(r)) {
        free(j);
        return false;
    }
    j->r = r;
    j->kind = kind;
    j->lookup = k;
    j->task.run = run;
    j->answers.ttl_s = UINT32_MAX;
    k->job = j;
    if (!is_literal(j, name)) {
        if (!host_name_parse(name, &j->name, &why))
            j->status = LOOKUP_BAD_NAME;
        else if (!is_known(j))
            j->state = JOB_NEW;
    }
    loop_defer(resolver_loop(r), &j->task);
    return true;
}
