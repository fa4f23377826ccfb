/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of TLS: thousands of certificates, certificates that expire, the log of secrets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

#include "tests/wire/tools.h"

#define LISTENER(tls)                                                                              \
    "admin: { socket: admin.sock }\n"                                                              \
    "listeners: { web: { bind: \"$LISTEN\", site: s, tls: { " tls " } } }\n"                       \
    "sites: { s: { log: access, routes: [ { respond: { body: hi } } ] } }\n"

static const char *metrics(struct wire *w)
{
    return shell(w, "curl -s --unix-socket admin.sock http://a/metrics");
}

/* --- a directory of many --- */

#ifdef __SANITIZE_ADDRESS__
#define CERTIFICATES 500
#define START_MS_MAX 15000
#else
#define CERTIFICATES 10000
#define START_MS_MAX 5000
#endif
#define ASKED 500 /* names that somebody asks for */
#define READY 50  /* contexts that a worker keeps */

/* Its own signature, its own key, for nI.test. */
static int make_der(int i, WC_RNG *rng, ecc_key *key, byte *der, word32 room)
{
    Cert cert;
    assert_int_equal(wc_InitCert(&cert), 0);
    int len = snprintf(cert.subject.commonName, sizeof cert.subject.commonName, "n%d.test", i);
    cert.sigType = CTC_SHA256wECDSA;
    cert.daysValid = 90;
    cert.selfSigned = 1;
    cert.altNamesSz = snprintf((char *)cert.altNames, sizeof cert.altNames, "%c%c%c%c%s", 0x30,
                               len + 2, 0x82, len, cert.subject.commonName);
    assert_true(wc_MakeCert(&cert, der, room, NULL, key, rng) > 0);
    return wc_SignCert(cert.bodySz, cert.sigType, der, room, NULL, key, rng);
}

static void append_pem(FILE *f, const byte *der, int bytes, int type)
{
    byte pem[2048];
    assert_true(bytes > 0);
    int n = wc_DerToPem(der, (word32)bytes, pem, sizeof pem, type);
    assert_true(n > 0);
    assert_int_equal(fwrite(pem, 1, (size_t)n, f), n);
}

static void write_pair(struct wire *w, int i, WC_RNG *rng)
{
    byte der[1024];
    ecc_key key;
    FILE *f = fopen(wire_path(w, wire_text(w, "all/n%d.pem", i)), "w");
    assert_non_null(f);
    assert_int_equal(wc_ecc_init(&key), 0);
    assert_int_equal(wc_ecc_make_key(rng, 32, &key), 0);
    append_pem(f, der, make_der(i, rng, &key, der, sizeof der), CERT_TYPE);
    append_pem(f, der, wc_EccKeyToDer(&key, der, sizeof der), ECC_PRIVATEKEY_TYPE);
    wc_ecc_free(&key);
    assert_int_equal(fclose(f), 0);
}

/* Of sluice's processes, without what they share. */
static long private_kib(struct wire *w)
{
    return atol(shell(w, wire_text(w,
                                   "for p in %d $(cat /proc/%d/task/%d/children); do grep "
                                   "^Private_ /proc/$p/smaps_rollup; done | awk \"{s+=\\$2} END "
                                   "{print s}\"",
                                   (int)sluice_pid(w), (int)sluice_pid(w), (int)sluice_pid(w))));
}

/* Each client asks for another name, and gets that name's certificate. */
static const char asker[] = "import socket, ssl, sys\n"
                            "port, count = int(sys.argv[1]), int(sys.argv[2])\n"
                            "context = ssl._create_unverified_context()\n"
                            "for i in range(count):\n"
                            "    name = f'n{i}.test'\n"
                            "    s = context.wrap_socket(socket.create_connection(('127.0.0.1', "
                            "port)), server_hostname=name)\n"
                            "    assert name.encode() in s.getpeercert(True), name\n"
                            "    s.close()\n"
                            "print('all served')\n";

static void ten_thousand_certificates_are_served_in_little_memory(struct wire *w)
{
    shell(w, "mkdir all");
    WC_RNG rng;
    assert_int_equal(wc_InitRng(&rng), 0);
    for (int i = 0; i < CERTIFICATES; i++)
        write_pair(w, i, &rng);
    wc_FreeRng(&rng);
    FILE *f = fopen(wire_path(w, "asker.py"), "w");
    assert_non_null(f);
    fputs(asker, f);
    fclose(f);
    w->deadline_us += 60 * 1000000; /* this one has more to do than most */
    uint64_t begin_us = wire_now_us();
    sluice_run_config(w, LISTENER("certificates: [{ directory: all }], ready: %d"), READY);
    uint64_t start_ms = (wire_now_us() - begin_us) / 1000;
    long before_kib = private_kib(w);
    contains(w, shell(w, wire_text(w, "python3 asker.py $PORT %d", ASKED)), "all served");
    long after_kib = private_kib(w);
    contains(w, metrics(w),
             wire_text(w, "sluice_tls_certificates{listener=\"web\"} %d", CERTIFICATES));
    print_message("%d certificates: start %d ms, %ld KiB, after %d names %ld KiB\n", CERTIFICATES,
                  (int)start_ms, before_kib, ASKED, after_kib);
    assert_true(start_ms < START_MS_MAX);
#ifndef __SANITIZE_ADDRESS__
    assert_true(before_kib < CERTIFICATES * 8);
    /* Those that are ready, not all that were asked for. */
    assert_true(after_kib - before_kib < READY * 64);
#endif
}

/* --- expiry --- */

static void make_pair_until(struct wire *w, const char *name, int days)
{
    shell(w, wire_text(w,
                       "openssl req -x509 -newkey " EC " -nodes -keyout %s.key -out %s.pem -days "
                       "%d -subj /CN=%s -addext subjectAltName=DNS:%s.test",
                       name, name, days, name, name));
}

static void what_expires_is_told(struct wire *w)
{
    make_pair_until(w, "long", 90);
    make_pair_until(w, "soon", 5);
    sluice_run_config(w, LISTENER("certificates: [{ cert: long.pem, key: long.key }, { cert: "
                                  "soon.pem, key: soon.key }]"));
    sluice_says(w, "soon.pem' expires in ");
    const char *m = metrics(w), *name = "sluice_tls_certificate_expiry_seconds{listener=\"web\","
                                        "certificate=\"";
    const char *at = strstr(m, name);
    if (!at)
        wire_fail(w, "no expiry in:\n%s", m);
    const char *end = strstr(at, "} ");
    assert_non_null(end);
    if (strncmp(end - strlen("soon.pem\""), "soon.pem\"", strlen("soon.pem\"")) != 0)
        wire_fail(w, "it is not about soon.pem: %.200s", at);
    double left_s = strtod(end + 2, NULL) - (double)time(NULL);
    assert_true(left_s > 4 * 86400 && left_s <= 5 * 86400);
}

static void an_expired_certificate_is_served_with_a_warning(struct wire *w)
{
    make_pair_until(w, "old", 90);
    shell(w, "mkdir ca; cd ca; : >index; echo 01 >serial; openssl req -new -key ../old.key -subj "
             "/CN=old -out old.csr; printf \"[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\n"
             "serial=serial\\nnew_certs_dir=.\\npolicy=p\\nx509_extensions=e\\n[p]\\n"
             "commonName=supplied\\n[e]\\nsubjectAltName=DNS:old.test\\n\" >conf; openssl ca "
             "-batch -config conf -selfsign -keyfile ../old.key -in old.csr -startdate "
             "20200101000000Z -enddate 20200201000000Z -md sha256 -notext -out ../old.pem");
    sluice_run_config(w, LISTENER("certificates: [{ cert: old.pem, key: old.key }]"));
    sluice_says(w, "old.pem' has expired ");
    contains(w, shell(w, "openssl s_client -connect $SERVER"), "certificate has expired");
    contains(w, metrics(w), "old.pem\"} 1580515200\n");
}

/* --- secrets --- */

/* Lines of a key log that both sides wrote, sorted. */
#define COMMON "grep -h -E \"^(CLIENT|SERVER)_\" ours theirs | sort | uniq -d | cut -d\" \" -f1"

static void the_log_of_secrets_is_what_the_client_has(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    setenv("SSLKEYLOGFILE", wire_path(w, "ours"), 1);
    sluice_run_config(w, LISTENER("certificates: [{ cert: a.pem, key: a.key }]"));
    unsetenv("SSLKEYLOGFILE");
    sluice_says(w, "SSLKEYLOGFILE is set");
    shell(w, "openssl s_client -connect $SERVER -tls1_3 -keylogfile theirs");
    const char *both = shell(w, COMMON);
    contains(w, both, "CLIENT_HANDSHAKE_TRAFFIC_SECRET\n");
    contains(w, both, "SERVER_HANDSHAKE_TRAFFIC_SECRET\n");
    contains(w, both, "CLIENT_TRAFFIC_SECRET_0\n");
    contains(w, both, "SERVER_TRAFFIC_SECRET_0\n");
    shell(w, "rm theirs; openssl s_client -connect $SERVER -tls1_2 -keylogfile theirs "
             "-sess_out session");
    assert_string_equal(shell(w, COMMON), "CLIENT_RANDOM\n");
    shell(w, "rm theirs; openssl s_client -connect $SERVER -tls1_2 -keylogfile theirs "
             "-sess_in session");
    assert_string_equal(shell(w, COMMON), "CLIENT_RANDOM\n");
    assert_string_equal(shell(w, "stat -c %a ours"), "600\n");
}

static void without_being_asked_no_secret_is_written(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    setenv("SSLKEYLOGFILE", wire_path(w, "no/such/folder"), 1);
    sluice_run_config(w, LISTENER("certificates: [{ cert: a.pem, key: a.key }]"));
    unsetenv("SSLKEYLOGFILE");
    sluice_says(w, "SSLKEYLOGFILE: cannot open");
    contains(w, shell(w, "curl -sk https://$SERVER/"), "hi");
    contains(w, wire_read_file(w, "deploy/sluice.service"), "UnsetEnvironment=SSLKEYLOGFILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_expires_is_told),
        TEST(an_expired_certificate_is_served_with_a_warning),
        TEST(the_log_of_secrets_is_what_the_client_has),
        TEST(without_being_asked_no_secret_is_written),
        TEST(ten_thousand_certificates_are_served_in_little_memory),
    };
    return cmocka_run_group_tests_name("tls_files", tests, NULL, NULL);
}
