/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands, in the order of help. */
#include <stddef.h>
#include <string.h>

#include "core/base/check.h"
#include "core/options.h"

static const struct command *const commands[] = {
    &command_proxy, &command_run,  &command_check,  &command_reload,    &command_ctl,
    &command_route, &command_help, &command_schema, &command_reference, &command_version,
};

const struct meaning command_exit_codes[] = {
    { "0", "done" },
    { "1", "failed while running: an address in use, io_uring refused, no answer" },
    { "2", "the command line was not understood" },
    { "78", "the configuration has errors (EX_CONFIG)" },
    { NULL, NULL },
};

const struct meaning command_signals[] = {
    { "HUP", "read the configuration again; one with errors changes nothing" },
    { "USR1", "open the log files anew" },
    { "TERM, QUIT",
      "take no new connections, let what runs end, within the drain timeout; a second TERM "
      "ends at once" },
    { "INT", "end at once" },
    { NULL, NULL },
};

const struct command *command_at(uint32_t i)
{
    return i < ARRAY_LEN(commands) ? commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
