/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim: the real stages on a simulated ring, in world after world, each made by its seed. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "tests/sim/world.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/* A world is a second of work at most: one that takes so long hangs. */
#define WORLD_WATCHDOG_S 120

struct options {
    uint64_t exchanges, seed;
    const char *profile;
    bool trace, twice;
};

/* What a report of a failure needs, wherever it comes from: handlers have no argument. */
static struct options options = { .exchanges = 2000, .seed = 1 };
static uint64_t current_seed;

static void report(void)
{
    fflush(stdout);
    if (!options.trace)
        world_dump();
    fprintf(
        stderr, "sim: FAILED; again with: ./build.sh sim --seed %" PRIu64 " --exchanges 1%s%s\n",
        current_seed, options.profile ? " --profile " : "", options.profile ? options.profile : "");
    fflush(stderr);
}

static void on_signal(int number)
{
    if (number == SIGALRM)
        fprintf(stderr, "sim: a world hangs\n");
    report();
    _exit(1);
}

static void watch_failures(void)
{
    static const int signals[] = { SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        signal(signals[i], on_signal);
#ifdef WITH_ASAN
    __sanitizer_set_death_callback(report);
#endif
}

static void usage(FILE *to)
{
    fprintf(to, "usage: sim [--exchanges N] [--seed S] [--profile NAME] [--trace] [--twice]\n"
                "  runs worlds of seeds S, S+1, ... until N requests were meant to be sent\n"
                "  --profile  all worlds of that kind:");
    for (uint32_t i = 0; plan_profile_name(i); i++)
        fprintf(to, " %s", plan_profile_name(i));
    fprintf(to, "\n  --trace    prints what happens\n"
                "  --twice    runs each world a second time and compares the traces\n");
}

static bool parse_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool parse_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            options.trace = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            options.twice = true;
        } else if (strcmp(argv[i], "--exchanges") == 0 && parse_number(value, &options.exchanges)) {
            i++;
        } else if (strcmp(argv[i], "--seed") == 0 && parse_number(value, &options.seed)) {
            i++;
        } else if (strcmp(argv[i], "--profile") == 0 && *value) {
            options.profile = value;
            i++;
        } else {
            return false;
        }
    }
    return true;
}

static void add(struct world_result *sum, const struct world_result *one)
{
    sum->asks += one->asks;
    sum->events += one->events;
    sum->retries += one->retries;
    sum->virtual_ns += one->virtual_ns;
    for (uint32_t i = 0; i < COVER_COUNT; i++)
        sum->covered[i] += one->covered[i];
    for (uint32_t i = 0; i < END_REASON_COUNT; i++)
        sum->ended[i] += one->ended[i];
}

static void print_summary(const struct world_result *sum, uint64_t worlds)
{
    static const char *const texts[] = {
#define COVER(id, text) text,
        COVERS(COVER)
#undef COVER
    };
    printf("\n%-45s %12" PRIu64 "\n", "worlds", worlds);
    printf("%-45s %12" PRIu64 "\n", "virtual hours", sum->virtual_ns / SIM_S / 3600);
    printf("%-45s %12" PRIu64 "\n", "events", sum->events);
    for (uint32_t i = 0; i < COVER_COUNT; i++)
        printf("%-45s %12" PRIu64 "\n", texts[i], sum->covered[i]);
    printf("%-45s %12" PRIu64 "\n", "retries", sum->retries);
    printf("ends:");
    for (uint32_t i = 0, width = 5; i < END_REASON_COUNT; i++) {
        char text[80];
        if (!sum->ended[i])
            continue;
        int n = snprintf(text, sizeof text, " %s %" PRIu64,
                         end_reason_info((enum end_reason)i)->word, sum->ended[i]);
        width += (uint32_t)n;
        if (width > 100) {
            printf("\n     ");
            width = 5 + (uint32_t)n;
        }
        printf("%s", text);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    if (!parse_options(argc, argv)) {
        usage(stderr);
        return 2;
    }
    watch_failures();
    tls_library_init();
    struct world_result sum = { 0 }, one, again;
    bool terminal = isatty(STDOUT_FILENO) && !options.trace;
    uint64_t worlds = 0;
    for (current_seed = options.seed; sum.asks < options.exchanges; current_seed++, worlds++) {
        alarm(WORLD_WATCHDOG_S);
        if (!world_run(current_seed, options.profile, options.trace, &one)) {
            usage(stderr);
            return 2;
        }
        if (options.twice) {
            world_run(current_seed, options.profile, options.trace, &again);
            if (one.trace_hash != again.trace_hash) {
                fprintf(stderr, "sim: two runs of one seed differ\n");
                report();
                return 1;
            }
        }
        add(&sum, &one);
        if (terminal && worlds % 8 == 0) {
            printf("\r%" PRIu32 " of %" PRIu64 " exchanges, seed %" PRIu64 "  ", sum.asks,
                   options.exchanges, current_seed);
            fflush(stdout);
        }
    }
    tls_library_exit();
    print_summary(&sum, worlds);
    printf("sim: %" PRIu32 " exchanges in %" PRIu64 " worlds from seed %" PRIu64 ": all is well\n",
           sum.asks, worlds, options.seed);
    return 0;
}
