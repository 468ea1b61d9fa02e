#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/fuzz/run.sh [SECONDS]     builds vow, vow-http and vow-tls with libFuzzer and ASan, and
#                                 lets it be their peer (default: a minute)
# tests/fuzz/run.sh FILE          does once more what it has found
#
# What it learns stays in build-fuzz/peers/corpus, what it finds in build-fuzz/peers.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build-fuzz/peers
flags=(-std=c11 -D_GNU_SOURCE -g -O1 -fno-slp-vectorize -fsanitize=address,undefined
    -fno-sanitize-recover=undefined -I"$top/include" -I"$top/lib")
mkdir -p "$build/corpus"

objects=()
compile() { # SOURCE
    local object=$build/${1//\//_}.o
    if [ ! "$object" -nt "$top/$1" ] || [ -n "$(find "$top/lib" "$top/include" -name '*.h' \
        -newer "$object" -print -quit)" ]; then
        clang "${flags[@]}" -fsanitize=fuzzer-no-link -c "$top/$1" -o "$object"
    fi
    objects+=("$object")
}
for part in lib lib/http lib/tls; do
    while read -r source; do
        compile "$part/$source"
    done < <(sed -n "s/^  '\(.*\.[cS]\)',$/\1/p" "$top/$part/meson.build")
done
compile tests/fuzz/peers.c
read -ra libraries < <(pkg-config --libs libevent_core libevent_extra libcurl openssl)
clang "${flags[@]}" -fsanitize=fuzzer "${objects[@]}" "${libraries[@]}" -pthread -o "$build/fuzz"

what=${1:-60}
[ ! -f "$what" ] || what=$(realpath "$what")
cd "$build"
[ -f cert.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout key.pem -out cert.pem -days 3650 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
[ ! -f "$what" ] || exec ./fuzz "$what"
seed() { printf "$2" >"corpus/$1"; }
seed get '\0\0GET /path?query HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nConnection: close\r\n\r\n'
seed post '\0\7POST /p HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody'
seed chunks '\0\0PUT /n HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n'
seed answer '\1\0\1HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\nbody'
seed pieces '\1\5\4HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n'
seed decode '\1\0\7HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\37\213\10'
seed client '\2\0\26\3\1\0\5\1\0\0\1\3'
seed server '\3\0\26\3\3\0\5\2\0\0\1\3'
seed between '\4\0\0\0\0\0\200'
seed reads '\5\3a line\nanother\n'
if ! ./fuzz -max_total_time="$what" -max_len=2000 -timeout=30 -print_final_stats=1 corpus \
    >fuzz.log 2>&1; then
    grep -v -E '^#[0-9]+|^INFO|^==' fuzz.log | tail -n 120
    ls -t crash-* timeout-* leak-* oom-* 2>/dev/null | head -n 1
    exit 1
fi
grep -E 'DONE|number_of_executed' fuzz.log
echo "1 passed, 0 failed"
