#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# aarch64.sh - builds vow for AArch64, where stacks are switched by other assembly, and runs
# the tests of all layers under an emulator of processes. libevent and Check are built too.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/setup.sh"
. "$top/tests/sources.sh"
root=/usr/aarch64-linux-gnu
passed=0 failed=0

# What the emulator (qemu 7.2) does otherwise than a kernel: it writes a line of its own at an
# abort; it knows no openat2, no preadv2 and pwritev2, no seccomp and no multicast; posix_spawn in
# it cannot tell why there is no program; its own children are to be waited for too; it reads a
# signal's action twice while other threads set it.
cannot='base/panic file/file pool/pool process/process process/faults
signal/signal signal/loops udp/udp faults/files'
# It takes ten to fifty times as long.
slow='model/model model/long task/shuffle_long sock/crowd'

cross() {
    cat <<END_OF_FILE
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
exe_wrapper = ['qemu-aarch64', '-L', '$root']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END_OF_FILE
}

# Not -O3, at which gcc 12 counts backwards in a test (flow/random: masks summed, not negated).
build() {
    cross >"$work/cross.ini" &&
        meson setup "$work/build" "$tree" --cross-file "$work/cross.ini" --wrap-mode=nodownload -Dbundled=always \
            -Dbuildtype=debugoptimized -Dwerror=true -Dtests=enabled -Dexamples=disabled \
            -Dhttp=disabled -Dopencl=disabled -Dtls=disabled && ninja --quiet -C "$work/build"
}

# run SUITE/TEST : counts its tests; what it prints is shown when one fails
run() {
    local log=$work/log checks=0 bad=0
    LD_LIBRARY_PATH=$(dirname "$(find "$work/build" -name 'libevent_core*.so*' | head -n 1)") \
        CK_TIMEOUT_MULTIPLIER=10 qemu-aarch64 -L "$root" "$work/build/tests/test-${1/\//-}" >"$log" 2>&1
    read -r checks bad < <(sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+)/\1 \2+\3/p' "$log")
    bad=$((bad))
    if [ "$checks" -eq 0 ] || [ "$bad" -gt 0 ]; then
        echo "$1:"
        tail -n 40 "$log"
        [ "$checks" -gt 0 ] || bad=1 checks=1
    fi
    passed=$((passed + checks - bad)) failed=$((failed + bad))
}

cd "$work" && chmod 755 . || exit # where what a failing test leaves behind goes too
need_sources
tree_with_sources >/dev/null && build >"$work/log" 2>&1 || {
    tail -n 60 "$work/log"
    echo "0 passed, 1 failed"
    exit 1
}
for test in $(sed -n "s/^ *'\([a-z0-9_]*\/[a-z0-9_]*\)': .*/\1/p" "$top/tests/meson.build"); do
    if printf '%s\n' $cannot $slow | grep -qxF "$test"; then
        echo "not under the emulator: $test"
    elif [ -x "$work/build/tests/test-${test/\//-}" ]; then
        run "$test"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
