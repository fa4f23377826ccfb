/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of how a backend spreads its requests. */
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Policy and key ------------------------------------------------------------------------- */

static const struct word policy_words[] = {
    { "round_robin", 0 },  { "random", 0 },     { "least_requests", 0 },
    { "power_of_two", 0 }, { "peak_ewma", 0 },  { "maglev", 0 },
    { "ring_hash", 0 },    { "rendezvous", 0 }, { NULL, 0 },
};

static const struct schema_key balance_keys[] = {
    { KEY("policy"), VALUE(balance_config, policy, value_word_text), .words = policy_words,
      .otherwise = "round_robin",
      .doc = "round_robin: in turn, by weight; random: by chance, by weight; least_requests: the "
             "server with the least requests in flight for its weight; power_of_two: the better of "
             "two random ones; peak_ewma: of two random ones that which is expected to answer "
             "first, for servers of unequal speed. By key, the same server for the same key: "
             "maglev: even, with little movement when servers come and go; ring_hash: moves no "
             "other key, and passes over servers above their share; rendezvous: exact, for few "
             "servers." },
    { KEY("key"), EXAMPLE("cookie:session"), VALUE_WHOLE(value_balance_key),
      .otherwise = "client_ip, for policies by key",
      .doc = "What maglev, ring_hash and rendezvous go by: client_ip, path (without the query), "
             "sni, header:NAME, cookie:NAME or query:NAME. Requests without it go to random "
             "servers." },
    { KEY("ipv4_prefix"), VALUE(balance_config, ipv4_bits, value_number), DEFAULT(32),
      BOUNDS(1, 32),
      .doc = "With key client_ip: IPv4 clients equal in so many bits go to the same server." },
    { KEY("ipv6_prefix"), VALUE(balance_config, ipv6_bits, value_number), DEFAULT(128),
      BOUNDS(1, 128), .doc = "The same for IPv6." },
    { KEY("bound"), VALUE(balance_config, bound_ppm, value_percent),
      DEFAULT((uint32_t)(BALANCE_BOUND * 10000)), BOUNDS(1000000, 100000000),
      .doc = "With ring_hash: a server that has so much of its fair share of all requests in "
             "flight is passed over." },
    { KEY("decay"), VALUE(balance_config, decay_ms, value_duration), DEFAULT(LATENCY_DECAY_MS),
      BOUNDS(1, 3600000), .doc = "With peak_ewma: how fast a slow answer is forgotten." },
    { KEY("zone"), EXAMPLE("eu-1"), VALUE(balance_config, zone, value_name), .otherwise = "none",
      .doc = "Where sluice is: servers of this zone come first within their priority." },
    { KEY("spill"), VALUE(balance_config, spill_ppm, value_percent), DEFAULT(SPILL_PERCENT * 10000),
      BOUNDS(1000000, 10000000),
      .doc = "How much more than its share the healthy part of a priority or zone can take, before "
             "the next gets the rest." },
};
const struct schema_object schema_balance = {
    OBJECT_OF("balance", balance_config, balance_keys),
    .shorthand = "policy",
    .end = end_balance,
};
