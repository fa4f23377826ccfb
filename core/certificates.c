/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/certificates.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S (24 * 3600)
#define WARN_BEFORE_S (14 * DAY_S)

static void warn_of_dates(const struct certificate *cert, const char *path, int64_t now_s)
{
    if (cert->not_after_s < now_s)
        fprintf(stderr, "sluice: warning: %s has expired %lld days ago\n", path,
                (long long)((now_s - cert->not_after_s) / DAY_S));
    else if (cert->not_after_s - now_s < WARN_BEFORE_S)
        fprintf(stderr, "sluice: warning: %s expires in %lld days\n", path,
                (long long)((cert->not_after_s - now_s) / DAY_S));
    else if (cert->not_before_s > now_s)
        fprintf(stderr, "sluice: warning: %s is not valid yet\n", path);
}

bool certificates_load(struct certificates *c, const struct tls_config *config)
{
    int64_t now_s = time(NULL);
    *c = (struct certificates){ 0 };
    if (config->certificates_count == 0)
        return true;
    tls_library_init();
    for (uint32_t i = 0; i < config->certificates_count; i++) {
        const struct certificate_config *cc = &config->certificates[i];
        char why[512];
        struct certificate *cert =
            cc->chain ? certificate_load(cc->chain, cc->key, NULL, why, sizeof why)
                      : certificate_self_signed((struct str){ 0 }, why, sizeof why);
        c->list[c->count++] = cert;
        if (!cert) {
            fprintf(stderr, "sluice: certificate: %s\n", why);
            return false;
        }
        if (cc->chain)
            warn_of_dates(cert, cc->chain, now_s);
    }
    ticket_secret_random(&c->tickets, (uint64_t)now_s);
    c->server = (struct tls_server_config){ .certificates = c->list,
                                            .certificates_count = c->count,
                                            .policy = TLS_INTERMEDIATE,
                                            .alpn = "http/1.1",
                                            .tickets = &c->tickets };
    return true;
}

void certificates_free(struct certificates *c)
{
    if (c->count == 0)
        return;
    for (uint32_t i = 0; i < c->count; i++)
        certificate_free(c->list[i]);
    explicit_bzero(&c->tickets, sizeof c->tickets);
    tls_library_exit();
}
