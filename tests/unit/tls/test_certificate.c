/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates and keys as openssl makes them, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tls/certificate.h"
#include "tls/context.h"

static char folder[] = "/tmp/sluice-certificates-XXXXXX";

static const char make_files[] =
    "exec 2>/dev/null; cd %s && "
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ec.key"
    " -out ec.pem -days 30 -subj /CN=ignored -addext 'subjectAltName=DNS:A.example,DNS:*.b.example'"
    " && openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 30"
    " -subj /CN=only.cn && "
    "openssl req -x509 -newkey ed25519 -nodes -keyout ed.key -out ed.pem -days 30 -subj /CN=ed && "
    "openssl pkcs8 -topk8 -in ec.key -out ec.enc -passout pass:secret -v2 aes-256-cbc && "
    "openssl rsa -in rsa.key -aes128 -passout pass:secret -out rsa.enc -traditional && "
    "openssl ec -in ec.key -out ec.sec1 && "
    "printf 'secret\\nmore' >right && echo wrong >wrong && : >empty && cat ec.pem rsa.pem >two.pem";

static char *at(const char *name)
{
    static char paths[4][100];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int begin(void **state)
{
    (void)state;
    char command[2000];
    tls_library_init();
    if (!mkdtemp(folder))
        return -1;
    snprintf(command, sizeof command, make_files, folder);
    return system(command);
}

static int end(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    tls_library_exit();
    return system(command);
}

/* The text of a file of the folder; "" without a name. */
static struct str text_of(const char *name, char into[16384])
{
    FILE *f = name ? fopen(at(name), "r") : NULL;
    size_t n = f ? fread(into, 1, 16384, f) : 0;
    if (f)
        fclose(f);
    return (struct str){ into, n };
}

static struct certificate *load(const char *chain, const char *key, const char *passphrase,
                                char why[300])
{
    static char a[16384], b[16384], c[16384];
    const struct certificate_texts texts = { text_of(chain, a), text_of(key, b),
                                             text_of(passphrase, c) };
    strcpy(why, "");
    return certificate_parse(&texts, why, 300);
}

static void good(const char *chain, const char *key, const char *passphrase,
                 enum certificate_kind kind)
{
    char why[300];
    struct certificate *c = load(chain, key, passphrase, why);
    if (!c)
        fail_msg("%s", why);
    assert_int_equal(c->kind, kind);
    assert_true(c->not_before_s <= time(NULL));
    assert_in_range(c->not_after_s - time(NULL), 29 * 86400, 30 * 86400);
    certificate_free(c);
}

static void bad(const char *chain, const char *key, const char *passphrase, const char *cause)
{
    char why[300];
    struct certificate *c = load(chain, key, passphrase, why);
    assert_null(c);
    if (!strstr(why, cause))
        fail_msg("'%s' does not say '%s'", why, cause);
    assert_null(strstr(why, "BEGIN"));
    assert_null(strstr(why, "secret"));
}

static void every_kind_of_pair(void **state)
{
    (void)state;
    good("ec.pem", "ec.key", NULL, CERTIFICATE_ECDSA);
    good("ec.pem", "ec.sec1", NULL, CERTIFICATE_ECDSA);
    good("rsa.pem", "rsa.key", NULL, CERTIFICATE_RSA);
    good("ed.pem", "ed.key", NULL, CERTIFICATE_ED25519);
    good("ec.pem", "ec.enc", "right", CERTIFICATE_ECDSA);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    bad("empty", "ec.key", NULL, "no certificate");
    bad("ec.key", "ec.key", NULL, "no certificate");
    bad("ec.pem", "empty", NULL, "no private key");
    bad("ec.pem", "ec.pem", NULL, "no private key");
    bad("ec.pem", "rsa.key", NULL, "the key");
    bad("rsa.pem", "ec.key", NULL, "the key");
    bad("ec.pem", "ec.enc", NULL, "no passphrase");
    bad("ec.pem", "ec.enc", "wrong", "cannot be decrypted");
    bad("rsa.pem", "rsa.enc", "right", "openssl pkcs8 -topk8");
}

/* The same kind of key, but another one. */
static void another_key_is_not_the_certificates(void **state)
{
    (void)state;
    char why[300];
    struct certificate *a = certificate_self_signed(STR("a"), why, sizeof why);
    assert_non_null(a);
    char key[16384];
    const struct certificate_texts texts = { .chain = { a->chain, a->chain_bytes },
                                             .key = text_of("ec.key", key) };
    assert_null(certificate_parse(&texts, why, sizeof why));
    assert_non_null(strstr(why, "the key"));
    certificate_free(a);
}

static void names_are_those_of_the_certificate(void **state)
{
    (void)state;
    char why[300];
    struct certificate *c = load("ec.pem", "ec.key", NULL, why);
    assert_non_null(c);
    assert_int_equal(c->names_count, 2);
    bool first = strcmp(c->names[0], "a.example") == 0;
    assert_string_equal(c->names[!first], "a.example");
    assert_string_equal(c->names[first], "*.b.example");
    certificate_free(c);
    c = load("rsa.pem", "rsa.key", NULL, why);
    assert_non_null(c);
    assert_int_equal(c->names_count, 1);
    assert_string_equal(c->names[0], "only.cn");
    certificate_free(c);
}

static void self_signed_names(void **state)
{
    (void)state;
    char why[300], name[200];
    memset(name, 'a', sizeof name);
    struct certificate *c = certificate_self_signed(STR("dev.example"), why, sizeof why);
    assert_non_null(c);
    assert_int_equal(c->names_count, 2);
    certificate_free(c);
    assert_null(certificate_self_signed((struct str){ name, sizeof name }, why, sizeof why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_pair),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(another_key_is_not_the_certificates),
        cmocka_unit_test(names_are_those_of_the_certificate),
        cmocka_unit_test(self_signed_names),
    };
    return cmocka_run_group_tests_name("certificate", tests, begin, end);
}
