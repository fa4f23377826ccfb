/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/service.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

struct tls_service *tls_service_create(void)
{
    struct tls_service *s = calloc(1, sizeof *s);
    if (s) {
        s->refs = 1;
        s->ready_max = 1;
    }
    return s;
}

/* --- rules --- */

/* *ok becomes false without memory. */
static struct str copy(struct str s, bool *ok)
{
    char *p = s.len ? malloc(s.len) : NULL;
    if (s.len && !p)
        *ok = false;
    if (!p)
        return (struct str){ 0 };
    memcpy(p, s.ptr, s.len);
    return (struct str){ p, s.len };
}

bool tls_service_add_rule(struct tls_service *s, const struct tls_client_rule *rule)
{
    CHECK(s->rules_count < TLS_CLIENT_RULES_MAX);
    struct tls_client_rule *more = realloc(s->rules, (s->rules_count + 1) * sizeof *more);
    if (!more)
        return false;
    s->rules = more;
    bool ok = true;
    struct tls_client_rule *r = &more[s->rules_count++];
    *r = (struct tls_client_rule){ .mode = rule->mode,
                                   .ca = copy(rule->ca, &ok),
                                   .crl = copy(rule->crl, &ok) };
    r->names = calloc(rule->names_count ? rule->names_count : 1, sizeof *r->names);
    for (; r->names && r->names_count < rule->names_count; r->names_count++)
        r->names[r->names_count] = copy(rule->names[r->names_count], &ok);
    return ok && r->names;
}

static uint32_t find_rule(const struct tls_service *s, struct str head, struct str tail)
{
    for (uint32_t i = 0; i < s->rules_count; i++)
        for (uint32_t k = 0; k < s->rules[i].names_count; k++) {
            struct str name = s->rules[i].names[k];
            if (name.len == head.len + tail.len && memcmp(name.ptr, head.ptr, head.len) == 0 &&
                memcmp(name.ptr + head.len, tail.ptr, tail.len) == 0)
                return i;
        }
    return TLS_NO_RULE;
}

uint32_t tls_service_rule(const struct tls_service *s, struct str name)
{
    if (s->rules_count == 0)
        return TLS_NO_RULE;
    uint32_t rule = name.len ? find_rule(s, name, STR("")) : TLS_NO_RULE;
    const char *dot = name.len ? memchr(name.ptr, '.', name.len) : NULL;
    if (rule == TLS_NO_RULE && dot)
        rule = find_rule(s, STR("*"), (struct str){ dot, name.len - (size_t)(dot - name.ptr) });
    for (uint32_t i = 0; rule == TLS_NO_RULE && i < s->rules_count; i++)
        if (s->rules[i].names_count == 0)
            rule = i;
    return rule;
}

static bool asks(const struct tls_service *s, uint32_t rule)
{
    return rule != TLS_NO_RULE && s->rules[rule].mode != TLS_CLIENT_OFF;
}

bool tls_service_same_clients(const struct tls_service *s, struct str name, struct str other)
{
    if (s->rules_count == 0)
        return true;
    uint32_t a = tls_service_rule(s, name), b = tls_service_rule(s, other);
    return a == b || (!asks(s, a) && !asks(s, b));
}

/* --- life --- */

void tls_service_ref(struct tls_service *s)
{
    s->refs++;
}

void tls_service_unref(struct tls_service *s)
{
    if (!s || --s->refs)
        return;
    for (uint32_t i = 0; i < s->rules_count; i++) {
        struct tls_client_rule *r = &s->rules[i];
        for (uint32_t k = 0; k < r->names_count; k++)
            free((char *)r->names[k].ptr);
        free(r->names);
        free((char *)r->ca.ptr);
        free((char *)r->crl.ptr);
    }
    certificate_set_unref(s->certificates);
    explicit_bzero(s->ticket_files, sizeof s->ticket_files);
    free(s->rules);
    free(s->alpn);
    free(s);
}
