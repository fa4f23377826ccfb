/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "core/base/check.h"

#define PASSPHRASE_BYTES_MAX 1024

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

static bool read_leaf(struct certificate *c, struct because because)
{
    DerBuffer *der = NULL;
    int err =
        wc_PemToDer((const byte *)c->chain, c->chain_bytes, CERT_TYPE, &der, NULL, NULL, NULL);
    if (err != 0)
        return say(because, "no certificate in PEM form", 0);
    DecodedCert d;
    wc_InitDecodedCert(&d, der->buffer, der->length, NULL);
    bool ok = false;
    err = wc_ParseCert(&d, CERT_TYPE, NO_VERIFY, NULL);
    if (err != 0)
        say(because, "the certificate is malformed", err);
    else if (!read_kind(c, d.keyOID))
        say(because, "the certificate's key is neither RSA, ECDSA nor Ed25519", 0);
    else if (!date_s(d.beforeDate, d.beforeDateLen, &c->not_before_s) ||
             !date_s(d.afterDate, d.afterDateLen, &c->not_after_s))
        say(because, "the certificate's dates are malformed", 0);
    else if (!read_names(c, &d))
        say(because, "out of memory", 0);
    else
        ok = true;
    wc_FreeDecodedCert(&d);
    wc_FreeDer(&der);
    return ok;
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
    if (passphrase.len > PASSPHRASE_BYTES_MAX)
        return say(because, "the passphrase is too long", 0);
    char text[PASSPHRASE_BYTES_MAX + 1] = "";
    memcpy(text, passphrase.ptr ? passphrase.ptr : "", passphrase.len);
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
    else if ((rc = wolfSSL_CTX_use_PrivateKey_buffer(ctx, c->key, c->key_bytes,
                                                     WOLFSSL_FILETYPE_ASN1)) != WOLFSSL_SUCCESS)
        say(because, "the key does not fit the certificate, or is malformed", 0);
    else if (wolfSSL_CTX_check_private_key(ctx) != WOLFSSL_SUCCESS)
        say(because, "the key is not the certificate's", 0);
    else
        ok = true;
    wolfSSL_CTX_free(ctx);
    return ok;
}

/* --- all of it --- */

void certificate_free(struct certificate *c)
{
    if (!c)
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

struct certificate *certificate_parse(struct str chain, struct str key, struct str passphrase,
                                      char *why, uint32_t why_bytes)
{
    struct because because = { why, why_bytes };
    struct certificate *c = calloc(1, sizeof *c);
    if (!c || !(c->chain = malloc(chain.len + 1))) {
        free(c);
        say(because, "out of memory", 0);
        return NULL;
    }
    memcpy(c->chain, chain.ptr, chain.len);
    c->chain[chain.len] = '\0';
    c->chain_bytes = (uint32_t)chain.len;
    if (read_leaf(c, because) && read_key(c, key, passphrase, because) && try_pair(c, because))
        return c;
    certificate_free(c);
    return NULL;
}

char *certificate_read_file(const char *path, uint32_t *bytes, char *why, uint32_t why_bytes)
{
    struct because because = { why, why_bytes };
    struct stat st;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        say(because, strerror(errno), 0);
    } else if (!S_ISREG(st.st_mode)) {
        say(because, "not a file", 0);
    } else if (st.st_size > CERTIFICATE_FILE_BYTES_MAX) {
        say(because, "too large for a certificate or key", 0);
    } else if (!(text = malloc((size_t)st.st_size + 1))) {
        say(because, "out of memory", 0);
    } else {
        ssize_t n = read(fd, text, (size_t)st.st_size);
        if (n == st.st_size) {
            text[n] = '\0';
            *bytes = (uint32_t)n;
        } else {
            say(because, n < 0 ? strerror(errno) : "changed while it was read", 0);
            free(text);
            text = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

struct secret_file {
    char *text; /* NULL: could not be read */
    uint32_t bytes;
};

static struct secret_file read_secret(const char *path, struct because because)
{
    struct secret_file f = { 0 };
    char cause[128];
    f.text = certificate_read_file(path, &f.bytes, cause, sizeof cause);
    if (!f.text)
        snprintf(because.text, because.bytes, "%s: %s", path, cause);
    return f;
}

static void forget(struct secret_file *f)
{
    if (f->text)
        explicit_bzero(f->text, f->bytes);
    free(f->text);
}

struct certificate *certificate_load(const char *chain_path, const char *key_path,
                                     const char *passphrase_path, char *why, uint32_t why_bytes)
{
    struct because because = { why, why_bytes };
    struct secret_file key = { 0 }, passphrase = { 0 };
    struct certificate *c = NULL;
    struct secret_file chain = read_secret(chain_path, because);
    if (chain.text)
        key = read_secret(key_path, because);
    if (key.text && passphrase_path)
        passphrase = read_secret(passphrase_path, because);
    if (key.text && (passphrase.text || !passphrase_path)) {
        char cause[160];
        const char *line = passphrase.text ? passphrase.text : "";
        c = certificate_parse((struct str){ chain.text, chain.bytes },
                              (struct str){ key.text, key.bytes },
                              (struct str){ line, strcspn(line, "\r\n") }, cause, sizeof cause);
        if (!c)
            snprintf(why, why_bytes, "%s, %s: %s", chain_path, key_path, cause);
    }
    forget(&chain);
    forget(&key);
    forget(&passphrase);
    return c;
}
