/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated kernel behind core/ring/{loop,op,sock}.h: descriptors, operations in flight, and
 * the faults it injects. ring_sim.c fills op.h, loop_sim.c loop.h, sock_sim.c sock.h and has the
 * descriptors.
 *
 * Every misuse of those headers is a CHECK here: starting a busy op, memory of an op in flight that
 * changed, a descriptor closed with ops in flight, closed twice, or used after it was closed
 * (numbers are never used again), two receives or two sends at once on one descriptor. */
#ifndef SLUICE_SIM_RING_SIM_H
#define SLUICE_SIM_RING_SIM_H

#include "core/base/list.h"
#include "core/ring/loop.h"
#include "core/ring/op.h"
#include "tests/sim/net.h"

/* Chances in a thousand. */
struct ring_faults {
    uint32_t short_recv;   /* a receive gives a part of what is there */
    uint32_t short_send;   /* a send takes a part of what would fit */
    uint32_t enobufs;      /* a receive finds no buffer although there are some */
    uint32_t accept_end;   /* a multishot accept ends after a connection, without error */
    uint32_t accept_error; /* ... or with -EMFILE, the connection waiting on */
    uint32_t open_error;   /* sock_open() answers -EMFILE */
    uint32_t no_pipe;      /* there is no pipe to splice through */
    uint32_t alloc;        /* an allocation in a turn fails */
    uint32_t turn_stall;   /* the loop's thread is held up before a turn */
    uint64_t turn_stall_max_ns;
    uint64_t op_delay_max_ns;   /* from ready to completed */
    uint64_t turn_delay_max_ns; /* from completed to run */
};

enum vfd_kind { VFD_SOCKET, VFD_STREAM, VFD_LISTENER, VFD_CLOSED };

/* A descriptor: its number is its place in the table. */
struct vfd {
    struct ring_sim *ring;
    enum vfd_kind kind; /* VFD_SOCKET: not connected; VFD_STREAM: connecting or beyond */
    int family;
    bool non_blocking; /* splice_prepare() */
    struct net_end *end;
    struct net_listener *listener;
    struct list flights; /* ops in flight on it */
};

struct ring_sim {
    struct sim *sim;
    struct net *net;
    struct ring_faults faults;
    struct vfd **fds;
    uint32_t fds_count, fds_max;
    uint32_t fds_open;
    struct addr source; /* of the proxy's own connections */
    uint16_t source_port;
};

/* A pipe has its bytes in memory. */
#define SIM_PIPE_BYTES 65536

struct sim_pipe {
    struct splice_pipe pipe; /* first */
    uint32_t at;             /* the next byte to be sent */
    uint8_t bytes[SIM_PIPE_BYTES];
};

static inline struct sim_pipe *sim_pipe_of(struct splice_pipe *p)
{
    return (struct sim_pipe *)p;
}

struct sim_loop;

/* One started op, as the simulated kernel knows it. */
struct flight {
    struct list in_loop, in_fd;
    struct sim_loop *loop;
    struct vfd *fd;
    struct op *op;
    struct op as_started; /* what must not have changed since */
    const struct msghdr *msg;
    uint64_t memory_sum; /* of what is being sent */
    socklen_t addr_len;
    bool try_queued;
    bool finished; /* the last completion waits to be run */
    bool cancelled;
    uint32_t generation; /* flights are used again: an event for an earlier use is void */
};

struct completion {
    struct flight *f;
    struct op_result result;
};

struct sim_loop {
    struct loop base; /* first: what the stages see */
    struct ring_sim *ring;
    struct list flights;
    struct list flights_free;
    uint32_t in_flight, starved;
    struct completion *ready; /* to be run in the next turn, in any order */
    uint32_t ready_count, ready_max;
    struct completion *running; /* the turn's own array */
    uint32_t running_max;
    struct task *tasks, **tasks_tail;
    struct task *tasks_next, **tasks_next_tail;
    struct msg *msgs, **msgs_tail;
    bool *clean; /* by buffer index: holds the poison of released buffers */
    bool *large_clean;
    bool in_turn, stopped;
    bool held_up;        /* the turn that is due comes late */
    uint64_t turn_at_ns; /* the next turn; TIMER_NEVER: none is due */
    uint32_t turn_generation;
    uint32_t starts;
    int64_t wall_jump_us; /* the wall clock was set by so much */
};

/* One simulated kernel serves all worlds' calls that carry no context (sock_open() and the like):
 * the one installed last. NULL uninstalls. */
void ring_sim_install(struct ring_sim *r);
struct ring_sim *ring_sim_installed(void);

void ring_sim_init(struct ring_sim *r, struct sim *s, struct net *n);
void ring_sim_destroy(struct ring_sim *r);

/* A descriptor of the proxy for that end. */
int vfd_new(struct ring_sim *r, enum vfd_kind kind, int family);
struct vfd *vfd_get(struct ring_sim *r, int fd);

/* The network's callback of an end that a descriptor owns (user: the vfd). */
void vfd_changed(struct net_end *e, void *user);
void vfd_pending(struct net_listener *l, void *user);

/* Sees that a turn is run, after a while or at that moment. */
void sim_loop_wake(struct sim_loop *l);
void sim_loop_wake_at(struct sim_loop *l, uint64_t at_ns);

/* Runs one completion: verifies the op's memory, then calls done(). */
void flight_complete(const struct completion *c);
/* Tries starved receives again, as buffers are there. */
void flights_feed(struct sim_loop *l);
/* CHECKs every op in flight. */
void flights_verify(struct sim_loop *l);

#endif
