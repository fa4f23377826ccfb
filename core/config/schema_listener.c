/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of listeners and of TLS with clients. */
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Certificates --------------------------------------------------------------------------- */

static const struct schema_key certificate_keys[] = {
    { KEY("cert"), EXAMPLE("/etc/sluice/site.pem"), VALUE(certificate_input, cert, value_file),
      .otherwise = "see 'directory'",
      .doc = "A file with the certificate, followed by those of the chain to its CA (PEM)." },
    { KEY("key"), EXAMPLE("/etc/sluice/site.key"), VALUE(certificate_input, key, value_file),
      .otherwise = "in the same file", .doc = "The file with its private key (PEM)." },
    { KEY("passphrase_file"), EXAMPLE("/etc/sluice/client.pass"),
      VALUE(certificate_input, passphrase, value_file), .otherwise = "none",
      .doc = "A file whose first line opens the key, if that is encrypted." },
    { KEY("ocsp"), EXAMPLE("/etc/sluice/site.ocsp"), VALUE(certificate_input, ocsp, value_file),
      .otherwise = "none",
      .doc = "A file with the CA's OCSP response (DER) that says the certificate is good; clients "
             "who ask get it (stapling). Another program keeps it fresh; a new one is picked up." },
    { KEY("directory"), EXAMPLE("/etc/sluice/certificates"),
      VALUE(certificate_input, directory, value_file), .otherwise = "see 'cert'",
      .doc = "A directory of certificates: NAME.pem or NAME.crt, with the key in NAME.key or in "
             "the same file, and perhaps NAME.ocsp; or NAME/fullchain.pem with NAME/privkey.pem. "
             "The names they serve are those inside the certificates. What cannot be used is left "
             "out, with a warning." },
};
static const struct schema_object certificate = {
    OBJECT_OF("certificate", certificate_input, certificate_keys),
    .shorthand = "cert",
};

/* ---- Clients' certificates ------------------------------------------------------------------ */

static const struct word client_words[] = {
    { "off", CLIENT_CERTIFICATES_OFF },
    { "optional", CLIENT_CERTIFICATES_OPTIONAL },
    { "required", CLIENT_CERTIFICATES_REQUIRED },
    { NULL, 0 },
};

static const struct schema_key client_keys[] = {
    { KEY("mode"), EXAMPLE("required"), VALUE(client_rule_input, mode, value_word),
      .words = client_words, DEFAULT(CLIENT_CERTIFICATES_REQUIRED),
      .doc = "required: without a certificate that 'ca' has signed there is no connection; "
             "optional: without one there is; off: nobody is asked." },
    { KEY("names"), EXAMPLE("[admin.example.com]"),
      STRINGS(client_rule_input, names, value_server_pattern), .otherwise = "all other names",
      .doc = "The names (SNI) this is for, also \"*.example.com\". A connection made for another "
             "name gets 421 if it asks for one of these hosts." },
    { KEY("ca"), EXAMPLE("/etc/sluice/internal-ca.pem"), VALUE(client_rule_input, ca, value_file),
      .otherwise = "none; needed unless off",
      .doc = "A file with the certificates of who signs clients' certificates (PEM)." },
    { KEY("crl"), EXAMPLE("/etc/sluice/internal-ca.crl"), VALUE(client_rule_input, crl, value_file),
      .otherwise = "nothing is revoked",
      .doc = "A file with the revocation lists of those CAs (PEM). Once one has expired, nobody "
             "of that CA comes in." },
    { KEY("header"), EXAMPLE("Client-Cert"), VALUE(client_rule_input, header, value_header),
      .otherwise = "Client-Cert",
      .doc = "The request header in which servers get the certificate (RFC 9440). A client that "
             "sends one by itself loses it, on all listeners." },
};
static const struct schema_object client_rule = {
    OBJECT_OF("client_certificates", client_rule_input, client_keys),
    .shorthand = "mode",
};

/* ---- TLS ------------------------------------------------------------------------------------ */

static const struct word policy_words[] = { { "intermediate", false },
                                            { "modern", true },
                                            { NULL, 0 } };
static const struct word unknown_words[] = { { "default", false },
                                             { "refuse", true },
                                             { NULL, 0 } };
static const struct word on_words[] = {
    { "on", true }, { "off", false }, { "true", true }, { "false", false }, { NULL, 0 },
};
static const struct word alpn_words[] = { { "h2", 0 }, { "http/1.1", 0 }, { NULL, 0 } };

static const struct schema_key tls_keys[] = {
    { KEY("certificates"), EXAMPLE("[{ cert: site.pem, key: site.key }]"),
      LIST_OF(listener_tls_input, certificates, certificate), .required = true,
      .doc = "Certificates, chosen by the name that the client asks for (SNI): the exact one, then "
             "\"*\" in place of its first label, then the first certificate of this list. Of one "
             "name an ECDSA certificate goes before an RSA one if the client takes it." },
    { KEY("policy"), EXAMPLE("modern"), VALUE(listener_tls_input, modern, value_flag),
      .words = policy_words, DEFAULT(false),
      .doc = "Mozilla's. intermediate: TLS 1.3, and 1.2 with ECDHE and AEAD; modern: TLS 1.3." },
    { KEY("alpn"), EXAMPLE("[h2, http/1.1]"), LIST_IN(listener_tls_input, alpn, value_word_text),
      .words = alpn_words, .otherwise = "all that are spoken",
      .doc = "The protocols offered, the best first. A client that offers protocols of which none "
             "is here is refused with an alert; one that offers none speaks HTTP/1.1." },
    { KEY("unknown_name"), EXAMPLE("refuse"), VALUE(listener_tls_input, refuse_unknown, value_flag),
      .words = unknown_words, DEFAULT(false),
      .doc = "What a client gets that asks for a name of no certificate, or for none. default: the "
             "first certificate; refuse: the alert unrecognized_name." },
    { KEY("tickets"), EXAMPLE("false"), VALUE(listener_tls_input, tickets, value_bool),
      DEFAULT(true),
      .doc = "Clients may resume sessions, without any being stored here. Their keys change every "
             "six hours." },
    { KEY("ticket_keys"), EXAMPLE("[/etc/sluice/tickets.new, /etc/sluice/tickets.old]"),
      LIST_IN(listener_tls_input, ticket_keys, value_file),
      .otherwise = "made at the start, known to this process only",
      .doc = "A file with at least 32 random bytes (openssl rand -out FILE 48), the same on all "
             "machines of a fleet: then a session begun on one is resumed on any. Of several files "
             "the first makes tickets, all open them: put a new one in front, drop the last." },
    { KEY("client_certificates"), EXAMPLE("{ mode: required, ca: /etc/sluice/internal-ca.pem }"),
      LIST_OF(listener_tls_input, clients, client_rule), .alone = true, .otherwise = "off",
      .doc = "Clients show who they are, by name of the site or for all. Such sessions are not "
             "resumed." },
    { KEY("ready"), EXAMPLE("5000"), VALUE(listener_tls_input, ready_max, value_number),
      DEFAULT(TLS_READY_MAX), BOUNDS(1, 1000000),
      .doc = "How many certificates a worker keeps ready for use, some 4 KiB each; others are made "
             "ready when somebody asks for them, in the place of the least used." },
};
static const struct schema_object tls = {
    OBJECT_OF("tls", listener_tls_input, tls_keys),
    .off = true,
};

/* ---- Listeners ------------------------------------------------------------------------------ */

static const struct schema_key listener_keys[] = {
    { KEY("bind"), EXAMPLE("\":80\""), LIST(value_bind), .required = true, .take = take_bind,
      .doc = "The address to listen on, or a list of them: \":80\" (all addresses, IPv4 and IPv6), "
             "\"127.0.0.1:8080\", \"[::1]:8080\", \"unix:/path\", \"unix:@name\" (abstract)." },
    { KEY("site"), VALUE(listener_config, site, value_site), .otherwise = "see 'tcp', 'forward'",
      .doc = "The site that answers here: HTTP." },
    { KEY("tcp"), VALUE(listener_config, tcp, value_backend), .otherwise = "see 'site'",
      .doc = "The backend that connections are passed on to as they are, whatever they speak "
             "(layer 4): databases, mail, anything on TCP." },
    { KEY("forward"), EXAMPLE("{ rules: [{ action: deny, hosts: { file: adverts.txt } }] }"),
      OBJECT(listener_config, forward, schema_forward), .take = take_forward,
      .otherwise = "see 'site'",
      .doc = "A forward proxy: clients (browsers, curl -x) ask it for other people's servers, by "
             "CONNECT or with whole URLs. 'forward: {}' serves whoever reaches it." },
    { KEY("proxy_protocol"), EXAMPLE("[10.0.0.0/8]"), NETWORKS(listener_config, proxy_protocol),
      .otherwise = "nobody",
      .doc = "The balancers in front that begin each connection with the PROXY protocol's header "
             "(v1 or v2), which says who the client is. They have to; nobody else is believed." },
    { KEY("sni"), EXAMPLE("{ api.example.com: api, \"*.example.com\": app }"),
      PAIRS_IN(listener_config, sni, value_sni, sni_route, backend, value_backend),
      .otherwise = "all go to 'tcp'",
      .doc =
          "TLS that is passed on without being opened: by the name that clients ask for, the "
          "exact one before *.example.com (one label). What asks for another name, or is no TLS, "
          "goes to 'tcp'." },
    { KEY("log"), EXAMPLE("access"), VALUE(listener_config, log, value_log), .otherwise = "off",
      .doc = "The log of connections that are passed on ('tcp'): one line when a tunnel opens, one "
             "when it closes. Requests are logged as their site says." },
    { KEY("http2"), EXAMPLE("off"), VALUE(listener_config, http2, value_flag), .words = on_words,
      DEFAULT(true),
      .doc = "Clients may speak HTTP/2: over TLS if they ask for it (ALPN), in clear if they begin "
             "with its preface (prior knowledge)." },
    { KEY("h2c_upgrade"), EXAMPLE("on"), VALUE(listener_config, h2c_upgrade, value_flag),
      .words = on_words, DEFAULT(false),
      .doc = "Clients in clear may also go over to HTTP/2 with Upgrade: h2c (RFC 7540 3.2, which "
             "RFC 9113 has given up), on a request without a body." },
    { KEY("acme"), EXAMPLE("app"), VALUE(listener_config, acme, value_backend),
      .otherwise = "they are refused",
      .doc =
          "The backend that answers tls-alpn-01 challenges (RFC 8737): the ACME client that waits "
          "for them. Connections that offer acme-tls/1 and nothing else are passed on to it "
          "without being opened. Challenges by http-01 need a route only." },
    { KEY("tls"), EXAMPLE("{ certificates: [{ cert: site.pem, key: site.key }] }"),
      OBJECT(listener_config, tls, tls), .take = take_listener_tls, .otherwise = "off",
      .doc = "TLS with clients. Changed files are picked up by themselves, and with a reload." },
    { KEY("https_redirect"), EXAMPLE("true"), VALUE(listener_config, https_port, value_https_port),
      DEFAULT(0),
      .doc = "Requests are sent to https, with 308 and the same host, path and query: true, or the "
             "port that is to be named there. Not those below /.well-known/acme-challenge/, which "
             "go on to the site." },
};
const struct schema_object schema_listener = {
    OBJECT_OF("listener", listener_config, listener_keys),
    .end = end_listener,
};
