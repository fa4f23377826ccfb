/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/priority.h"

#include "core/http/structured.h"

void priority_merge(struct http_priority *p, struct str value)
{
    struct http_priority said = *p;
    struct sf_member m;
    for (;;) {
        switch (sf_dictionary_next(&value, &m)) {
        case SF_MEMBER:
            if (str_eq(m.key, STR("u")) && m.type == SF_INTEGER && m.integer >= 0 &&
                m.integer <= PRIORITY_LEAST)
                said.urgency = (uint8_t)m.integer;
            else if (str_eq(m.key, STR("i")) && m.type == SF_BOOLEAN)
                said.incremental = m.integer != 0;
            break;
        case SF_END:
            *p = said;
            return;
        case SF_ERROR:
            return;
        }
    }
}
