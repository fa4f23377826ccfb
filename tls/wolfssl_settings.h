/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration wolfSSL is built with, its "user_settings.h": what sluice speaks and nothing
 * else, since every feature costs memory per connection. The library and who includes its headers
 * must see the same one: build.sh installs it beside them. */
#ifndef SLUICE_TLS_WOLFSSL_SETTINGS_H
#define SLUICE_TLS_WOLFSSL_SETTINGS_H

/* platform */
#define SIZEOF_LONG 8
#define SIZEOF_LONG_LONG 8
#define HAVE_PTHREAD 1
#define HAVE_SYS_TIME_H 1
#define HAVE_GMTIME_R 1
#define _POSIX_THREADS
#define HAVE_THREAD_LS
#define WOLFSSL_NO_GETPID
#define WOLFSSL_GETRANDOM
#define WOLFSSL_HAVE_ATOMIC_H
#define HAVE_C___ATOMIC 1
#define WOLFSSL_USER_IO /* memory I/O: no socket call in the library */
#define NO_FILESYSTEM   /* files are read by us */
#define NO_WRITEV
#define NO_MAIN_DRIVER
#define WOLFSSL_IGNORE_FILE_WARN
#define WOLFSSL_USE_ALIGN
#define WC_NO_ASYNC_THREADING

/* Random numbers: tls/random.c, one generator per thread. Without it the library makes a generator
 * per connection: 16 getpid and 3 getrandom calls a handshake. */
#ifndef __ASSEMBLER__
extern int sluice_random_block(unsigned char *out, unsigned int bytes);
#endif
#define CUSTOM_RAND_GENERATE_BLOCK sluice_random_block

/* protocol */
#define WOLFSSL_TLS13
#define NO_OLD_TLS /* 1.2 and 1.3 */
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_EXTENDED_MASTER
#define HAVE_SERVER_RENEGOTIATION_INFO /* says that we do not renegotiate; clients insist */
#define HAVE_SNI
#define HAVE_ALPN
#define HAVE_SESSION_TICKET
#define WOLFSSL_NO_DEF_TICKET_ENC_CB /* tls/tickets.c */
#define HAVE_CERTIFICATE_STATUS_REQUEST
#define HAVE_OCSP
#define HAVE_CRL
#define WOLFSSL_ALT_CERT_CHAINS
#define WOLFSSL_ALWAYS_VERIFY_CB
#define HAVE_SECRET_CALLBACK /* SSLKEYLOGFILE */
#define SMALL_SESSION_CACHE  /* switched off at run time; without it tickets do not link */
#define NO_PSK

/* algorithms */
#define HAVE_AESGCM
#define GCM_TABLE_4BIT
#define WOLFSSL_AES_DIRECT
#define HAVE_CHACHA
#define HAVE_POLY1305
#define HAVE_ONE_TIME_AUTH
#define HAVE_HKDF
#define HAVE_ECC
#define ECC_USER_CURVES /* with the two below: P-256, P-384, P-521 */
#define HAVE_ECC384
#define HAVE_ECC521
#define ECC_SHAMIR
#define ECC_TIMING_RESISTANT
#define TFM_TIMING_RESISTANT
#define WC_RSA_BLINDING
#define WC_RSA_PSS
#define HAVE_CURVE25519
#define HAVE_ED25519
#define WOLFSSL_SHA224
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define WOLFSSL_SHA3
#define WOLFSSL_SHAKE128
#define WOLFSSL_SHAKE256
#define WOLFSSL_HAVE_MLKEM
#define WOLFSSL_WC_MLKEM
#define WOLFSSL_TLS_NO_MLKEM_STANDALONE
#define WOLFSSL_PQC_HYBRIDS
#define WOLFSSL_NO_ML_KEM_512
#define NO_DH
#define NO_DSA
#define NO_MD4
#define NO_MD5
#define NO_RC4
#define NO_DES3
#define NO_OLD_SHA256

/* certificates and keys */
#define WOLFSSL_ASN_TEMPLATE
#define WOLFSSL_PEM_TO_DER
#define WOLFSSL_ENCRYPTED_KEYS
#define WOLFSSL_CERT_GEN /* --tls self-signed */
#define WOLFSSL_CERT_EXT
#define WOLFSSL_ALT_NAMES
#define WOLFSSL_IP_ALT_NAME
#define WOLFSSL_KEY_GEN
#define HAVE_PKCS8
#define WOLFSSL_DER_TO_PEM

/* mathematics: single precision for the sizes above, with assembly */
#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_SP_4096
#define WOLFSSL_SP_384
#define WOLFSSL_SP_521
#define SP_INT_BITS 4096
#ifdef __SIZEOF_INT128__
#define HAVE___UINT128_T 1
#endif

/* assembly, chosen at run time by what the CPU has */
#ifdef __x86_64__
#define WOLFSSL_X86_64_BUILD
#define WOLFSSL_AESNI
#define USE_INTEL_SPEEDUP
#define WOLFSSL_SP_ASM
#define WOLFSSL_SP_X86_64_ASM
#endif

#endif
