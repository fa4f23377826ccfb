/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS to servers, which are Python's (OpenSSL): names, verification, our own certificate,
 * resumption, and every way in which it fails. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/wire.h"

struct server {
    const char *folder, *options; /* "CERT OPTION..." */
};

static int run_server(int fd, const void *arg)
{
    const struct server *s = arg;
    char line[512];
    fcntl(fd, F_SETFD, 0); /* which is 3: the script knows */
    snprintf(line, sizeof line, "exec python3 tests/wire/tls_origin.py serve %s %s", s->folder,
             s->options);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    return 1;
}

/* The folder with the certificates, made when it is asked for first. */
static const char *folder(struct wire *w)
{
    wire_path(w, "");
    const char *made = wire_path(w, "passphrase");
    if (access(made, F_OK) == 0)
        return w->dir;
    char *line = wire_text(w, "python3 tests/wire/tls_origin.py certificates %s", w->dir);
    if (system(line) != 0)
        wire_fail(w, "no certificates could be made");
    return w->dir;
}

static struct origin *tls_origin_at(struct wire *w, const char *address, const char *options)
{
    struct origin *o = origin_open_at(w, address);
    struct server *s = wire_alloc(w, sizeof *s);
    *s = (struct server){ folder(w), options };
    o->pid = wire_fork(w, run_server, o->fd, s);
    origin_close(o); /* the child has it */
    return o;
}

static struct origin *tls_origin(struct wire *w, const char *options)
{
    return tls_origin_at(w, "127.0.0.1:0", options);
}

/* Waits until the file is in force. */
static void reload(struct wire *w)
{
    w->sluice.err.len = 0; /* what was said before does not count */
    w->sluice.err.p[0] = '\0';
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
}

#define SITE                                                                                       \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: app }] } }\n"
#define BACKEND(tls) SITE "backends: { app: { tls: { " tls " }, servers: [$SERVERS] } }\n"

static struct message ask(struct wire *w, struct conn *c, const char *path, const char *host)
{
    sayf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    (void)w;
    return hear_answer(c);
}

static void tells(struct wire *w, const struct message *m, const char *part)
{
    if (m->status != 200 || !memmem(m->body, m->body_len, part, strlen(part)))
        wire_fail(w, "not 200 with '%s': %d %.*s", part, m->status, (int)m->body_len, m->body);
}

/* One request on a connection of its own. */
static struct message ask_once(struct wire *w, const char *host)
{
    struct conn *c = client_dial(w);
    struct message m = ask(w, c, "/", host);
    hang_up(c);
    return m;
}

/* --- names --- */

static void the_name_is_the_servers_or_what_is_configured_or_the_host(struct wire *w)
{
    struct origin *o = tls_origin(w, "good");
    const char *port = strrchr(o->name, ':') + 1;
    struct message m;
    /* by IP address: the request's host */
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    m = ask_once(w, "A.Test:8080");
    tells(w, &m, "sni=a.test ");
    tells(w, &m, "host=A.Test:8080 ");
    m = ask_once(w, "b.wild.test");
    tells(w, &m, "sni=b.wild.test ");
    m = ask_once(w, "127.0.0.1"); /* an address is not sent (RFC 6066 3), but verified */
    tells(w, &m, "sni=- ");
    m = ask_once(w, "other.test");
    assert_int_equal(m.status, 502);
    /* by name */
    sluice_write_config(w,
                        SITE "backends: { app: { tls: { ca: %s/ca.pem }, servers: "
                             "[\"localhost:%s\"] } }\n",
                        folder(w), port);
    reload(w);
    m = ask_once(w, "other.test");
    tells(w, &m, "sni=localhost ");
    sluice_write_config(w,
                        SITE "backends: { app: { tls: { ca: %s/ca.pem, sni: A.test }, servers: "
                             "[{ address: \"localhost:%s\", sni: x.wild.test, weight: 1 }] } }\n",
                        folder(w), port);
    reload(w);
    m = ask_once(w, "other.test");
    tells(w, &m, "sni=x.wild.test ");
    sluice_write_config(w,
                        SITE "backends: { app: { tls: { ca: %s/ca.pem, sni: $host }, servers: "
                             "[\"localhost:%s\"] } }\n",
                        folder(w), port);
    reload(w);
    m = ask_once(w, "a.test");
    tells(w, &m, "sni=a.test ");
}

static void connections_of_one_name_serve_no_other(struct wire *w)
{
    (void)tls_origin(w, "good");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    struct conn *c = client_dial(w);
    struct message m = ask(w, c, "/", "a.test");
    tells(w, &m, "uses=1 ");
    m = ask(w, c, "/", "b.wild.test");
    tells(w, &m, "sni=b.wild.test resumed=False client=- uses=1 ");
    m = ask(w, c, "/", "a.test");
    tells(w, &m, "sni=a.test resumed=False client=- uses=2 ");
    m = ask(w, c, "/", "b.wild.test");
    tells(w, &m, "sni=b.wild.test resumed=False client=- uses=2 ");
}

static void a_refused_host_does_not_blame_the_server(struct wire *w)
{
    (void)tls_origin(w, "named sni");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    for (int i = 0; i < 5; i++) {
        struct message m = ask_once(w, "evil.test");
        assert_int_equal(m.status, 502);
        logged(w, "end=server_tls_refused broken_by=server status=502");
        m = ask_once(w, "a.test");
        tells(w, &m, "sni=a.test ");
        logged(w, "end=ok tries=1");
    }
}

static void a_unix_socket_has_the_hosts_name(struct wire *w)
{
    const char *path = wire_path(w, "tls.sock");
    (void)tls_origin_at(w, wire_text(w, "unix:%s", path), "good");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    struct message m = ask_once(w, "a.test");
    tells(w, &m, "sni=a.test ");
}

/* --- verification --- */

static void what_is_wrong_with_a_certificate_is_told(struct wire *w)
{
    static const struct {
        const char *cert, *host, *end;
    } cases[] = {
        { "good", "other.test", "server_tls_name" },
        { "good", "127.0.0.2", "server_tls_name" },
        { "good", "wild.test", "server_tls_name" },
        { "good", "a.b.wild.test", "server_tls_name" },
        { "expired", "a.test", "server_tls_expired" },
        { "future", "a.test", "server_tls_expired" },
        { "strange", "a.test", "server_tls_untrusted" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "case %s for %s", cases[i].cert, cases[i].host);
        struct origin *o = tls_origin(w, cases[i].cert);
        sluice_start(w, "--to https://%s --to-ca %s/ca.pem", o->name, folder(w));
        struct message m = ask_once(w, cases[i].host);
        assert_int_equal(m.status, 502);
        logged(w, "end=%s broken_by=server status=502", cases[i].end);
        sluice_stop(w);
        sluice_start(w, "--to https://%s --to-insecure", o->name);
        sluice_says(w, "warning: --to-insecure");
        m = ask_once(w, cases[i].host);
        tells(w, &m, "version=TLSv1.3 ");
        logged(w, "end=ok");
        sluice_stop(w);
        origin_kill(o);
    }
}

static void the_system_store_does_not_know_a_private_ca(struct wire *w)
{
    struct origin *o = tls_origin(w, "good");
    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
        skip();
    sluice_start(w, "--to https://%s", o->name);
    struct message m = ask_once(w, "a.test");
    assert_int_equal(m.status, 502);
    logged(w, "end=server_tls_untrusted");
}

static void a_bad_server_is_left_for_another(struct wire *w)
{
    (void)tls_origin(w, "strange");
    (void)tls_origin(w, "good");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    for (int i = 0; i < 6; i++) {
        struct message m = ask_once(w, "a.test");
        tells(w, &m, "sni=a.test ");
        logged(w, "end=ok status=200");
    }
}

/* --- our own certificate --- */

static void servers_that_ask_for_a_certificate_get_ours(struct wire *w)
{
    static const char *const versions[] = { "tls1.2", "tls1.3" };
    for (int i = 0; i < 2; i++) {
        struct origin *o = tls_origin(w, wire_text(w, "good clients %s", versions[i]));
        sluice_run_config(w,
                          BACKEND("ca: %s/ca.pem, cert: %s/client.pem, key: %s/locked.key, "
                                  "passphrase_file: %s/passphrase"),
                          folder(w), folder(w), folder(w), folder(w));
        struct message m = ask_once(w, "a.test");
        tells(w, &m, "client=client ");
        logged(w, "end=ok");
        sluice_stop(w);
        sluice_start(w, "--to https://%s --to-ca %s/ca.pem", o->name, folder(w));
        m = ask_once(w, "a.test");
        assert_int_equal(m.status, 502);
        logged(w, "end=server_tls_refused broken_by=server");
        sluice_stop(w);
        sluice_start(w, "--to https://%s --to-ca %s/ca.pem --to-cert %s/client.pem,%s/client.key",
                     o->name, folder(w), folder(w), folder(w));
        m = ask_once(w, "a.test");
        tells(w, &m, "client=client ");
        sluice_stop(w);
        origin_kill(o);
    }
}

/* --- resumption --- */

static void sessions_are_resumed_per_server(struct wire *w)
{
    static const char *const versions[] = { "tls1.2", "tls1.3" };
    for (int i = 0; i < 2; i++) {
        struct origin *a = tls_origin(w, wire_text(w, "good %s", versions[i]));
        struct origin *b = tls_origin(w, wire_text(w, "good %s", versions[i]));
        sluice_run_config(w,
                          SITE "backends: { app: { pool: { idle: 0 }, tls: { ca: %s/ca.pem }, "
                               "servers: [$SERVERS] } }\n",
                          folder(w));
        for (int k = 0; k < 8; k++) {
            struct message m = ask_once(w, "a.test");
            tells(w, &m, k < 2 ? "resumed=False" : "resumed=True");
        }
        struct message m = ask_once(w, "b.wild.test");
        tells(w, &m, "resumed=False");
        sluice_stop(w);
        origin_kill(a);
        origin_kill(b);
        a->name = b->name = "127.0.0.1:1";
        w->origins = NULL;
    }
}

/* --- bytes --- */

static void bodies_of_any_size_come_through_both_ways(struct wire *w)
{
    static const unsigned sizes[] = { 0, 1, 16383, 16384, 16385, 100000, 1000000 };
    (void)tls_origin(w, "good");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct message m = ask(w, c, wire_text(w, "/bytes/%u", sizes[i]), "a.test");
        assert_int_equal(m.status, 200);
        assert_int_equal(m.body_len, sizes[i]);
        for (size_t k = 0; k < m.body_len; k++)
            if ((unsigned char)m.body[k] != (unsigned char)k)
                wire_fail(w, "byte %zu is wrong", k);
        char *body = wire_repeat(w, 'x', sizes[i]);
        sayf(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %u\r\n\r\n", sizes[i]);
        say_bytes(c, body, sizes[i]);
        m = hear_answer(c);
        tells(w, &m, wire_text(w, "body=%u:", sizes[i]));
    }
}

static void an_end_without_close_notify_is_no_end_of_a_body(struct wire *w)
{
    (void)tls_origin(w, "good");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    struct conn *c = client_dial(w);
    say(c, "GET /close HTTP/1.1\r\nHost: a.test\r\n\r\n");
    hear_gone(c);
    logged(w, "end=response_cut_body broken_by=server");
}

/* --- failing handshakes --- */

static void a_server_that_stalls_is_given_up(struct wire *w)
{
    (void)tls_origin(w, "good stall");
    sluice_run_config(w,
                      SITE "backends: { app: { tls: { verify: off }, timeouts: { connect: 200ms }, "
                           "servers: [$SERVERS] } }\n");
    struct message m = ask_once(w, "a.test");
    assert_int_equal(m.status, 504);
    logged(w, "end=server_tls_timeout broken_by=server status=504");
}

static void a_server_without_tls_is_found_out(struct wire *w)
{
    (void)tls_origin(w, "good plain");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    struct message m = ask_once(w, "a.test");
    assert_int_equal(m.status, 502);
    logged(w, "end=server_tls_handshake broken_by=server status=502");
}

static void a_server_that_is_too_old_is_refused(struct wire *w)
{
    (void)tls_origin(w, "good tls1.2");
    sluice_run_config(w, BACKEND("ca: %s/ca.pem, min_version: 1.3"), folder(w));
    struct message m = ask_once(w, "a.test");
    assert_int_equal(m.status, 502);
    const char *line = logged(w, "broken_by=server status=502");
    if (!strstr(line, "server_tls_"))
        wire_fail(w, "%s", line);
}

static void a_server_that_closes_in_the_handshake_is_told(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    struct conn *s = origin_accept(o);
    (void)hear_bytes(s, 100);
    hang_up(s);
    hear_status(c, 502);
    logged(w, "end=server_tls_handshake");
    (void)origin_dead(w);
}

/* --- configuration --- */

static void a_reload_changes_how_servers_are_reached(struct wire *w)
{
    (void)tls_origin(w, "strange");
    sluice_run_config(w, BACKEND("verify: off"));
    struct conn *c = client_dial(w);
    struct message m = ask(w, c, "/", "a.test");
    tells(w, &m, "uses=1 ");
    logged(w, "end=ok");
    sluice_write_config(w, BACKEND("ca: %s/ca.pem"), folder(w));
    reload(w);
    m = ask(w, c, "/", "a.test"); /* not on the pooled connection, which was not verified */
    assert_int_equal(m.status, 502);
    logged(w, "end=server_tls_untrusted");
    sluice_write_config(w, BACKEND("ca: %s/other.pem"), folder(w));
    reload(w);
    m = ask_once(w, "a.test");
    tells(w, &m, "uses=1 ");
}

static void mistakes_are_told_with_their_place(struct wire *w)
{
    static const struct {
        const char *tls;
        int code;
        const char *says;
    } cases[] = {
        { "ca: %s/ca.pem, cert: %s/good.pem, key: %s/client.key", 78, "the key" },
        { "ca: %s/none.pem", 78, "No such file" },
        { "ca: %s/ca.key", 78, "the CA holds no certificate" },
        { "cert: %s/client.key", 78, "no certificate" },
        { "cert: %s/client.pem, key: %s/locked.key", 78, "key" },
        { "key: %s/client.key", 78, "'key' needs 'cert'" },
        { "sni: \"a.test:443\"", 78, "without port" },
        { "verify: off, ca: %s/ca.pem", 78, "no effect" },
        { "verify: off", 0, "warning: the servers' certificates are not verified" },
        { "min_version: 1.1, ca: %s/ca.pem", 78, "1.2" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *f = folder(w);
        char *yaml =
            wire_text(w, SITE "backends: { app: { tls: { %s }, servers: [\"127.0.0.1:1\"] } }\n",
                      cases[i].tls);
        wire_note(w, "case %zu", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        sluice_write_config(w, yaml, f, f, f);
#pragma GCC diagnostic pop
        struct outcome o = sluice_run(w, "check -c %s", wire_path(w, "sluice.yaml"));
        assert_int_equal(o.code, cases[i].code);
        if (!strstr(o.err, cases[i].says) || !strstr(o.err, "sluice.yaml:"))
            wire_fail(w, "'%s' is not in: %s", cases[i].says, o.err);
        if (strstr(o.err, "PRIVATE"))
            wire_fail(w, "a key is shown: %s", o.err);
    }
}

static void the_command_line_takes_urls(struct wire *w)
{
    struct origin *o = tls_origin(w, "good");
    const char *port = strrchr(o->name, ':') + 1;
    sluice_start(w, "--to https://localhost:%s/ --to-ca %s/ca.pem", port, folder(w));
    struct message m = ask_once(w, "other.test");
    tells(w, &m, "sni=localhost ");
    sluice_stop(w);
    sluice_start(w, "--to HTTPS://127.0.0.1:%s --to-ca %s/ca.pem --to-sni a.test", port, folder(w));
    m = ask_once(w, "other.test");
    tells(w, &m, "sni=a.test ");
    sluice_stop(w);
    static const struct {
        const char *options, *says;
    } bad[] = {
        { "--to https://127.0.0.1:1/path", "without a path" },
        { "--to https://127.0.0.1:1,127.0.0.1:2", "or none" },
        { "--to 127.0.0.1:1 --to-insecure", "https://" },
        { "--to https://127.0.0.1:1 --to-ca none.pem", "none.pem" },
        { "--to https://127.0.0.1:1 --to-insecure --to-cert a.pem", "CERT,KEY" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct outcome r = sluice_run(w, "proxy --from 127.0.0.1:0 %s", bad[i].options);
        assert_true(r.code == 2 || r.code == 78);
        if (!strstr(r.err, bad[i].says))
            wire_fail(w, "'%s' is not in: %s", bad[i].says, r.err);
    }
}

/* --- passed on without being opened --- */

static void sni_config(struct wire *w, const char *a, const char *wild, const char *other)
{
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", tcp: other, log: access,\n"
                      "  sni: { a.test: a, \"*.Wild.test\": wild } } }\n"
                      "backends: { a: { servers: [\"%s\"] }, wild: { servers: [\"%s\"] },\n"
                      "  other: { servers: [\"%s\"] } }\n",
                      a, wild, other);
}

/* Who shows a certificate to who asks for that name. */
static const char *shown_to(struct wire *w, const char *options)
{
    const char *file = wire_path(w, "shown");
    char *line =
        wire_text(w,
                  "timeout 10 openssl s_client -connect %s %s </dev/null 2>/dev/null | grep "
                  "subject= > %s",
                  sluice_address(w, 0), options, file);
    wire_note(w, "%s", line);
    if (system(line) != 0)
        return "nobody";
    return wire_read_file(w, file);
}

static void tls_is_passed_on_by_name(struct wire *w)
{
    struct origin *a = tls_origin(w, "good"), *wild = tls_origin(w, "named");
    struct origin *other = tls_origin(w, "strange");
    sni_config(w, a->name, wild->name, other->name);
    static const struct {
        const char *options, *subject, *backend;
    } cases[] = {
        { "-servername a.test", "CN = good", "a" },
        { "-servername A.TEST", "CN = good", "a" },
        { "-servername x.wild.test", "CN = named", "wild" },
        { "-servername y.x.wild.test", "CN = strange", "other" },
        { "-servername wild.test", "CN = strange", "other" },
        { "-servername unknown.test", "CN = strange", "other" },
        { "-noservername", "CN = strange", "other" },
        { "-servername a.test -tls1_2", "CN = good", "a" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *shown = shown_to(w, cases[i].options);
        if (!strstr(shown, cases[i].subject))
            wire_fail(w, "'%s' was shown %s", cases[i].options, shown);
        logged(w, "end=tunnel_opened backend=%s", cases[i].backend);
        logged(w, "backend=%s", cases[i].backend);
    }
}

static void a_client_hello_may_come_in_pieces(struct wire *w)
{
    struct origin *a = origin_open(w), *other = origin_open(w);
    sni_config(w, a->name, other->name, other->name);
    const char *file = wire_path(w, "hello");
    char *line = wire_text(w,
                           "python3 -c 'import ssl; o = ssl.MemoryBIO(); "
                           "s = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), o, "
                           "server_hostname=\"a.test\")\n"
                           "try: s.do_handshake()\n"
                           "except ssl.SSLWantReadError: pass\n"
                           "open(\"%s\", \"wb\").write(o.read())'",
                           file);
    if (system(line) != 0)
        wire_fail(w, "no ClientHello");
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    char hello[4096];
    size_t n = fread(hello, 1, sizeof hello, f);
    fclose(f);
    assert_true(n > 100);
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < n; i += 37) {
        say_bytes(c, hello + i, n - i < 37 ? n - i : 37);
        wait_taken(c);
    }
    struct conn *s = origin_accept(a);
    if (memcmp(hear_bytes(s, n), hello, n) != 0)
        wire_fail(w, "the ClientHello was changed");
    say(s, "welcome");
    hear(c, "welcome");
    say(c, "thanks");
    hear(s, "thanks");
    hang_up(c);
    hear_end(s);
    /* no TLS: to the others */
    c = client_dial(w);
    say(c, "EHLO there\r\n");
    s = origin_accept(other);
    hear(s, "EHLO there\r\n");
}

static void who_never_says_a_name_is_closed(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w,
                      "defaults: { timeouts: { client_head: 200ms } }\n"
                      "listeners: { web: { bind: \"$LISTEN\", tcp: a, log: access,\n"
                      "  sni: { a.test: a } } }\n"
                      "backends: { a: { servers: [\"%s\"] } }\n",
                      o->name);
    struct conn *silent = client_dial(w), *half = client_dial(w), *gone = client_dial(w);
    say_bytes(half, "\x16\x03\x01\x02\x00\x01\x00", 7);
    say_bytes(gone, "\x16\x03\x01", 3);
    hang_up(gone);
    hear_gone(silent);
    hear_gone(half);
    origin_untouched(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_name_is_the_servers_or_what_is_configured_or_the_host),
        TEST(connections_of_one_name_serve_no_other),
        TEST(a_refused_host_does_not_blame_the_server),
        TEST(a_unix_socket_has_the_hosts_name),
        TEST(what_is_wrong_with_a_certificate_is_told),
        TEST(the_system_store_does_not_know_a_private_ca),
        TEST(a_bad_server_is_left_for_another),
        TEST(servers_that_ask_for_a_certificate_get_ours),
        TEST(sessions_are_resumed_per_server),
        TEST(bodies_of_any_size_come_through_both_ways),
        TEST(an_end_without_close_notify_is_no_end_of_a_body),
        TEST(a_server_that_stalls_is_given_up),
        TEST(a_server_without_tls_is_found_out),
        TEST(a_server_that_is_too_old_is_refused),
        TEST(a_server_that_closes_in_the_handshake_is_told),
        TEST(a_reload_changes_how_servers_are_reached),
        TEST(mistakes_are_told_with_their_place),
        TEST(the_command_line_takes_urls),
        TEST(tls_is_passed_on_by_name),
        TEST(a_client_hello_may_come_in_pieces),
        TEST(who_never_says_a_name_is_closed),
    };
    return cmocka_run_group_tests_name("tls_upstream", tests, NULL, NULL);
}
