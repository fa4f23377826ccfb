/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chunked transfer coding (RFC 9112 7.1), decoder and encoder. Strict: hexadecimal sizes of at
 * most 16 digits without sign or prefix, CRLF only, extensions well-formed, dropped and bounded. */
#ifndef SLUICE_HTTP_H1_CHUNKED_H
#define SLUICE_HTTP_H1_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h1_chunk_state {
    CHUNK_SIZE_FIRST,      /* at the first digit of a size: at least one must come */
    CHUNK_SIZE,            /* after a digit: size_left holds the value so far */
    CHUNK_EXT_SPACE,       /* white space after size or value: only ';' may follow it */
    CHUNK_EXT_NAME_FIRST,  /* after ';': a name must come */
    CHUNK_EXT_NAME,        /* inside it */
    CHUNK_EXT_NAME_SPACE,  /* white space after it: ';' or '=' must come */
    CHUNK_EXT_VALUE_FIRST, /* after '=': a value must come */
    CHUNK_EXT_VALUE,       /* inside it, a token */
    CHUNK_EXT_QUOTED,      /* ... or a quoted string */
    CHUNK_EXT_ESCAPE,      /* ... after its backslash */
    CHUNK_EXT_QUOTED_END,  /* after its closing quote */
    CHUNK_SIZE_LF,         /* CR seen after size and extensions */
    CHUNK_DATA,            /* size_left > 0 bytes of data to come */
    CHUNK_DATA_CR,         /* data complete: CR must come */
    CHUNK_DATA_LF,         /* and LF */
    CHUNK_TRAILERS,    /* last chunk seen: in the trailer section, line_bytes of its line so far */
    CHUNK_TRAILERS_LF, /* CR seen in the trailer section */
    CHUNK_DONE,        /* all consumed: what follows belongs to the next message */
    CHUNK_ERROR,
};

struct h1_chunked {
    uint64_t size_left;
    uint32_t ext_bytes; /* so far, all chunks: at most CHUNK_EXTENSION_BYTES_MAX */
    uint32_t line_bytes;
    uint32_t trailer_bytes; /* so far: at most TRAILER_BYTES_MAX */
    uint8_t state;
    uint8_t digits;
};

enum h1_chunk_event {
    CHUNK_EVENT_MORE,        /* everything was consumed: feed more */
    CHUNK_EVENT_DATA,        /* *data[0..*data_len) is body */
    CHUNK_EVENT_TRAILER,     /* *data[0..*data_len) are raw bytes of the trailer section, its final
                                empty line included: collect them, for h1_parse_trailers() */
    CHUNK_EVENT_DONE,        /* the body is complete */
    CHUNK_EVENT_BAD_CHUNK,   /* malformed: close */
    CHUNK_EVENT_BAD_TRAILER, /* trailer section malformed or beyond TRAILER_BYTES_MAX */
};

void h1_chunked_init(struct h1_chunked *c);

/* Consumes from p[0..n) up to the next event; *used bytes were consumed. Call until
 * CHUNK_EVENT_MORE, _DONE or an error. An empty trailer section gives a TRAILER event with the
 * two bytes CRLF, perhaps in two pieces. */
enum h1_chunk_event h1_chunked_next(struct h1_chunked *c, const char *p, size_t n, size_t *used,
                                    const char **data, size_t *data_len);

/* n bytes of data went another way: in CHUNK_DATA, n <= size_left. */
void h1_chunked_skip(struct h1_chunked *c, uint64_t n);

/* Longest chunk header h1_chunk_header() writes: 16 digits, CRLF. */
#define H1_CHUNK_HEADER_MAX 18

/* Writes the header of a chunk of size bytes (size > 0); gives its length. The chunk's data and
 * CRLF follow; the last chunk is "0\r\n", trailers, "\r\n". */
size_t h1_chunk_header(char out[H1_CHUNK_HEADER_MAX], uint64_t size);

#endif
