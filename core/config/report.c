/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/out.h"

#define TEXT_BYTES_MAX 1024
/* A longer line is shown from near its place on. */
#define SHOWN_COLUMNS_MAX 120
#define SHOWN_COLUMNS_BEFORE 60
#define ARENA_BYTES_MAX ((size_t)4 << 20)

void config_report_init(struct config_report *r)
{
    *r = (struct config_report){ 0 };
    arena_init(&r->arena, r, 0, ARENA_BYTES_MAX); /* no first block */
}

void config_report_free(struct config_report *r)
{
    arena_reset(&r->arena);
}

struct config_report *config_report_create(void)
{
    struct config_report *r = malloc(sizeof *r);
    if (r)
        config_report_init(r);
    return r;
}

void config_report_destroy(struct config_report *r)
{
    if (r)
        config_report_free(r);
    free(r);
}

void report_out_of_memory(struct config_report *r)
{
    if (!r->out_of_memory)
        r->errors_count++;
    r->out_of_memory = true;
}

/* ---- Characters ----------------------------------------------------------------------------- */

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of the line break that begins s, 0: none. Those that YAML 1.1 knows, as libyaml counts
 * lines: CR, LF, CR LF, NEL, LS, PS. */
static size_t line_break(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (s.len >= 2 && p[0] == '\r' && p[1] == '\n')
        return 2;
    if (s.len >= 1 && (p[0] == '\r' || p[0] == '\n'))
        return 1;
    if (s.len >= 2 && p[0] == 0xc2 && p[1] == 0x85)
        return 2;
    if (s.len >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return 3;
    return 0;
}

struct str source_line(const struct source *s, uint32_t line)
{
    struct str text = s->text;
    size_t i = 0;
    for (uint32_t at = 1; at < line && i < text.len;) {
        size_t n = line_break((struct str){ text.ptr + i, text.len - i });
        i += n ? n : 1;
        at += n > 0;
    }
    size_t begin = i;
    while (i < text.len && !line_break((struct str){ text.ptr + i, text.len - i }))
        i++;
    return (struct str){ text.ptr + begin, i - begin };
}

/* Text for a terminal that must not obey it: what cannot be shown is a '?'. */
static void put_shown(struct out *o, struct str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t len = utf8_len((struct str){ s.ptr + i, s.len - i });
        if (s.ptr[i] == '\t')
            out_char(o, ' ');
        else if (len == 0 || utf8_is_control((struct str){ s.ptr + i, len }))
            out_char(o, '?');
        else
            out_mem(o, s.ptr + i, len);
        i += len ? len : 1;
    }
}

struct quoted quote(struct str s)
{
    struct quoted q;
    struct out o = out_into(q.text, sizeof q.text);
    size_t room = sizeof q.text - sizeof "...";
    size_t n = s.len <= room ? s.len : room;
    while (n < s.len && n && continues(s.ptr[n]))
        n--;
    put_shown(&o, (struct str){ s.ptr, n });
    if (n < s.len)
        out_lit(&o, "...");
    out_char(&o, 0);
    return q;
}

/* ---- Collecting ----------------------------------------------------------------------------- */

/* The source line, without what would not fit a screen; the column moves with it. */
static const char *keep_line(struct config_report *r, struct config_message *m, struct str line)
{
    size_t begin = 0;
    uint32_t skip = m->column > SHOWN_COLUMNS_MAX ? m->column - SHOWN_COLUMNS_BEFORE : 0;
    for (uint32_t i = 0; i < skip && begin < line.len; i++)
        do
            begin++;
        while (begin < line.len && continues(line.ptr[begin]));
    size_t end = begin;
    uint32_t columns = 0;
    while (end < line.len && columns <= SHOWN_COLUMNS_MAX)
        columns += !continues(line.ptr[end++]);
    if (columns > SHOWN_COLUMNS_MAX)
        end--;
    char *copy = arena_alloc(&r->arena, end - begin + 1);
    if (!copy)
        return NULL;
    struct out o = out_into(copy, end - begin + 1);
    put_shown(&o, (struct str){ line.ptr + begin, end - begin });
    out_char(&o, 0);
    m->width = m->width ? m->width : 1;
    return copy;
}

static bool known(const struct config_report *r, const struct config_message *m, const char *text)
{
    for (uint32_t i = 0; i < r->messages_count; i++) {
        const struct config_message *o = &r->messages[i];
        if (o->order == m->order && o->line == m->line && o->column == m->column &&
            strcmp(o->text, text) == 0)
            return true;
    }
    return false;
}

static void add(struct config_report *r, enum severity severity, struct place at,
                const char *format, va_list args)
{
    if (report_full(r)) {
        *(severity == SEVERITY_ERROR ? &r->errors_count : &r->warnings_count) += 1;
        return;
    }
    char text[TEXT_BYTES_MAX];
    vsnprintf(text, sizeof text, format, args);
    struct config_message m = { .severity = severity,
                                .order = at.source ? at.source->order : UINT32_MAX,
                                .line = at.line,
                                .column = at.column,
                                .width = at.width };
    if (known(r, &m, text))
        return;
    *(severity == SEVERITY_ERROR ? &r->errors_count : &r->warnings_count) += 1;
    const char *name = at.source ? at.source->name : NULL;
    size_t text_bytes = strlen(text) + 1, name_bytes = name ? strlen(name) + 1 : 0;
    char *copy = arena_alloc(&r->arena, text_bytes + name_bytes);
    if (!copy) {
        report_out_of_memory(r);
        return;
    }
    m.text = memcpy(copy, text, text_bytes);
    if (name)
        m.file = memcpy(copy + text_bytes, name, name_bytes);
    if (at.source && at.line && !at.source->secret)
        m.source_line = keep_line(r, &m, source_line(at.source, at.line));
    r->messages[r->messages_count++] = m;
}

void report_error(struct config_report *r, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(r, SEVERITY_ERROR, at, format, args);
    va_end(args);
}

void report_warning(struct config_report *r, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(r, SEVERITY_WARNING, at, format, args);
    va_end(args);
}

static int by_place(const void *a, const void *b)
{
    const struct config_message *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return strcmp(x->text, y->text);
}

void config_report_sort(struct config_report *r)
{
    qsort(r->messages, r->messages_count, sizeof r->messages[0], by_place);
}

/* ---- Printing ------------------------------------------------------------------------------- */

struct paint {
    const char *place, *error, *warning, *caret, *off;
};

static const struct paint plain = { "", "", "", "", "" };
static const struct paint coloured = { "\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;32m",
                                       "\033[0m" };

static void print_caret(const struct config_message *m, FILE *to, const struct paint *p)
{
    uint32_t skipped = m->column > SHOWN_COLUMNS_MAX ? m->column - SHOWN_COLUMNS_BEFORE : 0;
    uint32_t column = m->column - skipped;
    fprintf(to, "  %s\n  %*s%s^", m->source_line, (int)column - 1, "", p->caret);
    for (uint32_t i = 1; i < m->width && column + i <= SHOWN_COLUMNS_MAX; i++)
        fputc('~', to);
    fprintf(to, "%s\n", p->off);
}

static void print_message(const struct config_message *m, FILE *to, const struct paint *p)
{
    bool error = m->severity == SEVERITY_ERROR;
    fputs(p->place, to);
    if (m->file)
        fprintf(to, "%s:", m->file);
    else
        fputs("sluice:", to);
    if (m->line)
        fprintf(to, "%u:%u:", m->line, m->column);
    fprintf(to, "%s %s%s:%s %s\n", p->off, error ? p->error : p->warning,
            error ? "error" : "warning", p->off, m->text);
    if (m->source_line && m->column)
        print_caret(m, to, p);
}

static void print_count(FILE *to, uint32_t n, const char *what)
{
    fprintf(to, "%u %s%s", n, what, n == 1 ? "" : "s");
}

void config_report_print(const struct config_report *r, FILE *to, bool colour)
{
    for (uint32_t i = 0; i < r->messages_count; i++)
        print_message(&r->messages[i], to, colour ? &coloured : &plain);
    if (r->out_of_memory)
        fputs("sluice: error: out of memory while reading the configuration\n", to);
    if (r->errors_count == 0 && r->warnings_count == 0)
        return;
    print_count(to, r->errors_count, "error");
    fputs(", ", to);
    print_count(to, r->warnings_count, "warning");
    uint32_t all = r->errors_count + r->warnings_count - r->out_of_memory;
    if (all > r->messages_count)
        fprintf(to, "; %u of them are not shown", all - r->messages_count);
    fputc('\n', to);
}

static void print_json_text(FILE *to, const char *text)
{
    char quoted[6 * TEXT_BYTES_MAX];
    struct out o = out_into(quoted, sizeof quoted);
    size_t len = strlen(text);
    out_json(&o, (struct str){ text, len < TEXT_BYTES_MAX ? len : TEXT_BYTES_MAX });
    fprintf(to, "\"%.*s\"", (int)out_len(&o), quoted);
}

void config_report_print_json(const struct config_report *r, FILE *to)
{
    fprintf(to, "{\"ok\":%s,\"errors\":%u,\"warnings\":%u,\"messages\":[",
            report_ok(r) ? "true" : "false", r->errors_count, r->warnings_count);
    for (uint32_t i = 0; i < r->messages_count; i++) {
        const struct config_message *m = &r->messages[i];
        fprintf(to, "%s{\"severity\":\"%s\",", i ? "," : "",
                m->severity == SEVERITY_ERROR ? "error" : "warning");
        if (m->file) {
            fputs("\"file\":", to);
            print_json_text(to, m->file);
            fputc(',', to);
        }
        if (m->line)
            fprintf(to, "\"line\":%u,\"column\":%u,", m->line, m->column);
        fputs("\"message\":", to);
        print_json_text(to, m->text);
        fputc('}', to);
    }
    if (r->out_of_memory)
        fprintf(to, "%s{\"severity\":\"error\",\"message\":\"out of memory\"}",
                r->messages_count ? "," : "");
    fputs("]}\n", to);
}
