/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/path.h"

#include "core/http/chars.h"

/* The byte that the triplet at p[0..n) stands for, or -1 if it is malformed. */
static int triplet(const char *p, size_t n)
{
    if (n < 3)
        return -1;
    int high = char_hex_value(p[1]), low = char_hex_value(p[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Whether the segment that begins at p[0..n) and ends with '/' or n is "." or "..". */
static bool dot_segment(const char *p, size_t n)
{
    size_t dots = 0;
    while (dots < n && dots < 2 && p[dots] == '.')
        dots++;
    return dots > 0 && (dots == n || p[dots] == '/');
}

bool path_is_normal(struct str path, bool *valid)
{
    const char *p = path.ptr;
    bool normal = true;
    *valid = false;
    for (size_t i = 0; i < path.len; i++) {
        if (p[i] == '%') {
            int byte = triplet(p + i, path.len - i);
            if (byte <= 0)
                return false;
            if (char_is((char)byte, CHAR_UNRESERVED) || p[i + 1] >= 'a' || p[i + 2] >= 'a')
                normal = false;
            i += 2;
        } else if (p[i] == '/') {
            if (dot_segment(p + i + 1, path.len - i - 1))
                normal = false;
        } else if (!char_is(p[i], CHAR_PATH)) {
            return false;
        }
    }
    *valid = true;
    return normal;
}

/* Copies the segment from p[0..n), up to '/' or n, with its triplets in normal form; *out_len bytes
 * are written. Gives the length read. */
static size_t copy_segment(const char *p, size_t n, char *out, size_t *out_len)
{
    size_t i = 0, o = 0;
    while (i < n && p[i] != '/') {
        if (p[i] != '%') {
            out[o++] = p[i++];
            continue;
        }
        int byte = triplet(p + i, n - i);
        if (char_is((char)byte, CHAR_UNRESERVED)) {
            out[o++] = (char)byte;
        } else {
            out[o++] = '%';
            out[o++] = "0123456789ABCDEF"[byte >> 4];
            out[o++] = "0123456789ABCDEF"[byte & 15];
        }
        i += 3;
    }
    *out_len = o;
    return i;
}

/* RFC 3986 5.2.4, on segments that are decoded already. */
size_t path_normalise(struct str path, char *out)
{
    size_t at = 0; /* written, without the '/' that begins the segment at hand */
    for (size_t i = 0; i < path.len;) {
        char *segment = out + at + 1;
        size_t len;
        out[at] = '/';
        i++;
        i += copy_segment(path.ptr + i, path.len - i, segment, &len);
        if (!dot_segment(segment, len)) {
            at += 1 + len;
            continue;
        }
        if (len == 2)
            while (at > 0 && out[--at] != '/')
                ;
        if (i == path.len)
            at++; /* a dot segment at the end leaves its '/' */
    }
    return at;
}
