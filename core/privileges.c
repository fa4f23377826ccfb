/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

bool privileges_user_exists(const char *user)
{
    return !user || geteuid() != 0 || getpwnam(user);
}

bool privileges_drop(const char *user)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (!user || geteuid() != 0)
        return true;
    const struct passwd *p = getpwnam(user);
    if (!p) {
        fprintf(stderr, "sluice: this machine has no user '%s'\n", user);
        return false;
    }
    if (initgroups(user, p->pw_gid) != 0 || setgid(p->pw_gid) != 0 || setuid(p->pw_uid) != 0) {
        fprintf(stderr, "sluice: cannot become user '%s': %s\n", user, strerror(errno));
        return false;
    }
    return true;
}

/* Every client and every server takes one: as many as we may have. */
void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}
