#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# packaging.sh - builds vow with the libevent and Check of subprojects/, as where the system
# has none, runs the tests on them, installs the whole and uses it.
#
# packaging.sh opencl - the same with Khronos' headers and loader, which Debian 12 does not have:
# they come from where their wraps say. Only the tests of OpenCL run.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/setup.sh"
. "$top/tests/sources.sh"
prefix=$work/prefix
opencl_wraps="opencl-headers opencl-icd-loader"
passed=0 failed=0

check() { # NAME COMMAND... : one check; what the command prints is shown when it fails
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "packaging: $name:"
        tail -n 60 "$work/log"
    fi
}

# clone : Khronos' repositories into build-packaging
clone() {
    local wrap
    for wrap in $opencl_wraps; do
        if ! [ -d "$kept/$wrap" ]; then
            rm -rf "$kept/$wrap.new"
            GIT_TERMINAL_PROMPT=0 timeout 300 git clone --quiet --bare "$(value "$wrap" url)" "$kept/$wrap.new" &&
                mv "$kept/$wrap.new" "$kept/$wrap" || return
        fi
        git -C "$kept/$wrap" cat-file -e "$(value "$wrap" revision)" || return
    done
}

# What Meson would clone and patch.
opencl_sources() {
    local wrap to
    for wrap in $opencl_wraps; do
        to=$tree/subprojects/$(value "$wrap" directory)
        mkdir -p "$to" && git -C "$kept/$wrap" archive "$(value "$wrap" revision)" | tar x -C "$to" &&
            cp -r "$tree/subprojects/packagefiles/$wrap/." "$to/" || return
    done
}

without_system() { PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig "$@"; }
setup() { # DIR OPTION... : of the tree, where nothing can be downloaded
    local dir=$1
    shift
    meson setup "$work/$dir" "$tree" --fatal-meson-warnings --wrap-mode=nodownload --prefix="$prefix" --libdir=lib \
        -Dexamples=disabled "$@"
}

bundled() { # the tests too; warnings are errors, but libevent's are not ours
    setup bundled -Dbundled=always -Dtests=enabled -Dwerror=true && ninja --quiet -C "$work/bundled"
}
not_the_systems() { # NAME : a program or library there
    ldd "$work/bundled/$1" | grep "libevent_core.* => $work/" && ! ldd "$work/bundled/$1" | grep 'libevent_core-\|libcheck'
}

auto() { # DIR OPTION... : without the system's, is the bundled one taken? Only configured.
    without_system setup "$@" && [ -d "$work/$1/subprojects" ]
}
refused() { ! without_system setup "$@"; }
left_alone() { # no Check is fetched for tests that nobody asked for
    without_system setup "$1" && ! ls "$work/$1"/subprojects/check* 2>/dev/null
}
with_system() { setup "$1" && ! ls "$work/$1"/subprojects 2>/dev/null; }

installed() { # vow and its libevent, used through pkg-config
    meson install -C "$work/bundled" --no-rebuild || return
    local form flags
    for form in "" --static; do
        read -ra flags < <(without_system pkg-config --cflags --libs $form vow) &&
            [ "${#flags[@]}" -gt 0 ] || return
        [ -z "$form" ] || flags=("${flags[@]/#-lvow/-l:libvow.a}")
        # where libvow.so finds libevent: a prefix of its own is not where the system looks
        LD_LIBRARY_PATH=$prefix/lib gcc -std=c11 -Wall -Werror "$tree/tests/install/prog.c" \
            -o "$work/prog$form" "${flags[@]}" && LD_LIBRARY_PATH=$prefix/lib "$work/prog$form" || return
    done
    ! ls "$prefix"/lib/libcheck* 2>/dev/null
}

# user NAME OPTIONS TEST... : somebody else's project with vow in subprojects/ and those default
# options for it, whose program then passes the test
user() {
    local dir=$work/$1 wanted=$2
    shift 2
    mkdir -p "$dir/subprojects" && ln -s "$tree" "$dir/subprojects/vow" &&
        cp "$tree/tests/install/prog.c" "$dir/" || return
    cat >"$dir/meson.build" <<END_OF_BUILD
project('user', 'c', meson_version: '>= 1.0.0', default_options: ['c_std=c11', 'werror=true', 'default_library=static'])
executable('prog', 'prog.c', dependencies: dependency('vow', default_options: [$wanted]))
END_OF_BUILD
    without_system meson setup "$dir/build" "$dir" --wrap-mode=nodownload --fatal-meson-warnings &&
        meson compile -C "$dir/build" && "$dir/build/prog" && "$@" "$dir/build/prog"
}
one_libevent() { ldd "$1" | grep 'libvow.so' && ldd "$1" | grep 'libevent_core.so.7'; }
all_static() { ! ldd "$1" | grep 'libvow\|libevent'; }

opencl() { # warnings of the loader's are not ours
    setup opencl -Dbundled=always -Dopencl=enabled -Dtests=enabled -Dwerror=true && ninja --quiet -C "$work/opencl"
}
uses_the_loader() { ldd "$work/opencl/$1" | grep "libOpenCL.* => $work/"; }
opencl_installed() { # with the loader and its headers, used through pkg-config
    meson install -C "$work/opencl" --no-rebuild && [ -f "$prefix/include/CL/cl.h" ] || return
    local flags
    read -ra flags < <(without_system pkg-config --cflags --libs vow-opencl OpenCL) &&
        LD_LIBRARY_PATH=$prefix/lib gcc -std=c11 -D_GNU_SOURCE "$tree/examples/26-anywhere.c" \
            -o "$work/anywhere" "${flags[@]}" &&
        LD_LIBRARY_PATH=$prefix/lib "$work/anywhere" | grep 333332833333500000
}

need_sources
if [ "${1:-}" = opencl ]; then
    clone || skip "the sources of Khronos' OpenCL loader and headers cannot be had"
    check "a tree with the sources" tree_with_sources
    check "the loader's and the headers' sources" opencl_sources
    check "bundled=always with OpenCL" opencl
    check "libvow-opencl.so uses the bundled loader" uses_the_loader lib/libvow-opencl.so
    check "a test uses the bundled loader" uses_the_loader tests/test-opencl-event
    check "the tests of OpenCL" meson test -C "$work/opencl" --no-rebuild --suite opencl
    check "the installed form with OpenCL" opencl_installed
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
fi
check "a tree with the sources" tree_with_sources
check "bundled=always" bundled
if [ "$failed" -eq 0 ]; then
    check "libvow.so uses the bundled libevent" not_the_systems lib/libvow.so
    check "a test uses the bundled libevent and Check" not_the_systems tests/test-core-drop
    # Of the test programs only whether each passed: what they test is counted elsewhere.
    check "the tests" meson test -C "$work/bundled" --no-rebuild --no-suite long
    check "the installed form" installed
fi
prefix=$work/nowhere
check "bundled=auto, without the system's" auto auto -Dtests=enabled
check "bundled=auto, without, tests=auto" left_alone left-alone
check "bundled=never, without the system's" refused never -Dbundled=never
check "bundled=auto, with the system's" with_system with-system
check "as a subproject" user shared "" one_libevent
check "as a subproject, static" user static "'default_library=static'" all_static
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
