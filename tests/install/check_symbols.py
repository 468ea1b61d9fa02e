#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the installed headers declare with what the shared libraries export.

    tests/install/check_symbols.py INCLUDE_DIR LIBRARY...
"""
import glob
import os
import re
import subprocess
import sys


def code_of(folder):
    """The headers without comments, macro definitions on one line."""
    text = ""
    for path in sorted(glob.glob(os.path.join(folder, "vow.h")) + glob.glob(os.path.join(folder, "vow", "*.h"))):
        with open(path, encoding="utf-8") as file:
            text += file.read()
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return text.replace("\\\n", " ")


def declared(text):
    names = set()
    for statement in re.findall(r"^VOW_API\b[^;]*;", text, flags=re.M):
        names |= set(re.findall(r"\b(vow_\w+)\s*\(", statement))
        names |= set(re.findall(r"^VOW_API extern\b.*\b(vow_\w+);", statement)) # data
    return names


def function_macros(text):
    """The body of every lower-case macro with arguments, by its name; of C's and C++'s, both."""
    bodies = {}
    for name, body in re.findall(r"^#define (vow_\w+)\([^)]*\)(.*)$", text, flags=re.M):
        bodies[name] = bodies.get(name, "") + body
    return bodies


def exported(library):
    lines = subprocess.check_output(["nm", "-D", "--defined-only", library], text=True).split("\n")
    symbols = [line.split()[1:] for line in lines if line.strip()]
    return {name.split("@")[0] for kind, name in symbols if kind != "A"}


def main():
    text = code_of(sys.argv[1])
    names, symbols = declared(text), set().union(*map(exported, sys.argv[2:]))
    wrong = [f"{name}: declared and not exported" for name in sorted(names - symbols)]
    wrong += [f"{name}: exported and not declared" for name in sorted(symbols - names)]
    for name, body in function_macros(text).items():
        if not any(word in symbols for word in re.findall(r"\bvow_\w+", body)):
            wrong.append(f"{name}: a macro without a function behind it")
    for complaint in wrong:
        print(complaint)
    print(f"{len(names)} declared, {len(symbols)} exported")
    return 1 if wrong or not names else 0


if __name__ == "__main__":
    sys.exit(main())
