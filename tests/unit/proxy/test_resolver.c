/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The resolver against a name server that is scripted by the names that are asked for. */
#include "core/proxy/resolver.h"

#include "core/config/config.h"
#include "tests/unit/proxy/name_server.h"
#include "tests/unit/ring/ring_test.h"

enum { A = 1, AAAA = 28, SRV = 33 };
enum { SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

static bool is(const struct question_seen *q, const char *name)
{
    return strcmp(q->name, name) == 0;
}

/* Names with an IPv4 address only; the second type is answered with nothing. */
static bool answer_addresses(const struct question_seen *q, struct reply *r)
{
    if (is(q, "www.test") && q->type == A) {
        reply_a(r, NULL, 300, "192.0.2.1");
        reply_a(r, NULL, 60, "192.0.2.2");
    } else if (is(q, "both.test")) {
        if (q->type == A)
            reply_a(r, NULL, 30, "192.0.2.3");
        else
            reply_aaaa(r, NULL, 20, "2001:db8::3");
    } else if (is(q, "alias.test") && q->type == A) { /* in the wrong order, and with others */
        reply_a(r, "last.test", 100, "192.0.2.4");
        reply_a(r, "other.test", 1, "192.0.2.99");
        reply_cname(r, "middle.test", 7, "LAST.test");
        reply_cname(r, NULL, 50, "middle.test");
    } else if (is(q, "circle.test")) {
        reply_cname(r, NULL, 50, "b.test");
        reply_cname(r, "b.test", 50, "circle.test");
    } else if (is(q, "short.example.test") && q->type == A) {
        reply_a(r, NULL, 9, "192.0.2.5");
    } else if (is(q, "dotted.name.other.test") && q->type == A) {
        reply_a(r, NULL, 9, "192.0.2.6");
    } else if (is(q, "dotted.name") || is(q, "short") || is(q, "short.other.test") ||
               is(q, "dotted.name.example.test") || is(q, "nobody.test")) {
        reply_code(r, NXDOMAIN);
    } else if (is(q, "half.test")) {
        if (q->type == A)
            reply_a(r, NULL, 9, "192.0.2.7");
        else
            reply_code(r, SERVFAIL);
    } else if (is(q, "broken.test")) {
        reply_code(r, q->before % 2 ? REFUSED : SERVFAIL);
    } else if (is(q, "large.test") && q->type == A) {
        if (!q->tcp)
            reply_truncated(r);
        for (unsigned i = 0; q->tcp && i < 300; i++) {
            char ip[32];
            snprintf(ip, sizeof ip, "10.0.%u.%u", i / 250, i % 250);
            reply_a(r, NULL, 9, ip);
        }
    }
    return true;
}

static bool answer_services(const struct question_seen *q, struct reply *r)
{
    if (is(q, "_http._tcp.test") && q->type == SRV) {
        reply_srv(r, 100, 0, 3, 8080, "A.test");
        reply_srv(r, 100, 1, 0, 8081, "b.test");
        reply_srv(r, 100, 2, 1, 8082, "gone.test");
    } else if (is(q, "_none._tcp.test") && q->type == SRV) {
        reply_srv(r, 100, 0, 0, 0, "");
    } else if (is(q, "a.test") && q->type == A) {
        reply_a(r, NULL, 40, "192.0.2.10");
        reply_a(r, NULL, 40, "192.0.2.11");
    } else if (is(q, "b.test") && q->type == AAAA) {
        reply_aaaa(r, NULL, 5, "2001:db8::b");
    } else if (is(q, "gone.test")) {
        reply_code(r, NXDOMAIN);
    }
    return true;
}

/* What a name server must not say. */
static bool answer_nonsense(const struct question_seen *q, struct reply *r)
{
    if (q->type != A)
        return true;
    if (is(q, "cut.test")) {
        reply_a(r, NULL, 9, "192.0.2.1");
        r->len -= 2;
    } else if (is(q, "count.test")) {
        reply_a(r, NULL, 9, "192.0.2.1");
        r->bytes[7] = 9;
    } else if (is(q, "size.test")) {
        reply_record(r, NULL, A, 9, "abc", 3);
    } else if (is(q, "pointer.test")) { /* a name that points to itself */
        reply_a(r, NULL, 9, "192.0.2.1");
        r->bytes[r->len - 15] = (unsigned char)(r->len - 16);
    } else if (is(q, "later.test")) { /* the first record is good */
        reply_a(r, NULL, 9, "192.0.2.1");
        reply_record(r, NULL, A, 9, "abcde", 5);
    } else if (is(q, "id.test")) { /* once with another id, then the real one */
        reply_a(r, NULL, 9, "192.0.2.66");
        if (q->before == 0)
            r->bytes[0] ^= 1;
    } else if (is(q, "question.test")) {
        reply_a(r, NULL, 9, "192.0.2.67");
        if (q->before == 0)
            r->bytes[13] ^= 1;
    } else if (is(q, "runt.test")) {
        reply_a(r, NULL, 9, "192.0.2.68");
        if (q->before == 0)
            r->len = 7;
    }
    return true;
}

static bool say_nothing(const struct question_seen *q, struct reply *r)
{
    (void)q;
    (void)r;
    return false;
}

static bool silent_at_first(const struct question_seen *q, struct reply *r)
{
    if (q->type == A)
        reply_a(r, NULL, 9, "192.0.2.1");
    return q->before > 0;
}

/* ---- A resolver, and what it answers -------------------------------------------------------- */

struct bench {
    struct loop *loop;
    struct resolver *resolver;
    struct name_server server;
    struct config *config;
    bool gone;
};

static void set_up(struct bench *b, bool (*script)(const struct question_seen *, struct reply *),
                   const char *resolv_conf, const char *hosts)
{
    *b = (struct bench){ .loop = new_loop((struct loop_config){ 0 }) };
    name_server_start(&b->server, script);
    b->config = config_new(CONFIG_MEMORY_BYTES_MAX);
    assert_non_null(b->config);
    struct addr at = loopback(b->server.port);
    struct dns_config *d = &b->config->dns;
    d->servers = config_alloc(b->config, sizeof at);
    d->servers[0] = at;
    d->servers_count = 1;
    d->timeout_ms = 60;
    d->attempts = 2;
    assert_true(config_fill_dns(b->config, str_of(resolv_conf), str_of(hosts)));
    b->resolver = resolver_create(b->loop, d);
    assert_non_null(b->resolver);
}

static void on_none(void *arg)
{
    *(bool *)arg = true;
}

static void tear_down(struct bench *b)
{
    resolver_destroy(b->resolver, on_none, &b->gone);
    assert_false(b->gone);
    TURN_UNTIL(b->loop, b->gone);
    assert_int_equal(loop_ops_in_flight(b->loop), 0);
    loop_destroy(b->loop);
    name_server_stop(&b->server);
    config_free(b->config);
}

struct asked {
    struct lookup lookup;
    unsigned calls;
    enum lookup_status status;
    uint32_t count, ttl_s;
    bool partial;
    char text[8192]; /* "192.0.2.1:0 2001:db8::1:0" */
    char services[512];
};

static void on_done(struct lookup *k, enum lookup_status status, const struct dns_answers *answers)
{
    struct asked *a = container_of(k, struct asked, lookup);
    size_t n = 0, m = 0;
    a->calls++;
    a->status = status;
    a->count = answers->count;
    a->ttl_s = answers->ttl_s;
    a->partial = answers->partial;
    assert_false(lookup_busy(k));
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct dns_answer *item = &answers->items[i];
        char ip[ADDR_TEXT_MAX];
        addr_format(&item->addr, ip);
        n += (size_t)snprintf(a->text + n, sizeof a->text - n, "%s%s", i ? " " : "", ip);
        if (m < sizeof a->services)
            m += (size_t)snprintf(a->services + m, sizeof a->services - m, "%s%s/%u/%u/%u",
                                  i ? " " : "", item->target, item->port, item->priority,
                                  item->weight);
    }
}

static struct asked ask(struct bench *b, enum lookup_kind kind, const char *name)
{
    struct asked a = { .lookup.done = on_done };
    assert_true(lookup_start(b->resolver, &a.lookup, kind, str_of(name)));
    assert_int_equal(a.calls, 0); /* never from within */
    TURN_UNTIL(b->loop, a.calls);
    assert_int_equal(a.calls, 1);
    return a;
}

static void expect(struct bench *b, const char *name, const char *addresses, uint32_t ttl_s)
{
    struct asked a = ask(b, LOOKUP_ADDRESSES, name);
    assert_int_equal(a.status, LOOKUP_OK);
    assert_string_equal(a.text, addresses);
    assert_int_equal(a.ttl_s, ttl_s);
}

static void expect_none(struct bench *b, const char *name, enum lookup_status status)
{
    struct asked a = ask(b, LOOKUP_ADDRESSES, name);
    assert_int_equal(a.status, status);
    assert_int_equal(a.count, 0);
}

/* ---- Tests ---------------------------------------------------------------------------------- */

static void addresses_come_with_the_smallest_ttl(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, answer_addresses, "", "");
    expect(&b, "www.test", "192.0.2.1:0 192.0.2.2:0", 60);
    expect(&b, "WWW.Test.", "192.0.2.1:0 192.0.2.2:0", 60);
    expect(&b, "both.test", "192.0.2.3:0 [2001:db8::3]:0", 20);
    expect(&b, "alias.test", "192.0.2.4:0", 7);
    tear_down(&b);
}

static void no_answer_has_a_reason(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, answer_addresses, "", "");
    expect_none(&b, "nobody.test", LOOKUP_NO_NAME);
    expect_none(&b, "empty.test", LOOKUP_NO_DATA);
    expect_none(&b, "circle.test", LOOKUP_MALFORMED);
    expect_none(&b, "broken.test", LOOKUP_FAILED);
    struct asked half = ask(&b, LOOKUP_ADDRESSES, "half.test");
    assert_int_equal(half.status, LOOKUP_OK);
    assert_true(half.partial);
    assert_string_equal(half.text, "192.0.2.7:0");
    assert_false(ask(&b, LOOKUP_ADDRESSES, "www.test").partial);
    tear_down(&b);
}

static void what_is_no_name_is_not_asked_for(void **state)
{
    (void)state;
    static const char *const bad[] = { "",      ".",       "..",        "a..test",
                                       ".test", "-a.test", "a-.test",   "a b",
                                       "a/b",   "1.2.3",   "256.1.1.1", "0x7f.1",
                                       "[::1",  "::g",     "a\r\n",     "fe80::1%lo" };
    char label[70], name[300] = "";
    struct bench b;
    set_up(&b, answer_addresses, "", "");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_none(&b, bad[i], LOOKUP_BAD_NAME);
    memset(label, 'a', sizeof label);
    snprintf(label + 64, 6, ".test");
    expect_none(&b, label, LOOKUP_BAD_NAME);
    for (unsigned i = 0; i < 127; i++)
        strcat(name, "a.");
    expect_none(&b, name, LOOKUP_NO_DATA); /* 253 and the dot: the longest there is */
    strcat(name, "a");
    expect_none(&b, name, LOOKUP_BAD_NAME);
    assert_int_equal(b.server.questions, 2);
    tear_down(&b);
}

static void this_machine_is_asked_first(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, answer_addresses, "",
           "# names\n127.0.0.1 LOCALHOST\n::1\tlocalhost ip6\n\n"
           "192.0.2.77 www.test alias # comment hidden\nnonsense www.test\n192.0.2.78 www.test\n");
    expect(&b, "192.0.2.9", "192.0.2.9:0", UINT32_MAX);
    expect(&b, "::1", "[::1]:0", UINT32_MAX);
    expect(&b, "[2001:db8::1]", "[2001:db8::1]:0", UINT32_MAX);
    expect(&b, "localhost", "127.0.0.1:0 [::1]:0", UINT32_MAX);
    expect(&b, "a.localhost", "127.0.0.1:0 [::1]:0", UINT32_MAX);
    expect(&b, "www.test", "192.0.2.77:0 192.0.2.78:0", UINT32_MAX);
    expect(&b, "Alias", "192.0.2.77:0", UINT32_MAX);
    assert_int_equal(b.server.questions, 0);
    expect_none(&b, "hidden", LOOKUP_NO_DATA);
    tear_down(&b);
}

static void short_names_are_searched_for(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, answer_addresses, "search lost.test\nsearch example.test other.test\n", "");
    expect(&b, "short", "192.0.2.5:0", 9);
    assert_string_equal(b.server.seen[0].name, "short.example.test");
    expect(&b, "dotted.name", "192.0.2.6:0", 9);
    assert_string_equal(b.server.seen[2].name, "dotted.name");
    expect_none(&b, "dotted.name.", LOOKUP_NO_NAME);
    expect_none(&b, "short.", LOOKUP_NO_NAME);
    tear_down(&b);
}

static void truncated_answers_are_asked_for_by_tcp(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, answer_addresses, "", "");
    struct asked a = ask(&b, LOOKUP_ADDRESSES, "large.test");
    assert_int_equal(a.status, LOOKUP_OK);
    assert_int_equal(a.count, LOOKUP_ADDRESSES_MAX); /* of 300 */
    assert_int_equal(b.server.tcp_questions, 1);
    tear_down(&b);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const malformed[] = { "cut.test", "count.test", "size.test", "pointer.test",
                                             "later.test" };
    struct bench b;
    set_up(&b, answer_nonsense, "", "");
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
        expect_none(&b, malformed[i], LOOKUP_MALFORMED);
    expect(&b, "id.test", "192.0.2.66:0", 9); /* by the second try */
    expect(&b, "question.test", "192.0.2.67:0", 9);
    expect(&b, "runt.test", "192.0.2.68:0", 9);
    tear_down(&b);
}

static void silence_ends(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, say_nothing, "", "");
    expect_none(&b, "www.test", LOOKUP_TIMED_OUT);
    assert_int_equal(b.server.questions, 4); /* two types, two attempts */
    tear_down(&b);
    set_up(&b, silent_at_first, "", "");
    expect(&b, "www.test", "192.0.2.1:0", 9);
    tear_down(&b);
}

static void services_have_targets(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, answer_services, "", "");
    struct asked a = ask(&b, LOOKUP_SERVICE, "_http._tcp.test");
    assert_int_equal(a.status, LOOKUP_OK);
    assert_int_equal(a.count, 4);
    assert_int_equal(a.ttl_s, 5);
    assert_false(a.partial);
    assert_non_null(strstr(a.text, "192.0.2.10:8080"));
    assert_non_null(strstr(a.text, "192.0.2.11:8080"));
    assert_non_null(strstr(a.text, "[2001:db8::b]:8081"));
    assert_non_null(strstr(a.services, "a.test/8080/0/3"));
    assert_non_null(strstr(a.services, "b.test/8081/1/0"));
    assert_non_null(strstr(a.services, "gone.test/8082/2/1")); /* without an address */
    assert_int_equal(ask(&b, LOOKUP_SERVICE, "_none._tcp.test").status, LOOKUP_NO_DATA);
    assert_int_equal(ask(&b, LOOKUP_SERVICE, "_other._tcp.test").status, LOOKUP_NO_DATA);
    assert_int_equal(ask(&b, LOOKUP_SERVICE, "192.0.2.1").status, LOOKUP_BAD_NAME);
    tear_down(&b);
}

static void a_cancelled_lookup_says_nothing(void **state)
{
    (void)state;
    static const char *const names[] = { "www.test", "192.0.2.1", "a..b", "_http._tcp.test" };
    struct bench b;
    set_up(&b, answer_services, "", "");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (unsigned turns = 0; turns < 6; turns++) {
            struct asked a = { .lookup.done = on_done };
            enum lookup_kind kind = i == 3 ? LOOKUP_SERVICE : LOOKUP_ADDRESSES;
            assert_true(lookup_start(b.resolver, &a.lookup, kind, str_of(names[i])));
            for (unsigned t = 0; t < turns && !a.calls; t++)
                loop_turn(b.loop, ms_to_ns(20));
            lookup_cancel(&a.lookup);
            unsigned calls = a.calls;
            loop_turn(b.loop, ms_to_ns(1));
            assert_int_equal(a.calls, calls);
        }
    }
    struct asked last = { .lookup.done = on_done }; /* its query is out when all ends */
    assert_true(lookup_start(b.resolver, &last.lookup, LOOKUP_ADDRESSES, STR("www.test")));
    loop_turn(b.loop, ms_to_ns(1));
    lookup_cancel(&last.lookup);
    tear_down(&b);
    assert_int_equal(last.calls, 0);
}

static void lookups_are_bounded(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, say_nothing, "", "");
    struct asked *all = test_calloc(LOOKUPS_MAX + 1, sizeof *all);
    for (unsigned i = 0; i <= LOOKUPS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u.test", i);
        all[i].lookup.done = on_done;
        assert_int_equal(lookup_start(b.resolver, &all[i].lookup, LOOKUP_ADDRESSES, str_of(name)),
                         i < LOOKUPS_MAX);
    }
    for (unsigned i = 0; i < LOOKUPS_MAX; i++)
        TURN_UNTIL(b.loop, all[i].calls);
    test_free(all);
    expect_none(&b, "again.test", LOOKUP_TIMED_OUT);
    tear_down(&b);
}

static void nobody_there_is_an_answer(void **state)
{
    (void)state;
    struct bench b;
    unsigned before = open_fds();
    set_up(&b, say_nothing, "", "");
    /* It keeps its port, which nobody else is given, and takes what it sends itself only: to all
     * others the kernel says that nobody is there. */
    struct addr self = loopback(b.server.port);
    assert_int_equal(connect(b.server.udp, &self.sa, self.len), 0);
    expect_none(&b, "www.test", LOOKUP_FAILED);
    tear_down(&b);
    assert_int_equal(open_fds(), before);
}

static void the_system_says_whom_to_ask(void **state)
{
    (void)state;
    struct config *c = config_new(CONFIG_MEMORY_BYTES_MAX);
    assert_true(
        config_fill_dns(c,
                        STR("; comment\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n"
                            "nameserver nonsense\nnameserver ::1 # comment\nsearch A.test. b\n"
                            "options ndots:5 timeout:1 attempts:9 rotate\nnameserver"),
                        STR("")));
    assert_int_equal(c->dns.servers_count, 2);
    assert_int_equal(c->dns.servers[0].v4.sin_addr.s_addr, inet_addr("192.0.2.53"));
    assert_int_equal(ntohs(c->dns.servers[1].v6.sin6_port), 53);
    assert_int_equal(c->dns.search.items_count, 2);
    assert_true(str_eq(c->dns.search.items[0], STR("a.test")));
    assert_int_equal(c->dns.ndots, 5);
    assert_int_equal(c->dns.timeout_ms, 1000);
    assert_int_equal(c->dns.attempts, 5);
    config_free(c);
    c = config_new(CONFIG_MEMORY_BYTES_MAX);
    assert_true(config_fill_dns(c, STR(""), STR("")));
    assert_int_equal(c->dns.servers_count, 1);
    assert_int_equal(c->dns.servers[0].v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(c->dns.timeout_ms, DNS_TIMEOUT_MS);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_with_the_smallest_ttl),
        cmocka_unit_test(no_answer_has_a_reason),
        cmocka_unit_test(what_is_no_name_is_not_asked_for),
        cmocka_unit_test(this_machine_is_asked_first),
        cmocka_unit_test(short_names_are_searched_for),
        cmocka_unit_test(truncated_answers_are_asked_for_by_tcp),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(silence_ends),
        cmocka_unit_test(services_have_targets),
        cmocka_unit_test(a_cancelled_lookup_says_nothing),
        cmocka_unit_test(lookups_are_bounded),
        cmocka_unit_test(nobody_there_is_an_answer),
        cmocka_unit_test(the_system_says_whom_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
