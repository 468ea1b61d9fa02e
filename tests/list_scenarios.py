#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/SCENARIOS.md from the comments above the tests.

    tests/list_scenarios.py            rewrites the table
    tests/list_scenarios.py --missing  names the numbers that no test covers, writes nothing

A comment of its own line, /* scenario 12 */ or /* scenarios 12, 13 */, stands directly above
the TEST it is about. What a row says beyond the names (what the scenario is about, or
"not offered: why") is written by hand in the page and kept.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(TOP, "tests", "SCENARIOS.md")
MARK = re.compile(r"^/\* scenarios? ([0-9, ]+?) ?\*/$")
TEST = re.compile(r"^TEST(?:_PLAIN|_PANICS)?\(\s*(\w+)")
ALSO = re.compile(r" Also in tests/.*$")


def marked_tests(path):
    """Gives (number, test) for every marked test of the file."""
    numbers = []
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        for line in file:
            mark, test = MARK.match(line.rstrip()), TEST.match(line)
            if mark:
                numbers += [int(n) for n in re.findall(r"\d+", mark.group(1))]
                continue
            for number in numbers if test else []:
                yield number, test.group(1)
            numbers = []


def test_files():
    for folder, folders, names in os.walk(os.path.join(TOP, "tests")):
        folders.sort()
        for name in sorted(names):
            if re.fullmatch(r"test_\w+\.c", name):
                yield os.path.relpath(os.path.join(folder, name), TOP)


def collect():
    """number -> {file: [test, ...]}"""
    found = {}
    for path in test_files():
        for number, test in marked_tests(path):
            found.setdefault(number, {}).setdefault(path, []).append(test)
    return found


def row(number, files, what, by_hand):
    """The file with most tests of the scenario is the row's; others are named after `what`."""
    if not files:
        return f"| {number} | {by_hand or '-'} | {'' if by_hand else '-'} | {what} |"
    path = max(sorted(files), key=lambda file: len(files[file]))
    names = ", ".join(f"`{name}`" for name in files[path])
    others = ", ".join(file for file in sorted(files) if file != path)
    what = ALSO.sub("", what) + (f" Also in {others}." if others else "")
    return f"| {number} | {names} | {path} | {what} |"


def with_new_rows(lines, numbers):
    """Gives each number without a row one, behind that of the largest smaller number."""
    for number in sorted(numbers):
        before = max(i for i, line in enumerate(lines)
                     if re.match(r"\| (\d+) \|", line) and int(line.split()[1]) < number)
        lines.insert(before + 1, f"| {number} | - | - | |")
    return lines


def rewritten(text, found):
    lines = text.split("\n")
    there = {int(line.split()[1]) for line in lines if re.match(r"\| \d+ \|", line)}
    rows = []
    for line in with_new_rows(lines, set(found) - there):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0].isdigit():
            by_hand = cells[1] if cells[1].startswith("not offered:") else ""
            line = row(int(cells[0]), found.get(int(cells[0])), cells[-1], by_hand)
        rows.append(line)
    return "\n".join(rows)


def main():
    found = collect()
    with open(PAGE, encoding="utf-8") as file:
        text = rewritten(file.read(), found)
    missing = re.findall(r"^\| (\d+) \| - ", text, re.M)
    if missing:
        print("no test says that it covers: " + ", ".join(missing))
    if "--missing" not in sys.argv[1:]:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(text)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
