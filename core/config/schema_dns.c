/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h>

#include "core/base/host_name.h"
#include "core/config/dns.h"
#include "core/config/schema_macros.h"

static void read_dns_server(struct loader *l, const struct schema_key *k, const struct node *n,
                            void *out)
{
    (void)k;
    struct addr *a = out;
    const char *why;
    if (dns_server_parse(n->text, a))
        return;
    if (!addr_parse(n->text, false, a, &why) || a->sa.sa_family == AF_UNIX ||
        peer_addr_of(a).port == 0)
        report_error(l->report, n->place,
                     "'%s' is no name server's address (write 10.0.0.53, 127.0.0.1:5353, ::1 or "
                     "\"[::1]:5353\")",
                     quote(n->text).text);
}

const struct value_type value_dns_server = {
    .name = "address",
    .form = "an IP address, with or without port",
    .json = "\"type\":\"string\",\"pattern\":\"[.:]\"",
    .bytes = sizeof(struct addr),
    .read = read_dns_server,
    .example = "10.0.0.53",
};

static void read_domain(struct loader *l, const struct schema_key *k, const struct node *n,
                        void *out)
{
    (void)k;
    struct host_name name;
    const char *why;
    if (host_name_parse(n->text, &name, &why))
        *(struct str *)out = load_str(l, (struct str){ name.text, name.len });
    else
        report_error(l->report, n->place, "'%s' is no domain: %s", quote(n->text).text, why);
}

static const struct value_type value_domain = {
    .name = "domain",
    .form = "a domain like example.com",
    .json = "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.-]{1,254}$\"",
    .bytes = sizeof(struct str),
    .read = read_domain,
    .example = "example.com",
};

static const struct word family_words[] = {
    { "auto", DNS_AUTO }, { "both", DNS_BOTH }, { "ipv4", DNS_IPV4 },
    { "ipv6", DNS_IPV6 }, { NULL, 0 },
};

static const struct schema_key dns_keys[] = {
    { KEY("servers"), EXAMPLE("[10.0.0.53, \"[fd00::53]:5353\"]"),
      LIST_IN(dns_config, servers, value_dns_server), .otherwise = "those of /etc/resolv.conf",
      .doc = "The name servers, in the order in which they are asked; port 53 if none is said." },
    { KEY("search"), EXAMPLE("[svc.cluster.local]"), STRINGS(dns_config, search, value_domain),
      .otherwise = "those of /etc/resolv.conf",
      .doc = "Domains that are put behind names of few dots. A name that ends with a dot is asked "
             "for as it is." },
    { KEY("timeout"), EXAMPLE("1s"), VALUE(dns_config, timeout_ms, value_duration),
      BOUNDS(10, 60000), .otherwise = "what /etc/resolv.conf says, or 2s",
      .doc = "How long a name server may take to answer; in each further round twice that." },
    { KEY("attempts"), EXAMPLE("2"), VALUE(dns_config, attempts, value_number), BOUNDS(1, 10),
      .otherwise = "what /etc/resolv.conf says, or 3",
      .doc = "How often all name servers are asked before a name counts as not to be resolved." },
    { KEY("family"), VALUE(dns_config, family, value_word), .words = family_words,
      DEFAULT(DNS_AUTO),
      .doc = "Which addresses of a name become servers. auto: its IPv4 addresses, or its IPv6 "
             "addresses if it has no others; both: all; ipv4, ipv6: those, and no others are "
             "asked for." },
    { KEY("ttl_min"), VALUE(dns_config, ttl_min_ms, value_duration), DEFAULT(DNS_TTL_MIN_MS),
      BOUNDS(100, 86400000), .doc = "An answer is not asked for again sooner, whatever its TTL." },
    { KEY("ttl_max"), VALUE(dns_config, ttl_max_ms, value_duration), DEFAULT(DNS_TTL_MAX_MS),
      BOUNDS(100, 86400000), .doc = "An answer is asked for again so soon, however long its TTL." },
    { KEY("retry"), VALUE(dns_config, retry_ms, value_duration), DEFAULT(DNS_RETRY_MS),
      BOUNDS(100, 86400000),
      .doc = "When a name that did not resolve is asked for again. The servers that it had stay." },
};
const struct schema_object schema_dns = { OBJECT_OF("dns", dns_config, dns_keys) };
