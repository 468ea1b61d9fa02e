#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the test cases of the last `meson test` in a build directory, and shows what the
programs that failed had to say.

    tests/count.py BUILD_DIR
"""
import glob
import json
import os
import re
import sys

FIGURES = re.compile(r"\d (?:orders|operations)\b")
SUMMARY = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)


def count(entry):
    """(passed, failed) of one program: Check's own count, if it came to that."""
    good = bad = 0
    for checks, failures, errors in SUMMARY.findall(entry.get("stdout") or ""):
        bad += int(failures) + int(errors)
        good += int(checks) - int(failures) - int(errors)
    if entry["result"] != "OK" and bad == 0:
        bad = 1  # it crashed, hung, or a sanitizer spoke at its end
    return good, bad


def figures(entry):
    """What a program that passed says of how much it has tried: "N orders", "N operations"."""
    said = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    return [line for line in said.splitlines() if FIGURES.search(line)]


def main():
    passed = failed = 0
    entries = []
    # under a wrapper such as valgrind the log has the wrapper's name
    for log in glob.glob(os.path.join(sys.argv[1], "meson-logs", "testlog*.json")):
        with open(log, encoding="utf-8") as file:
            entries += [json.loads(line) for line in file if line.strip()]
    for entry in entries:
        good, bad = count(entry)
        passed, failed = passed + good, failed + bad
        if bad:
            print(f"{entry['name']}: {entry['result']}")
            print((entry.get("stdout") or "")[-6000:] + (entry.get("stderr") or "")[-6000:])
        else:
            print("".join(f"{entry['name']}: {line}\n" for line in figures(entry)), end="")
    if passed + failed == 0:
        print("no test was run")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
