/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate for trying things out: nobody trusts it, and it is gone with the process. */
#include <stdio.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>

#include "core/base/out.h"
#include "tls/certificate.h"

#define DER_BYTES 2048
#define PEM_BYTES 4096
#define DAYS_VALID 365
#define P256_BYTES 32

enum { GENERAL_NAME_DNS = 0x82, GENERAL_NAME_IP = 0x87, SEQUENCE = 0x30 };

static void general_name(struct out *o, int tag, const void *bytes, size_t len)
{
    out_char(o, (char)tag);
    out_char(o, (char)len);
    out_mem(o, bytes, len);
}

/* SubjectAltName (RFC 5280 4.2.1.6); all lengths stay below 128. False: the name is too long. */
static bool set_names(Cert *cert, struct str name)
{
    static const unsigned char v4[4] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };
    char names[120];
    struct out o = out_into(names, sizeof names);
    general_name(&o, GENERAL_NAME_DNS, "localhost", 9);
    general_name(&o, GENERAL_NAME_IP, v4, sizeof v4);
    general_name(&o, GENERAL_NAME_IP, v6, sizeof v6);
    if (name.len)
        general_name(&o, GENERAL_NAME_DNS, name.ptr, name.len);
    if (o.full)
        return false;
    struct out all = out_into(cert->altNames, sizeof cert->altNames);
    general_name(&all, SEQUENCE, names, out_len(&o));
    cert->altNamesSz = (int)out_len(&all);
    return true;
}

/* The certificate's DER, or a negative error. */
static int make(ecc_key *key, WC_RNG *rng, struct str name, byte *der)
{
    Cert cert;
    int rc = wc_InitCert(&cert);
    if (rc != 0)
        return rc;
    snprintf(cert.subject.commonName, sizeof cert.subject.commonName, "sluice self-signed");
    cert.sigType = CTC_SHA256wECDSA;
    cert.daysValid = DAYS_VALID;
    cert.selfSigned = 1;
    if (!set_names(&cert, name))
        return BUFFER_E;
    rc = wc_MakeCert(&cert, der, DER_BYTES, NULL, key, rng);
    if (rc < 0)
        return rc;
    return wc_SignCert(cert.bodySz, cert.sigType, der, DER_BYTES, NULL, key, rng);
}

/* Both as PEM text; 0 or a negative error. */
static int make_pair(struct str name, char chain[PEM_BYTES], char key_pem[PEM_BYTES])
{
    WC_RNG rng;
    ecc_key key;
    byte der[DER_BYTES], key_der[DER_BYTES];
    int rc = wc_InitRng(&rng);
    if (rc != 0)
        return rc;
    rc = wc_ecc_init(&key);
    if (rc == 0) {
        rc = wc_ecc_make_key(&rng, P256_BYTES, &key);
        int der_bytes = rc == 0 ? make(&key, &rng, name, der) : rc;
        int key_bytes = der_bytes < 0 ? der_bytes : wc_EccKeyToDer(&key, key_der, sizeof key_der);
        rc = key_bytes < 0 ? key_bytes : 0;
        if (rc == 0)
            rc = wc_DerToPem(der, (word32)der_bytes, (byte *)chain, PEM_BYTES - 1, CERT_TYPE);
        if (rc >= 0)
            rc = wc_DerToPem(key_der, (word32)key_bytes, (byte *)key_pem, PEM_BYTES - 1,
                             ECC_PRIVATEKEY_TYPE);
        wc_ecc_free(&key);
    }
    explicit_bzero(key_der, sizeof key_der);
    wc_FreeRng(&rng);
    return rc < 0 ? rc : 0;
}

struct certificate *certificate_self_signed(struct str name, char *why, uint32_t why_bytes)
{
    char chain[PEM_BYTES] = "", key[PEM_BYTES] = "";
    struct certificate *c = NULL;
    int rc = make_pair(name, chain, key);
    const struct certificate_texts texts = { .chain = str_of(chain), .key = str_of(key) };
    if (rc == 0)
        c = certificate_parse(&texts, why, why_bytes);
    else
        snprintf(why, why_bytes, "%s", wc_GetErrorString(rc));
    explicit_bzero(key, sizeof key);
    return c;
}
