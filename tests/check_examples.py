#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every example and compares what it prints with what its header says.

    tests/check_examples.py --build DIR [NAME...]

The comment at the top of examples/NN-name.c has
    examples/run NN-name ARGUMENTS      how to run it (the first such line), as words
    Exit status: 1                      when it is not 0
    Expected output:                    then the lines of standard output, indented by four
    Expected errors:                    the same for standard error; without it: nothing
    Without a device:                   what an example for OpenCL prints where there is none;
                                        without it: a line that says so, as an error, status 1
In an expected line <number> stands for any number, <text> for any text; a line "..."
stands for any lines. Every example has to be named in examples/README.md, together with
a line of its output, and in examples/meson.build. The tour has to run without arguments.
Input that is no good (SPOILT) is refused in words.
"""
import argparse
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 60
WILD = {"<number>": r"-?\d+(?:\.\d+)?", "<text>": r".*"}


def header_of(path):
    """The lines of the comment at the top, without its stars."""
    with open(path, encoding="utf-8") as file:
        comment = file.read().split("*/")[0]
    return [re.sub(r"^ ?\*? ?", "", line.rstrip()) for line in comment.split("\n")[1:]]


def uses_opencl(name):
    with open(os.path.join(TOP, "examples", name + ".c"), encoding="utf-8") as file:
        return "vow_cl_open(" in file.read()


def block_after(header, title):
    """The indented lines after "title:", or None; blank lines belong to it but at its end."""
    if title + ":" not in header:
        return None
    block = []
    for line in header[header.index(title + ":") + 1:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    while block and not block[-1]:
        block.pop()
    return block


def pattern_of(lines):
    parts = []
    for line in lines:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
            continue
        words = re.split("(" + "|".join(WILD) + ")", line)
        parts.append("".join(WILD.get(word, re.escape(word)) for word in words) + r" *\n")
    return re.compile("".join(parts))


def arguments_of(header, name):
    for line in header:
        match = re.search(rf"examples/run {re.escape(name)}(?:\s+(.*))?$", line)
        if match:
            return shlex.split((match.group(1) or "").split("  ")[0])
    return None


# What OpenCL's drivers keep until the process ends is not ours.
LSAN = "suppressions=" + os.path.join(TOP, "tests", "opencl", "lsan.txt") + ":print_suppressions=0"


# Which argument is spoilt, how, and a word of the answer.
SPOILT = {
    "27-frames": (0, [(lambda good: good[:100], "film"), (lambda good: b"x" + good, "film"),
                      (lambda good: b"", "film")]),
    "37-blur": (0, [(lambda good: good[:-1], "shorter"), (lambda good: good[:13], "shorter"),
                    (lambda good: good.replace(b"112 72", b"999 99"), "shorter"),
                    (lambda good: good.replace(b"112 72", b"0 7200"), "not a PGM"),
                    (lambda good: good.replace(b"P5", b"P6"), "not a PGM"),
                    (lambda good: b"", "not a PGM")]),
}


def run(program, arguments, **more):
    environment = {"LSAN_OPTIONS": LSAN, **os.environ, **more}
    return subprocess.run([program, *arguments], cwd=TOP, stdin=subprocess.DEVNULL, text=True, env=environment,
                          errors="replace", capture_output=True, timeout=SECONDS)


def compare(what, expected, got):
    if pattern_of(expected).fullmatch(got if got.endswith("\n") or not got else got + "\n"):
        return None
    return f"{what} is\n{got}instead of\n" + "\n".join(expected)


def check_without_device(program, arguments, header):
    with tempfile.TemporaryDirectory() as nothing:
        done = run(program, arguments, OCL_ICD_VENDORS=nothing + "/", OCL_ICD_FILENAMES="")
    expected = block_after(header, "Without a device")
    if expected:
        return (compare("without a device standard output", expected, done.stdout) or
                (f"without a device it ends with status {done.returncode}:\n{done.stderr}"
                 if done.returncode != 0 or done.stderr else None))
    if done.returncode != 1 or not re.fullmatch(".*device.*\n", done.stderr):
        return f"without a device it ends with status {done.returncode}:\n{done.stderr}"
    return None


def check_spoilt(name, program, arguments):
    at, cases = SPOILT[name]
    with open(os.path.join(TOP, arguments[at]), "rb") as file:
        good = file.read()
    for spoil, word in cases:
        with tempfile.NamedTemporaryFile() as file:
            file.write(spoil(good))
            file.flush()
            done = run(program, [*arguments[:at], file.name, *arguments[at + 1:]])
        if done.returncode != 1 or word not in done.stderr:
            return f"spoilt input: status {done.returncode}, no \"{word}\" in\n{done.stdout}{done.stderr}"
    return None


def check(name, build, catalogue):
    """What is wrong with the example, or None."""
    header = header_of(os.path.join(TOP, "examples", name + ".c"))
    arguments = arguments_of(header, name)
    expected = block_after(header, "Expected output")
    if arguments is None:
        return f'its header has no line "examples/run {name}"'
    if expected is None:
        return 'its header has no "Expected output:"'
    if name not in catalogue:
        return "is not in examples/README.md"
    if not any(line.strip() and line.strip() in catalogue for line in expected):
        return "examples/README.md shows no line of its output"
    program = os.path.join(build, "examples", name)
    if not os.path.exists(program):
        return "is not built: it needs its line in examples/meson.build"
    try:
        done = run(program, arguments)
    except subprocess.TimeoutExpired:
        return f"runs longer than {SECONDS} seconds"
    wanted = next((int(line.split(":")[1]) for line in header if line.startswith("Exit status:")), 0)
    if done.returncode != wanted:
        return f"ends with status {done.returncode}, not {wanted}:\n{done.stdout}{done.stderr}"
    complaint = (compare("standard output", expected, done.stdout)
                 or compare("standard error", block_after(header, "Expected errors") or [], done.stderr))
    if not complaint and uses_opencl(name):
        complaint = check_without_device(program, arguments, header)
    if not complaint and name in SPOILT:
        complaint = check_spoilt(name, program, arguments)
    return complaint


def check_tour(build):
    program = os.path.join(build, "examples", "tour")
    if not os.path.exists(program):
        return "is not built"
    try:
        done = run(program, [])
    except subprocess.TimeoutExpired:
        return f"runs longer than {SECONDS} seconds"
    if done.returncode != 0 or not done.stdout:
        return f"ends with status {done.returncode}:\n{done.stdout}{done.stderr}"
    return None


def main():
    parser = argparse.ArgumentParser(description="Runs the examples and compares their output.")
    parser.add_argument("--build", required=True, help="build directory")
    parser.add_argument("names", nargs="*", help="only these")
    options = parser.parse_args()
    sources = sorted(glob.glob(os.path.join(TOP, "examples", "[0-9][0-9]-*.c")))
    names = options.names or [os.path.basename(path)[:-len(".c")] for path in sources] + ["tour"]
    page = os.path.join(TOP, "examples", "README.md")
    catalogue = open(page, encoding="utf-8").read() if os.path.exists(page) else ""
    wrong = [] if sources else ["examples: there are none"]
    passed, build = 0, os.path.abspath(options.build)
    for name in names:
        complaint = check_tour(build) if name == "tour" else check(name, build, catalogue)
        if complaint:
            wrong.append(f"examples/{name}: {complaint}")
        else:
            passed += 1
    for complaint in wrong:
        print(complaint.rstrip())
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
