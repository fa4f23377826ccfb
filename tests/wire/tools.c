/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/wire/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *folder(struct wire *w)
{
    wire_path(w, ""); /* makes it */
    return w->dir;
}

const char *shell(struct wire *w, const char *command)
{
    struct text out = { 0 };
    char chunk[4096];
    size_t n;
    const char *server = w->sluice.pid ? sluice_address(w, 0) : "";
    const char *colon = strrchr(server, ':');
    char *line = wire_text(w,
                           "cd %s && export SERVER=%s PORT=%s && ( timeout 20 sh -c '%s' ) 2>&1 "
                           "</dev/null",
                           folder(w), server, colon ? colon + 1 : "", command);
    wire_note(w, "$ %s", command);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        text_add(&out, chunk, n);
    pclose(f);
    char *text = wire_text(w, "%.*s", (int)out.len, out.p ? out.p : "");
    free(out.p);
    wire_note(w, "%s", text);
    return text;
}

void contains(struct wire *w, const char *text, const char *part)
{
    if (!strstr(text, part))
        wire_fail(w, "'%s' is not in:\n%s", part, text);
}

void contains_not(struct wire *w, const char *text, const char *part)
{
    if (strstr(text, part))
        wire_fail(w, "'%s' is in:\n%s", part, text);
}

void make_pair(struct wire *w, const char *name, const char *kind, const char *hosts)
{
    shell(w, wire_text(w,
                       "openssl req -x509 -newkey %s -nodes -keyout %s.key -out %s.pem -days 30 "
                       "-subj /CN=$(basename %s) -addext subjectAltName=%s",
                       kind, name, name, name, hosts));
}
