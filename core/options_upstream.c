/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/options_upstream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/config/disk.h"
#include "core/config/load.h"
#include "core/proxy/server_tls.h"

static bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sluice proxy: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

/* --- addresses --- */

/* "https://HOST[:PORT][/]" without what is around the authority; *port is its scheme's. */
static bool strip_url(struct upstream_options *o, struct str *text, const char **port)
{
    static const struct {
        struct str prefix;
        const char *port;
    } schemes[] = { { { "http://", 7 }, "80" }, { { "https://", 8 }, "443" } };
    bool plain_http = true;
    *port = NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = schemes[i].prefix.len;
        if (text->len < n || !str_eq_fold((struct str){ text->ptr, n }, schemes[i].prefix))
            continue;
        *text = (struct str){ text->ptr + n, text->len - n };
        *port = schemes[i].port;
        plain_http = i == 0;
    }
    *(plain_http ? &o->http : &o->https) = true;
    if (*port && text->len && text->ptr[text->len - 1] == '/')
        text->len--;
    return !*port || !memchr(text->ptr, '/', text->len);
}

static bool has_port(struct str s)
{
    const char *colon = s.len ? memrchr(s.ptr, ':', s.len) : NULL;
    return colon && !memchr(colon, ']', (size_t)(s.ptr + s.len - colon));
}

/* "NAME:PORT" */
static bool resolve(const char *text, struct addr *out, const char **why)
{
    char host[256];
    const char *colon = strrchr(text, ':'), *ignored;
    size_t len = colon ? (size_t)(colon - text) : 0;
    struct addr port;
    *why = "neither an address nor a name with its port";
    if (len == 0 || len >= sizeof host || memchr(text, '/', len) || memchr(text, ':', len) ||
        !addr_parse(str_of(colon), true, &port, &ignored))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return config_resolve_name(host, ntohs(port.v6.sin6_port), out, why);
}

bool upstream_read_address(struct upstream_options *o, const char *text, struct config *c,
                           struct server_config *out)
{
    struct str s = str_of(text);
    const char *port, *why;
    if (!strip_url(o, &s, &port))
        return complain("--to: '%s': a server is scheme, host and port, without a path", text);
    bool add_port = port && !has_port(s);
    char *host = config_alloc(c, s.len + sizeof ":443");
    CHECK(host); /* before anything runs */
    memcpy(host, s.ptr, s.len);
    if (add_port)
        strcpy(stpcpy(host + s.len, ":"), port);
    out->name = text;
    out->host = host;
    if (addr_parse(str_of(host), false, &out->addr, &why) || resolve(host, &out->addr, &why))
        return true;
    return complain("--to: '%s': %s (write 127.0.0.1:9000, [::1]:9000, app.internal:9000, "
                    "https://app.internal or unix:/path, with @WEIGHT if you like)",
                    text, why);
}

/* --- TLS --- */

static const struct pem_file *read_pem(struct config *c, const char *path, const char *option,
                                       bool quiet)
{
    struct config_files disk = disk_files();
    struct file_read read = disk.read(&disk, path, PEM_FILE_BYTES_MAX);
    if (read.err) {
        if (!quiet)
            complain("%s: %s: %s", option, path,
                     read.err == FILE_TOO_LARGE ? "too large" : strerror(read.err));
        return NULL;
    }
    const struct pem_file *f = config_add_pem_file(c, path, (struct str){ read.text, read.len });
    CHECK(f); /* before anything runs */
    explicit_bzero(read.text, read.len);
    free(read.text);
    return f;
}

static bool read_ca(const struct upstream_options *o, struct config *c,
                    struct upstream_tls_config *t)
{
    if (o->ca)
        return (t->ca = read_pem(c, o->ca, "--to-ca", false));
    for (uint32_t i = 0; config_system_store(i); i++)
        if ((t->ca = read_pem(c, config_system_store(i), "", true)))
            return true;
    return complain("--to: this machine has no list of CAs (%s and others): install "
                    "ca-certificates, or name the servers' CA with --to-ca",
                    config_system_store(0));
}

static bool read_own(const char *pair, struct config *c, struct upstream_tls_config *t)
{
    struct str text = config_str(c, str_of(pair));
    CHECK(text.ptr);
    char *comma = strchr(text.ptr, ',');
    if (!comma || comma == text.ptr || !comma[1])
        return complain("--to-cert: '%s' is not CERT,KEY: two files in PEM form", pair);
    *comma = '\0';
    t->cert = read_pem(c, text.ptr, "--to-cert", false);
    t->key = t->cert ? read_pem(c, comma + 1, "--to-cert", false) : NULL;
    return t->key;
}

bool upstream_finish(const struct upstream_options *o, struct config *c, struct backend_config *b)
{
    char why[512];
    if (!o->https && (o->ca || o->sni || o->cert || o->insecure))
        return complain("--to-ca, --to-sni, --to-cert and --to-insecure are for servers that are "
                        "given as https://");
    if (!o->https)
        return true;
    if (o->http)
        return complain("--to: servers are all given as https://, or none");
    if (o->ca && o->insecure)
        return complain("--to-ca and --to-insecure exclude each other");
    struct upstream_tls_config *t = config_alloc(c, sizeof *t);
    CHECK(t); /* before anything runs */
    t->verify = !o->insecure;
    t->sni = o->sni ? str_of(o->sni) : (struct str){ 0 };
    if ((t->verify && !read_ca(o, c, t)) || (o->cert && !read_own(o->cert, c, t)))
        return false;
    config_seal_upstream_tls(t);
    b->tls = t;
    if (!server_tls_check(t, why, sizeof why))
        return complain("%s", why);
    if (o->insecure)
        fputs("sluice proxy: warning: --to-insecure: the servers' certificates are not verified\n",
              stderr);
    return true;
}
