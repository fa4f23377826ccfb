/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The access log: its formats, its file, and that it never stands in the way (issue 7). */
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/wire/wire.h"

/* Answered by the server with 5 bytes of body. */
static void get(struct wire *w, const char *path, const char *fields)
{
    struct conn *c = client_dial(w);
    sayf(c, "GET %s HTTP/1.1\r\nHost: example.com\r\n%s\r\n", path, fields);
    hear_status(c, 200);
    hang_up(c);
}

/* Waits until the file has a line that holds the text. */
static const char *file_with(struct wire *w, const char *path, const char *text)
{
    for (;;) {
        wire_left_ms(w);
        if (access(path, R_OK) != 0)
            continue;
        const char *all = wire_read_file(w, path), *found = strstr(all, text);
        if (found && strchr(found, '\n'))
            return all;
    }
}

static unsigned lines(const char *text)
{
    unsigned n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void matches(struct wire *w, const char *text, const char *pattern)
{
    regex_t r;
    assert_int_equal(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
    int rc = regexec(&r, text, 0, NULL, 0);
    regfree(&r);
    if (rc != 0)
        wire_fail(w, "no line matches '%s' in:\n%s", pattern, text);
}

/* Every line is strict JSON; the file holds so many. */
static void is_json(struct wire *w, const char *path, unsigned count)
{
    const char *command = wire_text(w,
                                    "python3 -c 'import json, sys\n"
                                    "ids = set()\n"
                                    "for line in open(sys.argv[1], encoding=\"utf-8\"):\n"
                                    "    ids.add(json.loads(line)[\"request_id\"])\n"
                                    "sys.exit(len(ids) != %u)' %s",
                                    count, path);
    if (system(command) != 0)
        wire_fail(w, "not %u lines of JSON with ids of their own", count);
}

/* ---- formats ---- */

static void json_says_everything(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    const char *request = "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n"
                          "Referer: http://r/\r\nUser-Agent: agent\r\n\r\nabc";
    say(c, request);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello");
    const char *answer = "HTTP/1.1 202 Accepted\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello";
    hear(c, answer);
    const char *line =
        logged(w,
               "client=127.0.0.1 connection=1 request=1 worker=0 method=POST "
               "authority=example.com path=/a?b=c version=HTTP/1.1 status=202 server_status=202 "
               "bytes_in=%zu bytes_out=%zu server=%s tries=1 reused=false end=ok end_code=0 "
               "broken_by= referer=http://r/ user_agent=agent",
               strlen(request), strlen(answer), o->name);
    matches(w, line,
            "^\\{\"time\":\"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z\","
            "\"request_id\":\"[0-9a-f]{32}\",\"peer\":\"127\\.0\\.0\\.1:[0-9]+\"");
    matches(w, line,
            "\"phases\":\\{\"accept\":[0-9]+,\"queue\":[0-9]+,\"connect\":[0-9]+,"
            "\"first_byte\":[0-9]+,\"total\":[0-9]+\\}");
}

static void json_is_json_whatever_comes(struct wire *w)
{
    const char *path = wire_path(w, "access.log");
    origin_answering(w, "A");
    sluice_start(w, "--log %s", path); /* json is the default */
    get(w, "/", "User-Agent: \xe2\x82\xac\r\n");
    get(w, "/?q=`{|}'", "User-Agent: \"quoted\\\" \t\x80\xff\xc3\xa9\r\nReferer: \\u0000\r\n");
    struct conn *c = client_dial(w);
    say(c, "G\"ET / HTTP/1.1\r\n\r\n");
    hear_refused(c, 400);
    c = client_dial(w);
    say(c, "GET /\"\\ HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_refused(c, 400);
    c = client_dial(w);
    sayf(c, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", wire_repeat(w, 'a', 7800));
    hear_status(c, 200);
    file_with(w, path, "aaaa...");
    is_json(w, path, 5);
}

static void combined_is_what_tools_know(struct wire *w)
{
    const char *path = wire_path(w, "access.log");
    origin_answering(w, "A");
    sluice_start(w, "--log combined:%s", path);
    get(w, "/a?b", "Referer: http://r/\r\nUser-Agent: a \"b\" \\ c\r\n");
    struct conn *c = client_dial(w);
    say(c, "\x16\x03\x01");
    hear_refused(c, 400);
    const char *all = file_with(w, path, " 400 ");
    matches(w, all,
            "^127\\.0\\.0\\.1 - - \\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(:[0-9]{2}){3} \\+0000\\] "
            "\"GET /a\\?b HTTP/1\\.1\" 200 [0-9]+ \"http://r/\" "
            "\"a \\\\\"b\\\\\" \\\\\\\\ c\"$");
    matches(w, all, "^127\\.0\\.0\\.1 - - \\[[^]]*\\] \"[^\"]*\" 400 [0-9]+ \"-\" \"-\"$");
    assert_int_equal(lines(all), 2);
}

static void human_is_for_people(struct wire *w)
{
    const char *path = wire_path(w, "access.log");
    struct origin *o = origin_answering(w, "A");
    sluice_start(w, "--log human:%s", path);
    get(w, "/a?b", "");
    const char *all = file_with(w, path, "/a?b");
    matches(w, all,
            wire_text(w,
                      "^[0-9:.]+Z 200 GET example\\.com/a\\?b [0-9]+ B [0-9.]+ [um]?s "
                      "127\\.0\\.0\\.1 -> %s$",
                      o->name));
    assert_null(strchr(all, '\033')); /* no colours in a file */
}

static void a_terminal_gets_it_in_colours_without_asking(struct wire *w)
{
    origin_answering(w, "A");
    sluice_on_terminal(w);
    sluice_start(w, " ");
    get(w, "/shown", "");
    matches(w, log_line(w), "^[0-9:.]+Z \033\\[32m200\033\\[0m GET example\\.com/shown ");
}

static void off_is_off(struct wire *w)
{
    origin_answering(w, "A");
    sluice_start(w, "--log off");
    get(w, "/", "");
    sluice_stop(w);
    char byte;
    assert_int_equal(read(w->sluice.out_fd, &byte, 1), 0);
}

/* ---- the file ---- */

static void lines_are_appended(struct wire *w)
{
    const char *path = wire_path(w, "access.log");
    origin_answering(w, "A");
    for (unsigned i = 1; i <= 2; i++) {
        sluice_start(w, "--log %s", path);
        get(w, wire_text(w, "/run%u", i), "");
        sluice_signal(w, SIGTERM);
        sluice_ends(w, 0);
        assert_int_equal(lines(wire_read_file(w, path)), i); /* nothing is lost at the end */
    }
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0); /* not for everybody */
}

static void usr1_opens_the_file_anew(struct wire *w)
{
    const char *path = wire_path(w, "access.log"), *old = wire_path(w, "access.log.1");
    origin_answering(w, "A");
    sluice_start(w, "--log %s", path);
    get(w, "/before", "");
    file_with(w, path, "/before");
    assert_int_equal(rename(path, old), 0);
    sluice_signal(w, SIGUSR1);
    while (access(path, F_OK) != 0)
        wire_left_ms(w);
    get(w, "/after", "");
    assert_int_equal(lines(file_with(w, path, "/after")), 1);
    assert_int_equal(lines(wire_read_file(w, old)), 1);
}

static void no_line_is_lost_under_load(struct wire *w)
{
    const char *path = wire_path(w, "access.log");
    struct load load = { .connections = 32, .requests = 3000 };
    origin_answering(w, "A");
    sluice_start(w, "--log %s --workers 2", path);
    load_run(w, &load);
    sluice_stop(w);
    assert_int_equal(load.answered, 3000);
    is_json(w, path, 3000);
}

/* ---- a log that cannot be written ---- */

static void a_full_disk_stops_nothing(struct wire *w)
{
    struct load load = { .connections = 16, .requests = 2000 };
    origin_answering(w, "A");
    sluice_start(w, "--log json:/dev/full");
    load_run(w, &load);
    assert_int_equal(load.answered, 2000);
    sluice_says(w, "sluice: access log /dev/full: No space left on device");
}

static void a_reader_that_does_not_read_stops_nothing(struct wire *w)
{
    struct load load = { .connections = 16, .requests = 6000 };
    origin_answering(w, "A");
    sluice_start(w, " "); /* on stdout: a pipe that takes far less than these */
    load.path = wire_text(w, "/%s", wire_repeat(w, 'x', 1500));
    load_run(w, &load);
    assert_int_equal(load.answered, 6000);
    sluice_signal(w, SIGTERM);
    sluice_says(w, "lines lost");
    sluice_ends(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_says_everything),
        TEST(json_is_json_whatever_comes),
        TEST(combined_is_what_tools_know),
        TEST(human_is_for_people),
        TEST(a_terminal_gets_it_in_colours_without_asking),
        TEST(off_is_off),
        TEST(lines_are_appended),
        TEST(usr1_opens_the_file_anew),
        TEST(no_line_is_lost_under_load),
        TEST(a_full_disk_stops_nothing),
        TEST(a_reader_that_does_not_read_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
