# SPDX-License-Identifier: MIT
#
# setup.sh - sourced by tests/run and examples/run: sees to it that what the build needs is
# there, configures and builds. Expects $top, the top of the tree. Everything it has to say
# goes to standard error.
# shellcheck shell=bash

say() { echo "$*" >&2; }

# Where Node's headers are: they come with Node, on Debian in libnode-dev
node_headers() {
    local node include
    node=$(node -p process.execPath 2>/dev/null) || return
    include=$(dirname "$(dirname "$node")")/include/node
    [ -f "$include/node_api.h" ] && echo "$include"
}

# Is what this Debian package is for there, whoever installed it?
have() {
    case $1 in
    libc6-dev) echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1 ;;
    ninja-build) command -v ninja >/dev/null ;;
    libevent-dev) pkg-config --exists 'libevent_core >= 2.1.12' 2>/dev/null ;;
    libssl-dev) pkg-config --exists 'openssl >= 3' 2>/dev/null ;;
    libcurl4-openssl-dev) pkg-config --exists libcurl 2>/dev/null ;;
    nginx-light) PATH=$PATH:/usr/sbin command -v nginx >/dev/null ;;
    ocl-icd-opencl-dev) pkg-config --exists OpenCL 2>/dev/null ;;
    pocl-opencl-icd) ls /etc/OpenCL/vendors/pocl*.icd >/dev/null 2>&1 ;;
    check) pkg-config --exists 'check >= 0.15' 2>/dev/null ;;
    libclang-rt-dev) echo 'int main(void) { return 0; }' |
        clang -fsanitize=address,undefined -x c - -o /dev/null 2>/dev/null ;;
    gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc >/dev/null ;;
    libc6-dev-arm64-cross) [ -e /usr/aarch64-linux-gnu/include/stdio.h ] ;;
    qemu-user) command -v qemu-aarch64 >/dev/null ;;
    nodejs) command -v node >/dev/null ;;
    libnode-dev) node_headers >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# quietly COMMAND... : what it prints is shown only if it fails
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

missing_of() {
    local package
    for package; do
        have "$package" || echo "$package"
    done
}

# provide PACKAGE... : installs with apt what is missing, or says what to type and ends
provide() {
    local missing root=()
    mapfile -t missing < <(missing_of "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    local command="apt-get install --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        root=(sudo)
        command="sudo $command"
    fi
    if [ "${VOW_INSTALL:-yes}" != no ] && command -v apt-get >/dev/null &&
        { [ "${#root[@]}" -eq 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; }; then
        say "installing ${missing[*]}"
        # debconf must not ask, wherever it is run from
        quietly "${root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq &&
            apt-get install -qq -y --no-install-recommends "$@"' sh "${missing[@]}"
        hash -r
        mapfile -t missing < <(missing_of "$@")
        [ "${#missing[@]}" -gt 0 ] || return 0
    fi
    say "missing: ${missing[*]}"
    say "These are the names of Debian's packages; on Debian type:"
    say "    $command"
    exit 2
}

# configure DIR ARGUMENT... : sets DIR up unless it is, with these arguments
configure() {
    local dir=$top/$1
    shift
    if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/arguments" 2>/dev/null)" = "${CC:-cc} $*" ]; then
        return 0
    fi
    rm -rf "$dir"
    meson setup "$dir" "$top" --fatal-meson-warnings "$@" && echo "${CC:-cc} $*" >"$dir/arguments"
}
