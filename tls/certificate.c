/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "tls/pem.h"

#define POINT_BYTES 64 /* the end of a public key on a curve; of P-256 all that differs */

/* Where to say why something cannot be. */
struct because {
    char *text;
    uint32_t bytes;
};

static bool say(struct because because, const char *what, int err)
{
    const char *reason = err ? wc_GetErrorString(err) : NULL;
    snprintf(because.text, because.bytes, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    return false;
}

/* --- what a certificate says --- */

static bool date_s(const uint8_t *date, int bytes, int64_t *out)
{
    const byte *text;
    byte format;
    int len;
    struct tm tm = { 0 };
    if (wc_GetDateInfo(date, bytes, &text, &format, &len) != 0 ||
        wc_GetDateAsCalendarTime(text, len, format, &tm) != 0)
        return false;
    *out = timegm(&tm);
    return true;
}

static bool add_name(struct certificate *c, const char *name, size_t len)
{
    if (c->names_count == CERTIFICATE_NAMES_MAX || memchr(name, '\0', len))
        return true; /* served as the default only */
    char *copy = strndup(name, len);
    if (!copy)
        return false;
    for (char *p = copy; *p; p++)
        *p = ascii_lower(*p);
    c->names[c->names_count++] = copy;
    return true;
}

static bool read_names(struct certificate *c, const DecodedCert *d)
{
    uint32_t count = 1;
    for (const DNS_entry *e = d->altNames; e; e = e->next)
        count += e->type == ASN_DNS_TYPE;
    if (count > CERTIFICATE_NAMES_MAX)
        count = CERTIFICATE_NAMES_MAX;
    c->names = calloc(count, sizeof *c->names);
    if (!c->names)
        return false;
    /* With alternative names the common name means nothing (RFC 6125 6.4.4). */
    if (count == 1 && d->subjectCN)
        return add_name(c, d->subjectCN, (size_t)d->subjectCNLen);
    for (const DNS_entry *e = d->altNames; e; e = e->next)
        if (e->type == ASN_DNS_TYPE && !add_name(c, e->name, (size_t)e->len))
            return false;
    return true;
}

static bool read_kind(struct certificate *c, uint32_t key_oid)
{
    switch (key_oid) {
    case ECDSAk:
        c->kind = CERTIFICATE_ECDSA;
        return true;
    case RSAk:
        c->kind = CERTIFICATE_RSA;
        return true;
    case ED25519k:
        c->kind = CERTIFICATE_ED25519;
        return true;
    default:
        return false;
    }
}

/* What of the leaf is kept. */
static bool read_leaf(struct certificate *c, const DecodedCert *d, struct because because)
{
    if (!read_kind(c, d->keyOID))
        return say(because, "the certificate's key is neither RSA, ECDSA nor Ed25519", 0);
    if (!date_s(d->beforeDate, d->beforeDateLen, &c->not_before_s) ||
        !date_s(d->afterDate, d->afterDateLen, &c->not_after_s))
        return say(because, "the certificate's dates are malformed", 0);
    const byte *serial = d->serial;
    int bytes = d->serialSz;
    for (; bytes > 1 && serial[0] == 0; bytes--)
        serial++;
    c->serial_bytes = (uint32_t)bytes;
    memcpy(c->serial, serial, c->serial_bytes);
    return read_names(c, d) || say(because, "out of memory", 0);
}

/* --- the key --- */

static bool read_key(struct certificate *c, struct str pem, struct str passphrase,
                     struct because because)
{
    bool encrypted = memmem(pem.ptr, pem.len, "ENCRYPTED", 9);
    if (memmem(pem.ptr, pem.len, "DEK-Info:", 9)) /* its key is made with MD5 */
        return say(because,
                   "the key is encrypted the old way of OpenSSL; convert it with "
                   "'openssl pkcs8 -topk8 -v2 aes-256-cbc'",
                   0);
    if (encrypted && passphrase.len == 0)
        return say(because, "the key is encrypted and no passphrase is given", 0);
    if (passphrase.len > CERTIFICATE_PASSPHRASE_BYTES_MAX)
        return say(because, "the passphrase is too long", 0);
    char text[CERTIFICATE_PASSPHRASE_BYTES_MAX + 1] = "";
    if (passphrase.len)
        memcpy(text, passphrase.ptr, passphrase.len);
    text[strcspn(text, "\r\n")] = '\0';
    c->key = malloc(pem.len);
    if (!c->key)
        return say(because, "out of memory", 0);
    int n = wc_KeyPemToDer((const byte *)pem.ptr, (int)pem.len, c->key, (int)pem.len, text);
    explicit_bzero(text, sizeof text);
    if (n <= 0 && encrypted)
        return say(because,
                   "the key cannot be decrypted: wrong passphrase, or not a cipher we take "
                   "(AES)",
                   0);
    if (n <= 0)
        return say(because, "no private key in PEM form", 0);
    c->key_bytes = (uint32_t)n;
    return true;
}

/* A key file mostly says the public key too: then to find it there is enough, and a folder of ten
 * thousand is read in no time. Else it is computed. */
static bool is_key_of(const struct certificate *c, DecodedCert *d)
{
    if (d->keyOID == ECDSAk && d->pubKeySize > POINT_BYTES &&
        memmem(c->key, c->key_bytes, d->publicKey + d->pubKeySize - POINT_BYTES, POINT_BYTES))
        return true;
    return wc_CheckPrivateKeyCert(c->key, c->key_bytes, d, 0, NULL) == 1;
}

/* The library is the judge of what it can serve. */
static bool try_pair(const struct certificate *c, struct because because)
{
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
    if (!ctx)
        return say(because, "out of memory", 0);
    bool ok = false;
    int rc = wolfSSL_CTX_use_certificate_chain_buffer_format(ctx, (const unsigned char *)c->chain,
                                                             c->chain_bytes, WOLFSSL_FILETYPE_PEM);
    if (rc != WOLFSSL_SUCCESS)
        say(because, "the certificate cannot be used", rc);
    else if (wolfSSL_CTX_use_PrivateKey_buffer(ctx, c->key, c->key_bytes, WOLFSSL_FILETYPE_ASN1) !=
             WOLFSSL_SUCCESS)
        say(because, "the key is not the certificate's, or malformed", 0);
    else
        ok = true;
    wolfSSL_CTX_free(ctx);
    return ok;
}

/* --- the chain --- */

/* The next certificate of a PEM text, in DER; NULL: none is left, or it is malformed. */
static DerBuffer *next_certificate(struct str *text)
{
    DerBuffer *der = NULL;
    struct str block;
    if (pem_next(text, &block) && wc_PemToDer((const byte *)block.ptr, (long)block.len, CERT_TYPE,
                                              &der, NULL, NULL, NULL) != 0)
        return NULL;
    return der;
}

struct link {
    byte subject[KEYID_SIZE], issuer[KEYID_SIZE];
};

/* Those that follow the leaf: each has signed the one before it. */
static void read_rest(struct certificate *c, struct str text, const struct link *leaf)
{
    struct link last = *leaf;
    uint32_t count = 0;
    DerBuffer *der;
    while ((der = next_certificate(&text))) {
        DecodedCert d;
        wc_InitDecodedCert(&d, der->buffer, der->length, NULL);
        if (wc_ParseCert(&d, CERT_TYPE, NO_VERIFY, NULL) == 0) {
            c->disordered |= memcmp(last.issuer, d.subjectHash, KEYID_SIZE) != 0;
            memcpy(last.subject, d.subjectHash, KEYID_SIZE);
            memcpy(last.issuer, d.issuerHash, KEYID_SIZE);
            count++;
        }
        wc_FreeDecodedCert(&d);
        wc_FreeDer(&der);
    }
    c->alone = count == 0 && memcmp(leaf->issuer, leaf->subject, KEYID_SIZE) != 0;
}

static bool read_chain(struct certificate *c, const struct certificate_texts *texts,
                       struct because because)
{
    struct str rest = texts->chain;
    DerBuffer *der = next_certificate(&rest);
    if (!der)
        return say(because, "no certificate in PEM form", 0);
    DecodedCert d;
    wc_InitDecodedCert(&d, der->buffer, der->length, NULL);
    int err = wc_ParseCert(&d, CERT_TYPE, NO_VERIFY, NULL);
    bool ok = false;
    if (err != 0) {
        say(because, "the certificate is malformed", err);
    } else if (read_leaf(c, &d, because) && read_key(c, texts->key, texts->passphrase, because)) {
        struct link leaf;
        memcpy(leaf.subject, d.subjectHash, KEYID_SIZE);
        memcpy(leaf.issuer, d.issuerHash, KEYID_SIZE);
        read_rest(c, rest, &leaf);
        ok = try_pair(c, because) &&
             (is_key_of(c, &d) || say(because, "the key is not the certificate's", 0));
    }
    wc_FreeDecodedCert(&d);
    wc_FreeDer(&der);
    return ok;
}

/* --- all of it --- */

void certificate_ref(struct certificate *c)
{
    c->refs++;
}

void certificate_free(struct certificate *c)
{
    if (!c || --c->refs)
        return;
    for (uint32_t i = 0; i < c->names_count; i++)
        free(c->names[i]);
    free(c->names);
    free(c->chain);
    if (c->key)
        explicit_bzero(c->key, c->key_bytes);
    free(c->key);
    free(c);
}

uint64_t certificate_hash(const struct certificate_texts *texts)
{
    uint64_t h = hash_bytes(texts->chain.ptr, texts->chain.len, 0);
    h = hash_bytes(texts->key.ptr, texts->key.len, h);
    return hash_bytes(texts->passphrase.ptr, texts->passphrase.len, h);
}

struct certificate *certificate_parse(const struct certificate_texts *texts, char *why,
                                      uint32_t why_bytes)
{
    struct because because = { why, why_bytes };
    struct certificate *c = calloc(1, sizeof *c);
    if (!c || !(c->chain = malloc(texts->chain.len + 1))) {
        free(c);
        say(because, "out of memory", 0);
        return NULL;
    }
    c->refs = 1;
    c->hash = certificate_hash(texts);
    memcpy(c->chain, texts->chain.ptr, texts->chain.len);
    c->chain[texts->chain.len] = '\0';
    c->chain_bytes = (uint32_t)texts->chain.len;
    if (read_chain(c, texts, because))
        return c;
    certificate_free(c);
    return NULL;
}
