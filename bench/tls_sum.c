/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice-tls-sum: what a full TLS 1.3 handshake costs a server in cryptography alone: each
 * operation that RFC 8446 asks for, as often as it is needed (P-256 certificate, X25519,
 * AES-128-GCM, one ticket), measured by itself in CPU time of this thread. What a server's
 * handshake costs above the sum is the protocol's overhead. Prints one JSON object. */
#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/kdf.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"

#define ROUNDS 9
#define ROUND_NS UINT64_C(10000000)

/* Bytes of a small handshake's messages. */
#define TRANSCRIPT_BYTES 1100
#define FLIGHT_BYTES 800 /* what the server sends encrypted */
#define TICKET_BYTES 200
#define SMALL_BYTES 128 /* Finished, a request's head, its answer */

static struct {
    WC_RNG rng;
    ecc_key sign;
    curve25519_key ours, theirs;
    Aes aes;
    Hmac hmac;
    wc_Sha256 transcript;
    uint8_t secret[WC_SHA256_DIGEST_SIZE];
    uint8_t bytes[2048];
} k;

static void agree_key(void)
{
    wc_curve25519_free(&k.ours);
    CHECK(wc_curve25519_init(&k.ours) == 0);
    CHECK(wc_curve25519_make_key(&k.rng, CURVE25519_KEYSIZE, &k.ours) == 0);
}

static void agree_secret(void)
{
    uint8_t out[CURVE25519_KEYSIZE];
    word32 bytes = sizeof out;
    CHECK(wc_curve25519_shared_secret_ex(&k.ours, &k.theirs, out, &bytes, EC25519_LITTLE_ENDIAN) ==
          0);
}

static void sign(void)
{
    uint8_t out[ECC_MAX_SIG_SIZE];
    word32 bytes = sizeof out;
    CHECK(wc_ecc_sign_hash(k.secret, sizeof k.secret, out, &bytes, &k.rng, &k.sign) == 0);
}

static void hash_transcript(void)
{
    wc_Sha256 sha;
    uint8_t digest[WC_SHA256_DIGEST_SIZE];
    CHECK(wc_InitSha256(&sha) == 0);
    CHECK(wc_Sha256Update(&sha, k.bytes, TRANSCRIPT_BYTES) == 0);
    CHECK(wc_Sha256Final(&sha, digest) == 0);
}

static void hash_so_far(void)
{
    uint8_t digest[WC_SHA256_DIGEST_SIZE];
    CHECK(wc_Sha256GetHash(&k.transcript, digest) == 0);
}

static void extract(void)
{
    uint8_t out[WC_SHA256_DIGEST_SIZE];
    CHECK(wc_Tls13_HKDF_Extract(out, k.secret, sizeof k.secret, k.bytes, sizeof k.secret,
                                WC_SHA256) == 0);
}

static void expand(void)
{
    static const uint8_t protocol[] = "tls13 ", label[] = "c hs traffic";
    uint8_t out[WC_SHA256_DIGEST_SIZE];
    CHECK(wc_Tls13_HKDF_Expand_Label(out, sizeof out, k.secret, sizeof k.secret, protocol,
                                     sizeof protocol - 1, label, sizeof label - 1, k.bytes,
                                     sizeof k.secret, WC_SHA256) == 0);
}

static void finished(void)
{
    uint8_t out[WC_SHA256_DIGEST_SIZE];
    CHECK(wc_HmacSetKey(&k.hmac, WC_SHA256, k.secret, sizeof k.secret) == 0);
    CHECK(wc_HmacUpdate(&k.hmac, k.bytes, sizeof k.secret) == 0);
    CHECK(wc_HmacFinal(&k.hmac, out) == 0);
}

static void key_schedule(void)
{
    CHECK(wc_AesGcmSetKey(&k.aes, k.secret, 16) == 0);
}

static void seal(uint32_t bytes)
{
    static uint8_t out[sizeof k.bytes], tag[16];
    CHECK(wc_AesGcmEncrypt(&k.aes, out, k.bytes, bytes, k.secret, 12, tag, sizeof tag, k.secret,
                           5) == 0);
}

static void seal_flight(void)
{
    seal(FLIGHT_BYTES);
}

static void seal_ticket(void)
{
    seal(TICKET_BYTES);
}

static void seal_small(void)
{
    seal(SMALL_BYTES);
}

static void draw(void)
{
    uint8_t out[32];
    CHECK(wc_RNG_GenerateBlock(&k.rng, out, sizeof out) == 0);
}

static const struct {
    const char *name;
    unsigned count;
    void (*run)(void);
} operations[] = {
    { "X25519 key pair", 1, agree_key },
    { "X25519 secret", 1, agree_secret },
    { "P-256 signature", 1, sign },
    { "SHA-256 of the transcript", 1, hash_transcript },
    { "... so far, and of what is signed", 6, hash_so_far },
    { "HKDF-Extract", 3, extract },
    /* 2 derived, 4 traffic secrets, resumption master, its PSK, 2 for Finished, 4 keys and IVs */
    { "HKDF-Expand-Label", 18, expand },
    { "Finished", 2, finished },
    { "AES-128 key", 5, key_schedule }, /* 4, and the ticket's */
    { "records of the flight", 1, seal_flight },
    { "the ticket, and its record", 2, seal_ticket },
    { "small records", 3, seal_small },
    { "32 random bytes", 2, draw }, /* the hello's, the ticket's; the keys' are in their rows */
};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Microseconds of one: of several rounds the quickest, as what disturbs only adds. */
static double measure_us(void (*run)(void))
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = cpu_ns(), now = begin;
        unsigned count = 0;
        while (now - begin < ROUND_NS) {
            for (int i = 0; i < 16; i++)
                run();
            count += 16;
            now = cpu_ns();
        }
        double each = (double)(now - begin) / 1e3 / count;
        best = each < best ? each : best;
    }
    return best;
}

static void prepare(void)
{
    CHECK(wc_InitRng(&k.rng) == 0);
    CHECK(wc_ecc_init(&k.sign) == 0 && wc_ecc_make_key(&k.rng, 32, &k.sign) == 0);
    CHECK(wc_curve25519_init(&k.ours) == 0 && wc_curve25519_init(&k.theirs) == 0);
    CHECK(wc_curve25519_make_key(&k.rng, CURVE25519_KEYSIZE, &k.theirs) == 0);
    CHECK(wc_AesInit(&k.aes, NULL, INVALID_DEVID) == 0);
    CHECK(wc_HmacInit(&k.hmac, NULL, INVALID_DEVID) == 0);
    CHECK(wc_RNG_GenerateBlock(&k.rng, k.bytes, sizeof k.bytes) == 0);
    memcpy(k.secret, k.bytes, sizeof k.secret);
    CHECK(wc_InitSha256(&k.transcript) == 0);
    CHECK(wc_Sha256Update(&k.transcript, k.bytes, 100) == 0);
}

int main(void)
{
    double sum = 0;
    prepare();
    printf("{");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        double each = measure_us(operations[i].run);
        sum += each * operations[i].count;
        printf("\"%s\": {\"count\": %u, \"us\": %.3f}, ", operations[i].name, operations[i].count,
               each);
    }
    printf("\"sum_us\": %.3f}\n", sum);
    return 0;
}
