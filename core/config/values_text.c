/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/config/loader.h"
#include "core/config/values.h"

#define NAME_BYTES_MAX 64

/* JSON reads unquoted numbers and booleans as such; here they are text. */
#define TEXT_JSON "\"type\":[\"string\",\"number\",\"boolean\"]"

static bool check_text(struct loader *l, const struct node *n)
{
    for (size_t i = 0; i < n->text.len; i++) {
        unsigned char c = (unsigned char)n->text.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            report_error(l->report, n->place, "'%s' holds a control character (0x%02x)",
                         quote(n->text).text, c);
            return false;
        }
    }
    return true;
}

static void read_text(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    if (check_text(l, n))
        *(struct str *)out = load_str(l, n->text);
}

static void read_string(struct loader *l, const struct schema_key *k, const struct node *n,
                        void *out)
{
    (void)k;
    if (n->text.len == 0)
        report_error(l->report, n->place, "'%s' must not be empty", k->name);
    else if (check_text(l, n))
        *(const char **)out = load_str(l, n->text).ptr;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static void read_name(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    bool ok = n->text.len > 0 && n->text.len <= NAME_BYTES_MAX && !str_eq(n->text, STR("off"));
    for (size_t i = 0; ok && i < n->text.len; i++)
        ok = name_char(n->text.ptr[i]);
    if (ok)
        *(const char **)out = load_str(l, n->text).ptr;
    else
        report_error(l->report, n->place,
                     "'%s' is no name: 1 to %d letters, digits, '_', '-' and '.', and not 'off'",
                     quote(n->text).text, NAME_BYTES_MAX);
}

struct str load_path(struct loader *l, const struct node *n)
{
    const char *file = n->place.source->name, *slash = strrchr(file, '/');
    size_t folder = slash && n->text.ptr[0] != '/' ? (size_t)(slash - file) + 1 : 0;
    char *path = load_alloc(l, folder + n->text.len + 1);
    if (!path)
        return (struct str){ 0 };
    memcpy(path, file, folder);
    memcpy(path + folder, n->text.ptr, n->text.len);
    return (struct str){ path, folder + n->text.len };
}

static void read_file(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    if (n->text.len == 0)
        report_error(l->report, n->place, "'%s' wants a file name", k->name);
    else if (check_text(l, n))
        *(const char **)out = load_path(l, n).ptr;
}

static void read_log_destination(struct loader *l, const struct schema_key *k, const struct node *n,
                                 void *out)
{
    struct log_config *log = out;
    if (str_eq(n->text, STR("stdout"))) {
        log->destination = LOG_TO_STDOUT;
        log->path = "-";
    } else if (str_eq(n->text, STR("syslog"))) {
        log->destination = LOG_TO_SYSLOG;
        log->path = "syslog";
    } else {
        log->destination = LOG_TO_FILE;
        read_file(l, k, n, &log->path);
    }
}

static void read_template(struct loader *l, const struct schema_key *k, const struct node *n,
                          void *out)
{
    (void)k;
    if (check_text(l, n))
        template_parse(l, n->place, n->text, TEMPLATE_REQUEST, out);
}

static void read_response_template(struct loader *l, const struct schema_key *k,
                                   const struct node *n, void *out)
{
    (void)k;
    if (check_text(l, n))
        template_parse(l, n->place, n->text, TEMPLATE_RESPONSE, out);
}

static void read_body(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    template_parse(l, n->place, n->text, TEMPLATE_REQUEST, out);
}

const struct value_type value_text = {
    .name = "text",
    .form = "text",
    .json = TEXT_JSON,
    .bytes = sizeof(struct str),
    .read = read_text,
};
const struct value_type value_string = {
    .name = "text",
    .form = "text",
    .json = TEXT_JSON,
    .bytes = sizeof(char *),
    .read = read_string,
};
const struct value_type value_name = {
    .name = "name",
    .form = "a name",
    .json =
        "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.-]{1,64}$\",\"not\":{\"const\":\"off\"}",
    .bytes = sizeof(char *),
    .read = read_name,
};
const struct value_type value_file = {
    .name = "file",
    .form = "a file name",
    .json = "\"type\":\"string\",\"minLength\":1",
    .bytes = sizeof(char *),
    .read = read_file,
    .example = "pages/404.html",
};
const struct value_type value_log_destination = {
    .name = "log destination",
    .form = "a file name, stdout or syslog",
    .json = "\"type\":\"string\",\"minLength\":1",
    .bytes = sizeof(struct log_config),
    .read = read_log_destination,
    .example = "/var/log/sluice/access.log",
};
const struct value_type value_template = {
    .name = "text with variables",
    .form = "text",
    .json = TEXT_JSON,
    .bytes = sizeof(struct template),
    .read = read_template,
};
const struct value_type value_response_template = {
    .name = "text with variables",
    .form = "text",
    .json = TEXT_JSON,
    .bytes = sizeof(struct template),
    .read = read_response_template,
};
const struct value_type value_body_template = {
    .name = "text with variables",
    .form = "text",
    .json = TEXT_JSON,
    .bytes = sizeof(struct template),
    .read = read_body,
};
