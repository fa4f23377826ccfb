/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/tickets.h"

#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include "core/base/check.h"
#include "core/base/out.h"
#include "tls/random.h"

#define GCM_IV_BYTES 12
#define GCM_TAG_BYTES 16
#define SCOPE_BYTES_MAX 256

struct ticket_key {
    Aes aes;
    uint8_t name[TICKET_NAME_BYTES];
};

static uint64_t period_of(uint64_t now_s)
{
    return now_s / TICKET_PERIOD_S;
}

/* HKDF from memory to memory cannot fail. */
static void derive(const uint8_t secret[TICKET_SECRET_BYTES], const char *label, uint64_t period,
                   uint8_t *out, uint32_t bytes)
{
    uint8_t info[32];
    struct out o = out_into(info, sizeof info);
    out_str(&o, str_of(label));
    out_mem(&o, &period, sizeof period);
    CHECK(!o.full);
    CHECK(wc_HKDF(WC_SHA256, secret, TICKET_SECRET_BYTES, NULL, 0, info, (word32)out_len(&o), out,
                  bytes) == 0);
}

void ticket_secret_random(struct ticket_secret *s, uint64_t now_s)
{
    random_bytes(s->bytes, sizeof s->bytes);
    s->period = period_of(now_s);
}

bool ticket_secret_from(struct ticket_secret *s, struct str file)
{
    if (file.len < TICKET_SECRET_BYTES)
        return false;
    s->period = 0;
    return wc_Sha256Hash((const byte *)file.ptr, (word32)file.len, s->bytes) == 0;
}

static void key_set(struct ticket_key *k, const struct ticket_secret *s, uint64_t period)
{
    uint8_t bytes[32];
    derive(s->bytes, "ticket name", period, k->name, sizeof k->name);
    derive(s->bytes, "ticket key", period, bytes, sizeof bytes);
    CHECK(wc_AesGcmSetKey(&k->aes, bytes, sizeof bytes) == 0);
    explicit_bzero(bytes, sizeof bytes);
}

/* The secret of the next period; of a file it stays. */
static void step(struct ticket_secret *s)
{
    uint8_t next[TICKET_SECRET_BYTES];
    if (s->period == 0)
        return;
    derive(s->bytes, "ticket next", s->period, next, sizeof next);
    memcpy(s->bytes, next, sizeof next);
    explicit_bzero(next, sizeof next);
    s->period++;
}

/* Brings the keys to the period of now. A clock that goes back finds no older ones. */
static void advance(struct ticket_ring *r, uint64_t now_s)
{
    uint64_t period = period_of(now_s);
    if (period < r->secret.period)
        period = r->secret.period;
    if (likely(period <= r->period))
        return;
    if (r->period == 0 || period - r->period > 1) {
        /* Both keys anew: of the period before, as far as the secret is not younger. */
        while (r->secret.period && r->secret.period + 1 < period)
            step(&r->secret);
        bool knows_last = r->secret.period != period;
        key_set(r->keys[1], &r->secret, knows_last ? period - 1 : period);
        if (knows_last)
            step(&r->secret);
    } else {
        struct ticket_key *last = r->keys[0];
        r->keys[0] = r->keys[1];
        r->keys[1] = last;
        step(&r->secret);
    }
    key_set(r->keys[0], &r->secret, period);
    r->period = period;
}

bool ticket_ring_init(struct ticket_ring *r, const struct ticket_secret *s)
{
    *r = (struct ticket_ring){ .secret = *s };
    for (uint32_t i = 0; i < ARRAY_LEN(r->keys); i++) {
        r->keys[i] = calloc(1, sizeof *r->keys[i]);
        if (!r->keys[i] || wc_AesInit(&r->keys[i]->aes, NULL, INVALID_DEVID) != 0) {
            ticket_ring_destroy(r);
            return false;
        }
    }
    return true;
}

void ticket_ring_destroy(struct ticket_ring *r)
{
    for (uint32_t i = 0; i < ARRAY_LEN(r->keys); i++) {
        if (!r->keys[i])
            continue;
        wc_AesFree(&r->keys[i]->aes);
        explicit_bzero(r->keys[i], sizeof *r->keys[i]);
        free(r->keys[i]);
    }
    explicit_bzero(r, sizeof *r);
}

/* What is authenticated besides the ticket: its key's name and for whom it is. */
static uint32_t associate(const uint8_t name[TICKET_NAME_BYTES], struct str scope,
                          uint8_t out[TICKET_NAME_BYTES + SCOPE_BYTES_MAX])
{
    CHECK(scope.len <= SCOPE_BYTES_MAX);
    memcpy(out, name, TICKET_NAME_BYTES);
    memcpy(out + TICKET_NAME_BYTES, scope.ptr, scope.len);
    return TICKET_NAME_BYTES + (uint32_t)scope.len;
}

bool ticket_seal(struct ticket_ring *r, uint64_t now_s, struct str scope,
                 uint8_t name[TICKET_NAME_BYTES], uint8_t iv[TICKET_IV_BYTES],
                 uint8_t mac[TICKET_MAC_BYTES], uint8_t *bytes, uint32_t len)
{
    uint8_t associated[TICKET_NAME_BYTES + SCOPE_BYTES_MAX];
    advance(r, now_s);
    struct ticket_key *k = r->keys[0];
    memcpy(name, k->name, TICKET_NAME_BYTES);
    random_bytes(iv, TICKET_IV_BYTES);
    memset(mac, 0, TICKET_MAC_BYTES);
    return wc_AesGcmEncrypt(&k->aes, bytes, bytes, len, iv, GCM_IV_BYTES, mac, GCM_TAG_BYTES,
                            associated, associate(name, scope, associated)) == 0;
}

enum ticket_opened ticket_open(struct ticket_ring *r, uint64_t now_s, struct str scope,
                               const uint8_t name[TICKET_NAME_BYTES],
                               const uint8_t iv[TICKET_IV_BYTES],
                               const uint8_t mac[TICKET_MAC_BYTES], uint8_t *bytes, uint32_t len)
{
    uint8_t associated[TICKET_NAME_BYTES + SCOPE_BYTES_MAX];
    advance(r, now_s);
    for (uint32_t i = 0; i < ARRAY_LEN(r->keys); i++) {
        struct ticket_key *k = r->keys[i];
        if (memcmp(k->name, name, TICKET_NAME_BYTES) != 0)
            continue;
        if (wc_AesGcmDecrypt(&k->aes, bytes, bytes, len, iv, GCM_IV_BYTES, mac, GCM_TAG_BYTES,
                             associated, associate(name, scope, associated)) != 0)
            return TICKET_REFUSED;
        return i == 0 ? TICKET_OPENED : TICKET_OPENED_OLD;
    }
    return TICKET_REFUSED;
}
