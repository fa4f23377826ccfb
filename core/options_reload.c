/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config/load.h"
#include "core/http/h1_head.h"
#include "core/options.h"
#include "core/ring/sock.h"

/* A reload resolves names and may wait for workers: it is not given up sooner. */
#define ANSWER_TIMEOUT_MS 60000
#define ANSWER_BYTES_MAX ((size_t)4 << 20)

struct reload_options {
    const char *path;   /* of the configuration */
    const char *socket; /* NULL: as the configuration says */
    bool json;
};

/* "--name value" or "--name=value"; NULL: it is another option. */
static const char *value_of(const char *name, int argc, char **argv, int *i)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    return argv[*i][n] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static bool read_options(int argc, char **argv, struct reload_options *o)
{
    *o = (struct reload_options){ .path = OPTIONS_DEFAULT_PATH };
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *value;
        bool format = false;
        if ((value = value_of("-c", argc, argv, &i)) ||
            (value = value_of("--config", argc, argv, &i)))
            o->path = value;
        else if ((value = value_of("--socket", argc, argv, &i)))
            o->socket = value;
        else if ((value = value_of("--format", argc, argv, &i)))
            format = true;
        if (format)
            o->json = strcmp(value, "json") == 0;
        if (!value || (format && !o->json && strcmp(value, "text") != 0)) {
            fprintf(stderr,
                    "sluice reload: not an option, or without its value: %s\n"
                    "usage: sluice reload [-c FILE | --socket PATH] [--format json|text]\n",
                    argument);
            return false;
        }
    }
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
    struct config *config = config_load(o->path, report);
    if (!config) {
        if (o->json)
            config_report_print_json(report, stdout);
        else
            config_report_print(report, stderr, false);
        fputs("sluice reload: not asked for: everything stays as it was\n", stderr);
        *code = EXIT_CONFIG;
    } else if (!config->admin_socket) {
        fprintf(stderr,
                "sluice reload: %s has no admin socket; add 'admin: /run/sluice/admin.sock', or "
                "send the process SIGHUP\n",
                o->path);
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

int options_reload(int argc, char **argv)
{
    struct reload_options o;
    int code = EXIT_FAILED;
    if (!read_options(argc, argv, &o))
        return EXIT_USAGE;
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
    char *answer = send_request(fd, o.json) ? read_answer(fd, &len) : NULL;
    if (answer)
        code = print_answer(answer, len, o.json);
    else
        fprintf(stderr, "sluice reload: no answer from %s\n", socket);
    free(answer);
    sock_close(fd, false);
    free(socket);
    return code;
}
