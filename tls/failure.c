/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "core/base/check.h"
#include "tls/session.h"

static const struct {
    const char *word, *text;
    int err;
} table[] = {
    { "ok", "no failure", 0 },
#define FAILURE(name, word, err, text) { word, text, err },
#include "tls/failures.def"
#undef FAILURE
};

const char *tls_failure_word(enum tls_failure f)
{
    return table[f].word;
}

const char *tls_failure_text(enum tls_failure f)
{
    return table[f].text;
}

int tls_failure_err(enum tls_failure f)
{
    return -table[f].err;
}

enum tls_failure tls_failure_of(int wolfssl_error)
{
    switch (wolfssl_error) {
    case MEMORY_E:
        return TLS_MEMORY;
    case FATAL_ERROR: /* an alert came */
        return TLS_ALERT;
    case DECRYPT_ERROR:
    case VERIFY_MAC_ERROR:
    case AES_GCM_AUTH_E:
    case MAC_CMP_FAILED_E:
    case BUFFER_ERROR:
    case LENGTH_ERROR:
    case UNKNOWN_RECORD_TYPE:
        return TLS_BAD_RECORD;
    case VERSION_ERROR:
    case MATCH_SUITE_ERROR:
    case ECC_CURVE_ERROR:
    case EXT_MISSING:
    case BAD_KEY_SHARE_DATA:
        return TLS_NO_COMMON;
    case UNKNOWN_ALPN_PROTOCOL_NAME_E:
        return TLS_NO_PROTOCOL;
    case DOMAIN_NAME_MISMATCH:
    case IPADDR_MISMATCH:
        return TLS_NAME;
    case ASN_AFTER_DATE_E:
    case ASN_BEFORE_DATE_E:
        return TLS_EXPIRED;
    case ASN_NO_SIGNER_E:
    case ASN_SIG_CONFIRM_E:
    case ASN_SELF_SIGNED_E:
        return TLS_UNTRUSTED;
    case NO_PEER_CERT:
    case CRL_CERT_REVOKED:
    case CRL_MISSING:
    case CRL_CERT_DATE_ERR:
    case ASN_CRL_CONFIRM_E:
    case ASN_CRL_NO_SIGNER_E:
    case ASN_VERSION_E:
    case KEYUSE_SIGNATURE_E:
    case EXTKEYUSE_AUTH_E:
    case ASN_PARSE_E:
        return TLS_CERTIFICATE;
    default:
        return TLS_BAD_HANDSHAKE;
    }
}
