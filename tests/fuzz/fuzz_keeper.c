/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands between the keeper, who may do everything, and a server process, which strangers talk
 * to. First byte even: packets on the socket between them, each behind its length: the keeper opens
 * nothing but what the configuration names. Odd: a bundle of files, as the server process reads it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/config/bundle.h"
#include "core/config/load.h"
#include "core/keeper_holds.h"
#include "core/keeper_socket.h"

#define PACKETS_MAX 64
#define YAML                                                                                       \
    "listeners: { l: { bind: [\"127.0.0.1:0\", \"[::1]:0\"], site: s } }\n"                        \
    "sites: { s: { routes: [ { respond: {} } ] } }\n"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void play_question(struct holds *h, const struct config *c, const struct keeper_question *q)
{
    int err;
    const enum hold_kind kind =
        q->verb == KEEPER_ADMIN || q->verb == KEEPER_UNADMIN ? HOLD_ADMIN : HOLD_TRAFFIC;
    bool named = kind == HOLD_TRAFFIC &&
                 (strcmp(q->text, "127.0.0.1:0") == 0 || strcmp(q->text, "[::1]:0") == 0);
    if (q->verb == KEEPER_LISTEN || q->verb == KEEPER_ADMIN) {
        const struct hold *held = holds_take(h, c, kind, q->text, q->number, 0, &err);
        CHECK(!held || (named && q->number < held->fds_count && held->fds[q->number] >= 0));
        CHECK(held || err < 0);
    } else if (q->verb == KEEPER_RELEASE || q->verb == KEEPER_UNADMIN) {
        holds_release(h, kind, q->text, 0);
        CHECK(!named || h->count < 2);
    }
}

static void play_packets(const uint8_t *bytes, size_t len)
{
    const struct config_input in = {
        .path = "fuzz.yaml", .text = STR(YAML), .no_files = true, .keep_names = true
    };
    struct config_report report;
    config_report_init(&report);
    struct config *c = config_load_input(&in, &report);
    struct holds holds = { 0 };
    int pair[2];
    CHECK(c && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    for (unsigned i = 0; i < PACKETS_MAX && len >= 2; i++) {
        size_t n = (size_t)bytes[0] << 8 | bytes[1];
        bytes += 2;
        len -= 2;
        /* Short ones are questions whose text ends with zeros: a fuzzer writes few whole ones. */
        struct keeper_question q = { 0 }, got;
        bool exact = n & 0x8000;
        n &= 0x7fff;
        n = n < len ? n : len;
        n = n < sizeof q ? n : sizeof q;
        memcpy(&q, bytes, n);
        size_t sent = exact && n > 0 ? n : sizeof q;
        CHECK(send(pair[1], &q, sent, 0) == (ssize_t)sent);
        bool whole = keeper_receive(pair[0], &got);
        CHECK(!whole || (sent == sizeof q && got.verb < KEEPER_VERBS));
        if (whole) {
            CHECK(memchr(got.text, 0, sizeof got.text));
            play_question(&holds, c, &got);
        }
        bytes += n;
        len -= n;
    }
    holds_close(&holds);
    close(pair[0]);
    close(pair[1]);
    config_free(c);
    config_report_free(&report);
}

static void play_bundle(struct str bytes)
{
    static const char *const names[] = { "sluice.yaml", "conf.d/*.yaml", "", "-" };
    struct bundle_player p;
    bundle_play(&p, bytes);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct file_read r = p.files.read(&p.files, names[i], 1000);
        CHECK((r.err == 0) == (r.text != NULL) && r.len <= bytes.len);
        free(r.text);
        struct files_found found = p.files.find(&p.files, names[i]);
        CHECK(found.err == 0 || found.count == 0);
        files_found_free(&found);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    if (bytes[0] & 1)
        play_bundle((struct str){ (const char *)bytes + 1, len - 1 });
    else
        play_packets(bytes + 1, len - 1);
    return 0;
}
