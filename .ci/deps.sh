# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Sourced by build.sh: what sluice stands on, installed only when missing.
#
# A packager gives prefixes instead: SLUICE_DEPS_PREFIX (a liburing >= 2.9) keeps this from building
# anything, SLUICE_NO_PACKAGES=1 from installing anything.

LIBURING_VERSION=2.9
LIBURING_SHA256=57e9b36e4ac1e46b8e0351dfb1694dc59638fc25e384b4ba36d87b800b16db1a
LIBURING_SUITE=trixie
LIBURING_CFLAGS="-O3 -g1 -fno-plt -fstack-protector-strong"

BUILD_PACKAGES=(gcc libc6-dev make cmake ninja-build pkg-config libjemalloc-dev libxxhash-dev
    libyaml-dev libpcre2-dev)
TEST_PACKAGES=(libcmocka-dev python3 python3-yaml python3-jsonschema)
DEMO_PACKAGES=(curl)
BENCH_PACKAGES=(python3 nginx haproxy wrk apache2-utils curl)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "root is needed for: $*"
        return 1
    fi
}

# missing_packages PACKAGE...: those of them that are not installed, one per line.
missing_packages() {
    local package
    for package in "$@"; do
        case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" in
        installed) ;;
        *) echo "$package" ;;
        esac
    done
}

# The package index is fetched only when the installation does not succeed without.
apt_install() {
    local install=(env DEBIAN_FRONTEND=noninteractive
        apt-get install -y --no-install-recommends "$@")
    as_root "${install[@]}" || { as_root apt-get update && as_root "${install[@]}"; }
}

# A package that brings a service must neither start it now nor at the next boot: we want the
# program. A policy-rc.d that is already there is not touched.
apt_install_quietly() {
    local policy=/usr/sbin/policy-rc.d ours="" failed=0 unit
    if [ ! -e "$policy" ]; then
        ours=yes
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    apt_install "$@" || failed=1
    if [ -n "$ours" ]; then
        as_root rm -f "$policy"
        trap - EXIT
    fi
    if [ -d /run/systemd/system ]; then
        for unit in nginx haproxy; do
            case " $* " in *" $unit "*) as_root systemctl disable "$unit" ;; esac
        done
    fi
    return "$failed"
}

# need PACKAGE...: installs what is missing of them.
need() {
    if [ -n "${SLUICE_NO_PACKAGES:-}" ] || ! command -v dpkg-query >/dev/null; then
        return 0
    fi
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] && return 0
    step "packages" "installing ${missing[*]}" apt_install_quietly "${missing[@]}"
}

# liburing's source out of Debian's source package: the machine's own mirror, through apt, with
# private lists, so that nothing of the machine's configuration changes. The pinned checksum is what
# we trust; a machine whose keyring is older than the suite may therefore skip apt's signature check.
liburing_fetch() {
    local tar=$1 apt=$2 mirrors mirror trust
    mapfile -t mirrors < <(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Label: Debian' | sort -u)
    if [ "${#mirrors[@]}" -eq 0 ]; then
        as_root apt-get update
        mapfile -t mirrors < <(apt-get indextargets --format '$(REPO_URI)' \
            'Created-By: Packages' 'Label: Debian' | sort -u)
    fi
    for mirror in "${mirrors[@]}"; do
        for trust in "" "[trusted=yes]"; do
            rm -rf "$apt"
            mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
            echo "deb-src $trust $mirror $LIBURING_SUITE main" >"$apt/sources.list"
            local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
                -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache"
                -o APT::Sandbox::User=root)
            if apt-get "${options[@]}" update &&
                (cd "$apt" && apt-get "${options[@]}" source --download-only --tar-only liburing) &&
                liburing_check "$apt/$(basename "$tar")"; then
                mv "$apt/$(basename "$tar")" "$tar"
                rm -rf "$apt"
                return 0
            fi
        done
    done
    echo "liburing $LIBURING_VERSION could not be fetched through apt (mirrors tried:" \
        "${mirrors[*]:-none}). Put $(basename "$tar") of Debian's source package into" \
        "$(dirname "$tar"), or give SLUICE_DEPS_PREFIX."
    return 1
}

liburing_check() {
    echo "$LIBURING_SHA256  $1" | sha256sum --check --status
}

liburing_build() {
    local deps=$1 tar=$1/src/liburing_$LIBURING_VERSION.orig.tar.gz
    mkdir -p "$deps/src"
    liburing_check "$tar" 2>/dev/null || liburing_fetch "$tar" "$deps/apt" || return 1
    rm -rf "$deps/liburing" "$deps/src/liburing"
    mkdir "$deps/src/liburing"
    tar -xzf "$tar" -C "$deps/src/liburing" --strip-components=1 &&
        cd "$deps/src/liburing" &&
        CFLAGS=$LIBURING_CFLAGS ./configure --prefix="$deps/liburing" &&
        make -C src -j"$(nproc)" CFLAGS="$LIBURING_CFLAGS" ENABLE_SHARED=0 install
}

# Sets LIBURING_PREFIX: given, the system's (empty), or ours, built once per pin and flags.
need_liburing() {
    local deps=$PWD/.deps
    local pin="$LIBURING_VERSION $LIBURING_SHA256 $LIBURING_CFLAGS"
    LIBURING_PREFIX=${SLUICE_DEPS_PREFIX:-}
    if [ -n "$LIBURING_PREFIX" ] ||
        pkg-config --atleast-version="$LIBURING_VERSION" liburing 2>/dev/null; then
        return 0
    fi
    LIBURING_PREFIX=$deps/liburing
    if [ "$(cat "$LIBURING_PREFIX/stamp" 2>/dev/null)" != "$pin" ]; then
        step "liburing" "building liburing $LIBURING_VERSION into .deps" liburing_build "$deps"
        echo "$pin" >"$LIBURING_PREFIX/stamp"
    fi
}
