/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS with clients: reads the files that a listener's `tls` names, and has them judged by the
 * maker. Their texts are wiped as soon as they were. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/certificate_maker.h"
#include "core/config/inputs.h"

#define CA_BYTES_MAX ((size_t)16 << 20)
#define OCSP_BYTES_MAX ((size_t)64 << 10)

struct making {
    struct loader *l;
    struct tls_service *service;
    const struct node *node; /* of `tls` */
};

static struct certificate_maker *maker_of(const struct making *m)
{
    return m->l->input->maker;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static void forget(struct file_read *f)
{
    if (f->text)
        explicit_bzero(f->text, f->len);
    free(f->text);
    *f = (struct file_read){ 0 };
}

static struct str text_of(const struct file_read *f)
{
    return f->text ? (struct str){ f->text, f->len } : STR("");
}

static void complain(struct making *m, struct place at, bool lenient, const char *path, int err,
                     size_t bytes_max)
{
    char why[80];
    if (err == FILE_TOO_LARGE)
        snprintf(why, sizeof why, "it is larger than %zu KiB", bytes_max >> 10);
    else
        snprintf(why, sizeof why, "%s", strerror(err));
    if (lenient)
        report_warning(m->l->report, at, "'%s' is left out: %s", path, why);
    else
        report_error(m->l->report, at, "cannot read '%s': %s", path, why);
}

static void keep_name(struct loader *l, struct strings *names, const char *name)
{
    struct str *more = load_extend(l, names->items, names->items_count, 1, sizeof *more);
    struct str copy = load_str(l, str_of(name));
    if (!more || !copy.ptr)
        return;
    more[names->items_count] = copy;
    *names = (struct strings){ more, names->items_count + 1 };
}

/* False: reported. Without a path there is nothing to read, which is well. */
static bool read_file(struct making *m, struct place at, bool lenient, const char *path,
                      size_t bytes_max, struct file_read *f)
{
    struct config_files *files = m->l->tree->files;
    *f = (struct file_read){ 0 };
    if (!path)
        return true;
    if (!files) {
        report_error(m->l->report, at, "'%s': files are not read here", path);
        return false;
    }
    if (!lenient) /* else it is of a directory */
        keep_name(m->l, &m->l->config->renewable.paths, path);
    *f = files->read(files, path, bytes_max);
    if (f->err)
        complain(m, at, lenient, path, f->err, bytes_max);
    return f->err == 0;
}

/* ---- One certificate ------------------------------------------------------------------------ */

struct certificate_paths {
    const char *cert, *key, *passphrase, *ocsp; /* the last two may be NULL */
};

static void add(struct making *m, struct place at, bool lenient, const struct certificate_paths *p)
{
    struct file_read cert, key = { 0 }, passphrase = { 0 }, ocsp = { 0 };
    bool same = strcmp(p->key, p->cert) == 0;
    bool good = read_file(m, at, lenient, p->cert, PEM_FILE_BYTES_MAX, &cert) &&
                read_file(m, at, lenient, same ? NULL : p->key, PEM_FILE_BYTES_MAX, &key) &&
                read_file(m, at, lenient, p->passphrase, PEM_FILE_BYTES_MAX, &passphrase) &&
                read_file(m, at, lenient, p->ocsp, OCSP_BYTES_MAX, &ocsp);
    const struct certificate_files files = { .path = p->cert,
                                             .chain = text_of(&cert),
                                             .key = text_of(same ? &cert : &key),
                                             .passphrase = text_of(&passphrase),
                                             .ocsp = text_of(&ocsp) };
    if (good && m->service)
        maker_of(m)->add_certificate(maker_of(m), m->service, &files, m->l->report, at, lenient);
    forget(&cert);
    forget(&key);
    forget(&passphrase);
    forget(&ocsp);
}

/* ---- A directory ---------------------------------------------------------------------------- */

enum directory_pattern {
    IN_PEM,
    IN_CRT,
    IN_KEY,
    IN_OCSP,
    IN_CHAIN,
    IN_CHAIN_KEY,
    DIRECTORY_PATTERNS
};

const char *const certificate_patterns[] = {
    [IN_PEM] = "*.pem",
    [IN_CRT] = "*.crt",
    [IN_KEY] = "*.key",
    [IN_OCSP] = "*.ocsp",
    [IN_CHAIN] = "*/fullchain.pem",
    [IN_CHAIN_KEY] = "*/privkey.pem",
    [DIRECTORY_PATTERNS] = NULL,
};

/* Names by a pattern in a directory. */
static bool find(struct making *m, struct place at, const char *directory, const char *pattern,
                 struct files_found *found)
{
    char path[4096];
    struct config_files *files = m->l->tree->files;
    *found = (struct files_found){ 0 };
    if (!files || strpbrk(directory, "*?[\\") ||
        (size_t)snprintf(path, sizeof path, "%s/%s", directory, pattern) >= sizeof path) {
        report_error(m->l->report, at, "'%s': cannot be looked into", directory);
        return false;
    }
    *found = files->find(files, path);
    if (found->err == 0 || found->err == GLOB_NOMATCH)
        return true;
    report_error(m->l->report, at, "cannot read the directory '%s'", directory);
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* PATH with another ending, if there is such a file; else NULL. */
static const char *beside(const char *path, const char *ending, const struct files_found *there,
                          char into[4096])
{
    const char *dot = strrchr(path, '.');
    snprintf(into, 4096, "%.*s%s", (int)(dot - path), path, ending);
    bool is = there->count &&
              bsearch(&into, there->names, there->count, sizeof *there->names, by_text) != NULL;
    return is ? into : NULL;
}

/* NAME.pem and NAME.crt, with the key in NAME.key or in the same file. */
static uint32_t add_flat(struct making *m, struct place at, const struct files_found *certs,
                         const struct files_found *keys, const struct files_found *staples)
{
    char key[4096], ocsp[4096];
    for (uint32_t i = 0; i < certs->count; i++) {
        const char *cert = certs->names[i], *own = beside(cert, ".key", keys, key);
        const struct certificate_paths p = { .cert = cert,
                                             .key = own ? own : cert,
                                             .ocsp = beside(cert, ".ocsp", staples, ocsp) };
        add(m, at, true, &p);
    }
    return certs->count;
}

/* NAME/fullchain.pem with NAME/privkey.pem, as ACME clients leave them. */
static uint32_t add_nested(struct making *m, struct place at, const struct files_found *certs)
{
    char key[4096];
    for (uint32_t i = 0; i < certs->count; i++) {
        const char *slash = strrchr(certs->names[i], '/');
        snprintf(key, sizeof key, "%.*s/privkey.pem", (int)(slash - certs->names[i]),
                 certs->names[i]);
        const struct certificate_paths p = { .cert = certs->names[i], .key = key };
        add(m, at, true, &p);
    }
    return certs->count;
}

static void add_directory(struct making *m, struct place at, const char *directory)
{
    struct files_found found[DIRECTORY_PATTERNS] = { 0 };
    bool good = true;
    keep_name(m->l, &m->l->config->renewable.directories, directory);
    for (uint32_t i = 0; good && i < DIRECTORY_PATTERNS; i++)
        good = find(m, at, directory, certificate_patterns[i], &found[i]);
    if (good) {
        const struct files_found *keys = &found[IN_KEY], *staples = &found[IN_OCSP];
        uint32_t count = add_flat(m, at, &found[IN_PEM], keys, staples);
        count += add_flat(m, at, &found[IN_CRT], keys, staples);
        count += add_nested(m, at, &found[IN_CHAIN]);
        if (count == 0)
            report_warning(m->l->report, at,
                           "'%s' holds no certificate: neither NAME.pem, NAME.crt nor "
                           "NAME/fullchain.pem",
                           directory);
    }
    for (uint32_t i = 0; i < DIRECTORY_PATTERNS; i++)
        files_found_free(&found[i]);
}

/* ---- Clients -------------------------------------------------------------------------------- */

/* From now on the header is ours alone; in the form with '_', too, which servers may take for it.
 */
static void keep_identity_header(struct loader *l, struct str header)
{
    struct strings *all = &l->config->identity_headers;
    for (uint32_t i = 0; i < all->items_count; i++)
        if (str_eq_fold(all->items[i], header))
            return;
    struct str *more = load_extend(l, all->items, all->items_count, 2, sizeof *more);
    struct str other = load_str(l, header);
    if (!more || !other.ptr)
        return;
    for (size_t i = 0; i < other.len; i++)
        if (other.ptr[i] == '-')
            ((char *)other.ptr)[i] = '_';
    more[all->items_count] = header;
    more[all->items_count + 1] = other;
    *all = (struct strings){ more, all->items_count + 2 };
}

static void add_rule(struct making *m, const struct node *n, const struct client_rule_input *in,
                     struct client_rule_config *to)
{
    const struct node *map = n->kind == NODE_MAP ? n : NULL;
    *to = (struct client_rule_config){ .names = in->names, .mode = in->mode };
    if (in->mode == CLIENT_CERTIFICATES_OFF)
        return;
    to->header = in->header.len ? in->header : STR("Client-Cert");
    keep_identity_header(m->l, to->header);
    if (!in->ca) {
        report_error(m->l->report, map && map->key ? map->key->place : n->place,
                     "'client_certificates' needs 'ca': the file with the certificates of those "
                     "who sign clients' certificates");
        return;
    }
    const struct node *ca_node = node_get(n, STR("ca"));
    struct place at = ca_node ? ca_node->place : n->place;
    struct file_read ca, crl = { 0 };
    if (read_file(m, at, false, in->ca, CA_BYTES_MAX, &ca) &&
        read_file(m, at, false, in->crl, CA_BYTES_MAX, &crl) && m->service)
        maker_of(m)->add_client_rule(maker_of(m), m->service, to, text_of(&ca), text_of(&crl),
                                     m->l->report, at);
    forget(&ca);
    forget(&crl);
}

static void add_rules(struct making *m, const struct listener_tls_input *in,
                      struct listener_tls *to)
{
    const struct node *n = node_get(m->node, STR("client_certificates"));
    to->rules = load_extend(m->l, NULL, 0, in->clients_count, sizeof *to->rules);
    if (!to->rules || !n)
        return;
    uint32_t all = 0;
    const struct node *item = n->kind == NODE_LIST ? n->first : n;
    for (uint32_t i = 0; i < in->clients_count; i++, item = item->next) {
        add_rule(m, item, &in->clients[i], &to->rules[i]);
        to->rules_count++;
        all += in->clients[i].names.items_count == 0;
    }
    if (all > 1)
        report_error(m->l->report, n->place,
                     "only one of 'client_certificates' can be without 'names': it is for all "
                     "others");
    if (in->clients_count > CLIENT_RULES_MAX)
        report_error(m->l->report, n->place, "more than %d 'client_certificates'",
                     CLIENT_RULES_MAX);
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void add_certificates(struct making *m, const struct listener_tls_input *in)
{
    const struct node *n = node_get(m->node, STR("certificates"));
    const struct node *item = n && n->kind == NODE_LIST ? n->first : n;
    for (uint32_t i = 0; n && i < in->certificates_count; i++, item = item->next) {
        const struct certificate_input *c = &in->certificates[i];
        const struct node *cert = item->kind == NODE_SCALAR ? item : node_get(item, STR("cert"));
        const struct node *directory = node_get(item, STR("directory"));
        if ((cert != NULL) == (directory != NULL)) {
            if (item->kind == NODE_MAP)
                report_error(m->l->report, item->place,
                             "a certificate has either 'cert' (and 'key') or 'directory'");
        } else if (directory) {
            if (c->directory)
                add_directory(m, directory->place, c->directory);
        } else if (c->cert) {
            const struct certificate_paths p = { c->cert, c->key ? c->key : c->cert, c->passphrase,
                                                 c->ocsp };
            add(m, cert->place, false, &p);
        }
    }
}

static void add_ticket_keys(struct making *m, const struct listener_tls_input *in)
{
    const struct node *n = node_get(m->node, STR("ticket_keys"));
    const struct node *item = n && n->kind == NODE_LIST ? n->first : n;
    if (in->ticket_keys_count > TICKET_KEYS_MAX)
        report_error(m->l->report, n->place, "more than %d 'ticket_keys'", TICKET_KEYS_MAX);
    for (uint32_t i = 0; n && i < in->ticket_keys_count && i < TICKET_KEYS_MAX;
         i++, item = item->next) {
        struct file_read f;
        if (read_file(m, item->place, false, in->ticket_keys[i], PEM_FILE_BYTES_MAX, &f) &&
            m->service)
            maker_of(m)->add_ticket_key(maker_of(m), m->service, text_of(&f), m->l->report,
                                        item->place);
        forget(&f);
    }
}

static const char *protocols(struct making *m, const struct listener_tls_input *in)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < in->alpn_count; i++)
        bytes += strlen(in->alpn[i]) + 1;
    char *text = load_alloc(m->l, bytes);
    for (uint32_t i = 0; text && i < in->alpn_count; i++) {
        if (i)
            strcat(text, ",");
        strcat(text, in->alpn[i]);
    }
    return text;
}

static const char *name_of(const struct node *n)
{
    return n->parent && n->parent->key ? n->parent->key->text.ptr : "";
}

void take_listener_tls(struct loader *l, const struct node *n, void *read, uint32_t count,
                       void *out)
{
    const struct listener_tls_input *in = read;
    if (count == 0)
        return; /* off */
    const struct listener_config *listener = container_of(out, struct listener_config, tls);
    struct listener_tls *to = load_alloc(l, sizeof *to);
    struct making m = { .l = l, .node = n };
    struct tls_terms terms = { .listener = name_of(n),
                               .modern = in->modern,
                               .alpn =
                                   listener->http2 && listener->site ? "h2,http/1.1" : "http/1.1",
                               .refuse_unknown = in->refuse_unknown,
                               .tickets = in->tickets,
                               .passes_acme = listener->acme != NULL,
                               .ready_max = in->ready_max };
    if (!to)
        return;
    *(struct listener_tls **)out = to;
    if (node_get(n, STR("alpn")))
        terms.alpn = protocols(&m, in);
    struct certificate_maker *maker = l->input->maker;
    if (maker && terms.alpn) {
        m.service = to->service = maker->begin(maker, &terms);
        to->release = maker->release;
        if (!m.service)
            report_out_of_memory(l->report);
    }
    add_certificates(&m, in);
    add_ticket_keys(&m, in);
    add_rules(&m, in, to);
    if (m.service)
        maker->end(maker, m.service, l->report, n->key ? n->key->place : n->place);
}

/* RFC 6797 6.1 */
void take_hsts(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)n;
    const struct hsts_input *in = read;
    char text[80];
    int len = 0;
    if (count)
        len = snprintf(text, sizeof text, "max-age=%u%s%s", in->max_age_s,
                       in->subdomains ? "; includeSubDomains" : "", in->preload ? "; preload" : "");
    ((struct handling *)out)->hsts =
        count ? load_str(l, (struct str){ text, (size_t)len }) : (struct str){ 0 };
}
