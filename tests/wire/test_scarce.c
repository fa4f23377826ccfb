/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Few descriptors, many idle clients: what is missing is missed by whom it must, for as long as it
 * is (DESIGN 9). */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

enum { DESCRIPTORS = 48, MANY = 64 };

/* More clients than sluice has descriptors for. Those in front have been accepted. */
static void dial_many(struct wire *w, struct conn **clients)
{
    for (unsigned i = 0; i < MANY; i++)
        clients[i] = client_dial(w);
}

static long cpu_ms(struct wire *w)
{
    const char *stat = wire_read_file(w, wire_text(w, "/proc/%d/stat", (int)sluice_pid(w)));
    unsigned long user, system;
    assert_int_equal(sscanf(strrchr(stat, ')'),
                            ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                            &system),
                     2);
    return (long)((user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

static void clients_wait_for_descriptors_and_are_served_then(struct wire *w)
{
    struct conn *clients[MANY];
    origin_answering(w, "A");
    sluice_limit_descriptors(w, DESCRIPTORS);
    sluice_start(w, "--log off");
    dial_many(w, clients);
    struct conn *last = clients[MANY - 1];
    say(last, GET);
    long before = cpu_ms(w);
    poll(NULL, 0, 500);
    assert_true(cpu_ms(w) - before <= 250); /* it waits, it does not spin */
    hear_nothing(last);
    for (unsigned i = 0; i < MANY / 2; i++)
        hang_up(clients[i]);
    hear_answered(last, 200, "A");
}

static void a_request_without_a_descriptor_for_its_server_is_a_503(struct wire *w)
{
    struct conn *clients[MANY];
    origin_answering(w, "A");
    sluice_limit_descriptors(w, DESCRIPTORS);
    sluice_start(w, " ");
    dial_many(w, clients);
    say(clients[0], GET);
    hear_status(clients[0], 503);
    logged(w, "end=overloaded status=503 broken_by=sluice");
    for (unsigned i = MANY / 2; i < MANY; i++)
        hang_up(clients[i]);
    for (;;) { /* until one of theirs has come back; the server is not blamed */
        say(clients[1], GET);
        struct message m = hear_answer(clients[1]);
        const char *line = log_line(w);
        if (m.status == 200) {
            assert_string_equal(log_field(w, line, "tries"), "1");
            break;
        }
        assert_string_equal(log_field(w, line, "end"), "overloaded");
    }
}

/* Bytes of memory that are the process's own. */
static long own_memory(struct wire *w)
{
    const char *path = wire_text(w, "/proc/%d/smaps_rollup", (int)sluice_pid(w));
    const char *line = strstr(wire_read_file(w, path), "Private_Dirty:");
    assert_non_null(line);
    return strtol(line + strlen("Private_Dirty:"), NULL, 10) * 1024;
}

static void an_idle_client_costs_at_most_a_kilobyte(struct wire *w)
{
    enum { WARM = 300, COUNT = 3000 };
    origin_answering(w, "A");
    sluice_start(w, "--log off");
    long before = 0;
    for (unsigned i = 0; i < WARM + COUNT; i++) {
        struct conn *c = client_dial(w);
        say(c, GET);
        hear_answered(c, 200, "A");
        if (i == WARM)
            before = own_memory(w);
        w->notes.len = 0;
    }
    long each = (own_memory(w) - before) / COUNT;
    print_message("             an idle keep-alive client: %ld bytes\n", each);
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
    assert_true(each <= 1024);
#endif
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clients_wait_for_descriptors_and_are_served_then),
        TEST(a_request_without_a_descriptor_for_its_server_is_a_503),
        TEST(an_idle_client_costs_at_most_a_kilobyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
