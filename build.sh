#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds, tests and shows sluice: one verb an action. `./build.sh help` lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=.ci/deps.sh
. .ci/deps.sh

LOGS=$PWD/build/logs
JOBS=$(nproc)
QUICK_TESTS='^([^a]|a[^l]|al[^l])' # all but all/...

usage() {
    cat <<'END'
  ./build.sh demo                     see sluice at work: two servers, sluice before them, requests
  ./build.sh build                    build/sluice, optimised; what is missing is installed first
  ./build.sh test                     everything CI checks: release and ASan+UBSan
  ./build.sh fuzz request_head 60     fuzz the request parser for a minute
  ./build.sh bench                    the standard comparison with nginx, HAProxy and others

Verbs
  deps                  install packages, build liburing and wolfSSL, nothing else
  build                 release: -O3, link-time optimisation, jemalloc          -> build/
  debug                 -O0 -g                                                  -> build-debug/
  asan | tsan           AddressSanitizer with UBSan | ThreadSanitizer           -> build-asan/ build-tsan/
  test [REGEX]          unit, wire, tidy, corpora, 20,000 simulated exchanges; REGEX picks by name
  test-all              test, then promtool, a browser, ThreadSanitizer, clang-tidy,
                        200,000 exchanges, fuzzing
  sim [OPTION...]       the simulator: --exchanges N --seed S
  fuzz TARGET SECONDS   TARGET as in tests/fuzz/fuzz_TARGET.c                   -> build-fuzz/
  demo [--once]         runs until Ctrl-C; --once ends by itself
  bench [VERB ...]      sluice-bench (compare, target, latency, ...; `bench --help`); without a verb the
                        standard comparison, under 10 minutes            -> build/bench/
  bench balance         all policies in the simulator: report and pictures      -> build/bench/balance/
  bench results         the same into bench/RESULTS.md and README.md, if the machine is fit to measure
  manual                write the generated parts of deploy/manual, deploy/man, deploy/completion
  install [PREFIX]      default /usr/local
  clean [all]           remove the build directories; all: .deps too
  help                  this text

Environment
  SLUICE_DEPS_PREFIX    prefix of a liburing >= 2.9 and a wolfSSL: none is built
  SLUICE_NO_PACKAGES=1  install no packages
Logs of every step are in build/logs.
END
}

die() {
    echo "build.sh: $*" >&2
    exit 1
}

# step NAME TEXT COMMAND...: runs it with its output in a log, shown only when it fails.
step() {
    local log=$LOGS/$1.log text=$2 started=$SECONDS
    mkdir -p "$LOGS"
    echo "==> $text"
    if ! ("${@:3}") >"$log" 2>&1; then
        echo "==> failed: $text. The end of its log:" >&2
        tail -n 40 "$log" >&2
        die "failed: $text; the whole log is $log"
    fi
    [ $((SECONDS - started)) -lt 2 ] || echo "    $((SECONDS - started)) s"
}

# compile DIR TARGET CMAKE_OPTION...: configures when the options changed, then builds.
compile() {
    local dir=$1 target=$2
    shift 2
    need_liburing
    need_wolfssl
    local options=(-G Ninja "-DLIBURING_ROOT=$LIBURING_PREFIX" "-DWOLFSSL_ROOT=$WOLFSSL_PREFIX" "$@")
    if [ "$(cat "$dir/options" 2>/dev/null)" != "${options[*]}" ]; then
        step "configure-$dir" "configuring $dir/" cmake -S . -B "$dir" "${options[@]}"
        echo "${options[*]}" >"$dir/options"
    fi
    step "build-$dir" "compiling $target in $dir/" ninja -C "$dir" -j "$JOBS" "$target"
}

compile_release() {
    need "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    compile build "$1" -DCMAKE_BUILD_TYPE=Release -DSLUICE_LTO=ON -DSLUICE_JEMALLOC=ON
}

# compile_debug DIR SANITIZE
compile_debug() {
    need "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    compile "$1" all -DCMAKE_BUILD_TYPE=Debug "-DSLUICE_SANITIZE=$2" \
        "-DCMAKE_C_FLAGS_DEBUG=$([ -z "$2" ] && echo -O0 || echo -O1) -g"
}

# compile_fuzz TARGET
compile_fuzz() {
    need "${BUILD_PACKAGES[@]}" clang
    local major
    major=$(clang -dumpversion | cut -d. -f1)
    need "libclang-rt-$major-dev"
    compile build-fuzz "fuzz_$1" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DSLUICE_FUZZ=ON \
        "-DCMAKE_C_FLAGS_DEBUG=-O1 -g"
}

# run_tests DIR REGEX [WRAPPER...]: a failed test does not stop the others; the summary tells.
run_tests() {
    echo "==> testing $1/"
    rm -f "$1/tests.xml"
    "${@:3}" ctest --test-dir "$1" -j "$JOBS" --tests-regex "$2" --no-tests=error \
        --output-junit tests.xml --test-output-size-passed 1048576 \
        --test-output-size-failed 1048576 2>&1 |
        tee "$LOGS/test-$1.log" | grep --line-buffered -Ev '^ +Start|^Internal|^Test project' || true
}

summary() {
    trap - EXIT
    python3 .ci/summary.py "$@"
}

verb_test() {
    # Whatever goes wrong before a test could run, the last line says so.
    trap 'echo "0 passed, 1 failed"' EXIT
    compile_release all
    compile_debug build-asan address
    run_tests build "${1:-$QUICK_TESTS}"
    run_tests build-asan "${1:-$QUICK_TESTS}"
    summary build/tests.xml build-asan/tests.xml
}

# lint DIR: clang-tidy on every file that DIR compiles, but for the tests.
lint() {
    sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$1/compile_commands.json" |
        grep -v '/tests/' | sort -u | xargs -P "$JOBS" -n 4 clang-tidy --quiet -p "$1"
}

verb_test_all() {
    need "${TEST_ALL_PACKAGES[@]}"
    verb_test
    run_tests build '^all/'
    summary build/tests.xml
    compile_debug build-tsan thread
    # ThreadSanitizer cannot live with all address space layouts.
    local fixed_layout=()
    ! setarch -R true 2>/dev/null || fixed_layout=(setarch -R)
    run_tests build-tsan '^(unit|wire)/' "${fixed_layout[@]}"
    summary build-tsan/tests.xml
    step clang-tidy "reading the sources with clang-tidy" lint build-asan
    step sim "simulating 200,000 exchanges" build/sim --exchanges 200000
    local target
    for target in tests/fuzz/fuzz_*.c; do
        target=${target#tests/fuzz/fuzz_}
        verb_fuzz "${target%.c}" 60
    done
}

verb_sim() {
    compile_release sim
    exec build/sim "$@"
}

verb_fuzz() {
    local target=${1:-} seconds=${2:-}
    if [ ! -f "tests/fuzz/fuzz_$target.c" ] || [[ ! $seconds =~ ^[0-9]+$ ]]; then
        die "usage: ./build.sh fuzz TARGET SECONDS; targets: $(cd tests/fuzz && echo fuzz_*.c |
            sed 's/fuzz_//g; s/\.c//g')"
    fi
    compile_fuzz "$target"
    mkdir -p "build-fuzz/corpus/$target"
    echo "==> fuzzing $target for $seconds s"
    "build-fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/$target-" "build-fuzz/corpus/$target" "tests/corpus/$target" \
        2>&1 | tee "$LOGS/fuzz-$target.log" | grep -E 'ERROR|SUMMARY|Test unit|^stat::|^Done' ||
        die "fuzzing $target found something: build-fuzz/$target-*, log $LOGS/fuzz-$target.log"
}

verb_demo() {
    need "${DEMO_PACKAGES[@]}"
    compile_release programs
    exec deploy/demo.sh build "$@"
}

# Debian's Python, whose packages the suite uses.
verb_bench() {
    need "${BENCH_PACKAGES[@]}"
    compile_release programs
    [ $# -gt 0 ] || set -- compare
    if [ "$1" = balance ]; then
        compile_release balance_sim
        exec /usr/bin/python3 bench/balance_sim.py build/balance_sim build/bench/balance "${@:2}"
    fi
    [ "$1" != results ] || set -- compare --publish bench/RESULTS.md --readme README.md "${@:2}"
    exec /usr/bin/python3 bench/sluice-bench "$@"
}

verb_install() {
    local prefix=${1:-/usr/local} parent
    compile_release programs
    parent=$prefix
    while [ ! -e "$parent" ]; do parent=$(dirname "$parent"); done
    local run=()
    [ -w "$parent" ] || run=(as_root)
    step install "installing into $prefix" "${run[@]}" cmake --install build --prefix "$prefix"
    echo "installed: $prefix/bin/sluice"
}

verb_manual() {
    need python3
    compile_release sluice
    python3 deploy/manual/generate.py build/sluice
}

verb_clean() {
    rm -rf build build-debug build-asan build-tsan build-fuzz
    [ "${1:-}" != all ] || rm -rf .deps
}

verb=${1:-help}
[ $# -eq 0 ] || shift
case $verb in
deps)
    need "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    need_liburing
    need_wolfssl
    ;;
build) compile_release programs ;;
debug) compile_debug build-debug "" ;;
asan) compile_debug build-asan address ;;
tsan) compile_debug build-tsan thread ;;
test) verb_test "$@" ;;
test-all) verb_test_all ;;
sim) verb_sim "$@" ;;
fuzz) verb_fuzz "$@" ;;
demo) verb_demo "$@" ;;
bench) verb_bench "$@" ;;
manual) verb_manual ;;
install) verb_install "$@" ;;
clean) verb_clean "$@" ;;
help | -h | --help) usage ;;
*)
    usage >&2
    die "unknown verb '$verb'"
    ;;
esac
