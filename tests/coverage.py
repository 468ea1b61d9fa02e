#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what the tests reach, and fails where they fall short: every line of the layers
below, and 95 % of their branches, of which the others are named in tests/coverage.txt.

    tests/coverage.py --build DIR    DIR: gcc, -Db_coverage=true

The report to look at is DIR/html/index.html. A line of tests/coverage.txt is

    lib/core/drop.c: climb: 2: why these two branches of the function are not taken

or with "0-2" where it depends on the threads' timing. Markers that leave lines out of the
count are not obeyed and not allowed.
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

import check_layers

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAYERS = ["value", "core", "loop", "flow"]
LEAST_BRANCHES = 95.0
EXPLAINED = os.path.join(TOP, "tests", "coverage.txt")
MARKER = re.compile(r"\b[GL]COVR?_(EXCL|BR_EXCL)")
ENTRY = re.compile(r"(lib/\S+): (\w+): (\d+)(?:-(\d+))?: \S")


def quiet(command, **more):
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", **more)
    if done.returncode != 0:
        print(done.stdout[-8000:])
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}")


def run_tests(build):
    for path in glob.glob(os.path.join(build, "**", "*.gcda"), recursive=True):
        os.remove(path)
    quiet(["meson", "test", "-C", build, "--no-rebuild", "--no-suite", "long", "--print-errorlogs",
           "--timeout-multiplier", "5"], env=dict(os.environ, VOW_TEST_SLOW="1"))


def measure(build):
    """What gcovr knows of each file, by its path below TOP."""
    html, facts = os.path.join(build, "html"), os.path.join(build, "coverage.json")
    os.makedirs(html, exist_ok=True)
    layers = f"lib/({'|'.join(LAYERS)})/"
    quiet(["gcovr", "--root", TOP, "--filter", layers, "--exclude-pattern-prefix", "NONE", "--json",
           facts, "--html-details", os.path.join(html, "index.html"), build])
    with open(facts, encoding="utf-8") as file:
        return {entry["file"]: entry for entry in json.load(file)["files"]}


def function_at(functions, line):
    for name, first, length in functions:
        if first <= line < first + length:
            return name
    return "(none)"


class Layer:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0


def tally(files):
    """(counts by layer, lines missed as "file:line", Counter of branches missed by function)"""
    layers, missed_lines, missed = collections.defaultdict(Layer), [], collections.Counter()
    where = collections.defaultdict(list)
    for path, entry in sorted(files.items()):
        layer = layers[path.split("/")[1]]
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            functions = list(check_layers.functions(file.read()))
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            number = line["line_number"]
            layer.lines += 1
            layer.lines_hit += line["count"] > 0
            if line["count"] == 0:
                missed_lines.append(f"{path}:{number}")
            for branch in line["branches"]:
                layer.branches += 1
                layer.branches_hit += branch["count"] > 0
                if branch["count"] == 0:
                    key = (path, function_at(functions, number))
                    missed[key] += 1
                    where[key].append(str(number))
    return layers, missed_lines, missed, where


def explained():
    """(file, function): [least, most] branches that may be missed"""
    entries = collections.defaultdict(lambda: [0, 0])
    if not os.path.exists(EXPLAINED):
        return entries
    with open(EXPLAINED, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line[0] in "# ":
                continue
            match = ENTRY.match(line)
            if not match:
                sys.exit(f"tests/coverage.txt:{number}: not understood: {line}")
            path, function, least, most = match.groups()
            entries[path, function][0] += int(least)
            entries[path, function][1] += int(most or least)
    return entries


def compare(missed, where, allowed):
    for key in sorted(set(missed) | set(allowed)):
        least, most = allowed.get(key, (0, 0))
        place = f"{key[0]}: {key[1]}"
        if missed[key] > most:
            yield (f"{place}: {missed[key]} branches not taken, {most} explained in "
                   f"tests/coverage.txt (lines {' '.join(where[key])})")
        elif missed[key] < least:
            yield f"{place}: {least} branches explained, but only {missed[key]} not taken"


def markers():
    for path in glob.glob(os.path.join(TOP, "lib", "*", "*.[ch]")):
        with open(path, encoding="utf-8") as file:
            if MARKER.search(file.read()):
                yield f"{os.path.relpath(path, TOP)}: leaves lines out of the count"


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--build", required=True)
    options.add_argument("--again", action="store_true", help="judge the last run")
    given = options.parse_args()
    if not given.again:
        run_tests(given.build)
    layers, missed_lines, missed, where = tally(measure(given.build))
    wrong = [f"{place}: never run" for place in missed_lines]
    wrong += compare(missed, where, explained())
    wrong += markers()
    for name in LAYERS:
        layer = layers[name]
        branches = percent(layer.branches_hit, layer.branches)
        print(f"{name:6} {layer.lines_hit} of {layer.lines} lines, {layer.branches_hit} of "
              f"{layer.branches} branches ({branches:.1f} %)")
        if layer.lines == 0:
            wrong.append(f"{name}: nothing was measured")
        if branches < LEAST_BRANCHES:
            wrong.append(f"{name}: {branches:.1f} % of the branches, not {LEAST_BRANCHES} %")
    for complaint in wrong:
        print(complaint)
    print(f"{given.build}/html/index.html")
    print(f"{len(layers)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
