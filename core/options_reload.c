/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/admin_client.h"
#include "core/certificates.h"
#include "core/config/load.h"
#include "core/options.h"
#include "core/tls_check.h"

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

/* Prints an answer and gives the exit code. */
static int print_answer(const struct admin_answer *a, bool json)
{
    bool good = a->status == 200;
    fwrite(a->body.ptr, 1, a->body.len, good || json ? stdout : stderr);
    return good ? EXIT_OK : a->status == 422 ? EXIT_CONFIG : EXIT_FAILED;
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
    const struct admin_question q = { .command = "reload",
                                      .socket = socket,
                                      .method = "POST",
                                      .target = "/reload",
                                      .accept = o.file.json ? "application/json" : "text/plain" };
    struct admin_answer a;
    if (admin_ask(&q, &a)) {
        code = print_answer(&a, o.file.json);
        free(a.text);
    }
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
