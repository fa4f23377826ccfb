# SPDX-License-Identifier: GPL-3.0-or-later
# The tests, from simple to complex: tidy, unit, fuzz corpora, simulation, wire.

set(TEST_ENVIRONMENT
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0
    UBSAN_OPTIONS=print_stacktrace=1
    TSAN_OPTIONS=halt_on_error=1
)

# sluice_add_test(NAME SECONDS COMMAND...)
function(sluice_add_test name seconds)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${seconds} ENVIRONMENT "${TEST_ENVIRONMENT}"
                         SKIP_RETURN_CODE 77) # a tool is missing
endfunction()

# ---- Fuzz targets: with SLUICE_FUZZ real ones, else a replay of their corpus as a test ----------

# sluice_fuzz(tests/fuzz/fuzz_NAME.c [SOURCES file...] [LINK library...]): its corpus is tests/corpus/NAME/
function(sluice_fuzz file)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    cmake_path(GET file STEM name)
    string(REPLACE fuzz_ "" name ${name})
    if(SLUICE_FUZZ)
        sluice_program(fuzz_${name} SOURCES ${file} ${arg_SOURCES} LINK ${arg_LINK})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        sluice_program(replay_${name} SOURCES ${file} ${arg_SOURCES} tests/fuzz/replay_main.c LINK ${arg_LINK})
        sluice_add_test(fuzz/${name} 60 replay_${name} tests/corpus/${name})
    endif()
endfunction()

sluice_fuzz(tests/fuzz/fuzz_request_head.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_h2_head.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_h2_frames.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_response_head.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_h2_response.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_target.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_chunked.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_cache_rules.c LINK sluice_cache)
sluice_fuzz(tests/fuzz/fuzz_coder.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_proxy_protocol.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_servers_file.c LINK sluice_config)
sluice_fuzz(tests/fuzz/fuzz_api_body.c LINK sluice_config PkgConfig::JANSSON SOURCES core/servers/change_json.c core/servers/merge.c)
sluice_fuzz(tests/fuzz/fuzz_forward.c LINK sluice_http)
sluice_fuzz(tests/fuzz/fuzz_dns.c LINK sluice_base SOURCES core/proxy/dns_message.c)
sluice_fuzz(tests/fuzz/fuzz_config.c LINK sluice_config)
sluice_fuzz(tests/fuzz/fuzz_files.c LINK sluice_config)
sluice_fuzz(tests/fuzz/fuzz_rules.c LINK sluice_proxy sluice_ring sluice_random)
sluice_fuzz(tests/fuzz/fuzz_keeper.c LINK sluice_config sluice_ring SOURCES core/keeper_holds.c core/keeper_socket.c
            core/listen.c)
sluice_fuzz(tests/fuzz/fuzz_client_hello.c LINK sluice_tls sluice_random)
sluice_fuzz(tests/fuzz/fuzz_sticky.c LINK sluice_proxy sluice_ring sluice_random)
sluice_fuzz(tests/fuzz/fuzz_load_response.c LINK sluice_bench_http)
sluice_fuzz(tests/fuzz/fuzz_websocket.c LINK sluice_bench_http)
if(SLUICE_FUZZ)
    return()
endif()

# ---- Tidy: the rules of the tree ----------------------------------------------------------------

if(NOT SLUICE_SANITIZE)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    sluice_add_test(tidy/tree 60 ${Python3_EXECUTABLE} tests/tidy/tidy.py)
    sluice_add_test(tidy/finds_planted 60 ${Python3_EXECUTABLE} tests/tidy/tidy.py --self-check)
endif()

# An allocator that is left out of the program is not missed by any other test.
if(SLUICE_JEMALLOC)
    sluice_add_test(build/jemalloc 10 ${CMAKE_READELF} -d $<TARGET_FILE:sluice>)
    set_property(TEST build/jemalloc PROPERTY PASS_REGULAR_EXPRESSION "NEEDED.*jemalloc")
endif()

# ---- Unit ---------------------------------------------------------------------------------------

find_path(CMOCKA_INCLUDE_DIR cmocka.h REQUIRED)
find_library(CMOCKA_LIBRARY cmocka REQUIRED)
add_library(cmocka INTERFACE)
target_include_directories(cmocka SYSTEM INTERFACE ${CMOCKA_INCLUDE_DIR})
target_link_libraries(cmocka INTERFACE ${CMOCKA_LIBRARY})

# sluice_unit_test(tests/unit/AREA/NAME.c [SOURCES file...] [LINK library...])
function(sluice_unit_test file)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    cmake_path(REMOVE_EXTENSION file OUTPUT_VARIABLE name)
    string(REGEX REPLACE "^tests/|test_" "" name ${name})
    string(REPLACE / _ target ${name})
    sluice_program(${target} SOURCES ${file} ${arg_SOURCES} LINK ${arg_LINK} cmocka)
    sluice_add_test(${name} 120 ${target})
endfunction()

sluice_unit_test(tests/unit/base/test_base.c LINK sluice_base)
sluice_unit_test(tests/unit/base/test_memory.c LINK sluice_base)
sluice_unit_test(tests/unit/base/test_out.c LINK sluice_base)
sluice_unit_test(tests/unit/base/test_addr.c LINK sluice_base)
sluice_unit_test(tests/unit/base/test_record.c LINK sluice_base)
sluice_unit_test(tests/unit/base/test_suffix_set.c LINK sluice_base)
sluice_unit_test(tests/unit/base/test_public_address.c LINK sluice_base)
sluice_program(bench_suffix_set LINK sluice_base SOURCES
    tests/unit/base/bench_suffix_set.c
)

sluice_unit_test(tests/unit/base/test_siphash.c)
sluice_unit_test(tests/unit/proxy/test_limit.c LINK sluice_base Threads::Threads SOURCES core/proxy/limit.c)
sluice_unit_test(tests/unit/proxy/test_password.c LINK sluice_ring crypt SOURCES core/proxy/password.c)
sluice_unit_test(tests/unit/proxy/test_route_index.c LINK sluice_base SOURCES core/proxy/route_index.c)
sluice_unit_test(tests/unit/proxy/test_resolver.c LINK sluice_ring sluice_config PkgConfig::CARES SOURCES
                 core/proxy/resolver.c core/proxy/lookup.c core/proxy/dns_message.c tests/unit/proxy/name_server.c)

sluice_unit_test(tests/unit/servers/test_merge.c LINK sluice_config SOURCES core/servers/merge.c)
sluice_unit_test(tests/unit/config/test_servers_text.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_tree.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_values.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_values_http.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_files.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_forward.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_bundle.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_model.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_check.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_report.c LINK sluice_config)
sluice_unit_test(tests/unit/config/test_schema.c LINK sluice_config sluice_balance sluice_http)
if(TARGET sluice AND NOT SLUICE_SANITIZE)
    sluice_add_test(unit/config/json_schema 120 ${Python3_EXECUTABLE}
                    tests/unit/config/test_schema.py $<TARGET_FILE:sluice>)
endif()

sluice_unit_test(tests/unit/ring/test_timer.c LINK sluice_timer)
sluice_unit_test(tests/unit/ring/test_loop.c LINK sluice_ring)
sluice_unit_test(tests/unit/ring/test_ops.c LINK sluice_ring)
sluice_unit_test(tests/unit/ring/test_cancel.c LINK sluice_ring)
sluice_unit_test(tests/unit/ring/test_buffers.c LINK sluice_ring)
sluice_unit_test(tests/unit/ring/test_sock.c LINK sluice_ring)
sluice_unit_test(tests/unit/ring/test_mailbox.c LINK sluice_ring)
sluice_unit_test(tests/unit/ring/test_splice.c LINK sluice_ring)

sluice_unit_test(tests/unit/tls/test_plain.c LINK sluice_tls sluice_ring sluice_random)
sluice_unit_test(tests/unit/tls/test_random.c LINK sluice_random)
sluice_unit_test(tests/unit/tls/test_wolfssl.c LINK sluice_tls sluice_ring sluice_random)
sluice_unit_test(tests/unit/tls/test_client_hello.c LINK sluice_tls sluice_random)
sluice_unit_test(tests/unit/tls/test_certificate.c LINK sluice_tls sluice_ring sluice_random)
sluice_unit_test(tests/unit/tls/test_tickets.c LINK sluice_tls sluice_random)
sluice_unit_test(tests/unit/tls/test_hostile.c LINK sluice_tls sluice_ring sluice_random)
sluice_unit_test(tests/unit/tls/test_tls.c LINK sluice_tls sluice_ring sluice_random)

sluice_unit_test(tests/unit/http/test_field.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_h1_head.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_h1_damage.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_h1_chunked.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_framing.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_target.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_path.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_forward.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_date.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_freshness.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_grpc.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_priority.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_condition.c LINK sluice_http)
sluice_unit_test(tests/unit/http/test_coder.c LINK sluice_http)
sluice_unit_test(tests/unit/cache/test_cache.c LINK sluice_cache)
sluice_unit_test(tests/unit/cache/test_eviction.c LINK sluice_cache m)
sluice_program(bench_http LINK sluice_http SOURCES
    tests/unit/http/bench_http.c
)

sluice_unit_test(tests/unit/balance/test_round_robin.c LINK sluice_balance)
sluice_unit_test(tests/unit/balance/test_maglev.c LINK sluice_balance)
sluice_unit_test(tests/unit/balance/test_choices.c LINK sluice_balance)
sluice_unit_test(tests/unit/balance/test_hashing.c LINK sluice_balance)
sluice_unit_test(tests/unit/balance/test_backoff.c LINK sluice_balance)
sluice_unit_test(tests/unit/balance/test_breaker.c LINK sluice_balance)
sluice_unit_test(tests/unit/balance/test_cap.c LINK sluice_balance Threads::Threads)
sluice_unit_test(tests/unit/proxy/test_sticky.c LINK sluice_base SOURCES core/proxy/sticky.c)
sluice_unit_test(tests/unit/balance/test_health.c LINK sluice_balance)
sluice_program(bench_pick LINK sluice_balance SOURCES
    tests/unit/balance/bench_pick.c
)
if(NOT SLUICE_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    sluice_add_test(unit/balance/simulated 300 balance_sim --check)
    sluice_add_test(unit/balance/pick_cost 60 bench_pick)
endif()

sluice_unit_test(tests/unit/observe/test_log_format.c LINK sluice_observe)
sluice_unit_test(tests/unit/observe/test_log_writer.c LINK sluice_observe sluice_ring)
sluice_unit_test(tests/unit/observe/test_log_sinks.c LINK sluice_observe sluice_ring)
sluice_unit_test(tests/unit/observe/test_metrics.c LINK sluice_observe sluice_proxy sluice_ring sluice_random)
sluice_unit_test(tests/unit/observe/test_config_text.c LINK sluice_observe sluice_ring)
sluice_program(bench_count LINK sluice_proxy sluice_ring sluice_random SOURCES
    tests/unit/proxy/bench_count.c
)

sluice_unit_test(tests/unit/bench/test_origin_request.c LINK sluice_bench_http)
sluice_unit_test(tests/unit/bench/test_hdr.c SOURCES bench/hdr.c)
sluice_unit_test(tests/unit/bench/test_load_response.c LINK sluice_bench_http)
sluice_unit_test(tests/unit/bench/test_websocket.c LINK sluice_bench_http)
if(NOT SLUICE_SANITIZE)
    # What the suite says is compared with what happened; the floor needs the machine for itself.
    foreach(name load load_h2 servers bench)
        sluice_add_test(wire/bench_${name} 300 ${Python3_EXECUTABLE} tests/wire/test_${name}.py)
        set_property(TEST wire/bench_${name} APPEND PROPERTY ENVIRONMENT
                     SLUICE_BIN=$<TARGET_FILE:sluice> SLUICE_ORIGIN_BIN=$<TARGET_FILE:sluice-origin>
                     SLUICE_LOAD_BIN=$<TARGET_FILE:sluice-load>
                     SLUICE_RELAY_BIN=$<TARGET_FILE:sluice-null-relay> SLUICE_BUILD=${CMAKE_BINARY_DIR})
    endforeach()
    sluice_add_test(bench/floor 120 ${Python3_EXECUTABLE} tests/wire/test_floor.py ${CMAKE_BINARY_DIR})
    set_tests_properties(bench/floor PROPERTIES RUN_SERIAL ON SKIP_RETURN_CODE 77)
    foreach(name stats histogram loads scenarios budget claims verbs diff report)
        sluice_add_test(unit/bench/${name} 60 ${Python3_EXECUTABLE} tests/unit/bench/test_${name}.py)
    endforeach()
endif()

# ---- Simulation: the real stages on a simulated ring --------------------------------------------

sluice_library(sluice_ring_sim LINK sluice_timer SOURCES
    tests/sim/sim.c
    tests/sim/net.c
    tests/sim/ring_sim.c
    tests/sim/loop_sim.c
    tests/sim/sock_sim.c
    tests/sim/splice_sim.c
)
sluice_unit_test(tests/unit/sim/test_ring.c LINK sluice_ring_sim)
sluice_program(sim LINK sluice_proxy sluice_ring_sim SOURCES
    tests/sim/main.c
    tests/sim/world.c
    tests/sim/plan.c
    tests/sim/ask.c
    tests/sim/bad_request.c
    tests/sim/bad_answer.c
    tests/sim/wire.c
    tests/sim/seam.c
    tests/sim/random_sim.c
    tests/sim/message.c
    tests/sim/client_script.c
    tests/sim/client.c
    tests/sim/server.c
    tests/sim/judge.c
    tests/sim/rules.c
    tests/sim/caps.c
    tests/sim/tunnels.c
    tests/sim/cached.c
    tests/sim/cached_server.c
    tests/sim/resolver_sim.c
    tests/sim/changes.c
    tests/sim/alloc_sim.c
)
if(TARGET sim)
    target_link_options(sim PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc
                        -Wl,--wrap=time,--wrap=gettimeofday)
    sluice_add_test(sim/worlds 900 sim --exchanges 20000)
    sluice_add_test(sim/same_seed_same_trace 300 sim --exchanges 1000 --twice)
endif()

# ---- Wire: the real binary between scripted clients and servers ---------------------------------

sluice_library(wire_support LINK sluice_base cmocka SOURCES
    tests/wire/wire.c
    tests/wire/process.c
    tests/wire/conn.c
    tests/wire/crew.c
    tests/wire/stream.c
    tests/wire/message.c
    tests/wire/tools.c
)

sluice_library(wire_h2_support LINK wire_support PkgConfig::NGHTTP2 SOURCES
    tests/wire/h2_peer.c
)

sluice_library(wire_coding_support LINK PkgConfig::CODINGS SOURCES
    tests/wire/coding.c
)

# sluice_wire_test(tests/wire/NAME.c [library...]): finds the programs by SLUICE_BIN and SLUICE_ORIGIN_BIN.
function(sluice_wire_test file)
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "" name ${name})
    sluice_program(wire_${name} LINK wire_support ${ARGN} SOURCES ${file})
    add_dependencies(wire_${name} programs)
    sluice_add_test(wire/${name} 120 wire_${name})
    set_property(TEST wire/${name} APPEND PROPERTY ENVIRONMENT
                 SLUICE_BIN=$<TARGET_FILE:sluice> SLUICE_ORIGIN_BIN=$<TARGET_FILE:sluice-origin>)
endfunction()

sluice_wire_test(tests/wire/test_start.c)
sluice_wire_test(tests/wire/test_config.c)
sluice_wire_test(tests/wire/test_tls.c)
sluice_wire_test(tests/wire/test_tls_edge.c)
sluice_wire_test(tests/wire/test_tls_hostile.c)
sluice_wire_test(tests/wire/test_tls_upstream.c)
sluice_wire_test(tests/wire/test_tls_files.c sluice_tls sluice_random sluice_ring)
sluice_wire_test(tests/wire/test_fields.c)
sluice_wire_test(tests/wire/test_bodies.c)
sluice_wire_test(tests/wire/test_order.c)
sluice_wire_test(tests/wire/test_relay.c)
sluice_wire_test(tests/wire/test_tunnel.c)
sluice_wire_test(tests/wire/test_tcp.c)
sluice_wire_test(tests/wire/test_forward.c)
sluice_wire_test(tests/wire/test_forward_users.c)
sluice_wire_test(tests/wire/test_forward_limits.c)
target_sources(wire_forward_limits PRIVATE tests/unit/proxy/name_server.c)
sluice_add_test(wire/forward_curl 120 python3 tests/wire/test_forward_curl.py $<TARGET_FILE:sluice>)
# Streams under resets: some megabytes here, gigabytes with test-all.
sluice_add_test(wire/checksums 120 python3 tests/wire/test_checksums.py $<TARGET_FILE:sluice>)
sluice_wire_test(tests/wire/test_proxy_protocol.c)
sluice_wire_test(tests/wire/test_refuse.c)
sluice_wire_test(tests/wire/test_broken.c)
sluice_wire_test(tests/wire/test_gates.c)
sluice_wire_test(tests/wire/test_auth.c)
sluice_wire_test(tests/wire/test_auth_external.c)
sluice_wire_test(tests/wire/test_buffers.c)
sluice_wire_test(tests/wire/test_cache.c)
sluice_wire_test(tests/wire/test_cache_admin.c)
sluice_wire_test(tests/wire/test_cache_attacks.c)
sluice_wire_test(tests/wire/test_compress.c wire_coding_support PkgConfig::CODINGS)
sluice_wire_test(tests/wire/test_h2_compress.c wire_h2_support wire_coding_support)
sluice_wire_test(tests/wire/test_rules.c)
sluice_wire_test(tests/wire/test_reload.c)
sluice_wire_test(tests/wire/test_keeper.c)
sluice_wire_test(tests/wire/test_privileges.c)
sluice_wire_test(tests/wire/test_logs.c)
sluice_wire_test(tests/wire/test_admin.c)
sluice_wire_test(tests/wire/test_pool.c)
sluice_wire_test(tests/wire/test_limits.c)
sluice_wire_test(tests/wire/test_timeouts.c)
sluice_wire_test(tests/wire/test_balance.c)
sluice_wire_test(tests/wire/test_health.c wire_h2_support)
sluice_wire_test(tests/wire/test_breaker.c)
sluice_wire_test(tests/wire/test_queue.c wire_h2_support)
sluice_wire_test(tests/wire/test_retries.c)
sluice_wire_test(tests/wire/test_log.c)
sluice_wire_test(tests/wire/test_scarce.c)
sluice_wire_test(tests/wire/test_h2.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_abuse.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_tunnel.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_rules.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_priority.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_clear.c wire_h2_support)
sluice_wire_test(tests/wire/test_grpc.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_upstream.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_upstream_life.c wire_h2_support)
sluice_wire_test(tests/wire/test_h2_upstream_tls.c wire_h2_support)

# Every file of deploy/examples, between servers and clients in Python.
sluice_add_test(wire/examples 240 python3 tests/wire/test_examples.py $<TARGET_FILE:sluice>)

if(NOT SLUICE_SANITIZE)
    sluice_add_test(wire/failover 120 python3 tests/wire/test_failover.py $<TARGET_FILE:sluice>
                    $<TARGET_FILE:sluice-origin>)
endif()
# Servers that change while sluice runs: DNS by dnsmasq, load by wrk.
foreach(name a_zone_changes_under_load servers_stay_when_dns_fails it_starts_without_dns
        a_service_has_ports_weights_and_priorities servers_are_added_drained_and_removed_under_load
        maglev_keeps_its_promise a_file_is_watched changes_outlive_the_process bad_requests_change_nothing
        ctl_speaks_for_people)
    sluice_add_test(wire/servers/${name} 120 python3 tests/wire/test_changes.py $<TARGET_FILE:sluice> ${name})
endforeach()

# Only `./build.sh test-all` runs what is called all/: it needs bigger tools.
if(NOT SLUICE_SANITIZE)
    foreach(name metrics browser cache_browser forward_browser websocket postgres idle_tunnels acme testssl tls_browser)
        sluice_add_test(all/${name} 240 python3 tests/wire/test_${name}.py $<TARGET_FILE:sluice>)
        set_tests_properties(all/${name} PROPERTIES SKIP_RETURN_CODE 77)
    endforeach()
    sluice_add_test(all/checksums 300 python3 tests/wire/test_checksums.py $<TARGET_FILE:sluice> 2048)
endif()

if(NOT SLUICE_SANITIZE)
    sluice_add_test(all/old_cpu 240 python3 tests/wire/test_old_cpu.py ${CMAKE_BINARY_DIR})
    set_tests_properties(all/old_cpu PROPERTIES SKIP_RETURN_CODE 77)
    cmake_path(GET WOLFSSL_INCLUDE_DIR PARENT_PATH wolfssl_prefix)
    cmake_path(GET LIBURING_INCLUDE_DIR PARENT_PATH liburing_prefix)
    sluice_add_test(tidy/slow_crypto 60 python3 tests/wire/test_slow_crypto.py ${CMAKE_COMMAND} ${wolfssl_prefix}
                    -DLIBURING_ROOT=${liburing_prefix})
endif()

# Debian's Python, with its packages: the report uses matplotlib.
if(NOT SLUICE_SANITIZE)
    sluice_add_test(all/grpc_health 240 /usr/bin/python3 tests/wire/test_grpc_health.py
                    $<TARGET_FILE:sluice>)
    sluice_add_test(all/idle_h2 240 python3 tests/wire/test_idle_h2.py $<TARGET_FILE:sluice>)
    sluice_add_test(all/grpc_calls 240 /usr/bin/python3 tests/wire/test_grpc_calls.py
                    $<TARGET_FILE:sluice>)
    set_tests_properties(all/grpc_calls PROPERTIES SKIP_RETURN_CODE 77)
    sluice_add_test(all/bench_report 240 /usr/bin/python3 tests/wire/test_report_page.py)
    sluice_add_test(all/bench_diff 240 /usr/bin/python3 tests/wire/test_diff_live.py ${CMAKE_BINARY_DIR})
    set_tests_properties(all/bench_report all/bench_diff PROPERTIES SKIP_RETURN_CODE 77)
    set_tests_properties(all/bench_diff PROPERTIES RUN_SERIAL ON)
endif()

# ---- Documents: what the manual says is so ------------------------------------------------------

if(NOT SLUICE_SANITIZE)
    set(GENERATE ${Python3_EXECUTABLE} deploy/manual/generate.py)
    sluice_add_test(docs/up_to_date 60 ${GENERATE} --check $<TARGET_FILE:sluice>)
    foreach(name keys snippets completion man walk)
        sluice_add_test(docs/${name} 120 ${Python3_EXECUTABLE} tests/docs/test_${name}.py
                        $<TARGET_FILE:sluice>)
    endforeach()
    foreach(other nginx haproxy)
        sluice_add_test(docs/snippets_${other} 60 ${Python3_EXECUTABLE} tests/docs/test_snippets.py
                        $<TARGET_FILE:sluice> ${other})
    endforeach()
endif()
