/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listeners with TLS in the configuration file: which certificate, which clients, and what happens
 * when the files change. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/tools.h"

/* A listener with the keys of its `tls`, and a site that answers with variables. */
#define CONFIG(tls, body)                                                                          \
    "listeners: { web: { bind: \"$LISTEN\", site: s, tls: { " tls " } } }\n"                       \
    "sites: { s: { log: access, routes: [ { respond: { body: \"" body "\" } } ] } }\n"

static void run(struct wire *w, const char *tls)
{
    sluice_run_config(w, CONFIG("%s", "hi $tls_server_name $tls_client_subject"), tls);
}

#define S_CLIENT "openssl s_client -connect $SERVER "

static void a_directory_serves_each_name_with_its_own(struct wire *w)
{
    shell(w, "mkdir all all/nested.test");
    make_pair(w, "all/one", EC, "DNS:one.test");
    make_pair(w, "all/wild", EC, "DNS:*.wild.test");
    make_pair(w, "n", EC, "DNS:nested.test");
    shell(w, "mv n.pem all/nested.test/fullchain.pem; mv n.key all/nested.test/privkey.pem; "
             "echo nothing >all/broken.pem; cat all/one.pem >all/lonely.crt");
    make_pair(w, "first", EC, "DNS:first.test");
    run(w, "certificates: [{ cert: first.pem, key: first.key }, { directory: all }]");
    sluice_says(w, "broken.pem' is left out");
    sluice_says(w, "lonely.crt' is left out");
    static const struct {
        const char *name, *subject;
    } cases[] = { { "one.test", "CN = one" },
                  { "a.wild.test", "CN = wild" },
                  { "nested.test", "CN = n" },
                  { "other.test", "CN = first" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        contains(w, shell(w, wire_text(w, S_CLIENT "-servername %s", cases[i].name)),
                 wire_text(w, "subject=%s\n", cases[i].subject));
}

static void unknown_names_may_be_refused(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    run(w, "certificates: [{ cert: a.pem, key: a.key }], unknown_name: refuse");
    contains(w, shell(w, S_CLIENT "-servername b.test"), "unrecognized name");
    logged(w, "end=tls_handshake tls_failure=unknown_name broken_by=client");
    contains(w, shell(w, S_CLIENT "-noservername"), "unrecognized name");
    logged(w, "end=tls_handshake tls_failure=unknown_name");
    contains(w, shell(w, S_CLIENT "-servername a.test"), "CN = a");
}

static void few_are_ready_and_all_are_served(struct wire *w)
{
    shell(w, "mkdir all");
    for (int i = 0; i < 5; i++)
        make_pair(w, wire_text(w, "all/n%d", i), EC, wire_text(w, "DNS:n%d.test", i));
    run(w, "certificates: [{ directory: all }], ready: 2");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5; i++)
            contains(w, shell(w, wire_text(w, S_CLIENT "-servername n%d.test", i)),
                     wire_text(w, "CN = n%d\n", i));
}

static void modern_is_tls_13_only(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    run(w, "certificates: [{ cert: a.pem, key: a.key }], policy: modern");
    contains(w, shell(w, S_CLIENT "-tls1_2"), "alert protocol version");
    logged(w, "end=tls_handshake tls_failure=no_common_parameters");
    contains(w, shell(w, S_CLIENT "-tls1_3"), "TLSv1.3");
}

static void a_key_file_lets_another_machine_resume(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    shell(w, "openssl rand -out tickets 48");
    const char *tls = "certificates: [{ cert: a.pem, key: a.key }], ticket_keys: [tickets]";
    const char *ask =
        "(printf \"GET / HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n"
        "\"; cat) | " S_CLIENT "-servername a.test -ign_eof";
    run(w, tls);
    contains(w, shell(w, wire_text(w, "%s -sess_out session", ask)), "New, ");
    sluice_stop(w);
    run(w, tls);
    contains(w, shell(w, wire_text(w, "%s -sess_in session", ask)), "Reused, ");
    sluice_stop(w);
    shell(w, "openssl rand -out new 48");
    run(w, "certificates: [{ cert: a.pem, key: a.key }], ticket_keys: [new, tickets]");
    contains(w, shell(w, wire_text(w, "%s -sess_in session", ask)), "Reused, ");
    sluice_stop(w);
    run(w, "certificates: [{ cert: a.pem, key: a.key }], ticket_keys: [new]");
    contains(w, shell(w, wire_text(w, "%s -sess_in session", ask)), "New, ");
    sluice_stop(w);
    run(w, "certificates: [{ cert: a.pem, key: a.key }], tickets: false");
    contains(w, shell(w, wire_text(w, "%s -sess_out session", ask)), "New, ");
    contains_not(w, shell(w, wire_text(w, "%s -sess_in session", ask)), "Reused, ");
}

/* Each session is resumed from the one before: more often than wolfSSL counts tickets. */
static const char resume[] =
    "cat >resume.py <<END\n"
    "import socket, ssl\n"
    "c = ssl.create_default_context()\n"
    "c.check_hostname, c.verify_mode = False, ssl.CERT_NONE\n"
    "last, resumed = None, 0\n"
    "for i in range(300):\n"
    "    plain = socket.create_connection((\"127.0.0.1\", $PORT))\n"
    "    s = c.wrap_socket(plain, server_hostname=\"a.test\", session=last)\n"
    "    s.sendall(b\"GET / HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n\")\n"
    "    while s.recv(4096): pass\n"
    "    resumed += s.session_reused\n"
    "    last = s.session\n"
    "    s.close()\n"
    "print(\"resumed\", resumed)\n"
    "END\n"
    "python3 resume.py";

static void a_chain_of_sessions_does_not_end(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    run(w, "certificates: [{ cert: a.pem, key: a.key }]");
    contains(w, shell(w, resume), "resumed 299");
}

/* --- clients' certificates --- */

static void make_clients(struct wire *w)
{
    make_pair(w, "ca", EC, "DNS:ca");
    make_pair(w, "site", EC, "DNS:open.test,DNS:closed.test");
    shell(w, "printf \"[ca]\\ndefault_ca = d\\n[d]\\ndatabase = index\\ndefault_md = sha256\\n"
             "default_crl_days = 30\\ndefault_days = 30\\nnew_certs_dir = .\\npolicy = p\\n"
             "rand_serial = yes\\nx509_extensions = e\\n[e]\\nbasicConstraints = "
             "CA:FALSE\\n[p]\\ncommonName = supplied\\norganizationName = optional\\n\" "
             ">ca.conf; : >index; "
             "for n in joe eve; do openssl req -new -newkey " EC " -nodes -keyout $n.key "
             "-out $n.csr -subj \"/O=A, B/CN=$n\"; openssl ca -batch -config ca.conf -keyfile "
             "ca.key -cert ca.pem -in $n.csr -out $n.pem; done; "
             "openssl ca -config ca.conf -keyfile ca.key -cert ca.pem -revoke eve.pem; "
             "openssl ca -config ca.conf -keyfile ca.key -cert ca.pem -gencrl -out crl.pem");
}

#define CURL                                                                                       \
    "curl --http1.1 -sk --resolve open.test:$PORT:127.0.0.1 --resolve "                            \
    "closed.test:$PORT:127.0.0.1 "
#define JOE "--cert joe.pem --key joe.key "
#define EVE "--cert eve.pem --key eve.key "

static void clients_show_who_they_are_where_it_is_asked(struct wire *w)
{
    make_clients(w);
    run(w, "certificates: [{ cert: site.pem, key: site.key }], client_certificates: "
           "[{ names: [closed.test], ca: ca.pem, crl: crl.pem }]");
    contains(w, shell(w, CURL "https://open.test:$PORT/"), "hi open.test ");
    logged(w, "end=replied server_name=open.test client_subject=");
    contains(w, shell(w, CURL JOE "https://closed.test:$PORT/"), "O=A\\, B,CN=joe");
    assert_string_equal(log_field(w, logged(w, "end=replied"), "client_subject"),
                        "O=A\\\\, B,CN=joe");
    contains(w, shell(w, CURL "https://closed.test:$PORT/ || echo code $?"), "code 56");
    logged(w, "end=tls_handshake");
    contains(w, shell(w, CURL EVE "https://closed.test:$PORT/ || echo code $?"), "code 56");
    logged(w, "end=tls_handshake");
    /* Let in as one name, asking for the other. */
    contains(w, shell(w, CURL "-i -H \"Host: closed.test\" https://open.test:$PORT/"), "421");
    logged(w, "end=misdirected status=421 broken_by=client");
}

static void servers_get_the_certificate_and_nobody_forges_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    make_clients(w);
    sluice_run_config(
        w, "listeners:\n"
           "  web: { bind: \"$LISTEN\", site: s, tls: { certificates: [{ cert: site.pem, key: "
           "site.key }], client_certificates: { mode: optional, ca: ca.pem } } }\n"
           "  plain: { bind: \"127.0.0.2:0\", site: s }\n"
           "sites: { s: { routes: [ { to: b, request_headers: { set: { X-Who: "
           "$tls_client_subject, X-Print: $tls_client_fingerprint } } } ] } }\n"
           "backends: { b: { servers: [$SERVERS] } }\n");
    const char *forged = "-H \"Client-Cert: :Zm9yZ2Vk:\" -H \"X-Who: root\" -o out";
    FILE *curl = popen(wire_text(w,
                                 "cd %s; timeout 10 curl -sk --cert joe.pem --key joe.key %s "
                                 "https://%s/",
                                 folder(w), forged, sluice_address(w, 0)),
                       "r");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "X-Who", "O=A\\, B,CN=joe");
    const char *cert = field(&m, "Client-Cert");
    assert_non_null(cert);
    const char *der = shell(w, "openssl x509 -in joe.pem -outform der | base64 -w0");
    assert_string_equal(cert, wire_text(w, ":%s:", der));
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(pclose(curl), 0);
    const char *addresses[] = { wire_text(w, "https://%s/", sluice_address(w, 0)),
                                wire_text(w, "http://%s/", sluice_address(w, 1)) };
    for (int i = 0; i < 2; i++) { /* without a certificate, and without TLS */
        curl = popen(
            wire_text(w, "cd %s; timeout 10 curl -sk %s %s", folder(w), forged, addresses[i]), "r");
        if (i == 0)
            wire_wait(w, s->fd, 1, "the second request");
        m = hear_request(s);
        has_no_field(&m, "Client-Cert");
        has_field(&m, "X-Who", "");
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(pclose(curl), 0);
    }
}

/* Who decides on requests is told the same, and what is for one client is not stored. */
static void a_certificate_goes_past_the_cache_and_to_who_decides(struct wire *w)
{
    struct origin *auth = origin_open(w), *app = origin_open(w);
    struct conn *a = NULL, *s = NULL;
    make_clients(w);
    sluice_run_config(
        w,
        "listeners:\n"
        "  web: { bind: \"$LISTEN\", site: s, tls: { certificates: [{ cert: site.pem, key: "
        "site.key }], client_certificates: { mode: optional, ca: ca.pem } } }\n"
        "  plain: { bind: \"127.0.0.2:0\", site: s }\n"
        "sites: { s: { external_auth: { to: auth }, routes: [ { to: app, cache: {} } ] } }\n"
        "backends: { auth: { servers: [\"%s\"] }, app: { servers: [\"%s\"] } }\n",
        auth->name, app->name);
    for (int i = 0; i < 3; i++) {
        bool joe = i < 2;
        FILE *curl = popen(wire_text(w,
                                     "cd %s; timeout 10 curl --http1.1 -sk " JOE
                                     "-H Client-Cert:forged -H client_cert:forged %s://%s/",
                                     folder(w), joe ? "https" : "http", sluice_address(w, !joe)),
                           "r");
        a = a ? a : origin_accept(auth);
        struct message q = hear_request(a);
        assert_int_equal(field(&q, "Client-Cert") != NULL, joe);
        if (joe)
            assert_string_not_equal(field(&q, "Client-Cert"), "forged");
        has_no_field(&q, "client_cert");
        say(a, "HTTP/1.1 204 No Content\r\n\r\n");
        s = s ? s : origin_accept(app);
        struct message m = hear_request(s);
        assert_int_equal(field(&m, "Client-Cert") != NULL, joe);
        say(s, "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(pclose(curl), 0);
    }
}

/* --- what the site says --- */

static void plain_requests_are_sent_to_https_but_acme(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    sluice_run_config(
        w, "listeners:\n"
           "  web: { bind: \"$LISTEN\", site: s, https_redirect: true }\n"
           "  webs: { bind: \"127.0.0.2:0\", site: s, tls: { certificates: [{ cert: a.pem, "
           "key: a.key }] } }\n"
           "sites: { s: { log: access, hsts: { max_age: 365d, include_subdomains: true }, "
           "routes: [ { respond: { body: here } } ] } }\n");
    struct conn *c = client_dial(w);
    say(c, "GET /a%20b?x=1 HTTP/1.1\r\nHost: A.test:80\r\n\r\n");
    struct message m = hear_status(c, 308);
    has_field(&m, "Location", "https://a.test/a%20b?x=1");
    has_no_field(&m, "Strict-Transport-Security");
    logged(w, "end=https_redirect status=308 broken_by=");
    say(c, "GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: a.test\r\n\r\n");
    hear_answered(c, 200, "here");
    say(c, "GET / HTTP/1.0\r\n\r\n");
    hear_status(c, 400);
    contains(w, shell(w, wire_text(w, "curl --http1.1 -ski https://%s/", sluice_address(w, 1))),
             "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n");
}

/* RFC 8737: who offers acme-tls/1 alone is not ours to answer; the server gets every byte. */
static void challenges_are_passed_on_unopened(struct wire *w)
{
    struct origin *o = origin_open(w);
    make_pair(w, "a", EC, "DNS:a.test");
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s, acme: client, tls: { "
                      "certificates: [{ cert: a.pem, key: a.key }] } } }\n"
                      "sites: { s: { log: access, routes: [ { respond: { body: hi } } ] } }\n"
                      "backends: { client: { servers: [%s] } }\n",
                      o->name);
    FILE *challenge =
        popen(wire_text(w,
                        "timeout 10 openssl s_client -connect %s -alpn acme-tls/1 -servername "
                        "a.test >/dev/null 2>&1 </dev/null",
                        sluice_address(w, 0)),
              "r");
    assert_non_null(challenge);
    struct conn *s = origin_accept(o);
    const char *hello = hear_bytes(s, 5);
    assert_memory_equal(hello, "\x16\x03\x01", 3);
    size_t bytes = (size_t)(uint8_t)hello[3] << 8 | (uint8_t)hello[4];
    hello = hear_bytes(s, bytes);
    assert_non_null(memmem(hello, bytes, "acme-tls/1", 10));
    assert_non_null(memmem(hello, bytes, "a.test", 6));
    /* What it answers comes back as it is. */
    say_bytes(s, "\x15\x03\x03\x00\x02\x02\x28", 7);
    hang_up(s);
    pclose(challenge);
    /* Others, and who speaks another protocol too, are served here. */
    contains(w, shell(w, S_CLIENT "-alpn http/1.1,acme-tls/1"), "ALPN protocol: http/1.1");
    contains(w, shell(w, "curl -sk https://$SERVER/"), "hi");
    origin_close(o);
    contains_not(w, shell(w, S_CLIENT "-alpn acme-tls/1"), "CN = a");
    contains(w, shell(w, "curl -sk https://$SERVER/"), "hi");
}

static void without_anybody_for_challenges_they_are_refused(struct wire *w)
{
    make_pair(w, "a", EC, "DNS:a.test");
    run(w, "certificates: [{ cert: a.pem, key: a.key }]");
    contains(w, shell(w, S_CLIENT "-alpn acme-tls/1"), "no application protocol");
    logged(w, "end=tls_handshake tls_failure=no_common_protocol");
    sluice_write_config(w, "listeners: { web: { bind: \":1\", site: s, acme: b } }\n"
                           "sites: { s: { routes: [ { to: b } ] } }\n"
                           "backends: { b: { servers: [\"127.0.0.1:1\"] } }\n");
    struct outcome c = sluice_run(w, "check -c %s/sluice.yaml", folder(w));
    assert_int_equal(c.code, 78);
    contains(w, c.err, "'acme' needs 'tls' and 'site' beside it");
}

/* --- change --- */

#define SWAP "certificates: [{ cert: now.pem, key: now.key }, { cert: fixed.pem, key: fixed.key }]"

static const char *subject(struct wire *w)
{
    return shell(w, S_CLIENT "-servername now.test | grep ^subject");
}

static void changed_files_are_picked_up_under_load(struct wire *w)
{
    make_pair(w, "one", EC, "DNS:now.test");
    make_pair(w, "two", EC, "DNS:now.test");
    make_pair(w, "fixed", EC, "DNS:fixed.test");
    shell(w, "cp one.pem now.pem; cp one.key now.key");
    run(w, SWAP);
    contains(w, subject(w), "CN = one");
    /* Clients come and go all the time, one stays connected. */
    FILE *load = popen(wire_text(w,
                                 "cd %s; end=$(($(date +%%s) + 12)); n=0; "
                                 "while [ $(date +%%s) -lt $end ]; do timeout 10 curl -sk "
                                 "https://%s/ -o /dev/null || exit 1; n=$((n + 1)); done; "
                                 "[ $n -gt 20 ]",
                                 folder(w), sluice_address(w, 0)),
                       "r");
    assert_non_null(load);
    /* Half of a pair: the old one stays, and that is said. */
    shell(w, "cp two.pem now.pem");
    sluice_says(w, "the one of before stays in use");
    contains(w, subject(w), "CN = one");
    shell(w, "cp two.key now.key");
    sluice_says(w, "sluice: reloaded");
    wire_note(w, "the other half");
    for (int i = 0; i < 100 && !strstr(subject(w), "CN = two"); i++)
        shell(w, "sleep 0.1");
    contains(w, subject(w), "CN = two");
    assert_int_equal(pclose(load), 0);
}

static void a_reload_with_a_broken_pair_changes_nothing(struct wire *w)
{
    make_pair(w, "one", EC, "DNS:now.test");
    make_pair(w, "two", EC, "DNS:now.test");
    make_pair(w, "fixed", EC, "DNS:fixed.test");
    shell(w, "cp one.pem now.pem; cp one.key now.key");
    run(w, SWAP);
    shell(w, "cp two.pem now.pem");
    sluice_signal(w, SIGHUP);
    sluice_says(w, "everything stays as it was");
    contains(w, subject(w), "CN = one");
    shell(w, "cp two.key now.key");
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    contains(w, subject(w), "CN = two");
}

/* --- stapling --- */

static void a_fresh_ocsp_response_is_stapled(struct wire *w)
{
    make_clients(w); /* the CA's joe is the server here, eve is revoked */
    shell(w, "for n in joe eve; do openssl ocsp -index index -rsigner ca.pem -rkey ca.key -CA "
             "ca.pem -issuer ca.pem -cert $n.pem -respout $n.ocsp -ndays 3 -reqout $n.req; "
             "openssl ocsp -index index -rsigner ca.pem -rkey ca.key -CA ca.pem -reqin $n.req "
             "-respout $n.ocsp -ndays 3; done; cat ca.pem >>joe.pem");
    run(w, "certificates: [{ cert: joe.pem, key: joe.key, ocsp: joe.ocsp }]");
    contains(w, shell(w, S_CLIENT "-status -tls1_3"), "OCSP Response Status: successful");
    contains(w, shell(w, S_CLIENT "-status -tls1_2"), "Cert Status: good");
    contains_not(w, shell(w, S_CLIENT), "OCSP Response Status");
    /* A newer one takes its place as soon as it is there; one that is no good does not stay. */
    const char *next = S_CLIENT "-status | grep \"Next Update\"", *first = shell(w, next);
    shell(w, "openssl ocsp -index index -rsigner ca.pem -rkey ca.key -CA ca.pem -reqin joe.req "
             "-respout newer.ocsp -ndays 9; mv newer.ocsp joe.ocsp");
    sluice_says(w, "sluice: reloaded");
    for (int i = 0; i < 100 && strcmp(shell(w, next), first) == 0; i++)
        shell(w, "sleep 0.1");
    const char *second = shell(w, next);
    contains(w, second, "Next Update");
    assert_string_not_equal(second, first);
    shell(w, "cp eve.ocsp joe.ocsp");
    sluice_says(w, "its OCSP response is not used");
    for (int i = 0; i < 100 && shell(w, next)[0]; i++)
        shell(w, "sleep 0.1");
    contains(w, shell(w, S_CLIENT "-status"), "OCSP response: no response sent");
    sluice_stop(w);
    run(w, "certificates: [{ cert: joe.pem, key: joe.key, ocsp: eve.ocsp }]");
    sluice_says(w, "it is about another certificate");
    contains(w, shell(w, S_CLIENT "-status"), "OCSP response: no response sent");
}

/* --- what check says --- */

static void check_says_what_is_wrong(struct wire *w)
{
    make_clients(w);
    make_pair(w, "a", EC, "DNS:a.test");
    make_pair(w, "b", EC, "DNS:a.test");
    shell(w, "openssl req -x509 -newkey " EC " -nodes -keyout old.key -out old.pem -days 30 -subj "
             "/CN=o -addext subjectAltName=DNS:o.test -not_before 20200101000000Z "
             "-not_after 20200201000000Z || faketime 2020-01-01 openssl req -x509 -newkey " EC
             " -nodes -keyout old.key -out old.pem -days 30 -subj /CN=o; "
             "openssl pkcs8 -topk8 -in a.key -out a.enc -passout pass:secret -v2 aes-256-cbc; "
             "echo wrong >pass; head -c 20 /dev/urandom >short");
    static const struct {
        const char *tls, *says;
        int code;
    } cases[] = {
        { "certificates: [{ cert: a.pem, key: b.key }]", "error: ", 78 },
        { "certificates: [{ cert: a.pem, key: b.key }]", "the key is not the certificate", 78 },
        { "certificates: [{ cert: none.pem, key: a.key }]", "No such file", 78 },
        { "certificates: [{ cert: a.pem, key: a.enc }]", "no passphrase", 78 },
        { "certificates: [{ cert: a.pem, key: a.enc, passphrase_file: pass }]",
          "cannot be decrypted", 78 },
        { "certificates: []", "no certificate", 78 },
        { "certificates: [{ cert: a.pem, key: a.key }, { cert: b.pem, key: b.key }]",
          "two certificates are for 'a.test'", 0 },
        { "certificates: [{ cert: joe.pem, key: joe.key }]", "without the chain", 0 },
        { "certificates: [{ cert: a.pem, key: a.key }], ticket_keys: [short]", "32 random bytes",
          78 },
        { "certificates: [{ cert: a.pem, key: a.key }], client_certificates: required", "'ca'",
          78 },
        { "certificates: [{ cert: a.pem, key: a.key }], client_certificates: { ca: a.key }",
          "no certificate in PEM form", 78 },
        { "certificates: [{ cert: a.pem, key: a.key }], client_certificates: { ca: ca.pem, crl: "
          "a.pem }",
          "revocation list", 78 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sluice_write_config(w, CONFIG("%s", "x"), cases[i].tls);
        struct outcome o = sluice_run(w, "check -c %s/sluice.yaml", folder(w));
        wire_note(w, "%s", cases[i].tls);
        contains(w, o.err, cases[i].says);
        contains_not(w, o.err, "BEGIN");
        contains_not(w, o.err, "PRIVATE");
        assert_int_equal(o.code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_directory_serves_each_name_with_its_own),
        TEST(unknown_names_may_be_refused),
        TEST(few_are_ready_and_all_are_served),
        TEST(modern_is_tls_13_only),
        TEST(a_key_file_lets_another_machine_resume),
        TEST(a_chain_of_sessions_does_not_end),
        TEST(clients_show_who_they_are_where_it_is_asked),
        TEST(servers_get_the_certificate_and_nobody_forges_it),
        TEST(a_certificate_goes_past_the_cache_and_to_who_decides),
        TEST(plain_requests_are_sent_to_https_but_acme),
        TEST(challenges_are_passed_on_unopened),
        TEST(without_anybody_for_challenges_they_are_refused),
        TEST(changed_files_are_picked_up_under_load),
        TEST(a_reload_with_a_broken_pair_changes_nothing),
        TEST(a_fresh_ocsp_response_is_stapled),
        TEST(check_says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("tls_edge", tests, NULL, NULL);
}
