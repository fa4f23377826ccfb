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
    set_tests_properties(${name} PROPERTIES TIMEOUT ${seconds} ENVIRONMENT "${TEST_ENVIRONMENT}")
endfunction()

# ---- Fuzz targets: with SLUICE_FUZZ real ones, else a replay of their corpus as a test ----------

# sluice_fuzz(NAME [LINK library...]): tests/fuzz/fuzz_NAME.c with tests/corpus/NAME/
function(sluice_fuzz name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
    if(SLUICE_FUZZ)
        sluice_program(fuzz_${name} SOURCES tests/fuzz/fuzz_${name}.c LINK ${arg_LINK})
        if(TARGET fuzz_${name})
            target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        endif()
        return()
    endif()
    sluice_program(replay_${name} SOURCES tests/fuzz/fuzz_${name}.c tests/fuzz/replay_main.c
                   LINK ${arg_LINK})
    if(TARGET replay_${name})
        sluice_add_test(fuzz/${name} 60 replay_${name} tests/corpus/${name})
    endif()
endfunction()

sluice_fuzz(request_head LINK sluice_http)
sluice_fuzz(response_head LINK sluice_http)
sluice_fuzz(chunked LINK sluice_http)
if(SLUICE_FUZZ)
    return()
endif()

# ---- Tidy: the rules of the tree ----------------------------------------------------------------

find_package(Python3 REQUIRED COMPONENTS Interpreter)
sluice_add_test(tidy/tree 60 ${Python3_EXECUTABLE} tests/tidy/tidy.py)
sluice_add_test(tidy/finds_planted 60 ${Python3_EXECUTABLE} tests/tidy/tidy.py --self-check)

# ---- Unit ---------------------------------------------------------------------------------------

find_path(CMOCKA_INCLUDE_DIR cmocka.h REQUIRED)
find_library(CMOCKA_LIBRARY cmocka REQUIRED)
add_library(cmocka INTERFACE)
target_include_directories(cmocka SYSTEM INTERFACE ${CMOCKA_INCLUDE_DIR})
target_link_libraries(cmocka INTERFACE ${CMOCKA_LIBRARY})

# sluice_unit_test(AREA/NAME [LINK library...] [SOURCES file...]): tests/unit/AREA/test_NAME.c
function(sluice_unit_test path)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK;SOURCES")
    cmake_path(GET path PARENT_PATH area)
    cmake_path(GET path FILENAME name)
    set(target unit_${area}_${name})
    sluice_program(${target} SOURCES tests/unit/${area}/test_${name}.c ${arg_SOURCES}
                   LINK ${arg_LINK} cmocka)
    if(TARGET ${target})
        sluice_add_test(unit/${path} 120 ${target})
    endif()
endfunction()

sluice_unit_test(base/buf LINK sluice_base)
sluice_unit_test(base/slab LINK sluice_base)
sluice_unit_test(base/arena LINK sluice_base)
sluice_unit_test(base/out LINK sluice_base)
sluice_unit_test(base/addr LINK sluice_base)
sluice_unit_test(base/end_reason LINK sluice_base)
sluice_unit_test(base/record LINK sluice_base)

sluice_unit_test(ring/timer LINK sluice_timer)
sluice_unit_test(ring/loop LINK sluice_ring)
sluice_unit_test(ring/ops LINK sluice_ring)
sluice_unit_test(ring/sock LINK sluice_ring)
sluice_unit_test(ring/mailbox LINK sluice_ring)
sluice_unit_test(tls/plain LINK sluice_tls sluice_ring)

sluice_unit_test(http/field LINK sluice_http)
sluice_unit_test(http/h1_head LINK sluice_http)
sluice_unit_test(http/h1_chunked LINK sluice_http)
sluice_unit_test(http/framing LINK sluice_http)
sluice_unit_test(http/target LINK sluice_http)
sluice_unit_test(http/path LINK sluice_http)
sluice_unit_test(http/forward LINK sluice_http)

sluice_unit_test(balance/round_robin LINK sluice_balance)
sluice_unit_test(balance/maglev LINK sluice_balance)
sluice_unit_test(balance/backoff LINK sluice_balance)

sluice_unit_test(observe/format LINK sluice_observe)

# ---- Simulation: the real stages on a simulated ring --------------------------------------------

sluice_program(sim LINK sluice_proxy SOURCES
    tests/sim/main.c
)
if(TARGET sim)
    sluice_add_test(sim 900 sim --exchanges 20000)
endif()

# ---- Wire: the real binary between scripted clients and servers ---------------------------------

# sluice_wire_test(NAME [SOURCES file...]): tests/wire/test_NAME.c, finds the programs by SLUICE_BIN
# and SLUICE_ORIGIN_BIN
function(sluice_wire_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
    set(target wire_${name})
    sluice_program(${target} SOURCES tests/wire/test_${name}.c ${arg_SOURCES}
                   LINK sluice_base cmocka)
    if(TARGET ${target})
        sluice_add_test(wire/${name} 120 ${target})
        set_property(TEST wire/${name} APPEND PROPERTY ENVIRONMENT
                     SLUICE_BIN=${CMAKE_BINARY_DIR}/sluice
                     SLUICE_ORIGIN_BIN=${CMAKE_BINARY_DIR}/sluice-origin)
    endif()
endfunction()
