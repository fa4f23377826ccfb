/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/accept_encoding.h"

#include "core/http/chars.h"

#define WEIGHT_MAX 1000
#define UNSAID UINT16_MAX

static const struct str names[CODING_COUNT] = {
    [CODING_IDENTITY] = { "identity", 8 },
    [CODING_GZIP] = { "gzip", 4 },
    [CODING_BROTLI] = { "br", 2 },
    [CODING_ZSTD] = { "zstd", 4 },
};

struct str coding_name(enum coding c)
{
    return names[c];
}

enum coding coding_of_name(struct str name)
{
    for (unsigned c = 0; c < CODING_COUNT; c++)
        if (str_eq_fold(name, names[c]))
            return (enum coding)c;
    return str_eq_fold(name, STR("x-gzip")) ? CODING_GZIP : CODING_COUNT;
}

static struct str trim(struct str s)
{
    while (s.len && char_is_ows(s.ptr[0]))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len && char_is_ows(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* RFC 9110 12.4.2: "1", "0.5", three digits behind the point at most. Malformed: 0, which asks for
 * nothing that might not be understood. */
static uint16_t parse_weight(struct str s)
{
    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') ||
        (s.len > 1 && s.ptr[1] != '.'))
        return 0;
    uint16_t weight = s.ptr[0] == '1' ? WEIGHT_MAX : 0, digit = 100;
    for (size_t i = 2; i < s.len; i++, digit /= 10) {
        if (!char_is_digit(s.ptr[i]))
            return 0;
        weight = (uint16_t)(weight + (s.ptr[i] - '0') * digit);
    }
    return weight > WEIGHT_MAX ? 0 : weight;
}

/* "gzip;q=0.5": its name and weight. */
static struct str parse_element(struct str element, uint16_t *weight)
{
    const char *semi = memchr(element.ptr, ';', element.len);
    *weight = WEIGHT_MAX;
    if (!semi)
        return element;
    struct str name = trim((struct str){ element.ptr, (size_t)(semi - element.ptr) });
    struct str q = trim((struct str){ semi + 1, element.len - (size_t)(semi + 1 - element.ptr) });
    bool is_q = q.len > 2 && ascii_lower(q.ptr[0]) == 'q' && q.ptr[1] == '=';
    *weight = is_q ? parse_weight((struct str){ q.ptr + 2, q.len - 2 }) : 0;
    return name;
}

void accept_encoding_read(const struct http_head *request, uint16_t weights[CODING_COUNT])
{
    uint16_t any = UNSAID;
    for (unsigned c = 0; c < CODING_COUNT; c++)
        weights[c] = UNSAID;
    const struct http_field *f = head_field(request, FIELD_ACCEPT_ENCODING);
    for (; f; f = head_field_next(request, f)) {
        struct str rest = head_value(request, f), element;
        while (http_list_next(&rest, &element)) {
            uint16_t weight;
            struct str name = parse_element(element, &weight);
            enum coding c = coding_of_name(name);
            if (c != CODING_COUNT)
                weights[c] = weight;
            else if (str_eq(name, STR("*")))
                any = weight;
        }
    }
    for (unsigned c = 0; c < CODING_COUNT; c++)
        if (weights[c] == UNSAID)
            weights[c] = any != UNSAID ? any : c == CODING_IDENTITY ? 1 : 0;
}

enum coding accept_encoding_choose(const uint16_t weights[CODING_COUNT], uint32_t offered,
                                   const uint8_t *preferred, uint32_t preferred_count)
{
    enum coding best = CODING_IDENTITY;
    uint16_t weight = 0;
    for (uint32_t i = 0; i < preferred_count; i++) {
        uint8_t c = preferred[i];
        if (offered & UINT32_C(1) << c && weights[c] > weight) {
            best = (enum coding)c;
            weight = weights[c];
        }
    }
    bool identity = offered & UINT32_C(1) << CODING_IDENTITY;
    return identity && weights[CODING_IDENTITY] > weight ? CODING_IDENTITY : best;
}
