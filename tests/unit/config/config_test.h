/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads configurations from text, on a machine whose environment and names are made up. */
#ifndef SLUICE_TESTS_CONFIG_TEST_H
#define SLUICE_TESTS_CONFIG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/config/load.h"

/* What makes a whole configuration of a part, which always begins line 2. */
#define REST_LISTENERS "listeners: { l: { bind: \":80\", site: s } }\n"
#define REST_BACKENDS "backends: { b: { servers: \"10.0.0.1:1\" } }\n"
#define REST_SITES "sites: { s: { routes: [ { to: b } ] } }\n"
#define IN_TOP(x) "\n" x "\n" REST_LISTENERS REST_SITES REST_BACKENDS
#define IN_LISTENER(x) "listeners: { l: { site: s,\n" x "\n} }\n" REST_SITES REST_BACKENDS
#define IN_SITE(x) "sites: { s: { routes: [ { to: b } ],\n" x "\n} }\n" REST_LISTENERS REST_BACKENDS
#define IN_ROUTE(x) "sites: { s: { routes: [ {\n" x "\n} ] } }\n" REST_LISTENERS REST_BACKENDS
#define IN_MATCH(x)                                                                                \
    "sites: { s: { routes: [ { to: b, match: {\n" x "\n} } ] } }\n" REST_LISTENERS REST_BACKENDS
#define IN_BACKEND(x) "backends: { b: {\n" x "\n} }\n" REST_LISTENERS REST_SITES
#define IN_LOG(x)                                                                                  \
    "logs: { a: {\n" x "\n} }\ndefaults: { log: a }\n" REST_LISTENERS REST_SITES REST_BACKENDS

struct loaded {
    struct config *config;
    struct config_report report;
};

static inline const char *test_getenv(const char *name)
{
    static const char *const table[][2] = {
        { "PORT", "8080" },
        { "WORKERS", "4" },
        { "EMPTY", "" },
        { "ODD", "${PORT}" },
        { "HOST_NAME", "example.com" },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i][0], name) == 0)
            return table[i][1];
    return NULL;
}

static inline bool test_resolve(const char *host, uint16_t port, struct addr *out, const char **why)
{
    *why = "no such name";
    if (strcmp(host, "app.internal") != 0)
        return false;
    *out = (struct addr){ .len = sizeof out->v4 };
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    out->v4.sin_addr.s_addr = htonl(0xc0000207); /* 192.0.2.7 */
    return true;
}

static inline struct loaded *load_input(const struct config_input *in)
{
    struct loaded *l = test_malloc(sizeof *l);
    config_report_init(&l->report);
    l->config = config_load_input(in, &l->report);
    return l;
}

static inline struct loaded *load_text(const char *text)
{
    const struct config_input in = {
        .path = "test.yaml", .text = str_of(text), .getenv = test_getenv, .resolve = test_resolve
    };
    return load_input(&in);
}

static inline void unload(struct loaded *l)
{
    config_free(l->config);
    config_report_free(&l->report);
    test_free(l);
}

/* "2:7: error: ...\n" for each message. */
static inline void messages_of(const struct config_report *r, char *out, size_t bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < r->messages_count; i++) {
        const struct config_message *m = &r->messages[i];
        at += (size_t)snprintf(out + at, bytes - at, "%u:%u: %s: %s\n", m->line, m->column,
                               m->severity == SEVERITY_ERROR ? "error" : "warning", m->text);
        assert_true(at < bytes);
    }
}

static inline void fail_with(const char *text, const char *expected, const char *actual)
{
    fprintf(stderr, "for\n%s\n--- expected\n%s--- but\n%s", text, expected, actual);
    fail();
}

/* Loads the text and expects these very messages, and a configuration if none is an error. */
static inline void expect_messages(const char *text, const char *expected)
{
    char actual[16384];
    struct loaded *l = load_text(text);
    messages_of(&l->report, actual, sizeof actual);
    if (strcmp(actual, expected) != 0)
        fail_with(text, expected, actual);
    assert_int_equal(l->config != NULL, l->report.errors_count == 0);
    unload(l);
}

/* A configuration without any message. */
static inline struct loaded *load_good(const char *text)
{
    char actual[16384];
    struct loaded *l = load_text(text);
    messages_of(&l->report, actual, sizeof actual);
    if (!l->config || actual[0])
        fail_msg("for\n%s\n--- unexpected\n%s", text, actual);
    return l;
}

#endif
