/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/base/check.h"
#include "core/config/inputs.h"

static const char *const usual_types[] = {
    "text/",
    "+json",
    "+xml",
    "application/json",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/wasm",
    "application/manifest+json",
    "application/vnd.ms-fontobject",
    "application/x-ndjson",
    "font/ttf",
    "font/otf",
    "image/bmp",
    "image/x-icon",
    "image/vnd.microsoft.icon",
};

static enum coding coding_of(const char *word)
{
    return strcmp(word, "gzip") == 0 ? CODING_GZIP
           : strcmp(word, "br") == 0 ? CODING_BROTLI
                                     : CODING_ZSTD;
}

static void take_encodings(struct loader *l, const struct node *n, const struct compress_input *in,
                           struct compress_config *c)
{
    static const uint8_t usual[] = { CODING_ZSTD, CODING_BROTLI, CODING_GZIP };
    if (n->kind != NODE_MAP || !node_get(n, STR("encodings"))) {
        memcpy(c->encodings, usual, sizeof usual);
        c->encodings_count = ARRAY_LEN(usual);
        return;
    }
    uint32_t seen = 0;
    for (uint32_t i = 0; i < in->encodings_count; i++) {
        enum coding coding = coding_of(in->encodings[i]);
        if (seen & UINT32_C(1) << coding) {
            report_error(l->report, node_get(n, STR("encodings"))->place, "'%s' is given twice",
                         in->encodings[i]);
            return;
        }
        seen |= UINT32_C(1) << coding;
        c->encodings[c->encodings_count++] = (uint8_t)coding;
    }
}

/* "text/" for "text/\*", "+json" for "*+json"; empty: neither these nor a whole type. */
static struct str type_rule(struct str text)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    const char *star = memchr(text.ptr, '*', text.len);
    if (!star)
        return slash && slash > text.ptr && slash + 1 < text.ptr + text.len ? text
                                                                            : (struct str){ 0 };
    if (slash && star == slash + 1 && star + 1 == text.ptr + text.len && slash > text.ptr)
        return (struct str){ text.ptr, text.len - 1 };
    if (star == text.ptr && text.len > 2 && text.ptr[1] == '+' && !slash)
        return (struct str){ text.ptr + 1, text.len - 1 };
    return (struct str){ 0 };
}

static void lower(struct loader *l, struct str *s)
{
    char *mem = load_str(l, *s).ptr ? (char *)load_alloc(l, s->len) : NULL;
    if (!mem)
        return;
    for (size_t i = 0; i < s->len; i++)
        mem[i] = ascii_lower(s->ptr[i]);
    s->ptr = mem;
}

static void take_types(struct loader *l, const struct node *n, struct compress_config *c)
{
    const struct node *types = n->kind == NODE_MAP ? node_get(n, STR("types")) : NULL;
    if (!types) {
        c->types.items = load_alloc(l, sizeof(struct str) * ARRAY_LEN(usual_types));
        c->types.items_count = c->types.items ? ARRAY_LEN(usual_types) : 0;
        for (uint32_t i = 0; i < c->types.items_count; i++)
            c->types.items[i] = str_of(usual_types[i]);
        return;
    }
    for (uint32_t i = 0; i < c->types.items_count; i++) {
        struct str *t = &c->types.items[i], rule = type_rule(*t);
        if (rule.len == 0)
            report_error(l->report, types->place,
                         "'%s' is no media type: text/html, text/* or *+json", quote(*t).text);
        *t = rule;
        lower(l, t);
    }
}

void take_compress(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    const struct compress_input *in = read;
    struct compress_config *c = NULL;
    if (count && in->enabled) {
        c = load_alloc(l, sizeof *c);
        if (!c)
            return;
        *c = in->compress;
        c->levels[CODING_GZIP] = (uint8_t)in->gzip_level;
        c->levels[CODING_BROTLI] = (uint8_t)in->brotli_level;
        c->levels[CODING_ZSTD] = (uint8_t)in->zstd_level;
        take_encodings(l, n, in, c);
        take_types(l, n, c);
    }
    *(const struct compress_config **)out = c;
}
