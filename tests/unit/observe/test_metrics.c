/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/observe/metrics.h"

/* A plan of `sluice proxy` with two servers, and the use of each worker of so many. */
static struct plan *make_plan(struct metrics *m, struct registry *r, struct metrics_plan **mp,
                              uint32_t workers, struct plan_use **uses)
{
    struct config *c = config_new_proxy();
    assert_non_null(c);
    struct backend_config *b = &c->backends[0];
    b->servers = config_alloc(c, 2 * sizeof *b->servers);
    b->servers[0] = (struct server_config){ .name = "10.0.0.1:80", .host = "", .weight = 1 };
    b->servers[1] = (struct server_config){ .name = "unix:/a\"b\\c", .host = "", .weight = 1 };
    b->servers_count = 2;
    struct plan *p = plan_create(c, r, 0, NULL, NULL);
    assert_non_null(p);
    for (uint32_t i = 0; i < workers; i++) {
        uses[i] = plan_use_create(p, i);
        assert_non_null(uses[i]);
    }
    *mp = metrics_add_plan(m, p);
    assert_non_null(*mp);
    return p;
}

/* Not inlined: gcc 12 takes the stream's pointer for one to its own stack. */
static __attribute__((noinline)) char *print(struct metrics *m, struct registry *r)
{
    static const struct log_writer_stats logs;
    const struct metrics_process p = { .version = "1", .logs = &logs, .registry = r };
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    metrics_print(m, &p, to);
    fclose(to);
    return text;
}

static void holds(struct metrics *m, struct registry *r, const char *line)
{
    char *text = print(m, r);
    const char *at = strstr(text, line);
    if (!at || at[-1] != '\n' || at[strlen(line)] != '\n')
        fail_msg("no line '%s' in:\n%s", line, text);
    free(text);
}

static void drop(struct plan *p, struct metrics_plan *mp, struct plan_use **uses, uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++)
        plan_use_unref(uses[i]);
    metrics_drop_plan(mp);
    plan_unuse(p);
}

static void workers_and_plans_are_summed(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    struct registry *r = registry_create();
    struct metrics_plan *first, *second;
    struct plan_use *u[2], *v[1];
    struct plan *p = make_plan(m, r, &first, 2, u), *q = make_plan(m, r, &second, 1, v);
    const char *line = "sluice_site_requests_total{site=\"default\",status=\"2xx\"} ";
    char expected[128];
    counter_add(&u[0]->counters->sites[0].status[2], 1);
    counter_add(&u[1]->counters->sites[0].status[2], 10);
    counter_add(&v[0]->counters->sites[0].status[2], 100);
    struct shared_server *server = p->lists[0]->shared[1];
    assert_ptr_equal(server, q->lists[0]->shared[1]); /* the same, whoever names it */
    counter_add(&shared_server_cell(server, 1)->counters.opened, 5);
    counter_add(&shared_server_cell(server, 0)->counters.closed, 3);
    server_load_begin(&shared_server_cell(server, 0)->load);
    shared_server_mark(server, SERVER_EJECTED, 0, 1);
    snprintf(expected, sizeof expected, "%s111", line);
    holds(m, r, expected);
    drop(p, first, u, 2); /* what it counted stays */
    holds(m, r, expected);
    holds(m, r, "sluice_server_connections{backend=\"default\",server=\"unix:/a\\\"b\\\\c\"} 2");
#define SERVER "{backend=\"default\",server=\"unix:/a\\\"b\\\\c\""
    holds(m, r, "sluice_server_requests_in_flight" SERVER "} 1");
    holds(m, r, "sluice_server_state" SERVER ",state=\"ejected\"} 1");
    holds(m, r, "sluice_server_state" SERVER ",state=\"up\"} 0");
    counter_add(&v[0]->counters->sites[0].status[2], 1000);
    snprintf(expected, sizeof expected, "%s1111", line);
    holds(m, r, expected);
    drop(q, second, v, 1);
    char *text = print(m, r);
    assert_null(strstr(text, "site=\"default\"")); /* no plan names it any more */
    free(text);
    metrics_destroy(m);
    registry_destroy(r);
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
    (void)state;
    struct metrics *m = metrics_create();
    struct registry *r = registry_create();
    struct metrics_plan *mp;
    struct plan_use *u[1];
    struct plan *p = make_plan(m, r, &mp, 1, u);
    struct histogram *h = &u[0]->counters->backends[0].first_byte;
    static const uint64_t us[] = { 0, 100, 101, 250, 60000000, 60000001 };
    for (size_t i = 0; i < ARRAY_LEN(us); i++)
        histogram_add(h, us[i]);
#define NAME "sluice_backend_first_byte_seconds"
    holds(m, r, NAME "_bucket{backend=\"default\",le=\"0.0001\"} 2");
    holds(m, r, NAME "_bucket{backend=\"default\",le=\"0.00025\"} 4");
    holds(m, r, NAME "_bucket{backend=\"default\",le=\"30\"} 4");
    holds(m, r, NAME "_bucket{backend=\"default\",le=\"60\"} 5");
    holds(m, r, NAME "_bucket{backend=\"default\",le=\"+Inf\"} 6");
    holds(m, r, NAME "_count{backend=\"default\"} 6");
    holds(m, r, NAME "_sum{backend=\"default\"} 120.000452");
    drop(p, mp, u, 1);
    metrics_destroy(m);
    registry_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_and_plans_are_summed),
        cmocka_unit_test(a_histogram_counts_up_to_each_bound),
    };
    return cmocka_run_group_tests_name("observe/metrics", tests, NULL, NULL);
}
