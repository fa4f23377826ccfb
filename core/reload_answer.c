/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/reload_answer.h"

#include <stdio.h>
#include <stdlib.h>

void reload_answer(struct admin *admin, int status, const char *summary,
                   const struct config_report *report)
{
    char *text = NULL, *json = NULL;
    size_t text_bytes = 0, json_bytes = 0;
    FILE *to_text = open_memstream(&text, &text_bytes);
    FILE *to_json = open_memstream(&json, &json_bytes);
    if (to_text) {
        fprintf(to_text, "%s\n", summary);
        config_report_print(report, to_text, false);
        fclose(to_text);
    }
    if (to_json) {
        config_report_print_json(report, to_json);
        fclose(to_json);
    }
    admin_reloaded(admin, status, (struct str){ text, text ? text_bytes : 0 },
                   (struct str){ json, json ? json_bytes : 0 });
    free(text);
    free(json);
}
