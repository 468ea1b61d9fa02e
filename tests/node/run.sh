#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh --build DIR - builds the addon against DIR's shared library and runs the Promises/A+
# suite in four modes (see adapter.js), then two that are wrong on purpose and must be aborted.
#
# Without Node, its headers or npm it says so in one line and ends with 77; where CI=true that
# is a failure. Everything made lies in build-aplus/; npm runs when package-lock.json changes.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/setup.sh"
here=$top/tests/node
work=$top/build-aplus
build=$top/build-gcc
[ "${1:-}" != --build ] || build=$2
tests=872
passed=0 failed=0

give_up() { # REASON
    if [ "${CI:-}" = true ]; then
        echo "no node: $1"
        echo "0 passed, 1 failed"
        exit 1
    fi
    echo "SKIPPED: no node ($1)"
    exit 77
}

# The suite as package-lock.json pins it; no script of a package's runs.
fetch_suite() {
    cmp -s "$here/package-lock.json" "$work/node_modules/.fetched" && return
    cp "$here/package.json" "$here/package-lock.json" "$work/" &&
        (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) &&
        cp "$here/package-lock.json" "$work/node_modules/.fetched"
}

# Against a copy of the library: the build may go on meanwhile.
compile() {
    cp -L "$build/lib/libvow.so" "$work/libvow.so.0" || return
    gcc -std=c11 -O1 -g -D_GNU_SOURCE -DNAPI_VERSION=8 -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla \
        -Wwrite-strings -Wstrict-prototypes -Werror -fPIC -shared -fvisibility=hidden \
        -isystem "$1" -I"$top/include" "$here"/*.c -o "$work/vow.node" \
        "$work/libvow.so.0" -Wl,-rpath,"$work"
}

# suite QUEUE ADOPTION : into its log
suite() {
    ulimit -c 0
    NODE_PATH=$work/node_modules timeout 600 node --expose-gc "$here/suite.js" "$work/vow.node" "$@" \
        >"$work/$1-$2.log" 2>&1
}

judge() { # STATUS QUEUE ADOPTION
    local log=$work/$2-$3.log count
    count=$(sed -n 's/^ *\([0-9]*\) passing.*/\1/p' "$log")
    echo "$2, $3: ${count:-0} passing, $(sed -n 's/^held by the suite: //p' "$log")"
    if [ "$1" -eq 0 ] && [ "${count:-0}" -eq "$tests" ]; then
        passed=$((passed + tests))
    else
        failed=$((failed + 1))
        cat "$log"
    fi
}

must_abort() { # QUEUE COMPLAINT
    local status=0
    (suite "$1" native) 2>/dev/null || status=$? # the shell, too, would report the abort
    if [ "$status" -gt 128 ] && grep -qF "$2" "$work/$1-native.log"; then
        echo "$1: aborted, as it must be"
        passed=$((passed + 1))
    else
        echo "$1: was not aborted with \"$2\""
        failed=$((failed + 1))
    fi
}

all_modes() { # mostly waiting: all at once
    local modes=("turn native" "turn foreign" "microtask native" "microtask foreign")
    local mode queue adoption job=() i=0
    for mode in "${modes[@]}"; do
        read -r queue adoption <<<"$mode"
        suite "$queue" "$adoption" &
        job+=($!)
    done
    for mode in "${modes[@]}"; do
        read -r queue adoption <<<"$mode"
        wait "${job[$i]}"
        judge $? "$queue" "$adoption"
        i=$((i + 1))
    done
}

mkdir -p "$work"
(provide nodejs libnode-dev npm) >"$work/provide.log" 2>&1
hash -r
headers=$(node_headers) || give_up "nodejs or its headers"
command -v npm >/dev/null || give_up "npm"
fetch_suite >"$work/npm.log" 2>&1 || give_up "npm ci, see build-aplus/npm.log"
if ! compile "$headers"; then
    echo "0 passed, 1 failed"
    exit 1
fi
all_modes
must_abort inside "a handler runs inside a call of then, resolve or reject"
must_abort dirty "a turn on a dirty stack"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
