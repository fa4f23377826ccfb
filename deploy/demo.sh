#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Shows sluice at work: demo.sh BUILD_DIRECTORY [--once]
# Two servers, sluice before them, some requests; everything on free loopback ports. Runs until
# Ctrl-C; with --once it ends by itself. Whatever it started is gone when it ends.
set -euo pipefail

build=${1:?usage: demo.sh BUILD_DIRECTORY [--once]}
once=${2:-}
if [ "$once" != "" ] && [ "$once" != --once ]; then
    echo "usage: demo.sh BUILD_DIRECTORY [--once]" >&2
    exit 2
fi
scratch=$(mktemp -d)
pids=()

finish() {
    trap - EXIT INT TERM
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'echo; exit 0' INT TERM

# start NAME COMMAND...: runs it until it says where it listens; sets address and started (a pid).
start() {
    local name=$1 line
    mkfifo "$scratch/$name"
    : >"$scratch/$name.log"
    "${@:2}" >"$scratch/$name" 2>&1 &
    started=$!
    pids+=("$started")
    exec 3<"$scratch/$name"
    address=""
    while [ -z "$address" ]; do
        if ! IFS= read -r -t 10 -u 3 line; then
            echo "$name did not start:" >&2
            cat "$scratch/$name.log" >&2
            exit 1
        fi
        echo "$line" >>"$scratch/$name.log"
        if [[ $line =~ listening\ on\ ([0-9.]+:[0-9]+) ]]; then
            address=${BASH_REMATCH[1]}
        fi
    done
    cat <&3 >>"$scratch/$name.log" &
    exec 3<&-
}

# request TEXT PATH [CURL_OPTION...]: sends it through sluice, prints what came back.
request() {
    local written status bytes seconds server
    written=$(curl --silent --show-error --max-time 10 --output "$scratch/body" \
        --dump-header "$scratch/head" "${@:3}" \
        --write-out '%{http_code} %{size_download} %{time_total}' "http://$proxy$2")
    read -r status bytes seconds <<<"$written"
    server=$(awk 'tolower($1) == "x-origin:" { sub(/\r/, ""); print $2 }' "$scratch/head")
    printf '  %-34s %-6s   %-6s %10s B %9s ms\n' "$1" "$status" "${server:--}" "$bytes" \
        "$(awk -v s="$seconds" 'BEGIN { printf "%.1f", s * 1000 }')"
    [ "$status" = 200 ] || failed=1
}

failed=0
start server-A "$build/sluice-origin" --listen 127.0.0.1:0 --name A
server_a=$address
pid_a=$started
start server-B "$build/sluice-origin" --listen 127.0.0.1:0 --name B
server_b=$address
start sluice "$build/sluice" proxy --from 127.0.0.1:0 --to "$server_a,$server_b" \
    --log "human:$scratch/access.log"
proxy=$address

cat <<END
sluice listens on       $proxy
before server A         $server_a
   and server B         $server_b

  request                            status   server        bytes         time
END
request "GET /" /
request "GET / again" /
request "a megabyte" /size/1048576
request "the same, chunked" /chunked/1048576
head -c 1048576 /dev/zero >"$scratch/upload"
request "a megabyte uploaded" /upload --data-binary "@$scratch/upload"

echo
echo "  server A is killed; nobody notices:"
unset 'pids[0]'
{
    kill -KILL "$pid_a"
    wait "$pid_a" || true
} 2>/dev/null
for i in 1 2 3 4; do
    request "GET / ($i)" /
done

start server-A-again "$build/sluice-origin" --listen "$server_a" --name A
SECONDS=0
until line=$(request "GET /" /) && [[ $line == *" A "* ]]; do
    if [ "$SECONDS" -ge 10 ]; then
        failed=1
        break
    fi
    sleep 0.05
done
echo "  it is started again, and found:"
echo "$line"

echo "  in the access log, the requests that met the dead server first:"
grep tries "$scratch/access.log" | sed 's/^/  /' || true
echo
if [ "$failed" -ne 0 ]; then
    echo "something did not answer 200" >&2
    exit 1
fi
if [ "$once" = --once ]; then
    exit 0
fi
cat <<END
Try:  curl -i http://$proxy/
Ctrl-C ends it. What sluice logs from here on:

END
tail -n 0 -F "$scratch/access.log" &
pids+=("$!")
wait "$!"
