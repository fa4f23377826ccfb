/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sluice ctl`: the admin API for people. */
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/admin_client.h"
#include "core/base/check.h"
#include "core/config/load.h"
#include "core/ctl_table.h"
#include "core/options.h"

#define WORDS_MAX 4
#define REQUEST_TARGET_MAX 8000

struct ctl_options {
    const char *path, *socket;
    bool json;
    const char *words[WORDS_MAX];
    unsigned words_count;
    const char *weight, *name, *zone, *priority; /* of `add` */
    bool backup;
    const char *what, *value; /* of `cache purge`: "url", "prefix", "tag" or "all" */
    bool soft;
};

/* What is asked for. */
struct request {
    const char *method;
    char target[REQUEST_TARGET_MAX];
    json_t *body; /* NULL: none */
    bool servers; /* the answer is a table of them */
    bool cache;   /* ... is figures, with a table of routes */
};

static const char *word(const struct ctl_options *o, unsigned i)
{
    return i < o->words_count ? o->words[i] : NULL;
}

/* ---- What is asked for ------------------------------------------------------------------------
 */

/* Appends text, percent-encoded but for what a path segment or a value of a query may have. False:
 * it is too long. */
static bool append(struct request *r, const char *text, bool encode)
{
    size_t n = strlen(r->target);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = !encode || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || strchr("-._~:@", c);
        if (n + 4 > sizeof r->target)
            return false;
        n += (size_t)snprintf(r->target + n, 4, plain ? "%c" : "%%%02X", c);
    }
    return true;
}

/* /backends/BACKEND/servers[/SERVER] */
static bool at_server(struct request *r, const char *backend, const char *server)
{
    return append(r, "/backends/", false) && append(r, backend, true) &&
           append(r, "/servers", false) &&
           (!server || (append(r, "/", false) && append(r, server, true)));
}

static bool put_number(json_t *body, const char *key, const char *text)
{
    char *end;
    if (!text)
        return true;
    unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n > INT32_MAX)
        return false;
    return json_object_set_new(body, key, json_integer((json_int_t)n)) == 0;
}

static void put_text(json_t *body, const char *key, const char *text)
{
    if (text)
        json_object_set_new(body, key, json_string(text));
}

/* The message of a request that cannot be made; NULL: it is made. */
static const char *want_servers(const struct ctl_options *o, struct request *r)
{
    r->method = "GET";
    r->servers = true;
    if (o->words_count > 2)
        return "servers takes at most a backend";
    bool fits =
        o->words_count == 2 ? at_server(r, o->words[1], NULL) : append(r, "/backends", false);
    return fits ? NULL : "that name is too long";
}

static const char *want_add(const struct ctl_options *o, struct request *r)
{
    if (o->words_count != 3)
        return "add takes a backend and an address";
    r->method = "POST";
    r->body = json_pack("{s:s}", "address", o->words[2]);
    put_text(r->body, "name", o->name);
    put_text(r->body, "zone", o->zone);
    if (o->backup)
        json_object_set_new(r->body, "backup", json_true());
    if (!put_number(r->body, "weight", o->weight) || !put_number(r->body, "priority", o->priority))
        return "--weight and --priority want numbers";
    return at_server(r, o->words[1], NULL) ? NULL : "that name is too long";
}

static const char *want_change(const struct ctl_options *o, struct request *r)
{
    const char *verb = o->words[0];
    bool weighs = strcmp(verb, "weight") == 0, removes = strcmp(verb, "remove") == 0;
    if (o->words_count != (weighs ? 4 : 3))
        return weighs ? "weight takes a backend, a server and a number"
                      : "this takes a backend and a server";
    r->method = removes ? "DELETE" : "PATCH";
    if (!removes)
        r->body = json_object();
    if (weighs && !put_number(r->body, "weight", o->words[3]))
        return "a weight is a number from 0 to 256";
    if (!weighs && !removes)
        put_text(r->body, "state", verb);
    return at_server(r, o->words[1], o->words[2]) ? NULL : "that name is too long";
}

static const char *want_cache(const struct ctl_options *o, struct request *r)
{
    const char *verb = word(o, 1);
    if (verb && strcmp(verb, "stats") == 0 && o->words_count == 2) {
        r->method = "GET";
        r->cache = true;
        return append(r, "/cache", false) ? NULL : "";
    }
    if (!verb || strcmp(verb, "purge") != 0 || o->words_count != 2)
        return "cache takes stats, or purge with --url, --prefix, --tag or --all";
    if (!o->what)
        return "purge wants one of --url, --prefix, --tag and --all";
    r->method = "POST";
    bool fits = append(r, "/cache/purge?", false) && append(r, o->what, false) &&
                append(r, "=", false) && append(r, o->value, true) &&
                (!o->soft || append(r, "&soft=1", false));
    return fits ? NULL : "that is too long";
}

static const struct {
    const char *name;
    const char *(*want)(const struct ctl_options *o, struct request *r);
} verbs[] = {
    { "servers", want_servers },    { "add", want_add },      { "remove", want_change },
    { "weight", want_change },      { "drain", want_change }, { "ready", want_change },
    { "maintenance", want_change }, { "cache", want_cache },
};

static const char *want(const struct ctl_options *o, struct request *r)
{
    const char *verb = word(o, 0);
    if (!verb)
        return "what is to be done? servers, add, remove, weight, drain, ready, maintenance or "
               "cache";
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].want(o, r);
    return "there are servers, add, remove, weight, drain, ready, maintenance and cache";
}

/* ---- Whom to ask ------------------------------------------------------------------------------
 */

/* The admin socket that the configuration names, the caller's to free; NULL after a message, with
 * *code. Neither names are looked up nor keys needed. */
static char *find_socket(const struct ctl_options *o, int *code)
{
    if (o->socket)
        return strdup(o->socket);
    struct config_report *report = config_report_create();
    const struct config_input in = { .path = o->path, .keep_names = true };
    struct config *config = report ? config_load_input(&in, report) : NULL;
    char *socket = NULL;
    *code = config ? EXIT_FAILED : EXIT_CONFIG;
    if (report && !config) {
        config_report_print(report, stderr, options_colour());
        fputs("sluice ctl: say where sluice listens by --socket\n", stderr);
    } else if (config && !config->admin_socket) {
        fprintf(stderr, "sluice ctl: %s has no admin socket; add 'admin: /run/sluice/admin.sock'\n",
                o->path);
    } else if (config) {
        socket = strdup(config->admin_socket);
    }
    config_report_destroy(report);
    config_free(config);
    return socket;
}

/* ---- Answers ----------------------------------------------------------------------------------
 */

static void print_error(const struct admin_answer *a, const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "error"));
    const char *pointer = json_string_value(json_object_get(json, "pointer"));
    if (text)
        fprintf(stderr, "sluice ctl: %s%s%s\n", pointer && pointer[0] ? pointer + 1 : "",
                pointer && pointer[0] ? ": " : "", text);
    else
        fprintf(stderr, "sluice ctl: %d: %.*s\n", a->status, (int)a->body.len, a->body.ptr);
}

static void print_done(const struct ctl_options *o, const json_t *json)
{
    const char *id = json_string_value(json_object_get(json, "id"));
    if (id)
        printf("%s: %s is %s, weight %lld\n", o->words[1], id,
               json_string_value(json_object_get(json, "status")),
               (long long)json_integer_value(json_object_get(json, "weight")));
    else
        ctl_print_members(json, stdout);
}

static int print_answer(const struct ctl_options *o, const struct request *r,
                        const struct admin_answer *a)
{
    json_t *json = json_loadb(a->body.ptr, a->body.len, 0, NULL);
    bool good = a->status >= 200 && a->status < 300;
    if (o->json)
        fwrite(a->body.ptr, 1, a->body.len, stdout);
    else if (!good || !json)
        print_error(a, json);
    else if (r->servers)
        ctl_print_servers(json, stdout);
    else if (r->cache)
        ctl_print_cache(json, stdout);
    else
        print_done(o, json);
    json_decref(json);
    return good ? EXIT_OK : EXIT_FAILED;
}

static int ctl(int argc, char **argv)
{
    struct ctl_options o = { .path = OPTIONS_DEFAULT_PATH };
    struct request r = { .method = NULL };
    int code = command_parse(&command_ctl, argc, argv, &o);
    if (code)
        return code < 0 ? EXIT_OK : code;
    const char *wrong = want(&o, &r);
    if (wrong) {
        json_decref(r.body);
        return command_usage(&command_ctl, "%s", wrong);
    }
    char *socket = find_socket(&o, &code);
    char *body = r.body ? json_dumps(r.body, JSON_COMPACT) : NULL;
    const struct admin_question q = {
        "ctl", socket, r.method, r.target, "application/json", body ? str_of(body) : STR("")
    };
    struct admin_answer a;
    if (socket) {
        code = EXIT_FAILED;
        if (admin_ask(&q, &a)) {
            code = print_answer(&o, &r, &a);
            free(a.text);
        }
    }
    json_decref(r.body);
    free(body);
    free(socket);
    return code;
}

/* ---- Options ----------------------------------------------------------------------------------
 */

static bool read_word(void *to, const char *at)
{
    struct ctl_options *o = to;
    if (o->words_count == WORDS_MAX) {
        fprintf(stderr, "sluice ctl: '%s' is one word too many\n", at);
        return false;
    }
    o->words[o->words_count++] = at;
    return true;
}

#define READ_TEXT(member)                                                                          \
    static bool read_##member(void *to, const char *value)                                         \
    {                                                                                              \
        ((struct ctl_options *)to)->member = value;                                                \
        return true;                                                                               \
    }
READ_TEXT(path)
READ_TEXT(socket)
READ_TEXT(weight)
READ_TEXT(name)
READ_TEXT(zone)
READ_TEXT(priority)

#define READ_FLAG(member)                                                                          \
    static bool read_##member(void *to, const char *value)                                         \
    {                                                                                              \
        (void)value;                                                                               \
        return ((struct ctl_options *)to)->member = true;                                          \
    }
READ_FLAG(json)
READ_FLAG(backup)
READ_FLAG(soft)

static bool read_what(struct ctl_options *o, const char *what, const char *value)
{
    if (o->what) {
        fprintf(stderr, "sluice ctl: --%s and --%s exclude each other\n", o->what, what);
        return false;
    }
    o->what = what;
    o->value = value;
    return true;
}

#define READ_WHAT(word_, value_)                                                                   \
    static bool read_##word_(void *to, const char *value)                                          \
    {                                                                                              \
        (void)value;                                                                               \
        return read_what(to, #word_, value_);                                                      \
    }
READ_WHAT(url, value)
READ_WHAT(prefix, value)
READ_WHAT(tag, value)
READ_WHAT(all, "1")

static const struct option options[] = {
    { "--config", "-c", "FILE",
      "the configuration, which names the socket;\ndefault " OPTIONS_DEFAULT_PATH, read_path,
      COMPLETE_FILE, NULL },
    { "--socket", NULL, "PATH", "the admin socket, in place of the configuration's", read_socket,
      COMPLETE_FILE, NULL },
    { "--json", NULL, NULL, "the answer as it is, for programs", read_json, COMPLETE_NOTHING,
      NULL },
    { "--weight", NULL, "N", "add: its share beside the others; 1 unless given", read_weight,
      COMPLETE_NOTHING, NULL },
    { "--name", NULL, "NAME", "add: what it is called; its address unless given", read_name,
      COMPLETE_NOTHING, NULL },
    { "--zone", NULL, "ZONE", "add: where it is", read_zone, COMPLETE_NOTHING, NULL },
    { "--priority", NULL, "N", "add: lower numbers come first", read_priority, COMPLETE_NOTHING,
      NULL },
    { "--backup", NULL, NULL, "add: only when no other is healthy", read_backup, COMPLETE_NOTHING,
      NULL },
    { "--url", NULL, "URL", "cache purge: that one", read_url, COMPLETE_NOTHING, NULL },
    { "--prefix", NULL, "URL", "cache purge: all URLs that begin so", read_prefix, COMPLETE_NOTHING,
      NULL },
    { "--tag", NULL, "TAG", "cache purge: all that bear the tag", read_tag, COMPLETE_NOTHING,
      NULL },
    { "--all", NULL, NULL, "cache purge: everything", read_all, COMPLETE_NOTHING, NULL },
    { "--soft", NULL, NULL, "cache purge: stale from now on, not gone", read_soft, COMPLETE_NOTHING,
      NULL },
    { 0 },
};
static const struct example examples[] = {
    { "sluice ctl servers", "every server: status, weight, layer, load, health" },
    { "sluice ctl servers app", "those of one backend" },
    { "sluice ctl add app 10.0.0.9:9000 --weight 2", "one more, also by name (app.internal:9000)" },
    { "sluice ctl drain app 10.0.0.9:9000", "nothing new but who sticks to it" },
    { "sluice ctl ready app 10.0.0.9:9000", "back again" },
    { "sluice ctl maintenance app 10.0.0.9:9000", "nothing at all" },
    { "sluice ctl weight app 10.0.0.9:9000 5", "another share" },
    { "sluice ctl remove app 10.0.0.9:9000", "away; what runs on it ends by itself" },
    { "sluice ctl cache purge --prefix https://a.example.com/img/", "answers that are kept" },
    { "sluice ctl cache stats", "what the cache holds" },
    { NULL, NULL },
};
const struct command command_ctl = {
    .name = "ctl",
    .synopsis = "VERB [ARGUMENT...] [-c FILE | --socket PATH] [--json]",
    .doc = "Looks at the servers of a running sluice and changes them, through its admin socket "
           "(admin: in the configuration), without touching any other connection; and empties its "
           "cache. Changes survive reloads, and restarts with admin.journal. A server's layer says "
           "who named it: the configuration, a watched file, DNS, or the admin interface (api); "
           "+api: it was changed by that. Exit code 0: done; 1: refused, or nobody could be asked; "
           "78: the configuration has errors.",
    .examples = examples,
    .options = options,
    .argument = read_word,
    .complete = COMPLETE_WORDS,
    .words = "servers add remove weight drain ready maintenance cache purge stats",
    .run = ctl,
};
