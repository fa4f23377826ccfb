/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/chars.h"

#define IS_ALNUM(c)                                                                                \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z') || ((c) >= '0' && (c) <= '9'))
#define IS_UNRESERVED(c) (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
/* sub-delims of RFC 3986 2.2 */
#define IS_DELIMITER(c)                                                                            \
    ((c) == '!' || (c) == '$' || ((c) >= '&' && (c) <= ',') || (c) == ';' || (c) == '=')
#define IS_TOKEN(c)                                                                                \
    (IS_UNRESERVED(c) || (c) == '!' || ((c) >= '#' && (c) <= '\'') || (c) == '*' || (c) == '+' ||  \
     (c) == '^' || (c) == '`' || (c) == '|')
#define IS_PATH(c)                                                                                 \
    (IS_UNRESERVED(c) || IS_DELIMITER(c) || (c) == ':' || (c) == '@' || (c) == '/' ||              \
     (c) == '[' || (c) == ']' || (c) == '|' || (c) == '^')
#define IS_QUERY(c) (IS_PATH(c) || (c) == '?' || (c) == '`' || (c) == '{' || (c) == '}')
#define IS_TEXT(c) ((c) == '\t' || ((c) >= ' ' && (c) != 0x7f))

#define ONE(c)                                                                                     \
    (IS_TOKEN(c) ? CHAR_TOKEN : 0) | (IS_UNRESERVED(c) ? CHAR_UNRESERVED | CHAR_HOST : 0) |        \
        (IS_PATH(c) ? CHAR_PATH : 0) | (IS_QUERY(c) ? CHAR_QUERY : 0) |                            \
        (IS_TEXT(c) ? CHAR_TEXT : 0)
#define FOUR(c) ONE(c), ONE(c + 1), ONE(c + 2), ONE(c + 3)
#define SIXTEEN(c) FOUR(c), FOUR(c + 4), FOUR(c + 8), FOUR(c + 12)
#define SIXTY_FOUR(c) SIXTEEN(c), SIXTEEN(c + 16), SIXTEEN(c + 32), SIXTEEN(c + 48)

const uint8_t http_chars[256] = { SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128), SIXTY_FOUR(192) };
