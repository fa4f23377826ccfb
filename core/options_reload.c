/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/certificates.h"
#include "core/config/load.h"
#include "core/http/h1_head.h"
#include "core/options.h"
#include "core/ring/sock.h"
#include "core/tls_check.h"

/* A reload resolves names and may wait for workers: it is not given up sooner. */
#define ANSWER_TIMEOUT_MS 60000
#define ANSWER_BYTES_MAX ((size_t)4 << 20)

struct reload_options {
    struct file_options file;
    const char *socket; /* NULL: as the configuration says */
};

static bool read_socket(void *to, const char *value)
{
    struct reload_options *o = to;
    o->socket = value;
    return true;
}

/* Where the running sluice listens for its operator, the caller's to free; NULL after a message,
 * with *code. A configuration with errors would not be taken up either: they are said here. */
static char *find_socket(const struct reload_options *o, int *code)
{
    if (o->socket)
        return strdup(o->socket);
    struct config_report *report = malloc(sizeof *report);
    char *socket = NULL;
    *code = EXIT_FAILED;
    if (!report)
        return NULL;
    config_report_init(report);
    struct config *config =
        tls_checked(certificates_load_config(o->file.path, NULL, report), report);
    if (!config) {
        if (o->file.json)
            config_report_print_json(report, stdout);
        else
            config_report_print(report, stderr, false);
        fputs("sluice reload: not asked for: everything stays as it was\n", stderr);
        *code = EXIT_CONFIG;
    } else if (!config->admin_socket) {
        fprintf(stderr,
                "sluice reload: %s has no admin socket; add 'admin: /run/sluice/admin.sock', or "
                "send the process SIGHUP\n",
                o->file.path);
    } else {
        socket = strdup(config->admin_socket);
    }
    config_report_free(report);
    free(report);
    config_free(config);
    return socket;
}

static bool send_request(int fd, bool json)
{
    char request[160];
    int n = snprintf(request, sizeof request,
                     "POST /reload HTTP/1.1\r\nHost: sluice\r\nAccept: %s\r\n"
                     "Content-Length: 0\r\nConnection: close\r\n\r\n",
                     json ? "application/json" : "text/plain");
    return write(fd, request, (size_t)n) == n;
}

/* All that comes until the end; NULL: nothing, too late, or too much. */
static char *read_answer(int fd, size_t *len)
{
    char *text = malloc(ANSWER_BYTES_MAX);
    *len = 0;
    while (text) {
        struct pollfd p = { fd, POLLIN, 0 };
        ssize_t got = -1;
        if (poll(&p, 1, ANSWER_TIMEOUT_MS) > 0)
            got = read(fd, text + *len, ANSWER_BYTES_MAX - *len);
        if (got == 0 && *len && *len < ANSWER_BYTES_MAX)
            return text;
        if (got <= 0)
            break;
        *len += (size_t)got;
    }
    free(text);
    return NULL;
}

/* Prints an answer and gives the exit code. */
static int print_answer(const char *text, size_t len, bool json)
{
    struct http_head h;
    enum end_reason why;
    if (h1_parse_response(text, len, 0, &h, &why) != H1_DONE) {
        fputs("sluice reload: the answer could not be understood\n", stderr);
        return EXIT_FAILED;
    }
    bool good = h.status == 200;
    fwrite(text + h.head_bytes, 1, len - h.head_bytes, good || json ? stdout : stderr);
    return good ? EXIT_OK : h.status == 422 ? EXIT_CONFIG : EXIT_FAILED;
}

static int reload(int argc, char **argv)
{
    struct reload_options o = { .file.path = OPTIONS_DEFAULT_PATH };
    int code = command_parse(&command_reload, argc, argv, &o);
    if (code)
        return code < 0 ? EXIT_OK : code;
    code = EXIT_FAILED;
    char *socket = find_socket(&o, &code);
    if (!socket)
        return code;
    int fd = sock_stream(socket);
    if (fd < 0) {
        fprintf(stderr,
                "sluice reload: nobody answers on %s: %s (did the configuration name another one "
                "before? give that by --socket)\n",
                socket, strerror(-fd));
        free(socket);
        return EXIT_FAILED;
    }
    size_t len = 0;
    char *answer = send_request(fd, o.file.json) ? read_answer(fd, &len) : NULL;
    if (answer)
        code = print_answer(answer, len, o.file.json);
    else
        fprintf(stderr, "sluice reload: no answer from %s\n", socket);
    free(answer);
    sock_close(fd, false);
    free(socket);
    return code;
}

static const struct option options[] = {
    OPTION_CONFIG,
    { "--socket", NULL, "PATH", "the admin socket, in place of the configuration's", read_socket,
      COMPLETE_FILE, NULL },
    OPTION_FORMAT,
    { 0 },
};
static const struct example examples[] = {
    { "sluice reload [-c FILE]", "have the running one read it again" },
    { "sluice reload --socket /run/sluice/admin.sock", "whatever the file says" },
    { NULL, NULL },
};
const struct command command_reload = {
    .name = "reload",
    .synopsis = "[-c FILE | --socket PATH] [--format text|json]",
    .doc =
        "Asks the running sluice, through its admin socket, to read its configuration again, and "
        "waits for the result. No connection is touched, but those of listeners that are gone: "
        "they drain. Exit code 0: in force; 78: it has errors, which are said, and everything "
        "stays as it was; 1: nobody could be asked.",
    .examples = examples,
    .options = options,
    .run = reload,
};
