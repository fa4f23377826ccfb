/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ctl_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

static const char *const titles[] = { "BACKEND", "SERVER",    "STATUS",  "WEIGHT",
                                      "LAYER",   "IN FLIGHT", "LATENCY", "HEALTH" };
#define COLUMNS ARRAY_LEN(titles)
#define CELL_BYTES 264

struct row {
    char cells[COLUMNS][CELL_BYTES];
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static void fill(struct row *r, const char *backend, const json_t *s)
{
    const json_t *latency = json_object_get(s, "latency_ms"), *by = json_object_get(s, "set_by");
    const char *layer = text_of(s, "layer");
    bool changed =
        strcmp(text_of(by, "weight"), "api") == 0 || strcmp(text_of(by, "state"), "api") == 0;
    snprintf(r->cells[0], CELL_BYTES, "%s", backend);
    snprintf(r->cells[1], CELL_BYTES, "%s", text_of(s, "id"));
    snprintf(r->cells[2], CELL_BYTES, "%s", text_of(s, "status"));
    snprintf(r->cells[3], CELL_BYTES, "%lld",
             (long long)json_integer_value(json_object_get(s, "weight")));
    snprintf(r->cells[4], CELL_BYTES, "%s%s", layer,
             changed && strcmp(layer, "api") != 0 ? "+api" : "");
    snprintf(r->cells[5], CELL_BYTES, "%lld",
             (long long)json_integer_value(json_object_get(s, "in_flight")));
    if (json_is_number(latency))
        snprintf(r->cells[6], CELL_BYTES, "%.3g ms", json_number_value(latency));
    else
        snprintf(r->cells[6], CELL_BYTES, "-");
    snprintf(r->cells[7], CELL_BYTES, "%s", text_of(s, "health"));
}

/* Calls fn for each backend. */
static void each(const json_t *answer, void (*fn)(const json_t *backend, void *arg), void *arg)
{
    const json_t *all = json_object_get(answer, "backends"), *one;
    size_t i;
    if (!all)
        fn(answer, arg);
    json_array_foreach(all, i, one) fn(one, arg);
}

struct printer {
    FILE *to;
    size_t widths[COLUMNS]; /* 0: not measured */
};

static void measure(const json_t *backend, void *arg)
{
    struct printer *p = arg;
    struct row r;
    const json_t *s;
    size_t i;
    json_array_foreach(json_object_get(backend, "servers"), i, s)
    {
        fill(&r, text_of(backend, "backend"), s);
        for (size_t k = 0; k < COLUMNS; k++)
            if (strlen(r.cells[k]) > p->widths[k])
                p->widths[k] = strlen(r.cells[k]);
    }
}

static void put_row(const struct printer *p, const struct row *r)
{
    for (size_t k = 0; k < COLUMNS; k++)
        if (k + 1 < COLUMNS)
            fprintf(p->to, "%-*s  ", (int)p->widths[k], r->cells[k]);
        else
            fprintf(p->to, "%s\n", r->cells[k]);
}

static void put_servers(const json_t *backend, void *arg)
{
    struct row r;
    const json_t *s;
    size_t i;
    json_array_foreach(json_object_get(backend, "servers"), i, s)
    {
        fill(&r, text_of(backend, "backend"), s);
        put_row(arg, &r);
    }
}

static void put_remarks(const json_t *backend, void *arg)
{
    const struct printer *p = arg;
    const char *name = text_of(backend, "backend");
    const json_t *n;
    size_t i;
    json_array_foreach(json_object_get(backend, "names"), i, n)
    {
        if (strcmp(text_of(n, "status"), "it resolves") != 0)
            fprintf(p->to, "%s: %s: %s\n", name, text_of(n, "name"), text_of(n, "status"));
    }
    json_array_foreach(json_object_get(backend, "conflicts"), i, n)
        fprintf(p->to, "%s: %s%s%s\n", name, text_of(n, "id"), text_of(n, "id")[0] ? ": " : "",
                text_of(n, "text"));
    const json_t *file = json_object_get(backend, "file");
    if (file && !json_is_true(json_object_get(file, "good")))
        fprintf(p->to,
                "%s: %s: it cannot be read or has mistakes; the servers are those of before\n",
                name, text_of(file, "path"));
}

void ctl_print_servers(const json_t *answer, FILE *to)
{
    struct printer p = { .to = to };
    struct row title;
    for (size_t k = 0; k < COLUMNS; k++) {
        snprintf(title.cells[k], CELL_BYTES, "%s", titles[k]);
        p.widths[k] = strlen(titles[k]);
    }
    each(answer, measure, &p);
    put_row(&p, &title);
    each(answer, put_servers, &p);
    each(answer, put_remarks, &p);
}

void ctl_print_members(const json_t *object, FILE *to)
{
    for (void *i = json_object_iter((json_t *)object); i;
         i = json_object_iter_next((json_t *)object, i)) {
        const json_t *v = json_object_iter_value(i);
        if (json_is_object(v) || json_is_array(v))
            continue;
        char *text = json_dumps(v, JSON_ENCODE_ANY);
        fprintf(to, "%-14s %s\n", json_object_iter_key(i), text ? text : "");
        free(text);
    }
}

/* ---- the cache's routes ---- */

/* A figure of a route, or its name. */
static void write_cell(char cell[CELL_BYTES], const json_t *v)
{
    if (json_is_string(v))
        snprintf(cell, CELL_BYTES, "%s", json_string_value(v));
    else
        snprintf(cell, CELL_BYTES, "%lld", (long long)json_integer_value(v));
}

static void write_title(char cell[CELL_BYTES], const char *key)
{
    size_t n = 0;
    for (; key[n] && n + 1 < CELL_BYTES; n++)
        cell[n] = key[n] >= 'a' && key[n] <= 'z' ? (char)(key[n] - 'a' + 'A') : key[n];
    cell[n] = '\0';
}

static size_t column_width(const json_t *routes, const char *key)
{
    size_t width = strlen(key), i;
    const json_t *route;
    char cell[CELL_BYTES];
    json_array_foreach(routes, i, route)
    {
        write_cell(cell, json_object_get(route, key));
        width = strlen(cell) > width ? strlen(cell) : width;
    }
    return width;
}

/* Names to the left, figures to the right. route NULL: the titles. */
static void put_route(const json_t *routes, const json_t *route, FILE *to)
{
    const char *gap = "", *key;
    json_t *first = json_array_get(routes, 0), *v;
    json_object_foreach(first, key, v)
    {
        char cell[CELL_BYTES];
        int width = (int)column_width(routes, key);
        if (route)
            write_cell(cell, json_object_get(route, key));
        else
            write_title(cell, key);
        fprintf(to, "%s%*s", gap, json_is_string(v) ? -width : width, cell);
        gap = "  ";
    }
    fputc('\n', to);
}

void ctl_print_cache(const json_t *answer, FILE *to)
{
    const json_t *routes = json_object_get(answer, "routes"), *route;
    size_t i;
    ctl_print_members(answer, to);
    if (json_array_size(routes) == 0)
        return;
    fputc('\n', to);
    put_route(routes, NULL, to);
    json_array_foreach(routes, i, route) put_route(routes, route, to);
}
