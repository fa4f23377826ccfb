/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_COUNT_H
#define SLUICE_PROXY_COUNT_H

struct exchange;

/* Counts an exchange that ended: for its worker, site, backend and server. */
void count_exchange(const struct exchange *ex);

#endif
