#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that tests/SCENARIOS.md names an existing test for every scenario it has to.

    tests/check_scenarios.py

A row is | number | test function | tests/core/test_then.c | or | number | not offered: why |;
further columns and rows whose first cell is no number are ignored. Several functions in
one cell are separated by commas, and each has to exist in the file.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REQUIRED = list(range(1, 161))
MOST_NOT_OFFERED = 5
TEST = re.compile(r"^TEST(?:_PLAIN|_PANICS)?\(\s*(\w+)", re.M)


def rows(text):
    for line in text.split("\n"):
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if line.strip().startswith("|") and cells[0].isdigit():
            yield int(cells[0]), cells[1:]


def tests_in(path):
    try:
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            return set(TEST.findall(file.read()))
    except FileNotFoundError:
        return None


def complaint_about(cells):
    if len(cells) < 2 or not cells[0] or not cells[1]:
        return "needs a test function and a file"
    tests = tests_in(cells[1])
    if tests is None:
        return f"{cells[1]} does not exist"
    missing = [name for name in re.split(r"[`,\s]+", cells[0]) if name and name not in tests]
    return f"{cells[1]} has no TEST({missing[0]})" if missing else None


def main():
    page = os.path.join(TOP, "tests", "SCENARIOS.md")
    if not os.path.exists(page):
        print("tests/SCENARIOS.md is missing")
        print(f"0 passed, {len(REQUIRED)} failed")
        return 1
    wrong, seen, not_offered = {}, set(), []
    with open(page, encoding="utf-8") as file:
        for number, cells in rows(file.read()):
            if number in seen:
                wrong[number] = "stands there twice"
            seen.add(number)
            reason = re.match(r"not offered:\s*\S", " ".join(cells).lstrip())
            if reason:
                not_offered.append(number)
            elif number not in wrong:
                complaint = complaint_about(cells)
                if complaint:
                    wrong[number] = complaint
    wrong.update({number: "is missing" for number in REQUIRED if number not in seen})
    for number in not_offered[MOST_NOT_OFFERED:]:
        wrong[number] = f"not offered, beyond the {MOST_NOT_OFFERED} that may be"
    for number, complaint in sorted(wrong.items()):
        print(f"scenario {number}: {complaint}")
    print(f"{len(seen | set(REQUIRED)) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
