/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a configuration says about TLS, judged by the library that will have to do it. */
#ifndef SLUICE_TLS_CHECK_H
#define SLUICE_TLS_CHECK_H

#include "core/config/config.h"
#include "core/config/report.h"

/* Gives the configuration back, or NULL when something is wrong: then that is in the report and the
 * configuration is freed. config may be NULL. */
struct config *tls_checked(struct config *config, struct config_report *report);

#endif
