#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh - installs vow into a folder of its own and uses it from there as a stranger would:
# through pkg-config, shared and static, from C and C++, from CMake, and as a Meson subproject.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/setup.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
passed=0 failed=0

# check NAME COMMAND... : one check; what the command prints is shown when it fails
check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "install: $name:"
        cat "$work/log"
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

install_vow() {
    meson setup "$work/build" "$top" --prefix="$prefix" --libdir=lib --fatal-meson-warnings \
        -Dtests=disabled -Dexamples=disabled &&
        meson install -C "$work/build"
}

version() {
    [ "$(pkg-config --modversion vow)" = "$(sed -n 's/^#define VOW_VERSION "\(.*\)"/\1/p' \
        "$prefix/include/vow/version.h")" ]
}

soname() {
    readelf -d "$prefix/lib/libvow.so" | grep -F 'Library soname: [libvow.so.0]' &&
        [ -L "$prefix/lib/libvow.so" ] && [ -L "$prefix/lib/libvow.so.0" ]
}

needs() { # the shared library must bring what it uses; the program must not
    ! readelf -d "$1" | grep 'NEEDED.*libevent' && readelf -d "$prefix/lib/libvow.so" | grep 'NEEDED.*libevent_core'
}

only_public() { ! nm -D --defined-only "$prefix/lib/libvow.so" | grep -v ' A VOW_' | grep -v ' vow_[^_]'; }

headers_alone() { # each header by itself, as C and as C++
    local header
    for header in "$prefix"/include/vow/*.h; do
        gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only -x c "$header" || return
        g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only -x c++ "$header" || return
    done
}

async_macros() { # a task's function warns of nothing; two awaits on one line are an error
    local compiler
    for compiler in "gcc -std=c11" "clang -std=c11" "g++ -std=c++17 -x c++" "clang++ -std=c++17 -x c++"; do
        # shellcheck disable=SC2086
        set -- $compiler -Wall -Wextra -Wpedantic -Wimplicit-fallthrough -Wshadow -Werror -O2 \
            -I"$prefix/include" -c -o "$work/async.o"
        "$@" "$top/tests/install/async.c" || return
        ! "$@" -DTWO_ON_A_LINE "$top/tests/install/async.c" || return
    done
}

# build COMPILER PROGRAM SOURCE LIBRARIES... : compiles and runs
build() {
    local compiler=$1 program=$work/$2 source=$top/tests/install/$3
    shift 3
    # the flags are words
    # shellcheck disable=SC2046
    $compiler -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags vow) "$source" -o "$program" "$@" || return
    local said
    said=$(LD_LIBRARY_PATH=$prefix/lib "$program") || return
    [ "$said" = "0 42 $(pkg-config --modversion vow)" ] || { echo "it said: $said"; return 1; }
}

shared_libraries=() static_libraries=()
find_libraries() {
    read -ra shared_libraries < <(pkg-config --libs vow)
    read -ra static_libraries < <(pkg-config --libs --static vow | sed 's/-lvow\b/-l:libvow.a/')
    [ "${#shared_libraries[@]}" -gt 0 ] && [ "${#static_libraries[@]}" -gt 0 ]
}

# beside NAME HEADER DOMAIN : a library of its own, which brings vow and what it needs itself
beside() {
    local program=$work/beside-$1 flags
    flags=$(pkg-config --cflags --libs "vow-$1") || return
    # the flags are words
    # shellcheck disable=SC2086
    gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -DHEADER="<vow/$2>" -DDOMAIN="$3" \
        "$top/tests/install/beside.c" -o "$program" $flags || return
    [ -n "$(LD_LIBRARY_PATH=$prefix/lib "$program")" ] || return
    ! nm -D --defined-only "$prefix/lib/libvow-$1.so" | grep -v ' A VOW_' | grep -v ' vow_[^_]'
}

nothing_of_theirs() { ! readelf -d "$prefix/lib/libvow.so" | grep -E 'NEEDED.*(ssl|crypto|curl|extra|OpenCL)'; }

# The arguments Meson has for a whole build or a project, by the languages of `user`
arguments_of() { meson introspect "$1" --targets | python3 -c '
import json, sys
for target in json.load(sys.stdin):
    if target["name"] == "prog":
        print(*(arg for source in target["target_sources"] for arg in source["parameters"]))'; }

subproject() { # a project of somebody else's that has vow in subprojects/
    mkdir -p "$work/user/subprojects" && ln -s "$top" "$work/user/subprojects/vow" &&
        cp "$top/tests/install/prog.c" "$work/user/" || return
    cat >"$work/user/meson.build" <<'END'
project('user', 'c', meson_version: '>= 1.0.0', default_options: ['c_std=c11', 'werror=true'])
executable('prog', 'prog.c', dependencies: dependency('vow'))
END
    meson setup "$work/user/build" "$work/user" --force-fallback-for=vow --fatal-meson-warnings &&
        meson compile -C "$work/user/build" && "$work/user/build/prog" &&
        ! ls "$work/user/build/subprojects/vow/tests"/test-* "$work/user/build/subprojects/vow/examples"/* 2>/dev/null &&
        ! arguments_of "$work/user/build" | grep -e -D_GNU_SOURCE -e -Wshadow -e -prefix-map
}

# cmake_config DIR ARGUMENT... : configures the CMake project of somebody else
cmake_config() {
    local dir=$1
    shift
    cmake -S "$top/tests/install/cmake" -B "$work/$dir" -DCMAKE_PREFIX_PATH="$prefix" -Wno-dev "$@"
}

cmake_build() { # ARGUMENT... : from a CMake project, each form of the library there is
    cmake_config cmake "$@" && cmake --build "$work/cmake" && "$work/cmake/prog" &&
        "$work/cmake/prog-static" && "$work/cmake/prog-http" && "$work/cmake/prog-tls" &&
        readelf -d "$work/cmake/prog" | grep 'NEEDED.*libvow.so.0' &&
        needs "$work/cmake/prog" && readelf -d "$work/cmake/prog-static" | grep 'NEEDED.*libevent_core'
}

cmake_static() { # Vow::vow where only the static form is installed, and the prefix was moved
    local away=$work/away
    cp -r "$prefix" "$away" && rm "$away/lib"/libvow.so* &&
        prefix=$away cmake_config cmake-static && cmake --build "$work/cmake-static" &&
        "$work/cmake-static/prog" && ! readelf -d "$work/cmake-static/prog" | grep 'NEEDED.*libvow'
}

cmake_refuses() { # ARGUMENT... : one that this is not
    ! cmake_config "cmake-refuses-${1//[^0-9a-z]/}" "$@"
}

# What CMake would be told to look for: VERSION of vow without the last part
series() { pkg-config --modversion vow | sed 's/\.[^.]*$//'; }

with_cmake() {
    if ! have cmake && ! (provide cmake); then
        if [ -n "${CI:-}" ]; then
            check "cmake can be had" false
        else
            echo "SKIPPED: CMake, there is none"
        fi
        return
    fi
    check "CMake" cmake_build -DWANTED="$(series)"
    check "CMake, static only, moved" cmake_static
    check "CMake refuses an older series" cmake_refuses -DWANTED="$(series).999"
    check "CMake refuses a newer one" cmake_refuses -DWANTED=999
}

backtrace() { # from the fiber over the switch to main
    gcc -std=gnu11 -g -O1 -I"$prefix/include" "$top/tests/install/backtrace.c" -o "$work/backtrace" \
        "${static_libraries[@]}" || return
    gdb -q -batch -ex 'break stop_here' -ex run -ex backtrace "$work/backtrace" >"$work/frames" 2>&1
    cat "$work/frames"
    local frame
    for frame in stop_here inner fiber_main vow_run main; do
        grep -q "^#[0-9]* .*\<$frame " "$work/frames" || return
    done
}

with_gdb() {
    if ! have gdb && ! (provide gdb); then
        if [ -n "${CI:-}" ]; then
            check "gdb can be had" false
        else
            echo "SKIPPED: gdb, there is none"
        fi
        return
    fi
    check "gdb's backtrace crosses the switch of fibers" backtrace
}

check "meson install" install_vow
[ "$failed" -eq 0 ] || finish
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
check "pkg-config knows the version" version
check "soname and links" soname
check "only public symbols are exported" only_public
check "what is declared is exported" python3 "$top/tests/install/check_symbols.py" "$prefix/include" "$prefix"/lib/libvow*.so
check "vow alone needs nothing of the libraries beside it" nothing_of_theirs
check "vow-http" beside http http.h vow_http_domain
check "vow-opencl" beside opencl opencl.h vow_cl_domain
check "vow-tls" beside tls tls.h vow_tls_domain
check "each header stands alone" headers_alone
check "pkg-config knows the libraries" find_libraries
check "C, shared" build "gcc -std=c11" shared prog.c "${shared_libraries[@]}"
check "C, shared, needs only vow" needs "$work/shared"
check "C, static" build "gcc -std=c11" static prog.c "${static_libraries[@]}"
check "C++, shared" build "g++ -std=c++17" cpp-shared prog.cpp "${shared_libraries[@]}"
check "C++, static" build "g++ -std=c++17" cpp-static prog.cpp "${static_libraries[@]}"
check "C++20, coroutines" build "g++ -std=c++20" coro coro.cpp "${shared_libraries[@]}"
check "tasks without warnings" async_macros
check "as a subproject" subproject
with_cmake
with_gdb
finish
