#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ends every example after every turn of its loop: by a cancel of what it runs, by a close.

    tests/sweep_examples.py --build DIR [--every] [NAME...]

DIR has been built with ASan, which says when something leaks, goes on with what has gone, or
ends in a crash. An example that is ended so comes to its own end, in time, with status 0 or 1.
tests/sweep.c says what a turn is. Of one with more than POINTS turns the first ones are taken
and then some evenly spread (--every: all).
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile

import check_examples

TOP = check_examples.TOP
POINTS = 24
NOT_OFFERED = {
    "16-own-adapter": "reads its standard input until the end",
    "17-callbacks": "runs its base itself, without vow_run",
    "28-crowd": "100,000 tasks: each turn is the same for one of them",
}
# Only cancelled.
NOT_CLOSED = {
    "34-select": "raises a signal for itself, which a closed loop does not hear",
}


def built_shim(folder):
    shim = os.path.join(folder, "sweep.so")
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-Wall", "-Werror",
                    "-I", os.path.join(TOP, "include"), os.path.join(TOP, "tests", "sweep.c"),
                    "-o", shim, "-ldl"], check=True)
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], check=True, text=True,
                          capture_output=True).stdout.strip()
    return os.path.realpath(asan) + ":" + shim


def run(program, arguments, preload, at):
    """The number of turns, and what is wrong or None."""
    try:
        done = check_examples.run(program, arguments, LD_PRELOAD=preload, SWEEP=str(at))
    except subprocess.TimeoutExpired:
        return 0, "does not end"
    turns = re.findall(r"^turns: (\d+)$", done.stderr, re.M)
    if done.returncode not in (0, 1) or "Sanitizer" in done.stderr or not turns:
        return 0, f"status {done.returncode}:\n{done.stdout}{done.stderr}"
    return int(turns[-1]), None


def points(turns, every):
    if every or turns <= POINTS:
        return range(1, turns + 1)
    spread = [POINTS // 2 + i * (turns - POINTS // 2) // (POINTS // 2) for i in range(POINTS // 2)]
    return [*range(1, POINTS // 2), *spread, turns]


def sweep(name, build, preload, every):
    """(text, number of ends tried, what went wrong)"""
    if name in NOT_OFFERED:
        return f"not offered: {NOT_OFFERED[name]}", 0, []
    program = os.path.join(build, "examples", name)
    if check_examples.uses_opencl(name):
        return "not offered: what it waits for is a device's driver, which is not ended", 0, []
    if not os.path.exists(program):
        return "not offered: not built here", 0, []
    header = check_examples.header_of(os.path.join(TOP, "examples", name + ".c"))
    arguments = check_examples.arguments_of(header, name)
    turns, wrong = run(program, arguments, preload, 0)
    if wrong:
        return wrong, 1, [wrong]
    signs = (1,) if name in NOT_CLOSED else (1, -1)
    ends = [sign * n for n in points(turns, every) for sign in signs]
    failures = []
    for end in ends:
        wrong = run(program, arguments, preload, end)[1]
        if wrong:
            failures.append(f"{'closed' if end < 0 else 'cancelled'} after turn {abs(end)}: {wrong}")
    left_out = f"; close not offered: {NOT_CLOSED[name]}" if name in NOT_CLOSED else ""
    return f"{turns} turns, ended {len(ends)} times{left_out}", len(ends), failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    names = options.names or sorted(os.path.basename(path)[:-2] for path in
                                    glob.glob(os.path.join(TOP, "examples", "[0-9]*.c")))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        preload = built_shim(folder)
        swept = pool.map(lambda name: sweep(name, options.build, preload, options.every), names)
        for name, (text, tried, failures) in zip(names, swept):
            print(f"{name:22} {text if not failures else ''}", *failures, sep="\n" if failures else "")
            passed += tried - len(failures)
            failed += len(failures)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
