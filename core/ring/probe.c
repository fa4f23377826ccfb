/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/ring/internal.h"

#define KERNEL_FLOOR "Linux 6.1"

/* From the best to what can still be run; a kernel refuses flags it does not know (-EINVAL). */
static const unsigned setup_flags[] = {
    IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
};

static const struct {
    int op;
    const char *name;
} needed_ops[] = {
    { IORING_OP_RECV, "RECV" },
    { IORING_OP_SEND, "SEND" },
    { IORING_OP_SENDMSG, "SENDMSG" },
    { IORING_OP_ACCEPT, "ACCEPT" },
    { IORING_OP_CONNECT, "CONNECT" },
    { IORING_OP_POLL_ADD, "POLL_ADD" },
    { IORING_OP_READ, "READ" },
    { IORING_OP_WRITE, "WRITE" },
    { IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL" },
};

/* kernel.io_uring_disabled: 0, 1, 2; -1 where there is no such setting. */
static int read_disabled(void)
{
    int value = -1;
    FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (!f)
        return -1;
    if (fscanf(f, "%d", &value) != 1)
        value = -1;
    fclose(f);
    return value;
}

/* A seccomp filter is installed for this process. */
static bool seccomp_filtered(void)
{
    char line[128];
    bool filtered = false;
    FILE *f = fopen("/proc/self/status", "re");
    if (!f)
        return false;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Seccomp:", 8) == 0)
            filtered = atoi(line + 8) == 2;
    fclose(f);
    return filtered;
}

#define SECCOMP_REMEDY                                                                             \
    "allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp "       \
    "profile (docker, podman: --security-opt seccomp=PROFILE.json; kubernetes: "                   \
    "securityContext.seccompProfile; systemd: SystemCallFilter=@io-event io_uring_setup "          \
    "io_uring_enter io_uring_register)"

void ring_explain(int err, const char *call, char *why, uint32_t why_bytes)
{
    int disabled = read_disabled();
    struct utsname u;
    const char *release = uname(&u) == 0 ? u.release : "unknown";
    switch (-err) {
    case EPERM:
        if (disabled == 2)
            snprintf(why, why_bytes,
                     "io_uring is switched off on this machine (kernel.io_uring_disabled=2); "
                     "as root: sysctl -w kernel.io_uring_disabled=0");
        else if (disabled == 1 && !seccomp_filtered())
            snprintf(why, why_bytes,
                     "io_uring is kept for one group on this machine (kernel.io_uring_disabled=1); "
                     "as root: sysctl -w kernel.io_uring_disabled=0, or set "
                     "kernel.io_uring_group to a group of this user");
        else
            snprintf(why, why_bytes, "io_uring is forbidden by a seccomp filter (%s: %s); %s", call,
                     strerror(-err), SECCOMP_REMEDY);
        break;
    case ENOSYS:
        if (seccomp_filtered())
            snprintf(why, why_bytes, "io_uring is hidden by a seccomp filter (%s: %s); %s", call,
                     strerror(-err), SECCOMP_REMEDY);
        else
            snprintf(why, why_bytes,
                     "this kernel (%s) has no io_uring: too old, or built without "
                     "CONFIG_IO_URING; run " KERNEL_FLOOR " or newer",
                     release);
        break;
    case EINVAL:
        snprintf(why, why_bytes,
                 "this kernel's io_uring (%s) is too old (%s: %s); run " KERNEL_FLOOR " or newer",
                 release, call, strerror(-err));
        break;
    case ENOMEM:
        snprintf(why, why_bytes,
                 "no memory for io_uring (%s: %s); raise the limit of locked memory "
                 "(ulimit -l, systemd: LimitMEMLOCK=infinity) or of the control group, or run "
                 "fewer workers",
                 call, strerror(-err));
        break;
    case EMFILE:
    case ENFILE:
        snprintf(why, why_bytes,
                 "no descriptor left for io_uring (%s: %s); raise the limit of open files "
                 "(ulimit -n, systemd: LimitNOFILE=)",
                 call, strerror(-err));
        break;
    default:
        snprintf(why, why_bytes, "io_uring cannot be used (%s: %s)", call, strerror(-err));
    }
}

static int check_ops(struct io_uring *ring, char *why, uint32_t why_bytes)
{
    /* In memory of ours: liburing's own comes from mmap(2) past libc, and ThreadSanitizer sees a
     * race when another thread's ring comes to lie there. */
    struct io_uring_probe *probe =
        calloc(1, sizeof *probe + IORING_OP_LAST * sizeof(struct io_uring_probe_op));
    int rc = probe ? io_uring_register_probe(ring, probe, IORING_OP_LAST) : -ENOMEM;
    if (rc < 0) {
        ring_explain(rc, "io_uring_register (probe)", why, why_bytes);
        free(probe);
        return rc;
    }
    for (size_t i = 0; i < ARRAY_LEN(needed_ops) && rc == 0; i++) {
        if (io_uring_opcode_supported(probe, needed_ops[i].op))
            continue;
        char call[64];
        snprintf(call, sizeof call, "no IORING_OP_%s", needed_ops[i].name);
        ring_explain(-EINVAL, call, why, why_bytes);
        rc = -EINVAL;
    }
    free(probe);
    return rc;
}

int ring_setup(struct io_uring *ring, uint32_t sq_entries, uint32_t cq_entries, char *why,
               uint32_t why_bytes)
{
    const unsigned features = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    struct io_uring_params params;
    int rc = -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(setup_flags) && rc == -EINVAL; i++) {
        params = (struct io_uring_params){ .flags = setup_flags[i], .cq_entries = cq_entries };
        rc = io_uring_queue_init_params(sq_entries, ring, &params);
    }
    if (rc < 0) {
        ring_explain(rc, "io_uring_setup", why, why_bytes);
        return rc;
    }
    if ((params.features & features) != features) {
        rc = -EINVAL;
        ring_explain(rc, "features", why, why_bytes);
    } else {
        rc = check_ops(ring, why, why_bytes);
    }
    if (rc < 0) {
        io_uring_queue_exit(ring);
        return rc;
    }
    (void)io_uring_register_ring_fd(ring); /* saves a look-up per enter; may be refused */
    return 0;
}
