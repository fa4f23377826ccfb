/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of `compress`. */
#include "core/config/schema.h"
#include "core/config/schema_macros.h"

static const struct word coding_words[] = {
    { "gzip", CODING_GZIP },
    { "br", CODING_BROTLI },
    { "zstd", CODING_ZSTD },
    { NULL, 0 },
};

#define LEVEL(member, most, usual)                                                                 \
    VALUE(compress_input, member, value_number), DEFAULT(usual), BOUNDS(1, most)

static const struct schema_key level_keys[] = {
    { KEY("gzip"), LEVEL(gzip_level, 9, 5), .doc = "The level of gzip." },
    { KEY("br"), LEVEL(brotli_level, 6, 4),
      .doc = "The level of brotli. Higher ones take longer than a worker may be busy with one "
             "answer: files that never change are better compressed once, where they lie." },
    { KEY("zstd"), LEVEL(zstd_level, 6, 3), .doc = "The level of zstd." },
};
static const struct schema_object levels = { OBJECT_OF("levels", compress_input, level_keys) };

static const struct schema_key compress_keys[] = {
    { KEY("enabled"), VALUE(compress_input, enabled, value_bool), DEFAULT(true),
      .doc = "Whether answers are compressed." },
    { KEY("encodings"), EXAMPLE("[br, gzip]"), LIST_IN(compress_input, encodings, value_word_text),
      .words = coding_words, .otherwise = "zstd, br, gzip",
      .doc = "The codings that are offered. What the client prefers is taken; of those that it "
             "likes equally the first." },
    { KEY("types"), EXAMPLE("[\"text/*\", application/json, \"*+xml\"]"),
      STRINGS(compress_input, compress.types, value_text),
      .otherwise = "text, JSON, JavaScript, XML, WebAssembly, SVG and uncompressed fonts",
      .doc = "The media types that are worth it: whole ones, all of a kind (text/*) or all with a "
             "suffix (*+json)." },
    { KEY("min_size"), VALUE(compress_input, compress.bytes_min, value_size), DEFAULT(512),
      BOUNDS(0, 1 << 30), .doc = "Bodies that are known to be shorter are left as they are." },
    { KEY("levels"), EXAMPLE("{ gzip: 6 }"), OBJECT_AT(0, levels),
      .doc = "How hard is tried, 1 is the fastest." },
};
const struct schema_object schema_compress = {
    OBJECT_OF("compress", compress_input, compress_keys),
    .shorthand = "enabled",
    .off = true,
};
