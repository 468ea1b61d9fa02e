# SPDX-License-Identifier: MIT
#
# sources.sh - sourced by the checks that build libevent and Check from subprojects/, as where
# the system has none. The sources are Debian's, so that no other network is needed; they are
# kept in build-packaging. Expects $top; $work goes at the end, $tree in it is where
# tree_with_sources puts vow.
# shellcheck shell=bash

kept=$top/build-packaging
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/vow

skip() {
    echo "SKIPPED: $*"
    exit 77
}

has_sources() {
    ls "$kept"/libevent_2.1.12-stable.orig.tar.gz "$kept"/check_0.15.2.orig.tar.gz >/dev/null 2>&1
}

# download : both sources into build-packaging, with package lists of its own
download() {
    local apt=$work/apt options
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$kept"
    if [ -f /etc/apt/sources.list.d/debian.sources ]; then
        sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$apt/src.sources"
        options=(-o "Dir::Etc::sourcelist=$apt/src.sources")
    elif [ -f /etc/apt/sources.list ]; then
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/src.list"
        options=(-o "Dir::Etc::sourcelist=$apt/src.list")
    else
        return 1
    fi
    options+=(-o "Dir::Etc::sourceparts=$apt/parts" -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
        -o APT::Sandbox::User=root)
    quietly apt-get "${options[@]}" update -qq &&
        (cd "$kept" && quietly apt-get "${options[@]}" source -qq --download-only libevent check)
}

# Ends the check where the sources cannot be had.
need_sources() {
    has_sources && return
    command -v apt-get >/dev/null || skip "no apt-get to get the sources of libevent and Check with"
    download || skip "the sources of libevent and Check cannot be had"
    has_sources || skip "this Debian has another libevent than 2.1.12 or Check than 0.15.2"
}

# value WRAP KEY : what a wrap says
value() { sed -n "s/^$2 = //p" "$top/subprojects/$1.wrap"; }

# The tree as it is, not as it was committed, with the sources where Meson looks for them: it
# unpacks and patches libevent itself, and of Check, which it would clone, finds the clone.
tree_with_sources() {
    mkdir -p "$tree/subprojects/packagecache" &&
        (cd "$top" && git ls-files -z --cached --others --exclude-standard | tar c --null --ignore-failed-read -T -) |
        tar x -C "$tree" &&
        cp "$kept"/libevent_2.1.12-stable.orig.tar.gz "$tree/subprojects/packagecache/$(value libevent source_filename)" &&
        tar xf "$kept/check_0.15.2.orig.tar.gz" -C "$tree/subprojects" &&
        cp -r "$tree/subprojects/packagefiles/check/." "$tree/subprojects/$(value check directory)/"
}
