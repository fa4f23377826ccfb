# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Sourced by build.sh: what sluice stands on, installed only when missing.
#
# A packager gives prefixes instead: SLUICE_DEPS_PREFIX (a liburing >= 2.9 and a wolfSSL built with
# tls/wolfssl_settings.h) keeps this from building anything, SLUICE_NO_PACKAGES=1 from installing
# anything.

# NAME_VERSION, _SHA256 (of the orig tar), _SUITE: Debian's source package.
LIBURING_VERSION=2.9
LIBURING_SHA256=57e9b36e4ac1e46b8e0351dfb1694dc59638fc25e384b4ba36d87b800b16db1a
LIBURING_SUITE=trixie
WOLFSSL_VERSION=5.9.2
WOLFSSL_SHA256=2f4ef3d4fd387a9b3191d36a6316d69116c46ff69bb9583b6c82b36d7b8ca114
WOLFSSL_SUITE=sid
# When that one is gone: older, with Debian's patches, without X25519MLKEM768.
WOLFSSL_FALLBACK_VERSION=5.7.2
WOLFSSL_FALLBACK_SHA256=0f2ed82e345b833242705bbc4b08a2a2037a33f7bf9c610efae6464f6b10e305
WOLFSSL_FALLBACK_SUITE=trixie
DEPS_CFLAGS="-O3 -g1 -fPIC -fomit-frame-pointer -fno-plt -fstack-protector-strong"

BUILD_PACKAGES=(gcc libc6-dev make cmake ninja-build pkg-config libjemalloc-dev libxxhash-dev
    libyaml-dev libpcre2-dev libnghttp2-dev libc-ares-dev libjansson-dev
    zlib1g-dev libbrotli-dev libzstd-dev)
TEST_PACKAGES=(libcmocka-dev openssl curl gnutls-bin python3 python3-yaml python3-jsonschema wrk nghttp2-client dnsmasq-base)
TEST_ALL_PACKAGES=(nginx haproxy prometheus chromium clang-tidy python3-matplotlib python3-grpcio nodejs node-ws postgresql
    postgresql-contrib testssl.sh pebble lego qemu-user)
DEMO_PACKAGES=(curl)
BENCH_PACKAGES=(curl python3 python3-matplotlib openssl wrk nghttp2-client nginx haproxy varnish apache2 caddy
    lighttpd lighttpd-mod-openssl squid hitch)

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
        for unit in nginx haproxy varnish apache2 caddy lighttpd squid hitch prometheus; do
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

# debian_mirrors: the machine's own, one per line.
debian_mirrors() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sort -u
}

# debian_source PACKAGE SUITE TAR SHA256 [patched]: the orig tar of a source package, through apt
# with private lists, so that nothing of the machine's configuration changes; with `patched` the
# packager's changes (.dsc and what it names) come too, into the folder of TAR. The pinned checksum
# is what we trust; a machine whose keyring is older than the suite may therefore skip apt's
# signature check.
debian_source() {
    local package=$1 suite=$2 tar=$3 sha256=$4 patched=${5:-} apt=$PWD/.deps/apt mirrors mirror trust
    ! checksum_is "$sha256" "$tar" 2>/dev/null || [ -n "$patched" ] || return 0
    mkdir -p "$(dirname "$tar")"
    mapfile -t mirrors < <(debian_mirrors)
    if [ "${#mirrors[@]}" -eq 0 ]; then
        as_root apt-get update
        mapfile -t mirrors < <(debian_mirrors)
    fi
    for mirror in "${mirrors[@]}"; do
        for trust in "" "[trusted=yes]"; do
            rm -rf "$apt"
            mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/source"
            echo "deb-src $trust $mirror $suite main" >"$apt/sources.list"
            local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
                -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache"
                -o APT::Sandbox::User=root)
            local source=(source --download-only)
            [ -n "$patched" ] || source+=(--tar-only)
            if apt-get "${options[@]}" update &&
                (cd "$apt/source" && apt-get "${options[@]}" "${source[@]}" "$package") &&
                checksum_is "$sha256" "$apt/source/$(basename "$tar")"; then
                mv "$apt/source"/* "$(dirname "$tar")"
                rm -rf "$apt"
                return 0
            fi
        done
    done
    rm -rf "$apt"
    echo "$(basename "$tar") could not be fetched through apt (mirrors tried:" \
        "${mirrors[*]:-none}). Put that file of Debian's source package into" \
        "$(dirname "$tar"), or give SLUICE_DEPS_PREFIX."
    return 1
}

checksum_is() {
    echo "$1  $2" | sha256sum --check --status
}

# unpack TAR DIR: into a new DIR
unpack() {
    rm -rf "$2"
    mkdir -p "$2"
    tar -xzf "$1" -C "$2" --strip-components=1
}

liburing_build() {
    local prefix=$1 src=$PWD/.deps/src/liburing
    local tar=$PWD/.deps/src/liburing_$LIBURING_VERSION.orig.tar.gz
    debian_source liburing "$LIBURING_SUITE" "$tar" "$LIBURING_SHA256" || return 1
    unpack "$tar" "$src" &&
        cd "$src" &&
        CFLAGS=$DEPS_CFLAGS ./configure --prefix="$prefix" &&
        make -C src -j"$(nproc)" CFLAGS="$DEPS_CFLAGS" ENABLE_SHARED=0 install
}

# wolfssl_unpack DIR: the pinned one, or the fallback.
wolfssl_unpack() {
    local tars=$PWD/.deps/src
    local tar=$tars/wolfssl_$WOLFSSL_VERSION.orig.tar.gz
    if debian_source wolfssl "$WOLFSSL_SUITE" "$tar" "$WOLFSSL_SHA256"; then
        unpack "$tar" "$1"
        return
    fi
    echo "wolfSSL $WOLFSSL_VERSION is not to be had: falling back to $WOLFSSL_FALLBACK_VERSION"
    tars=$tars/wolfssl-fallback
    tar=$tars/wolfssl_$WOLFSSL_FALLBACK_VERSION.orig.tar.gz
    need dpkg-dev
    rm -rf "$1"
    debian_source wolfssl "$WOLFSSL_FALLBACK_SUITE" "$tar" "$WOLFSSL_FALLBACK_SHA256" patched &&
        dpkg-source --no-check -x "$tars"/wolfssl_*.dsc "$1"
}

# A fault in the assembly of 5.9.2: "movd %rbx, %xmm9" leaves the upper half of ymm9 as it
# was, and the half is used: if other code left something there, an X25519 or Ed25519 public key comes out wrong
# whenever a digit of its secret is 0 (tests/unit/tls/test_wolfssl.c).
wolfssl_mend() {
    local file=$1/wolfcrypt/src/fe_x25519_asm.S
    sed -i 's/\bmovd\([[:space:]]*%rbx, %xmm9\)/vmovq\1/' "$file" && ! grep -q '\bmovd[[:space:]]*%rbx, %xmm9' "$file"
}

# Without its configure: our settings file decides, and files that it makes empty cost nothing.
# Of all, only the key schedule in aes.c is written with AES instructions in C; it is called after
# asking the CPU.
wolfssl_build() {
    local prefix=$1 settings=$PWD/tls/wolfssl_settings.h src=$PWD/.deps/src/wolfssl
    local objects=$src/objects
    wolfssl_unpack "$src" && wolfssl_mend "$src" || return 1
    mkdir -p "$objects" "$prefix/include" "$prefix/lib" &&
        cp "$settings" "$prefix/include/user_settings.h" &&
        cp -r "$src/wolfssl" "$prefix/include/" &&
        cd "$src" || return 1
    local included='be compiled (separately|when using inline)|must not be compiled separately'
    {
        printf '%s\n' wolfcrypt/src/*.S
        grep -LE "$included" src/*.c wolfcrypt/src/*.c
        echo wolfcrypt/src/asn.c
    } | grep -v '_x86_asm\.S$\|/evp\.c$' | sort -u |
        CFLAGS="$DEPS_CFLAGS" xargs -P "$(nproc)" -I{} sh -c '
            case {} in */aes.c) CFLAGS="$CFLAGS -maes" ;; esac
            [ "$(uname -m)" = x86_64 ] || CFLAGS=$(echo "$CFLAGS" | sed "s/-maes//")
            ${CC:-cc} $CFLAGS -DWOLFSSL_USER_SETTINGS -I"$0/include" -I. -c {} \
                -o "$1/$(echo {} | tr / _).o" || exit 255' "$prefix" "$objects" &&
        ar rcs "$prefix/lib/libwolfssl.a" "$objects"/*.o &&
        rm -rf "$objects"
}

# static_library NAME TEXT PIN: built by NAME_build into .deps/NAME, once per pin.
static_library() {
    local name=$1 prefix=$PWD/.deps/$1
    if [ "$(cat "$prefix/stamp" 2>/dev/null)" != "$3" ]; then
        rm -rf "$prefix"
        step "$name" "building $2 into .deps" "${name}_build" "$prefix"
        echo "$3" >"$prefix/stamp"
    fi
}

# Sets LIBURING_PREFIX: given, the system's (empty), or ours, built once per pin and flags.
need_liburing() {
    LIBURING_PREFIX=${SLUICE_DEPS_PREFIX:-}
    if [ -n "$LIBURING_PREFIX" ] ||
        pkg-config --atleast-version="$LIBURING_VERSION" liburing 2>/dev/null; then
        return 0
    fi
    LIBURING_PREFIX=$PWD/.deps/liburing
    static_library liburing "liburing $LIBURING_VERSION" \
        "$LIBURING_VERSION $LIBURING_SHA256 $DEPS_CFLAGS"
}

# Sets WOLFSSL_PREFIX likewise; the packaged wolfSSL is never used: it has no AES-NI code.
need_wolfssl() {
    WOLFSSL_PREFIX=${SLUICE_DEPS_PREFIX:-}
    [ -z "$WOLFSSL_PREFIX" ] || return 0
    WOLFSSL_PREFIX=$PWD/.deps/wolfssl
    local settings
    settings=$(cksum <tls/wolfssl_settings.h)
    static_library wolfssl "wolfSSL $WOLFSSL_VERSION" \
        "$WOLFSSL_VERSION $WOLFSSL_SHA256 $DEPS_CFLAGS settings $settings mended 1"
}
