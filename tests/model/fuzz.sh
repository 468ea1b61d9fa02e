#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/model/fuzz.sh [SECONDS]     builds vow and its model with libFuzzer and ASan, and looks
#                                   for programs on which they differ (default: a minute)
# tests/model/fuzz.sh FILE          shows what a program that it found does
#
# What it learns stays in build-fuzz/corpus, what it finds in build-fuzz/.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build-fuzz
flags=(-std=c11 -D_GNU_SOURCE -g -O1 -fno-slp-vectorize -fsanitize=address,undefined
    -fno-sanitize-recover=undefined -I"$top/include" -I"$top/lib" -I"$top/tests")
mkdir -p "$build/corpus"

compile() { # SANITIZE SOURCE
    local object=$build/${2//\//_}.o
    if [ ! "$object" -nt "$top/$2" ] || [ -n "$(find "$top/lib" "$top/include" "$top/tests/model" \
        -name '*.h' -newer "$object" -print -quit)" ]; then
        clang "${flags[@]}" "-fsanitize=$1" -c "$top/$2" -o "$object"
    fi
    objects+=("$object")
}
objects=()
while read -r source; do
    compile fuzzer-no-link "lib/$source"
done < <(sed -n "s/^  '\(.*\.[cS]\)',$/\1/p" "$top/lib/meson.build")
compile fuzzer-no-link tests/model/fuzz.c
while read -r source; do # the model is not what is to be covered
    compile address "tests/model/$source"
done < <(cd "$top/tests/model" && ls | grep '\.c$' | grep -v -e '^test_' -e '^fuzz')
read -ra libraries < <(pkg-config --libs libevent_core)
clang "${flags[@]}" -fsanitize=fuzzer "${objects[@]}" "${libraries[@]}" -pthread -o "$build/fuzz-model"

if [ -f "${1:-}" ]; then
    VOW_LOUD=1 exec "$build/fuzz-model" "$1"
fi
cd "$build"
[ -n "$(ls corpus)" ] || head -c 300 /dev/zero | tr '\0' '\1' >corpus/first # to begin with
if ! ./fuzz-model -max_total_time="${1:-60}" -max_len=700 -timeout=20 -print_final_stats=1 \
    corpus >fuzz.log 2>&1; then
    grep -v -E '^#[0-9]+|^INFO|^==' fuzz.log | tail -n 120
    ls -t crash-* timeout-* leak-* oom-* 2>/dev/null | head -n 1
    exit 1
fi
grep -E 'DONE|number_of_executed|operations$' fuzz.log
echo "1 passed, 0 failed"
