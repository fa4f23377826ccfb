# shellcheck shell=bash
# Made by `./build.sh manual` from sluice's own tables: do not edit.
_sluice_topics='proxy run check reload route help schema reference version keys ok bad_request_line bad_method bad_target bad_version version_unsupported bad_field_name bad_field_value bad_line_end obs_fold bad_host bad_content_length length_with_coding bad_transfer_coding unknown_coding bad_connection bad_expect bad_max_forwards head_too_large too_many_fields target_too_long method_not_allowed not_implemented access_denied rate_limited connection_limited auth_required auth_failed auth_denied no_route bad_chunk bad_trailer body_too_large client_head_timeout client_body_timeout client_gone client_reset client_write_timeout client_cut_head client_cut_body tls_plain_http tls_handshake tls_timeout overloaded head_no_room regex_limit bad_rewrite maintenance auth_busy shutdown replied no_server connect_refused connect_timeout connect_failed server_tls_name server_tls_expired server_tls_untrusted server_tls_refused server_tls_handshake server_tls_timeout server_stale server_reset server_write_timeout server_first_byte_timeout server_stall auth_server auth_timeout bad_status_line response_head_bad response_head_too_large response_content_length response_coding response_interim response_chunk response_trailer response_cut_head response_cut_body'
_sluice_keys='add address admin admin.socket allow attempts backend backends backends.NAME.balance backends.NAME.balance.bound backends.NAME.balance.decay backends.NAME.balance.ipv4_prefix backends.NAME.balance.ipv6_prefix backends.NAME.balance.key backends.NAME.balance.policy backends.NAME.pool backends.NAME.pool.idle backends.NAME.pool.uses backends.NAME.retries backends.NAME.retries.attempts backends.NAME.retries.backoff_max backends.NAME.retries.backoff_min backends.NAME.servers backends.NAME.servers.address backends.NAME.servers.name backends.NAME.servers.sni backends.NAME.servers.weight backends.NAME.timeouts backends.NAME.timeouts.connect backends.NAME.timeouts.first_byte backends.NAME.timeouts.queue backends.NAME.timeouts.stall backends.NAME.timeouts.tunnel_idle backends.NAME.timeouts.upstream_idle backends.NAME.tls backends.NAME.tls.ca backends.NAME.tls.cert backends.NAME.tls.enabled backends.NAME.tls.key backends.NAME.tls.min_version backends.NAME.tls.passphrase backends.NAME.tls.sni backends.NAME.tls.verify backoff_max backoff_min balance basic_auth bind body bound buffers burst ca cert client client_body client_head client_idle client_linger client_write clients concurrent connect connection_limit decay defaults defaults.allow defaults.allow.file defaults.allow.networks defaults.basic_auth defaults.basic_auth.realm defaults.basic_auth.users defaults.buffers defaults.buffers.request defaults.buffers.response defaults.deny defaults.deny.file defaults.deny.networks defaults.error_pages defaults.external_auth defaults.external_auth.forward defaults.external_auth.path defaults.external_auth.response defaults.external_auth.timeout defaults.external_auth.to defaults.forwarded defaults.hide defaults.host_header defaults.limits defaults.limits.fields defaults.limits.head defaults.limits.target defaults.log defaults.max_body defaults.methods defaults.rate_limit defaults.rate_limit.burst defaults.rate_limit.exempt defaults.rate_limit.exempt.file defaults.rate_limit.exempt.networks defaults.rate_limit.ipv4_prefix defaults.rate_limit.ipv6_prefix defaults.rate_limit.rate defaults.request_headers defaults.request_headers.add defaults.request_headers.remove defaults.request_headers.set defaults.response_headers defaults.response_headers.add defaults.response_headers.remove defaults.response_headers.set defaults.rewrite_cookies defaults.rewrite_cookies.domain defaults.rewrite_cookies.path defaults.rewrite_location defaults.rewrite_location.own defaults.rewrite_location.replace defaults.timeouts defaults.timeouts.client_body defaults.timeouts.client_head defaults.timeouts.client_idle defaults.timeouts.client_linger defaults.timeouts.client_write defaults.timeouts.connect defaults.timeouts.drain defaults.timeouts.first_byte defaults.timeouts.queue defaults.timeouts.stall defaults.timeouts.tunnel_idle defaults.timeouts.upstream_idle defaults.underscores defaults.via deny domain drain enabled error_pages except exempt external_auth fields file first_byte format forward forwarded head header headers hide host host_header idle include ipv4_prefix ipv6_prefix key lame_duck limits listeners listeners.NAME.bind listeners.NAME.site log logs logs.NAME.format logs.NAME.redact logs.NAME.request_headers logs.NAME.response_headers logs.NAME.sample logs.NAME.to maintenance match max_body method methods min_version name networks own page passphrase path path_form policy pool query queue rate rate_limit realm redact redirect remove replace request request_headers request_id request_id.header request_id.trust respond response response_headers retries retry_after rewrite rewrite_cookies rewrite_location routes sample servers set site sites sites.NAME.allow sites.NAME.allow.file sites.NAME.allow.networks sites.NAME.basic_auth sites.NAME.basic_auth.realm sites.NAME.basic_auth.users sites.NAME.buffers sites.NAME.buffers.request sites.NAME.buffers.response sites.NAME.connection_limit sites.NAME.connection_limit.burst sites.NAME.connection_limit.concurrent sites.NAME.connection_limit.exempt sites.NAME.connection_limit.exempt.file sites.NAME.connection_limit.exempt.networks sites.NAME.connection_limit.ipv4_prefix sites.NAME.connection_limit.ipv6_prefix sites.NAME.connection_limit.rate sites.NAME.deny sites.NAME.deny.file sites.NAME.deny.networks sites.NAME.error_pages sites.NAME.external_auth sites.NAME.external_auth.forward sites.NAME.external_auth.path sites.NAME.external_auth.response sites.NAME.external_auth.timeout sites.NAME.external_auth.to sites.NAME.forwarded sites.NAME.hide sites.NAME.host_header sites.NAME.limits sites.NAME.limits.fields sites.NAME.limits.head sites.NAME.limits.target sites.NAME.log sites.NAME.maintenance sites.NAME.maintenance.enabled sites.NAME.maintenance.except sites.NAME.maintenance.except.file sites.NAME.maintenance.except.networks sites.NAME.maintenance.page sites.NAME.maintenance.retry_after sites.NAME.max_body sites.NAME.methods sites.NAME.rate_limit sites.NAME.rate_limit.burst sites.NAME.rate_limit.exempt sites.NAME.rate_limit.exempt.file sites.NAME.rate_limit.exempt.networks sites.NAME.rate_limit.ipv4_prefix sites.NAME.rate_limit.ipv6_prefix sites.NAME.rate_limit.rate sites.NAME.request_headers sites.NAME.request_headers.add sites.NAME.request_headers.remove sites.NAME.request_headers.set sites.NAME.response_headers sites.NAME.response_headers.add sites.NAME.response_headers.remove sites.NAME.response_headers.set sites.NAME.rewrite_cookies sites.NAME.rewrite_cookies.domain sites.NAME.rewrite_cookies.path sites.NAME.rewrite_location sites.NAME.rewrite_location.own sites.NAME.rewrite_location.replace sites.NAME.routes sites.NAME.routes.allow sites.NAME.routes.allow.file sites.NAME.routes.allow.networks sites.NAME.routes.basic_auth sites.NAME.routes.basic_auth.realm sites.NAME.routes.basic_auth.users sites.NAME.routes.buffers sites.NAME.routes.buffers.request sites.NAME.routes.buffers.response sites.NAME.routes.deny sites.NAME.routes.deny.file sites.NAME.routes.deny.networks sites.NAME.routes.error_pages sites.NAME.routes.external_auth sites.NAME.routes.external_auth.forward sites.NAME.routes.external_auth.path sites.NAME.routes.external_auth.response sites.NAME.routes.external_auth.timeout sites.NAME.routes.external_auth.to sites.NAME.routes.forwarded sites.NAME.routes.hide sites.NAME.routes.host_header sites.NAME.routes.log sites.NAME.routes.match sites.NAME.routes.match.client sites.NAME.routes.match.client.file sites.NAME.routes.match.client.networks sites.NAME.routes.match.headers sites.NAME.routes.match.host sites.NAME.routes.match.method sites.NAME.routes.match.path sites.NAME.routes.match.query sites.NAME.routes.max_body sites.NAME.routes.methods sites.NAME.routes.name sites.NAME.routes.path_form sites.NAME.routes.rate_limit sites.NAME.routes.rate_limit.burst sites.NAME.routes.rate_limit.exempt sites.NAME.routes.rate_limit.exempt.file sites.NAME.routes.rate_limit.exempt.networks sites.NAME.routes.rate_limit.ipv4_prefix sites.NAME.routes.rate_limit.ipv6_prefix sites.NAME.routes.rate_limit.rate sites.NAME.routes.redirect sites.NAME.routes.redirect.status sites.NAME.routes.redirect.to sites.NAME.routes.request_headers sites.NAME.routes.request_headers.add sites.NAME.routes.request_headers.remove sites.NAME.routes.request_headers.set sites.NAME.routes.respond sites.NAME.routes.respond.body sites.NAME.routes.respond.headers sites.NAME.routes.respond.status sites.NAME.routes.response_headers sites.NAME.routes.response_headers.add sites.NAME.routes.response_headers.remove sites.NAME.routes.response_headers.set sites.NAME.routes.rewrite sites.NAME.routes.rewrite_cookies sites.NAME.routes.rewrite_cookies.domain sites.NAME.routes.rewrite_cookies.path sites.NAME.routes.rewrite_location sites.NAME.routes.rewrite_location.own sites.NAME.routes.rewrite_location.replace sites.NAME.routes.strip_prefix sites.NAME.routes.timeouts sites.NAME.routes.timeouts.client_body sites.NAME.routes.timeouts.client_write sites.NAME.routes.timeouts.connect sites.NAME.routes.timeouts.first_byte sites.NAME.routes.timeouts.queue sites.NAME.routes.timeouts.stall sites.NAME.routes.timeouts.tunnel_idle sites.NAME.routes.to sites.NAME.routes.to.backend sites.NAME.routes.to.weight sites.NAME.routes.underscores sites.NAME.routes.via sites.NAME.timeouts sites.NAME.timeouts.client_body sites.NAME.timeouts.client_head sites.NAME.timeouts.client_idle sites.NAME.timeouts.client_linger sites.NAME.timeouts.client_write sites.NAME.timeouts.connect sites.NAME.timeouts.first_byte sites.NAME.timeouts.queue sites.NAME.timeouts.stall sites.NAME.timeouts.tunnel_idle sites.NAME.underscores sites.NAME.via sni socket stall status strip_prefix target timeout timeouts tls to trust trusted_proxies trusted_proxies.file trusted_proxies.networks tunnel_idle underscores upstream_idle user users uses verify via weight worker_limits worker_limits.buffers worker_limits.clients workers'

# Offers those of the words that begin with what was typed.
_sluice_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
    case ${COMPREPLY[0]-} in *[=:]) compopt -o nospace 2>/dev/null ;; esac
}

_sluice_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_sluice() {
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        _sluice_words 'proxy run check reload route help schema reference version --help --version'
        return
    fi
    # --name=value comes in three words.
    if [ "$cur" = = ]; then
        cur=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case ${COMP_WORDS[1]}:$before in
    proxy:--from) : ;;
    proxy:--to) : ;;
    proxy:--balance) _sluice_words 'round_robin random least_requests power_of_two peak_ewma maglev:client_ip maglev:path maglev:header: maglev:cookie: ring_hash:header: rendezvous:header:' ;;
    proxy:--log) _sluice_files ;;
    proxy:--tls) _sluice_files ;;
    proxy:--to-ca) _sluice_files ;;
    proxy:--to-sni) : ;;
    proxy:--to-cert) _sluice_files ;;
    proxy:--workers) _sluice_words 'auto' ;;
    proxy:--timeout) _sluice_words 'client_body= client_head= client_idle= client_linger= client_write= connect= drain= first_byte= queue= stall= tunnel_idle= upstream_idle=' ;;
    run:-c | run:--config) _sluice_files ;;
    check:-c | check:--config) _sluice_files ;;
    check:--format) _sluice_words 'text json' ;;
    reload:-c | reload:--config) _sluice_files ;;
    reload:--socket) _sluice_files ;;
    reload:--format) _sluice_words 'text json' ;;
    route:-c | route:--config) _sluice_files ;;
    route:--from) : ;;
    route:-H | route:--header) : ;;
    *)
        case ${COMP_WORDS[1]}:$cur in
        proxy:-*) _sluice_words '--from --to --balance --log --tls --to-ca --to-sni --to-cert --to-insecure --workers --timeout --via --forwarded --help' ;;
        run:-*) _sluice_words '-c --config --help' ;;
        check:-*) _sluice_words '-c --config --format --help' ;;
        reload:-*) _sluice_words '-c --config --socket --format --help' ;;
        route:-*) _sluice_words '-c --config --from -H --header --help' ;;
        help:-*) _sluice_words '--help' ;;
        schema:-*) _sluice_words '--help' ;;
        reference:-*) _sluice_words '--help' ;;
        version:-*) _sluice_words '--help' ;;
        route:*) _sluice_words 'GET HEAD POST PUT PATCH DELETE OPTIONS' ;;
        help:*) _sluice_words "$_sluice_topics $_sluice_keys" ;;
        esac
        ;;
    esac
}

complete -F _sluice sluice
