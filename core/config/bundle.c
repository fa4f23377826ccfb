/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/bundle.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

#define ROOM_BYTES_MIN ((size_t)64 << 10)

enum record_kind { RECORD_FILE, RECORD_PATTERN };

/* Followed by the name, with its NUL, and the text: of a pattern the names found, each with its
 * NUL. */
struct record_head {
    uint32_t kind;
    int32_t err;
    uint64_t device, inode;
    uint64_t name_bytes, text_bytes;
};

/* ---- Records -------------------------------------------------------------------------------- */

/* A larger place for the bytes; the old one is wiped. */
static bool make_room(struct bundle *b, size_t *room, size_t bytes)
{
    if (b->len + bytes <= *room)
        return true;
    size_t more = *room ? 2 * *room : ROOM_BYTES_MIN;
    if (more < b->len + bytes)
        more = b->len + bytes;
    char *place = malloc(more);
    if (!place)
        return false;
    if (b->len)
        memcpy(place, b->bytes, b->len);
    size_t len = b->len;
    bundle_free(b);
    *b = (struct bundle){ place, len, false };
    *room = more;
    return true;
}

static void append(struct bundle *b, const void *p, size_t bytes)
{
    if (bytes)
        memcpy(b->bytes + b->len, p, bytes);
    b->len += bytes;
}

static void keep(struct bundle_recorder *r, struct record_head head, const char *name,
                 const char *text)
{
    struct bundle *b = r->to;
    head.name_bytes = strlen(name) + 1;
    if (b->failed || !make_room(b, &r->room, sizeof head + head.name_bytes + head.text_bytes)) {
        b->failed = true;
        return;
    }
    append(b, &head, sizeof head);
    append(b, name, head.name_bytes);
    append(b, text, head.text_bytes);
}

/* The record at *at, which moves behind it: its name; *text (of head->text_bytes) points into the
 * bytes. NULL: the end. */
static const char *record_at(struct str bytes, size_t *at, struct record_head *head,
                             const char **text)
{
    if (bytes.len - *at < sizeof *head)
        return NULL;
    memcpy(head, bytes.ptr + *at, sizeof *head);
    size_t left = bytes.len - *at - sizeof *head;
    const char *name = bytes.ptr + *at + sizeof *head;
    if (head->name_bytes == 0 || head->name_bytes > left || name[head->name_bytes - 1] != '\0' ||
        head->text_bytes > left - head->name_bytes)
        return NULL;
    *text = name + head->name_bytes;
    *at += sizeof *head + head->name_bytes + head->text_bytes;
    return name;
}

static bool find(struct bundle_search *s, enum record_kind kind, const char *name,
                 struct record_head *head, const char **text)
{
    size_t end = s->bytes.len, at = s->next;
    for (int round = 0; round < 2; round++) { /* to the end; from the start to where that began */
        const char *its;
        while (at < end && (its = record_at(s->bytes, &at, head, text))) {
            if (head->kind != kind || strcmp(its, name) != 0)
                continue;
            s->next = at;
            return true;
        }
        end = s->next;
        at = 0;
    }
    return false;
}

static struct file_read replay(struct bundle_search *s, const char *path, size_t bytes_max)
{
    struct record_head head;
    const char *text;
    struct file_read f = { .err = ENOENT };
    if (!find(s, RECORD_FILE, path, &head, &text))
        return f;
    f = (struct file_read){
        .err = head.err, .len = head.text_bytes, .device = head.device, .inode = head.inode
    };
    if (f.err == 0 && f.len > bytes_max)
        f.err = FILE_TOO_LARGE;
    if (f.err == 0) {
        f.text = malloc(f.len + 1);
        if (f.text)
            memcpy(f.text, text, f.len);
        else
            f.err = ENOMEM;
    }
    return f;
}

void bundle_free(struct bundle *b)
{
    if (b->bytes)
        explicit_bzero(b->bytes, b->len);
    free(b->bytes);
    *b = (struct bundle){ 0 };
}

/* ---- Recording ------------------------------------------------------------------------------ */

static struct files_found replay_find(struct bundle_search *s, const char *pattern)
{
    struct files_found found = { .err = GLOB_NOMATCH };
    struct record_head head;
    const char *text;
    if (!find(s, RECORD_PATTERN, pattern, &head, &text))
        return found;
    found.err = head.err;
    uint32_t count = 0;
    for (size_t i = 0; i < head.text_bytes; i++)
        count += text[i] == '\0';
    if (found.err || count == 0)
        return found;
    found.names = calloc(count, sizeof *found.names);
    for (size_t at = 0; found.names && found.count < count;
         at += strlen(text + at) + 1, found.count++)
        if (!(found.names[found.count] = strdup(text + at)))
            break;
    if (found.count < count) {
        files_found_free(&found);
        found.err = GLOB_NOSPACE;
    }
    return found;
}

/* Whether the file, or pattern, is among those that are read anew. */
static bool is_fresh(const struct bundle_recorder *r, const char *path)
{
    for (uint32_t i = 0; i < r->fresh->directories.items_count; i++) {
        struct str d = r->fresh->directories.items[i];
        if (strncmp(path, d.ptr, d.len) == 0 && path[d.len] == '/')
            return true;
    }
    for (uint32_t i = 0; i < r->fresh->paths.items_count; i++)
        if (strcmp(path, r->fresh->paths.items[i].ptr) == 0)
            return true;
    return false;
}

static struct file_read record_read(struct config_files *files, const char *path, size_t bytes_max)
{
    struct bundle_recorder *r = container_of(files, struct bundle_recorder, files);
    bool again =
        r->before.bytes.len && (strcmp(path, "-") == 0 || (r->fresh && !is_fresh(r, path)));
    struct file_read f =
        again ? replay(&r->before, path, bytes_max) : r->disk.read(&r->disk, path, bytes_max);
    const struct record_head head = { .kind = RECORD_FILE,
                                      .err = f.err,
                                      .device = f.device,
                                      .inode = f.inode,
                                      .text_bytes = f.err ? 0 : f.len };
    keep(r, head, path, f.text);
    return f;
}

static struct files_found record_find(struct config_files *files, const char *pattern)
{
    struct bundle_recorder *r = container_of(files, struct bundle_recorder, files);
    bool again = r->before.bytes.len && r->fresh && !is_fresh(r, pattern);
    struct files_found found =
        again ? replay_find(&r->before, pattern) : r->disk.find(&r->disk, pattern);
    size_t bytes = 0;
    for (uint32_t i = 0; i < found.count; i++)
        bytes += strlen(found.names[i]) + 1;
    char *names = malloc(bytes + 1);
    if (!names) {
        r->to->failed = true;
        return found;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < found.count; i++) {
        size_t n = strlen(found.names[i]) + 1;
        memcpy(names + at, found.names[i], n);
        at += n;
    }
    const struct record_head head = { .kind = RECORD_PATTERN,
                                      .err = found.err,
                                      .text_bytes = bytes };
    keep(r, head, pattern, names);
    free(names);
    return found;
}

void bundle_record(struct bundle_recorder *r, struct bundle *to, const struct bundle *before,
                   const struct renewable *fresh)
{
    CHECK(to->len == 0);
    *r = (struct bundle_recorder){
        .files = { record_read, record_find }, .disk = disk_files(), .fresh = fresh, .to = to
    };
    if (before)
        r->before.bytes = (struct str){ before->bytes, before->len };
}

/* ---- Playing -------------------------------------------------------------------------------- */

static struct file_read play_read(struct config_files *files, const char *path, size_t bytes_max)
{
    return replay(&container_of(files, struct bundle_player, files)->in, path, bytes_max);
}

static struct files_found play_find(struct config_files *files, const char *pattern)
{
    return replay_find(&container_of(files, struct bundle_player, files)->in, pattern);
}

void bundle_play(struct bundle_player *p, struct str bytes)
{
    *p = (struct bundle_player){ .files = { play_read, play_find }, .in = { bytes, 0 } };
}
