#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles every snippet of C in the documentation and runs those that are programs.

    tests/check_snippets.py --build DIR [--sanitize]

A snippet is
  - a fenced block ```c or ```cpp of a Markdown file. One with a main() is a program;
    any other names the program around it in the line above: <!-- snippet: NAME -->
    puts it into tests/snippets/NAME.c.in (.cpp.in), together with the other blocks of
    the file with that name. A block ```output that follows a program is what it prints.
  - the lines indented by four more in the comment at the top of include/vow/NAME.h;
    the program around them is tests/snippets/NAME.c.in.

A test that a page names, `a_sentence_of_four_words_or_more`, has to exist.

The program around a snippet says where it goes: @SNIPPET@ is all of it, @1@, @2@, ... are
its parts, which end at the end of a block and at a line "..."; @L1@, @L2@, ... its lines.
Everything has to be used once. DIR is a build directory with the library in it; --sanitize
says that it was built with ASan and UBSan: then a snippet must not leak either.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SECONDS = 30

FENCE = re.compile(r"^(`{3,})\s*([\w+]*)(.*)$")
NAMED = re.compile(r"^<!--\s*snippet:\s*([\w.-]+)\s*-->\s*$")
TEST = re.compile(r"^TEST(?:_PLAIN|_PANICS)?\(\s*(\w+)", re.M)
SENTENCE = re.compile(r"`([A-Za-z0-9]+(?:_[A-Za-z0-9]+){3,})`")
PUBLIC = re.compile(r"vow_|event_|VOW_")
LANGUAGES = {"c": "c", "cpp": "cpp", "c++": "cpp", "cxx": "cpp", "C": "c"}


class Snippet:
    def __init__(self, place, language, name=None):
        self.place, self.language, self.name = place, language, name
        self.parts, self.output = [], None

    def lines(self):
        return [line for part in self.parts for line in part.split("\n") if line.strip()]


def fenced_blocks(path):
    """(line, language, name above, text) of each fenced block of a Markdown file."""
    blocks, fence, name = [], None, None
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            match = FENCE.match(line.strip())
            if fence is None and match:
                fence, kind = match.group(1), match.group(2)
                if "output" in match.group(3):
                    kind = "output"
                blocks.append((number, kind, name, []))
                name = None
            elif fence is not None and line.strip() == fence:
                fence = None
            elif fence is not None:
                blocks[-1][3].append(line)
            elif line.strip():
                named = NAMED.match(line.strip())
                name = named.group(1) if named else None
    return [(number, kind, name, "\n".join(text)) for number, kind, name, text in blocks]


def snippets_of_page(path):
    found, named, last = [], {}, None
    for number, kind, name, text in fenced_blocks(path):
        if kind == "output" and last is not None:
            last.output = text + "\n"
        last = None
        if kind not in LANGUAGES:
            continue
        last = named.get(name) if name else None
        if last is None:
            last = Snippet(f"{path}:{number}", LANGUAGES[kind], name)
            found.append(last)
        if name:
            named[name] = last
        last.parts += re.split(r"^\s*\.\.\.\s*$\n?", text, flags=re.M) if name else [text]
    return found


def snippets_of_header(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        comment = file.read().split("*/")[0].split("\n")
    snippet = Snippet(path, "c", os.path.basename(path)[:-len(".h")])
    text = []
    for number, line in enumerate(comment, 1):
        if re.match(r"^ \* {5}", line):
            if not text:
                snippet.place = f"{path}:{number}"
            text.append(line[len(" *     "):])
    if not text:
        return []
    snippet.parts = re.split(r"^\s*\.\.\.\s*$\n?", "\n".join(text), flags=re.M)
    return [snippet]


def whole_program(snippet):
    """The text to compile; ValueError says what is wrong."""
    if snippet.name is None:
        if not re.search(r"\bmain\s*\(", snippet.parts[0]):
            raise ValueError("is no program and names none around it: <!-- snippet: NAME -->")
        return snippet.parts[0]
    around = f"tests/snippets/{snippet.name}.{snippet.language}.in"
    try:
        with open(os.path.join(TOP, around), encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise ValueError(f"{around}, the program around it, is missing") from None
    fill = {"SNIPPET": "\n".join(snippet.parts)}
    fill.update({str(i): part for i, part in enumerate(snippet.parts, 1)})
    fill.update({f"L{i}": line for i, line in enumerate(snippet.lines(), 1)})
    used = re.findall(r"@(SNIPPET|L?\d+)@", text)
    complete = [["SNIPPET"], [str(i + 1) for i in range(len(snippet.parts))],
                [f"L{i + 1}" for i in range(len(snippet.lines()))]]
    if sorted(used) not in [sorted(names) for names in complete]:
        raise ValueError(f"{around} has to use all of it once; it uses {used}")
    return re.sub(r"@(SNIPPET|L?\d+)@", lambda match: fill[match.group(1)], text)


# The libraries beside libvow: what each needs, by pkg-config.
BESIDE = {"http": ["libcurl", "libevent_extra"], "opencl": ["OpenCL"], "tls": ["openssl"]}


def libraries(build):
    """What a snippet is linked with: the static libraries that were built, and theirs."""
    vow = os.path.join(build, "lib", "libvow.a")
    if not os.path.exists(vow):
        sys.exit(f"{vow}: no library: build it first")
    beside = {name: os.path.join(build, "lib", f"libvow-{name}.a") for name in BESIDE}
    built = [name for name in BESIDE if os.path.exists(beside[name])]
    needed = ["libevent_core"] + [package for name in built for package in BESIDE[name]]
    return [beside[name] for name in built] + [vow] + subprocess.check_output(
        ["pkg-config", "--libs"] + needed, text=True).split() + ["-pthread"]


class Compiler:
    def __init__(self, build, folder, sanitize):
        self.folder, self.count = folder, 0
        self.flags = WARNINGS + (["-fsanitize=address,undefined"] if sanitize else [])
        self.inputs = ["-I" + os.path.join(TOP, "include"), "-I" + os.path.join(TOP, "tests/snippets")]
        self.libraries = libraries(build)

    def run(self, command):
        return subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)

    def check(self, snippet):
        """What is wrong with the snippet, or None."""
        try:
            text = whole_program(snippet)
        except ValueError as wrong:
            return str(wrong)
        self.count += 1
        source = os.path.join(self.folder, f"snippet{self.count}.{snippet.language}")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        command = (["gcc", "-std=c11"] if snippet.language == "c" else ["g++", "-std=c++17"]) + self.flags
        program = source + ".out"
        done = self.run(command + self.inputs + [source, "-o", program] + self.libraries)
        if done.returncode != 0:
            return "does not compile:\n" + done.stdout
        try:
            done = self.run([program])
        except subprocess.TimeoutExpired:
            return f"runs longer than {SECONDS} seconds"
        if done.returncode != 0:
            return f"ends with status {done.returncode}:\n{done.stdout}"
        if snippet.output is not None and done.stdout != snippet.output:
            return f"prints\n{done.stdout}instead of\n{snippet.output}"
        return None


def unknown_tests(paths):
    """What pages call a test and is none."""
    known, said = set(), []
    for path in glob.glob(os.path.join(TOP, "tests", "*", "*.c")):
        with open(path, encoding="utf-8") as file:
            known.update(TEST.findall(file.read()))
    for path in paths:
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            said += [(path, name) for name in SENTENCE.findall(file.read()) if not PUBLIC.match(name)]
    return [f"{path}: there is no test {name}" for path, name in said if name not in known]


def pages():
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others",
                             "--exclude-standard", "*.md"], text=True, stdout=subprocess.PIPE)
    paths = listed.stdout.split() if listed.returncode == 0 else []
    if not paths:  # a tree without git
        paths = [os.path.relpath(path, TOP) for path in
                 glob.glob(os.path.join(TOP, "*.md")) + glob.glob(os.path.join(TOP, "*", "*.md"))]
    return sorted(path for path in paths
                  if not path.startswith("subprojects/") and os.path.exists(os.path.join(TOP, path)))


def main():
    parser = argparse.ArgumentParser(description="Compiles and runs the documentation's snippets.")
    parser.add_argument("--build", required=True, help="build directory with the static library")
    parser.add_argument("--sanitize", action="store_true", help="it was built with ASan and UBSan")
    arguments = parser.parse_args()
    snippets = [one for path in pages() for one in snippets_of_page(path)]
    headers = sorted(glob.glob(os.path.join(TOP, "include", "vow", "*.h")))
    snippets += [one for path in headers for one in snippets_of_header(os.path.relpath(path, TOP))]
    wrong, passed = [], 0
    if not any(one.place.startswith("README.md") for one in snippets):
        wrong.append("README.md: has no snippet")
    around = {os.path.basename(path).split(".")[0]
              for path in glob.glob(os.path.join(TOP, "tests", "snippets", "*.in"))}
    for name in sorted(around - {one.name for one in snippets}):
        wrong.append(f"tests/snippets/{name}: is around no snippet")
    wrong += unknown_tests([path for path in pages() if not path.startswith("tests/")])
    with tempfile.TemporaryDirectory() as folder:
        compiler = Compiler(os.path.abspath(arguments.build), folder, arguments.sanitize)
        for snippet in snippets:
            complaint = compiler.check(snippet)
            if complaint:
                wrong.append(f"{snippet.place}: {complaint}")
            else:
                passed += 1
    for complaint in wrong:
        print(complaint.rstrip())
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
