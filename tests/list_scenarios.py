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
    also = "".join(f"; also {file}" for file in sorted(files) if file != path)
    return f"| {number} | {names} | {path} | {re.sub(r'; also tests/.*', '', what)}{also} |"


def rewritten(text, found):
    lines, seen = [], set()
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0].isdigit():
            number = int(cells[0])
            seen.add(number)
            by_hand = cells[1] if cells[1].startswith("not offered:") else ""
            line = row(number, found.get(number), cells[-1], by_hand)
        lines.append(line)
    for number in sorted(set(found) - seen):
        lines.insert(len(lines) - 1, row(number, found[number], "", ""))
    return "\n".join(lines)


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
