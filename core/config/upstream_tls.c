/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS with servers: names, and the files with certificates and keys, which are read here and judged
 * by whoever knows TLS. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/config/inputs.h"

#define SERVER_NAME_MAX 253 /* RFC 1035 2.3.4, as text */
#define PEM_BYTES_MAX ((size_t)4 << 20)

/* ---- Names ---------------------------------------------------------------------------------- */

static bool is_dns_name(struct str s)
{
    bool ok = s.len > 0 && s.len <= SERVER_NAME_MAX && s.ptr[0] != '.' && s.ptr[0] != '-' &&
              s.ptr[s.len - 1] != '.';
    for (size_t i = 0; ok && i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             (c == '.' && s.ptr[i - 1] != '.');
    }
    return ok;
}

static void read_server_name(struct loader *l, const struct schema_key *k, const struct node *n,
                             void *out)
{
    if (!str_eq(n->text, STR("$host")) && !is_dns_name(n->text)) {
        report_error(l->report, n->place, "'%s': '%s' wants a host name, without port, or $host",
                     quote(n->text).text, k->name);
        return;
    }
    struct str s = load_str(l, n->text);
    for (size_t i = 0; i < s.len; i++)
        ((char *)s.ptr)[i] = ascii_lower(s.ptr[i]);
    *(struct str *)out = s;
}

static void read_sni(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    struct str rest = n->text;
    if (rest.len > 2 && rest.ptr[0] == '*' && rest.ptr[1] == '.')
        rest = (struct str){ rest.ptr + 2, rest.len - 2 };
    if (!is_dns_name(rest)) {
        report_error(l->report, n->place, "'%s' is no name like a.example.com or *.example.com",
                     quote(n->text).text);
        return;
    }
    struct str s = load_str(l, n->text);
    for (size_t i = 0; i < s.len; i++)
        ((char *)s.ptr)[i] = ascii_lower(s.ptr[i]);
    *(struct str *)out = s;
}

const struct value_type value_sni = {
    .name = "name asked for",
    .form = "a name like a.example.com or *.example.com",
    .example = "a.example.com",
    .json = "\"type\":\"string\"",
    .bytes = sizeof(struct str),
    .read = read_sni,
};
const struct value_type value_server_name = {
    .name = "server name",
    .form = "a host name, or $host",
    .json = "\"type\":\"string\",\"pattern\":\"^([A-Za-z0-9_.-]{1,253}|[$]host)$\"",
    .bytes = sizeof(struct str),
    .read = read_server_name,
};

/* ---- Files ---------------------------------------------------------------------------------- */

const struct pem_file *config_pem_file(const struct config *c, const char *path)
{
    for (const struct pem_file *f = c->pem_files; f; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f;
    return NULL;
}

const struct pem_file *config_add_pem_file(struct config *c, const char *path, struct str text)
{
    struct pem_file *f = config_alloc(c, sizeof *f);
    struct str name = config_str(c, str_of(path)), copy = config_str(c, text);
    if (!f || !name.ptr || !copy.ptr)
        return NULL;
    *f = (struct pem_file){ name.ptr, copy, c->pem_files };
    return c->pem_files = f;
}

const char *config_system_store(uint32_t i)
{
    static const char *const paths[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/ssl/cert.pem",                  /* Alpine */
    };
    return i < ARRAY_LEN(paths) ? paths[i] : NULL;
}

static const struct pem_file *add(struct loader *l, const struct node *n, const struct source *s)
{
    if (!s)
        return NULL;
    if (s->text.len > PEM_BYTES_MAX) {
        report_error(l->report, n->place, "'%s' is larger than %zu MiB", s->name,
                     PEM_BYTES_MAX >> 20);
        return NULL;
    }
    const struct pem_file *f = config_add_pem_file(l->config, s->name, s->text);
    if (!f)
        report_out_of_memory(l->report);
    return f;
}

static const struct pem_file *read_file(struct loader *l, const struct node *map, struct str key,
                                        const char *path, bool secret)
{
    const struct node *n = node_get(map, key);
    if (!n || !path)
        return NULL;
    const struct pem_file *f = config_pem_file(l->config, path);
    return f ? f : add(l, n, tree_read_data(l->tree, path, n->place, secret));
}

static const struct pem_file *read_system_store(struct loader *l, const struct node *n)
{
    for (uint32_t i = 0; config_system_store(i); i++) {
        const char *path = config_system_store(i);
        const struct pem_file *f = config_pem_file(l->config, path);
        struct source *s = f ? NULL : tree_try_data(l->tree, path);
        if (s)
            f = add(l, n, s);
        if (f || s)
            return f;
    }
    report_error(l->report, n->place,
                 "this machine has no list of CAs (%s and others): install ca-certificates, or say "
                 "which CA signs the servers' certificates with 'ca'",
                 config_system_store(0));
    return NULL;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static uint64_t hash_file(const struct pem_file *f, uint64_t seed)
{
    return f ? hash_bytes(f->text.ptr, f->text.len, seed) : seed + 1;
}

void config_seal_upstream_tls(struct upstream_tls_config *t)
{
    const unsigned char flags[] = { t->verify, t->tls13_only };
    t->id = hash_bytes(flags, sizeof flags, hash_bytes(t->sni.ptr, t->sni.len, 0));
    t->id = hash_file(t->ca, t->id);
    t->id = hash_file(t->key, hash_file(t->cert, t->id));
    t->id += t->id == 0; /* which is plain HTTP's */
}

static void refuse_alone(struct loader *l, const struct node *map, const char *key,
                         const char *other)
{
    const struct node *n = node_get(map, str_of(key));
    if (n && !node_get(map, str_of(other)))
        report_error(l->report, n->key->place, "'%s' needs '%s' beside it", key, other);
}

void take_upstream_tls(struct loader *l, const struct node *n, void *read, uint32_t count,
                       void *out)
{
    const struct upstream_tls_input *in = read;
    if (count == 0 || !in->enabled)
        return;
    struct upstream_tls_config *t = load_alloc(l, sizeof *t);
    if (!t)
        return;
    t->sni = in->sni;
    t->verify = in->verify;
    t->tls13_only = in->tls13_only;
    t->file = load_file_name(l, n->place.source);
    t->line = n->place.line;
    refuse_alone(l, n, "key", "cert");
    refuse_alone(l, n, "passphrase_file", "cert");
    t->cert = read_file(l, n, STR("cert"), in->cert, true);
    t->key = in->key ? read_file(l, n, STR("key"), in->key, true) : t->cert;
    t->passphrase = read_file(l, n, STR("passphrase_file"), in->passphrase, true);
    if (!t->verify)
        report_warning(
            l->report, node_get(n, STR("verify")) ? node_get(n, STR("verify"))->place : n->place,
            "the servers' certificates are not verified: whoever is between can read and "
            "change everything; name their CA with 'ca' instead");
    else if (in->ca)
        t->ca = read_file(l, n, STR("ca"), in->ca, false);
    else
        t->ca = read_system_store(l, n);
    if (!t->verify && in->ca)
        report_error(l->report, node_get(n, STR("ca"))->key->place,
                     "'ca' has no effect with 'verify: off'");
    config_seal_upstream_tls(t);
    *(const struct upstream_tls_config **)out = t;
}
