/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every listening socket of the process. A TCP address has a group of them (SO_REUSEPORT), as many
 * as workers were ever wanted; workers borrow them. None is closed while its address is listened
 * on, since closing one resets what is queued on it. Unix sockets are single and shared. */
#ifndef SLUICE_LISTEN_H
#define SLUICE_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/config.h"
#include "core/proxy/worker.h"

struct listen_entry {
    char *text;        /* the bind as written: its identity */
    struct addr bound; /* with the real port */
    int *fds;
    uint32_t fds_count;
    bool wanted; /* by the configuration in force */
};

struct listen_set {
    int keeper; /* the socket to the keeper that binds and holds; -1: we do it */
    struct listen_entry *entries;
    uint32_t entries_count;
};

/* Binds and listens: a descriptor, or -errno. first: of the group of its address. And the end of
 * it: a Unix socket's file goes too. */
int listen_open(const struct addr *addr, bool first, struct addr *bound);
void listen_close(int fd, const struct addr *bound);

/* Opens what the configuration listens on and the set does not hold yet, for so many workers. On
 * failure false, nothing is changed, and the cause with its remedy is written to why. */
bool listen_set_open(struct listen_set *s, const struct config *config, uint32_t workers, char *why,
                     uint32_t why_bytes);

/* The sockets that worker number `worker` of so many is to accept on, into slots (room for max);
 * gives their number. */
uint32_t listen_set_slots(const struct listen_set *s, const struct config *config, uint32_t worker,
                          uint32_t workers, struct listen_slot *slots, uint32_t max);

/* Where a bind really listens; NULL: not in the set. */
const struct addr *listen_set_bound(const struct listen_set *s, const struct bind_config *bind);

/* Closes what the configuration (NULL: none) does not listen on. No worker accepts on it. */
void listen_set_close_unused(struct listen_set *s, const struct config *config);

#endif
