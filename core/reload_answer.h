/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_RELOAD_ANSWER_H
#define SLUICE_RELOAD_ANSWER_H

#include "core/config/report.h"
#include "core/observe/admin.h"

/* Tells who asked for a reload by HTTP, if anybody did, how it ended: the summary in a line, then
 * the report; or the report as JSON. */
void reload_answer(struct admin *admin, int status, const char *summary,
                   const struct config_report *report);

#endif
