/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers that break TLS: each gets its reason in the log, others are served on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/tools.h"

static void start(struct wire *w)
{
    origin_answering(w, "plain behind");
    sluice_start(w, "--tls self-signed");
}

static void still_serves(struct wire *w)
{
    contains(w, shell(w, "curl -sk https://$SERVER/"), "plain behind");
    logged(w, "end=ok status=200");
}

#define HELLO_HEAD "\x16\x03\x01"

static void malformed_beginnings(struct wire *w)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *failure;
    } cases[] = {
        { "SSH-2.0-x\r\n", 11, "not_tls" },
        { "\x80\x2e\x01\x00\x02", 5, "not_tls" }, /* SSL 2 */
        { HELLO_HEAD "\x00\x00", 5, "" },         /* of length zero */
        { HELLO_HEAD "\xff\xff"
                     "aaaaa",
          10, "" }, /* larger than a record is */
        { "\x17\x03\x03\x00\x05"
          "hello",
          10, "not_tls" },                            /* application data first */
        { "\x14\x03\x03\x00\x01\x01", 6, "not_tls" }, /* change of cipher first */
        { HELLO_HEAD "\x00\x08\x02\x00\x00\x04"
                     "aaaa",
          13, "" }, /* a ServerHello */
        { HELLO_HEAD "\x00\x08\x01\x00\x00\x04"
                     "aaaa",
          13, "" },                                       /* a ClientHello that ends early */
        { HELLO_HEAD "\x00\x04\x01\xff\xff\xff", 9, "" }, /* of 16 MiB */
        { "\x15\x03\x01\x00\x02\x02\x28", 7, "not_tls" }, /* an alert */
    };
    start(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conn *c = client_dial(w);
        wire_note(w, "case %zu", i);
        say_bytes(c, cases[i].bytes, cases[i].n);
        end_sending(c);
        hear_gone(c);
        if (cases[i].failure[0])
            logged(w, "end=tls_handshake tls_failure=%s broken_by=client", cases[i].failure);
        else
            logged(w, "end=tls_handshake broken_by=client");
    }
    still_serves(w);
}

/* A proxy between openssl and sluice that damages records after the handshake. */
static const char proxy[] =
    "cat >proxy.py <<END\n"
    "import socket, sys, threading\n"
    "kind, port = sys.argv[1], int(sys.argv[2])\n"
    "l = socket.socket(); l.bind((\"127.0.0.1\", 0)); l.listen()\n"
    "print(l.getsockname()[1], flush=True)\n"
    "c, _ = l.accept(); s = socket.create_connection((\"127.0.0.1\", port))\n"
    "def back():\n"
    "    while True:\n"
    "        try: b = s.recv(65536)\n"
    "        except OSError: b = b\"\"\n"
    "        if not b: break\n"
    "        try: c.sendall(b)\n"
    "        except OSError: break\n"
    "    c.close()\n"
    "t = threading.Thread(target=back); t.start()\n"
    "buf, n = b\"\", 0\n"
    "def record():\n"
    "    global buf\n"
    "    while len(buf) < 5 or len(buf) < 5 + int.from_bytes(buf[3:5], \"big\"):\n"
    "        b = c.recv(65536)\n"
    "        if not b: return None\n"
    "        buf += b\n"
    "    k = 5 + int.from_bytes(buf[3:5], \"big\"); r, buf = buf[:k], buf[k:]\n"
    "    return r\n"
    "held = None\n"
    "try:\n"
    "    while (r := record()):\n"
    "        n += r[0] == 23\n"
    "        if r[0] == 23 and n == 2:\n"
    "            if kind == \"flip\": r = r[:-1] + bytes([r[-1] ^ 1])\n"
    "            if kind == \"empty\": r = b\"\\x17\\x03\\x03\\x00\\x00\" + r\n"
    "            if kind == \"large\": r = b\"\\x17\\x03\\x03\\x48\\x01\" + b\"a\" * 0x4801\n"
    "            if kind == \"swap\": held = r; continue\n"
    "        s.sendall(r)\n"
    "        if held: s.sendall(held); held = None\n"
    "except OSError: pass\n"
    "try: s.shutdown(socket.SHUT_WR)\n"
    "except OSError: pass\n"
    "t.join()\n"
    "END\n";

static void damaged_records(struct wire *w)
{
    static const char *const kinds[] = { "flip", "empty", "large", "swap" };
    start(w);
    shell(w, proxy);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *said = shell(
            w, wire_text(
                   w,
                   "python3 proxy.py %s $PORT >port & while ! [ -s port ]; do sleep 0.05; done; "
                   "(printf \"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 9\\r\\n\\r\\n\"; "
                   "sleep 0.3; printf abc; sleep 0.3; printf def) | timeout 5 openssl "
                   "s_client -connect 127.0.0.1:$(cat port) -tls1_3 -quiet -no_ign_eof; "
                   "rm port; wait",
                   kinds[i]));
        contains_not(w, said, "plain behind");
        const char *line = log_line(w);
        const char *end = log_field(w, line, "end");
        if (end && strcmp(end, "ok") == 0)
            wire_fail(w, "%s: %s", kinds[i], line);
    }
    still_serves(w);
}

static void renegotiation_is_refused(struct wire *w)
{
    start(w);
    const char *said = shell(w, "(printf R\\\\n; sleep 1) | timeout 5 openssl s_client -connect "
                                "$SERVER -tls1_2 -legacy_renegotiation -msg");
    contains(w, said, "RENEGOTIATING");
    if (!strstr(said, "no_renegotiation") && !strstr(said, "no renegotiation") &&
        !strstr(said, "fatal"))
        wire_fail(w, "it was not refused");
    logged(w, "end=tls_broken tls_failure=bad_handshake broken_by=client");
    still_serves(w);
}

/* Resident memory of sluice's processes. */
static long resident_kib(struct wire *w)
{
    return atol(shell(w, wire_text(w,
                                   "for p in %d $(cat /proc/%d/task/%d/children); do grep VmRSS "
                                   "/proc/$p/status; done | awk \"{s+=\\$2} END {print s}\"",
                                   (int)sluice_pid(w), (int)sluice_pid(w), (int)sluice_pid(w))));
}

/* Each has sent a whole ClientHello and got all that answers it, so that a handshake's memory is
 * held; none goes on. They are let go at the deadline, and others are served meanwhile. */
static void half_handshakes_hold_bounded_memory(struct wire *w)
{
    enum { COUNT = 400, EACH_KIB_MAX = 64 };
    struct conn *half[COUNT];
    origin_answering(w, "plain behind");
    sluice_start(w, "--tls self-signed --timeout client_head=4s");
    /* A real one's bytes, taken from the wire. */
    shell(w, "cat >take.py <<END\nimport socket, ssl, sys\na, b = socket.socketpair()\n"
             "a.setblocking(False)\nc = ssl._create_unverified_context()\ntry: "
             "c.wrap_socket(a, server_hostname=\"localhost\", do_handshake_on_connect=False)"
             ".do_handshake()\nexcept ssl.SSLWantReadError: pass\n"
             "open(\"hello\", \"wb\").write(b.recv(65536))\nEND\npython3 take.py");
    char hello[4096];
    FILE *f = fopen(wire_path(w, "hello"), "rb");
    assert_non_null(f);
    size_t bytes = fread(hello, 1, sizeof hello, f);
    fclose(f);
    assert_true(bytes > 100);
    still_serves(w);
    long before_kib = resident_kib(w);
    for (int i = 0; i < COUNT; i++) {
        half[i] = client_dial(w);
        say_bytes(half[i], hello, bytes);
    }
    for (int i = 0; i < COUNT; i++) /* a ServerHello, and what follows */
        assert_int_equal(hear_bytes(half[i], 5)[0], 0x16);
    long held_kib = resident_kib(w) - before_kib;
    contains(w, shell(w, "curl -sk https://$SERVER/"), "plain behind");
    print_message("%d half handshakes: %ld KiB\n", COUNT, held_kib);
#ifndef __SANITIZE_ADDRESS__
    assert_true(held_kib < COUNT * EACH_KIB_MAX);
#endif
    for (int i = 0; i < COUNT; i++)
        hear_gone(half[i]);
    for (int ok = 0, late = 0; late < COUNT || !ok;) {
        const char *end = log_field(w, log_line(w), "end");
        assert_non_null(end);
        ok += strcmp(end, "ok") == 0;
        late += strcmp(end, "tls_timeout") == 0;
    }
}

/* So many that each would hold a handshake's memory: they cost little, end by the deadline, and
 * others are served in between. */
static void half_handshakes_in_great_number(struct wire *w)
{
    enum { COUNT = 400 };
    struct conn *half[COUNT];
    origin_answering(w, "plain behind");
    sluice_start(w, "--tls self-signed --timeout client_head=3s");
    for (int i = 0; i < COUNT; i++) {
        half[i] = client_dial(w);
        say_bytes(half[i], HELLO_HEAD "\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    }
    contains(w, shell(w, "curl -sk https://$SERVER/"), "plain behind");
    for (int i = 0; i < COUNT; i++)
        hear_gone(half[i]);
    for (int ok = 0, late = 0; late < COUNT || !ok;) {
        const char *end = log_field(w, log_line(w), "end");
        assert_non_null(end);
        ok += strcmp(end, "ok") == 0;
        late += strcmp(end, "tls_timeout") == 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_beginnings),
        TEST(damaged_records),
        TEST(renegotiation_is_refused),
        TEST(half_handshakes_in_great_number),
        TEST(half_handshakes_hold_bounded_memory),
    };
    return cmocka_run_group_tests_name("tls_hostile", tests, NULL, NULL);
}
