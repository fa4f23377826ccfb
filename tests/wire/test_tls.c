/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS with clients, as curl, OpenSSL and GnuTLS speak it. */
#include <stdio.h>
#include <string.h>

#include "tests/wire/tools.h"

static void start(struct wire *w, const char *tls)
{
    origin_answering(w, "plain behind");
    sluice_start(w, "%s", tls);
}

static void self_signed_is_ready_at_once(struct wire *w)
{
    start(w, "--tls self-signed");
    sluice_says(w, "curl -i -k https://");
    contains(w, shell(w, "curl -sk https://$SERVER/"), "plain behind");
    const char *line = logged(w, "end=ok status=200 tls=TLSv1.3 resumed=false tls_failure=");
    assert_non_null(log_field(w, line, "cipher"));
    contains(w, shell(w, "curl -sk --tls-max 1.2 https://$SERVER/"), "plain behind");
    logged(w, "end=ok status=200 tls=TLSv1.2");
}

static void the_certificate_is_chosen_by_name_and_by_what_the_client_can(struct wire *w)
{
    make_pair(w, "first", EC, "DNS:first.test");
    make_pair(w, "ec", EC, "DNS:a.test,DNS:*.wild.test");
    make_pair(w, "rsa", "rsa:2048", "DNS:a.test,DNS:*.wild.test");
    start(w, wire_text(w,
                       "--tls %s/first.pem,%s/first.key --tls %s/ec.pem,%s/ec.key "
                       "--tls %s/rsa.pem,%s/rsa.key",
                       folder(w), folder(w), folder(w), folder(w), folder(w), folder(w)));
    static const struct {
        const char *options, *subject;
    } cases[] = {
        { "-servername first.test", "CN = first" },
        { "-servername a.test", "CN = ec" },
        { "-servername A.Test", "CN = ec" },
        { "-servername a.test -sigalgs RSA-PSS+SHA256", "CN = rsa" },
        { "-servername a.test -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "CN = rsa" },
        { "-servername b.wild.test", "CN = ec" },
        { "-servername c.b.wild.test", "CN = first" },
        { "-servername wild.test", "CN = first" },
        { "-servername unknown.test", "CN = first" },
        { "-noservername", "CN = first" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        contains(w,
                 shell(w, wire_text(w, "openssl s_client -connect $SERVER %s", cases[i].options)),
                 wire_text(w, "subject=%s\n", cases[i].subject));
    contains(w,
             shell(w, "port=${SERVER##*:}; curl -s --resolve a.test:$port:127.0.0.1 "
                      "--cacert ec.pem https://a.test:$port/"),
             "plain behind");
    logged(w, "end=ok server_name=a.test");
}

static void sessions_are_resumed(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    start(w, wire_text(w, "--tls %s/a.pem,%s/a.key", folder(w), folder(w)));
    static const char *const versions[] = { "-tls1_3", "-tls1_2" };
    for (int i = 0; i < 2; i++) {
        const char *ask =
            "(printf \"GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n\"; "
            "cat) | openssl s_client -connect $SERVER -servername a.test -ign_eof";
        contains(w, shell(w, wire_text(w, "%s %s -sess_out session", ask, versions[i])), "New, ");
        logged(w, "end=ok resumed=false");
        contains(w, shell(w, wire_text(w, "%s %s -sess_in session", ask, versions[i])), "Reused, ");
        logged(w, "end=ok resumed=true");
    }
}

static void what_cannot_be_agreed_on_is_refused_with_an_alert(struct wire *w)
{
    start(w, "--tls self-signed");
    contains(w, shell(w, "openssl s_client -connect $SERVER -tls1_1 -cipher ALL:@SECLEVEL=0"),
             "alert protocol version");
    logged(w, "end=tls_handshake tls_failure=no_common_parameters broken_by=client status=");
    contains(w, shell(w, "openssl s_client -connect $SERVER -alpn h3"),
             "alert no application protocol");
    logged(w, "end=tls_handshake tls_failure=no_common_protocol");
    contains(w,
             shell(w, "openssl s_client -connect $SERVER -tls1_2 -cipher "
                      "AES128-SHA:@SECLEVEL=0"),
             "alert handshake failure");
    logged(w, "end=tls_handshake tls_failure=no_common_parameters");
    contains(w, shell(w, "curl -s https://$SERVER/ || echo code $?"),
             "code 60"); /* unknown issuer */
    logged(w, "end=tls_handshake tls_failure=peer_alert");
}

static void gnutls_speaks_it_too(struct wire *w)
{
    start(w, "--tls self-signed");
    static const char *const priorities[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP256R1",
        "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305", "NORMAL:-CIPHER-ALL:+AES-256-GCM"
    };
    for (size_t i = 0; i < sizeof priorities / sizeof priorities[0]; i++) {
        contains(w,
                 shell(w, wire_text(w,
                                    "printf \"GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close"
                                    "\\r\\n\\r\\n\" | gnutls-cli --insecure --priority %s "
                                    "-p ${SERVER##*:} 127.0.0.1",
                                    priorities[i])),
                 "plain behind");
        logged(w, "end=ok status=200");
    }
}

static void a_plain_request_is_answered_with_a_hint(struct wire *w)
{
    start(w, "--tls self-signed");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct message m = hear_status(c, 400);
    if (!memmem(m.body, m.body_len, "https://", 8))
        wire_fail(w, "no hint in: %.*s", (int)m.body_len, m.body);
    hear_end(c);
    logged(w, "end=tls_plain_http status=400 broken_by=client");
}

static void who_stalls_in_the_handshake_is_closed(struct wire *w)
{
    start(w, "--tls self-signed --timeout client_head=200ms");
    struct conn *silent = client_dial(w), *half = client_dial(w);
    say_bytes(half, "\x16\x03\x01\x02\x00\x01\x00", 7);
    hear_gone(silent);
    hear_gone(half);
    logged(w, "end=tls_timeout broken_by=client");
    logged(w, "end=tls_timeout broken_by=client");
}

static void servers_hear_https(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--tls self-signed --workers 1 --from 127.0.0.1:0 --to %s --log off", o->name);
    char *line =
        wire_text(w, "timeout 10 curl -sk https://%s/ -o %s/body", sluice_address(w, 0), folder(w));
    FILE *curl = popen(line, "r");
    assert_non_null(curl);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "X-Forwarded-Proto", "https");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(pclose(curl), 0);
    assert_string_equal(wire_read_file(w, wire_path(w, "body")), "ok");
}

static void bad_certificates_end_with_78(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    make_pair(w, "b", EC, "DNS:b.test");
    static const struct {
        const char *chain, *key, *says;
    } cases[] = {
        { "a.pem", "b.key", "the key" },
        { "none.pem", "a.key", "No such file" },
        { "a.key", "a.key", "no certificate" },
        { "a.pem", "a.pem", "no private key" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o =
            sluice_run(w, "proxy --from 127.0.0.1:0 --to 127.0.0.1:1 --tls %s/%s,%s/%s", folder(w),
                       cases[i].chain, folder(w), cases[i].key);
        assert_int_equal(o.code, 78);
        contains(w, o.err, cases[i].says);
    }
    struct outcome o = sluice_run(w, "proxy --from 127.0.0.1:0 --to 127.0.0.1:1 --tls a.pem");
    assert_int_equal(o.code, 2);
    contains(w, o.err, "CERT,KEY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(self_signed_is_ready_at_once),
        TEST(the_certificate_is_chosen_by_name_and_by_what_the_client_can),
        TEST(sessions_are_resumed),
        TEST(what_cannot_be_agreed_on_is_refused_with_an_alert),
        TEST(gnutls_speaks_it_too),
        TEST(a_plain_request_is_answered_with_a_hint),
        TEST(who_stalls_in_the_handshake_is_closed),
        TEST(servers_hear_https),
        TEST(bad_certificates_end_with_78),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
