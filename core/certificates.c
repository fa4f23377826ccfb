/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/config/disk.h"
#include "core/expiry.h"
#include "tls/context.h"
#include "tls/staple.h"

static const struct place nowhere;

static struct certificates *certificates_of(struct certificate_maker *m)
{
    return container_of(m, struct certificates, maker);
}

/* ---- What is worth a warning ---------------------------------------------------------------- */

static void warn_of_dates(const struct certificate *c, const char *path, int64_t now_s,
                          struct config_report *report, struct place at)
{
    int64_t days;
    bool near = expiry_is_near(c->not_after_s, now_s, &days);
    if (near && days < 0)
        report_warning(report, at, "'%s' has expired %lld days ago", path, (long long)(-1 - days));
    else if (c->not_before_s > now_s)
        report_warning(report, at, "'%s' is not valid yet", path);
    else if (near)
        report_warning(report, at, "'%s' expires in %lld days", path, (long long)days);
}

static void warn_of_chain(const struct certificate *c, const char *path,
                          struct config_report *report, struct place at)
{
    if (c->alone)
        report_warning(report, at,
                       "'%s' holds the certificate only, without the chain to its CA: most clients "
                       "will not trust it (an ACME client calls the right file fullchain.pem)",
                       path);
    if (c->disordered)
        report_warning(report, at,
                       "'%s': its certificates do not follow each other: each has to be signed by "
                       "the next",
                       path);
    if (c->names_count == 0)
        report_warning(report, at,
                       "'%s' is for no host name: it is served only as the first of its listener",
                       path);
}

/* ---- Making --------------------------------------------------------------------------------- */

/* The same listener's service in the configuration in force; NULL: none. */
static const struct tls_service *service_before(const struct certificates *c, uint64_t scope)
{
    for (uint32_t i = 0; c->before && i < c->before->listeners_count; i++) {
        const struct listener_tls *tls = c->before->listeners[i].tls;
        if (tls && tls->service && tls->service->scope == scope)
            return tls->service;
    }
    return NULL;
}

static uint64_t scope_of(const char *listener)
{
    return hash_bytes(listener, strlen(listener), 0);
}

static struct tls_service *begin(struct certificate_maker *m, const struct tls_terms *terms)
{
    (void)m;
    struct tls_service *s = tls_service_create();
    if (!s)
        return NULL;
    s->certificates = certificate_set_create();
    s->policy = terms->modern ? TLS_MODERN : TLS_INTERMEDIATE;
    s->alpn = terms->alpn[0] ? strdup(terms->alpn) : NULL;
    s->refuse_unknown = terms->refuse_unknown;
    s->tickets = terms->tickets;
    s->passes_acme = terms->passes_acme;
    s->ready_max = terms->ready_max;
    s->scope = scope_of(terms->listener);
    if (s->certificates && (s->alpn || !terms->alpn[0]))
        return s;
    tls_service_unref(s);
    return NULL;
}

/* The certificate that the texts make: as it was before, if they did not change. */
static struct certificate *make(const struct certificate_set *before,
                                const struct certificate_texts *texts, char *why,
                                uint32_t why_bytes)
{
    uint32_t same =
        before ? certificate_set_find_hash(before, certificate_hash(texts)) : CERTIFICATE_NONE;
    if (same == CERTIFICATE_NONE)
        return certificate_parse(texts, why, why_bytes);
    struct certificate *c = certificate_set_at(before, same)->certificate;
    certificate_ref(c);
    return c;
}

/* In the place of what cannot be used; NULL: there is nothing, or it is not wanted. */
static struct certificate *keep(const struct certificates *c, const struct certificate_set *before,
                                const char *path, const char *why, struct config_report *report,
                                struct place at)
{
    uint32_t i =
        before && c->keep_before ? certificate_set_find_path(before, path) : CERTIFICATE_NONE;
    if (i == CERTIFICATE_NONE)
        return NULL;
    struct certificate *kept = certificate_set_at(before, i)->certificate;
    certificate_ref(kept);
    report_warning(report, at, "'%s': %s; the one of before stays in use", path, why);
    return kept;
}

static void add_certificate(struct certificate_maker *m, struct tls_service *s,
                            const struct certificate_files *files, struct config_report *report,
                            struct place at, bool lenient)
{
    const struct certificates *all = certificates_of(m);
    const struct tls_service *service = service_before(all, s->scope);
    const struct certificate_set *before = service ? service->certificates : NULL;
    const struct certificate_texts texts = { files->chain, files->key, files->passphrase };
    char why[300];
    struct certificate *c = make(before, &texts, why, sizeof why);
    if (!c)
        c = keep(all, before, files->path, why, report, at);
    if (!c && lenient)
        report_warning(report, at, "'%s' is left out: %s", files->path, why);
    else if (!c)
        report_error(report, at, "'%s': %s", files->path, why);
    if (!c)
        return;
    warn_of_dates(c, files->path, all->now_s, report, at);
    warn_of_chain(c, files->path, report, at);
    struct str staple = files->ocsp;
    int64_t until_s = 0;
    if (staple.len && !staple_check(staple, c, all->now_s, &until_s, why, sizeof why)) {
        report_warning(report, at, "'%s': its OCSP response is not used: %s", files->path, why);
        staple.len = 0;
    }
    if (!certificate_set_add(s->certificates, c, files->path, staple, until_s))
        report_out_of_memory(report);
}

static void add_ticket_key(struct certificate_maker *m, struct tls_service *s, struct str text,
                           struct config_report *report, struct place at)
{
    (void)m;
    CHECK(s->ticket_files_count < TLS_TICKET_FILES_MAX);
    if (!ticket_secret_from(&s->ticket_files[s->ticket_files_count], text))
        report_error(report, at,
                     "a file for ticket keys holds at least %d random bytes; make one with "
                     "'openssl rand -out FILE 48'",
                     TICKET_SECRET_BYTES);
    else
        s->ticket_files_count++;
}

static void add_client_rule(struct certificate_maker *m, struct tls_service *s,
                            const struct client_rule_config *rule, struct str ca, struct str crl,
                            struct config_report *report, struct place at)
{
    (void)m;
    char why[200];
    const struct tls_client_rule r = { .names = rule->names.items,
                                       .names_count = rule->names.items_count,
                                       .mode = rule->mode == CLIENT_CERTIFICATES_OFF
                                                   ? TLS_CLIENT_OFF
                                               : rule->mode == CLIENT_CERTIFICATES_OPTIONAL
                                                   ? TLS_CLIENT_OPTIONAL
                                                   : TLS_CLIENT_REQUIRED,
                                       .ca = ca,
                                       .crl = crl };
    if (r.mode != TLS_CLIENT_OFF && !tls_client_ca_check(ca, crl, why, sizeof why))
        report_error(report, at, "clients cannot be judged by this: %s", why);
    else if (s->rules_count < TLS_CLIENT_RULES_MAX && !tls_service_add_rule(s, &r))
        report_out_of_memory(report);
}

struct doubles {
    const struct tls_service *service;
    struct config_report *report;
    struct place at;
};

static void twice(void *arg, const char *name, uint32_t first, uint32_t second)
{
    const struct doubles *d = arg;
    const struct certificate_set *set = d->service->certificates;
    report_warning(d->report, d->at, "two certificates are for '%s': '%s' is served, '%s' is not",
                   name, certificate_set_at(set, first)->path,
                   certificate_set_at(set, second)->path);
}

static void end(struct certificate_maker *m, struct tls_service *s, struct config_report *report,
                struct place at)
{
    (void)m;
    struct doubles d = { s, report, at };
    if (certificate_set_count(s->certificates) == 0 && report_ok(report))
        report_error(report, at, "no certificate is left to serve with");
    if (!certificate_set_seal(s->certificates, twice, &d))
        report_out_of_memory(report);
}

void certificates_init(struct certificates *c, const struct config *before)
{
    *c = (struct certificates){ .maker = { .begin = begin,
                                           .add_certificate = add_certificate,
                                           .add_ticket_key = add_ticket_key,
                                           .add_client_rule = add_client_rule,
                                           .end = end,
                                           .release = tls_service_unref },
                                .before = before,
                                .now_s = time(NULL) };
}

struct config *certificates_load_config(const char *path, const struct config *before,
                                        struct config_report *report)
{
    struct certificates c;
    certificates_init(&c, before);
    const struct config_input in = { .path = path, .maker = &c.maker };
    return config_load_input(&in, report);
}

/* ---- The command line ----------------------------------------------------------------------- */

static void add_files(struct certificates *c, struct tls_service *s,
                      const struct certificate_option *o, struct config_report *report)
{
    struct config_files disk = disk_files();
    struct file_read chain = disk.read(&disk, o->chain, PEM_FILE_BYTES_MAX);
    struct file_read key = disk.read(&disk, o->key, PEM_FILE_BYTES_MAX);
    const struct certificate_files files = { .path = o->chain,
                                             .chain = { chain.text, chain.len },
                                             .key = { key.text, key.len } };
    int err = chain.err ? chain.err : key.err;
    if (err)
        report_error(report, nowhere, "cannot read '%s': %s", chain.err ? o->chain : o->key,
                     err == FILE_TOO_LARGE ? "too large for a certificate or key" : strerror(err));
    else
        add_certificate(&c->maker, s, &files, report, nowhere, false);
    if (key.text)
        explicit_bzero(key.text, key.len);
    free(key.text);
    free(chain.text);
}

static void add_self_signed(struct tls_service *s, struct config_report *report)
{
    char why[200];
    struct certificate *made = certificate_self_signed((struct str){ 0 }, why, sizeof why);
    if (!made)
        report_error(report, nowhere, "no certificate could be made: %s", why);
    else if (!certificate_set_add(s->certificates, made, "self-signed", (struct str){ 0 }, 0))
        report_out_of_memory(report);
}

static bool use(struct config *config, const struct certificate_option *options, uint32_t count,
                struct config_report *report)
{
    const struct tls_terms terms = { .listener = config->listeners[0].name,
                                     .alpn = "h2,http/1.1",
                                     .tickets = true,
                                     .ready_max = TLS_READY_MAX };
    struct certificates c;
    certificates_init(&c, NULL);
    struct listener_tls *tls = config_alloc(config, sizeof *tls);
    struct tls_service *s = tls ? begin(&c.maker, &terms) : NULL;
    if (!s) {
        report_out_of_memory(report);
        return false;
    }
    *tls = (struct listener_tls){ .service = s, .release = tls_service_unref };
    config->listeners[0].tls = tls;
    for (uint32_t i = 0; i < count; i++)
        if (options[i].chain)
            add_files(&c, s, &options[i], report);
        else
            add_self_signed(s, report);
    if (report_ok(report))
        end(&c.maker, s, report, nowhere);
    return report_ok(report);
}

bool certificates_use(struct config *config, const struct certificate_option *options,
                      uint32_t count)
{
    struct config_report report;
    config_report_init(&report);
    bool ok = use(config, options, count, &report);
    config_report_print(&report, stderr, false);
    config_report_free(&report);
    return ok;
}
