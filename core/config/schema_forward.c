/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of forward proxies. */
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Rules ---------------------------------------------------------------------------------- */

static const struct schema_key hosts_keys[] = {
    { KEY("names"), EXAMPLE("[example.com, ads.example.net]"),
      LIST_IN(hosts_input, names, value_text),
      .doc = "Host names, each with all names below it, and IP addresses." },
    { KEY("file"), EXAMPLE("[adverts.txt]"), LIST_IN(hosts_input, files, value_file),
      .doc = "A file with one name a line ('#' begins a comment; lines of a hosts file will do: "
             "\"0.0.0.0 ads.example.net\"), or a list of such files. A million names are no "
             "trouble: 10 to 14 bytes each." },
};
static const struct schema_object hosts = {
    OBJECT_OF("hosts", hosts_input, hosts_keys),
    .shorthand = "names",
};

static const struct word action_words[] = { { "allow", true }, { "deny", false }, { NULL, 0 } };

#define PORTS(type_name, member)                                                                   \
    .shape = SHAPE_LIST, .offset = offsetof(struct type_name, member), .type = &value_port_range

static const struct schema_key rule_keys[] = {
    { KEY("name"), EXAMPLE("adverts"), VALUE(forward_rule, name, value_name),
      .otherwise = "rules[N]", .doc = "What logs and refusals call it." },
    { KEY("action"), EXAMPLE("deny"), VALUE(forward_rule, allows, value_flag),
      .words = action_words, .required = true,
      .doc = "Whether what meets the rule may go on: allow or deny (403, which names the rule)." },
    { KEY("hosts"), EXAMPLE("[example.com]"), OBJECT(forward_rule, hosts, hosts),
      .take = take_hosts, .otherwise = "all",
      .doc = "The hosts that are asked for, each with all below it." },
    { KEY("ports"), EXAMPLE("[443, 8000-8999]"), PORTS(forward_rule, ports), .otherwise = "all",
      .doc = "The ports that are asked for." },
    { KEY("clients"), EXAMPLE("[10.1.0.0/16]"), NETWORKS(forward_rule, clients), .otherwise = "all",
      .doc = "Who asks, by network." },
    { KEY("users"), EXAMPLE("[anna, bob]"), STRINGS(forward_rule, users, value_text),
      .otherwise = "all", .doc = "Who asks, by the name given to basic_auth." },
    { KEY("source"), EXAMPLE("192.0.2.10"), LIST(value_source), .take = take_source,
      .otherwise = "the proxy's",
      .doc = "The address of this machine that connections come from, or one of IPv4 and one of "
             "IPv6." },
};
static const struct schema_object rule = {
    OBJECT_OF("rule", forward_rule, rule_keys),
    .begin = begin_forward_rule,
};

/* ---- The proxy ------------------------------------------------------------------------------ */

static const struct word client_headers_words[] = {
    { "remove", CLIENT_HEADERS_REMOVE },
    { "keep", CLIENT_HEADERS_KEEP },
    { "add", CLIENT_HEADERS_ADD },
    { NULL, 0 },
};

static const struct schema_key forward_keys[] = {
    { KEY("timeouts"), EXAMPLE("{ tunnel_idle: 10m }"),
      OBJECT(forward_input, site.handling.timeouts, schema_timeouts_site),
      .otherwise = "those of 'defaults'", .doc = "Timeouts of this proxy." },
    { KEY("connection_limit"), EXAMPLE("{ concurrent: 100 }"),
      OBJECT(forward_input, site.connection_limit, schema_connection_limit),
      .take = take_connection_limit, .otherwise = "none",
      .doc = "How many connections a client may open." },
    { KEY("rules"), EXAMPLE("[{ action: deny, hosts: { file: adverts.txt } }]"),
      LIST_OF(forward_input, forward.rules, rule), .otherwise = "none",
      .doc = "Who may ask for what; the first that matches decides." },
    { KEY("otherwise"), EXAMPLE("deny"), VALUE(forward_input, forward.otherwise_allows, value_flag),
      .words = action_words, DEFAULT(true), .doc = "What happens to requests that meet no rule." },
    { KEY("ports"), EXAMPLE("[80, 443]"), PORTS(forward_input, forward.ports),
      .otherwise = "80, 443 and 1024-65535",
      .doc = "The ports that may be asked for at all; others get 403, whatever rules say." },
    { KEY("allow_private"), EXAMPLE("[10.1.0.0/16]"),
      NETWORKS(forward_input, forward.private_allows), .otherwise = "none",
      .doc = "Destinations that are not public and may be asked for all the same. Loopback, "
             "private, link-local and other special addresses are refused otherwise, however they "
             "are written, and also if a name resolves to them." },
    { KEY("source"), EXAMPLE("192.0.2.10"), LIST(value_source), .take = take_forward_source,
      .otherwise = "the system's choice",
      .doc = "The address of this machine that connections come from, or one of IPv4 and one of "
             "IPv6." },
    { KEY("client_headers"), VALUE(forward_input, forward.client_headers, value_word),
      .words = client_headers_words, DEFAULT(CLIENT_HEADERS_REMOVE),
      .doc = "Fields that tell servers of the client (X-Forwarded-*, Forwarded, Via, X-Request-Id, "
             "X-Real-IP and the like). remove: none is sent; keep: what the client sends is passed "
             "on; add: X-Forwarded-* and X-Request-Id are added, as towards servers of our own." },
    { KEY("via_name"), EXAMPLE("proxy-1"), VALUE(forward_input, forward.via_name, value_token),
      .otherwise = "sluice",
      .doc = "What the field Via calls this proxy ('via: true'), and by what it knows requests "
             "that come back to it (508). Two proxies in a row need two names." },
    { KEY("fallback"), EXAMPLE("500ms"), VALUE(forward_input, forward.fallback_ms, value_duration),
      DEFAULT(FORWARD_FALLBACK_MS), BOUNDS(10, 60000),
      .doc = "Of a name with several addresses, one that is not connected after this time is left "
             "for the next; the last has the time of timeouts.connect." },
    { KEY("pac"), EXAMPLE("auto"), VALUE(forward_input, pac, value_file), .otherwise = "none",
      .doc = "A file for browsers that configures them (proxy auto-configuration), served as "
             "/proxy.pac and /wpad.dat to whom 'allow' lets in, without a password; auto: one that "
             "names this proxy, as the client reached it, for all but plain names." },
};
const struct schema_object schema_forward = {
    OBJECT_OF("forward", forward_input, forward_keys),
    .shared = &schema_handling,
    .shared_less = HANDLING_KEYS_OWN,
    .shared_offset = offsetof(struct forward_input, site.handling),
    .begin = begin_forward,
};
