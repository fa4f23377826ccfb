/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_LOG_H
#define SLUICE_PROXY_LOG_H

struct exchange;

/* Counts an ended exchange and puts its record into the worker's log port, if there is one. */
void log_exchange(struct exchange *ex);

#endif
