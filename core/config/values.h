/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How values are written: the types of the schema. Each reads a scalar into what its comment says,
 * and reports a wrong one, quoting it. */
#ifndef SLUICE_CONFIG_VALUES_H
#define SLUICE_CONFIG_VALUES_H

#include "core/config/config.h"
#include "core/config/report.h"
#include "core/config/schema.h"

/* Numbers (values.c): of a uint32_t, uint16_t, uint64_t or bool. Bounds, and words in their place,
 * are the key's. */
extern const struct value_type value_number;      /* uint32_t */
extern const struct value_type value_status;      /* uint16_t */
extern const struct value_type value_duration;    /* uint32_t milliseconds */
extern const struct value_type value_seconds;     /* uint32_t seconds: a duration of whole ones */
extern const struct value_type value_size;        /* uint64_t bytes */
extern const struct value_type value_size32;      /* uint32_t bytes */
extern const struct value_type value_percent;     /* uint32_t millionths */
extern const struct value_type value_bool;        /* bool */
extern const struct value_type value_word;        /* an enum: one of the key's words */
extern const struct value_type value_status_word; /* uint16_t: the same */
extern const struct value_type value_flag;        /* bool: the same */
extern const struct value_type value_word_text;   /* const char *: one of the key's words */
extern const struct value_type value_rate;        /* struct rate */

/* Text (values_text.c). */
extern const struct value_type value_text;            /* struct str, without control characters */
extern const struct value_type value_string;          /* the same as const char * */
extern const struct value_type value_name;            /* const char *: of a listener, site, ... */
extern const struct value_type value_file;            /* const char *: a file name, made relative */
extern const struct value_type value_log_destination; /* struct log_config: destination, path */
extern const struct value_type value_template;        /* struct template, of a request */
extern const struct value_type value_response_template; /* also with what a response has */
extern const struct value_type value_body_template;     /* struct template; any characters */

/* Addresses (values_net.c). */
extern const struct value_type value_bind;           /* struct bind_config: addr, text */
extern const struct value_type value_server_address; /* struct server_config: kind, addr, host */
extern const struct value_type value_dns_server;     /* struct addr */
extern const struct value_type value_network;        /* struct network */
extern const struct value_type value_sni;            /* struct str: sni_route.name */
extern const struct value_type value_server_name;    /* struct str: upstream_tls_config.sni */
extern const struct value_type value_server_pattern; /* struct str: a name in TLS, lower case */
extern const struct value_type value_port_range;     /* struct port_range */
extern const struct value_type value_source;         /* struct addr, port 0 */
extern const struct value_type value_https_port;     /* uint32_t; 0: none */

/* HTTP (values_http.c). */
extern const struct value_type value_method;        /* struct str */
extern const struct value_type value_header;        /* struct str, as written */
extern const struct value_type value_header_lower;  /* struct str, lower case */
extern const struct value_type value_path_rule;     /* struct str: segments, some of them "*" */
extern const struct value_type value_token;         /* struct str: cookie, query argument */
extern const struct value_type value_retry_cause;   /* struct str: "503", "connect" */
extern const struct value_type value_host_pattern;  /* struct text_match */
extern const struct value_type value_path_pattern;  /* struct text_match */
extern const struct value_type value_pattern;       /* struct text_match of a header or argument */
extern const struct value_type value_path_prefix;   /* struct str: "/api" */
extern const struct value_type value_url_prefix;    /* struct str: any text without spaces */
extern const struct value_type value_path_template; /* struct template that begins with '/' */
extern const struct value_type value_rewrite;       /* struct route_config: rewrites, rewrite */
extern const struct value_type value_host_header;   /* struct handling: host_rule, host_text */
extern const struct value_type value_status_range;  /* uint16_t[2] */
extern const struct value_type value_balance_key;   /* struct balance_config: key, key_name */

/* References (references.c). */
extern const struct value_type value_backend; /* const struct backend_config * */
extern const struct value_type value_site;    /* const struct site_config * */
extern const struct value_type value_log;     /* const struct log_config *; "off": NULL */

/* Reads "client_ip", "header:NAME", ...: kind and name. False: it is none. */
bool balance_key_parse(struct str text, enum balance_key *key, struct str *name);
#define BALANCE_KEYS "client_ip, path, sni, header:NAME, cookie:NAME, query:NAME"

/* Compiles a pattern of a configuration; NULL: reported. skip: characters of the scalar before it.
 */
const struct regex *regex_compile(struct loader *l, const struct node *n, struct str text,
                                  uint32_t skip);
void regex_free_all(struct regex *list);

/* Which variables a text may have, and what of it. */
enum template_scope { TEMPLATE_REQUEST, TEMPLATE_RESPONSE, TEMPLATE_PAGE };

/* Parses a text with variables. TEMPLATE_PAGE: only $request_id and $status are variables,
 * everything else is text. False: reported. */
bool template_parse(struct loader *l, struct place at, struct str text, enum template_scope scope,
                    struct template *out);

/* The variables, for help; NULL past the last. */
const char *template_variable_at(uint32_t i, const char **doc);

/* Reads the address of a server: kind and addr (len 0 of what is to be resolved). False, and *why
 * says the cause (static text), if it is none. */
bool server_address_parse(struct str text, struct server_config *s, const char **why);

/* Reads one network; false, and *why says the cause, if it is none. */
bool network_parse(struct str text, struct network *out, const char **why);

#endif
