#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails when the house is out of order: a layer that includes a higher one, a function or
a file that outgrew one sitting, a TODO that must not be released.

    tests/check_layers.py [TREE]        checks TREE (default: the tree it stands in)
    tests/check_layers.py --self-test   checks that each kind of violation is found
"""
import contextlib
import io
import os
import re
import sys
import tempfile

# Lowest first: a file may include its own folder, folders to its left and vow/... . Nobody
# is to the right of inspect: it looks at everything and nothing may need it.
LAYERS = ["base", "value", "core", "loop", "flow", "scope", "task", "sync", "adapt", "file",
          "stream", "net", "process", "seq", "inspect"]
# Libraries of their own beside libvow: they see vow/... and nothing of what is inside it.
LIBRARIES = ["http", "opencl", "tls"]
# Who may see what of others: the pattern of the header, the pattern of the file.
FOREIGN = [
    (re.compile(r"event2?/|event2?\.h|ev(http|dns|util)"),
     re.compile(r"lib/(loop|adapt|file|stream|net|process|http)/"), "libevent"),
    (re.compile(r"ucontext\.h|setjmp\.h"), re.compile(r"lib/task/"), "switching stacks"),
    (re.compile(r"CL/"), re.compile(r"lib/opencl/"), "OpenCL"),
    (re.compile(r"curl/"), re.compile(r"lib/http/"), "libcurl"),
    (re.compile(r"openssl/"), re.compile(r"lib/tls/"), "OpenSSL"),
]
MOST_LINES = {"lib": 400, "include": 200, "example": 80, "tour": 400}
LONGEST_FUNCTION = 60
MEAN_FUNCTION = 15.0
TODO_NOW = "TODO" + "(now)"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def blank_out(match):
    """Keeps the lines of what it removes, so that numbers stay right."""
    text = match.group(0)
    return '""' if text[0] in "\"'" else "\n" * text.count("\n")


NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)


def functions(text):
    """(name, first line, lines) of every function that `text` defines."""
    code = DIRECTIVE.sub(blank_out, NOISE.sub(blank_out, text))
    found, depth, start, head = [], 0, 0, ""
    for position, char in enumerate(code):
        if char == "{":
            if depth == 0:
                head = code[start:position]
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                name = re.search(r"(\w+)\s*\(", head.replace("__attribute__", ""))
                if name and head.rstrip().endswith(")") and "=" not in head:
                    blank = list(re.finditer(r"\n[ \t]*\n", head.rstrip()))
                    first = start + (blank[-1].end() if blank else len(head) - len(head.lstrip()))
                    line = code.count("\n", 0, first) + 1
                    found.append((name.group(1), line, code.count("\n", first, position) + 1))
                start = position + 1
        elif char == ";" and depth == 0:
            start = position + 1
    return found


class House:
    def __init__(self, top):
        self.top = top
        self.complaints = []
        self.seen, self.bad = set(), set()  # what was looked at, and what of it was out of order
        self.lengths = {}

    def expect(self, ok, place, complaint):
        self.seen.add(place.split(":")[0])
        if not ok:
            self.bad.add(place.split(":")[0])
            self.complaints.append(f"{place}: {complaint}")

    def files(self, folder, *ends):
        for where, folders, names in os.walk(os.path.join(self.top, folder)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(ends):
                    yield os.path.relpath(os.path.join(where, name), self.top)

    def read(self, path):
        with open(os.path.join(self.top, path), encoding="utf-8") as file:
            return file.read()

    def read_if_there(self, path):
        return self.read(path) if os.path.exists(os.path.join(self.top, path)) else ""

    def check_include(self, path, line, bracket, header):
        place = f"{path}:{line}"
        for pattern, allowed, whose in FOREIGN:
            if bracket == "<" and pattern.match(header):
                self.expect(allowed.match(path), place, f"may not see {whose} (<{header}>)")
        if bracket == "<" or header.startswith("vow/") or header == "vow.h":
            return
        own = path.split("/")[1]
        layer = header.split("/")[0] if "/" in header else own
        if own in LIBRARIES:
            self.expect(layer == own, place, f"{own}/ is a library of its own and sees only vow/...")
            return
        if layer not in LAYERS:
            self.expect(False, place, f'"{header}" is in no layer')
            return
        self.expect(LAYERS.index(layer) <= LAYERS.index(own), place,
                    f"{own}/ may not include {layer}/, which is above it")

    def check_lib(self, path):
        text = self.read(path)
        layer = path.split("/")[1]
        known = layer in LAYERS + LIBRARIES
        self.expect(known, path, "stands in no layer")
        if not known:
            return
        for number, line in enumerate(text.split("\n"), 1):
            match = INCLUDE.match(line)
            if match:
                self.check_include(path, number, *match.groups())
        self.check_functions(path, text, self.lengths.setdefault(layer, []))

    def check_public(self, path):
        """A public header knows its neighbours and the system, nothing of libevent's."""
        for number, line in enumerate(self.read(path).split("\n"), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            bracket, header = match.groups()
            place = f"{path}:{number}"
            foreign = bracket == "<" and any(pattern.match(header) for pattern, _, _ in FOREIGN)
            allowed = header.startswith("CL/") and os.path.basename(path).startswith("opencl")
            self.expect(not foreign or allowed, place, f"a public header includes <{header}>")
            inner = bracket == '"' and header.split("/")[0] in LAYERS + LIBRARIES
            self.expect(not inner, place, f'a public header includes "{header}"')

    def check_functions(self, path, text, lengths):
        for name, line, length in functions(text):
            lengths.append(length)
            self.expect(length <= LONGEST_FUNCTION, f"{path}:{line}",
                        f"{name} has {length} lines, more than {LONGEST_FUNCTION}")

    def check_size(self, path, kind):
        lines = self.read(path).count("\n")
        self.expect(lines <= MOST_LINES[kind], path, f"{lines} lines, more than {MOST_LINES[kind]}")

    def check_todo(self, path):
        for number, line in enumerate(self.read(path).split("\n"), 1):
            if TODO_NOW in line:
                self.expect(False, f"{path}:{number}", TODO_NOW)

    def check_listed(self):
        """A file that the build does not know is not tested, and nobody notices."""
        for folder in ["lib", "tests"]:
            build = os.path.join(folder, "meson.build")
            listed = self.read_if_there(build)
            for path in self.files(folder, ".c"):
                inner = path[len(folder) + 1:]
                test = re.fullmatch(r"(\w+)/test_(\w+)\.c", inner)
                name = f"{test[1]}/{test[2]}" if test else inner
                own = os.path.join(folder, os.path.dirname(inner), "meson.build")
                if inner.split("/")[0] in LIBRARIES and folder == "lib":
                    self.expect(f"'{os.path.basename(inner)}'" in self.read_if_there(own), path,
                                f"has no line in {own}")
                elif folder == "lib" or test:
                    self.expect(f"'{name}'" in listed, path, f"has no line in {build}")

    def check(self):
        sources = list(self.files("lib", ".c", ".h", ".S"))
        self.expect(sources, "lib", "no sources")
        for path in sources:
            self.check_size(path, "lib")
            if "/" in path[len("lib/"):]:
                self.check_lib(path)
            else:
                self.expect(False, path, "stands in no layer")
        for path in self.files("include", ".h"):
            self.check_size(path, "include")
            self.check_public(path)
            self.check_functions(path, self.read(path), [])
        for path in self.files("examples", ".c", ".h"):
            self.check_size(path, "example" if path.count("/") == 1 else "tour")
            self.check_functions(path, self.read(path), [])
        for folder in ["lib", "include", "examples", "tests"]:
            for path in self.files(folder, ".c", ".h", ".S", ".py", ".sh", ".build", "run"):
                self.check_todo(path)
        self.check_listed()
        self.check_means()

    def check_means(self):
        total = [length for lengths in self.lengths.values() for length in lengths]
        for layer in LAYERS:
            lengths = self.lengths.get(layer)
            if lengths:
                print(f"{layer:8} {len(lengths):4} functions, mean {mean(lengths):4.1f} lines, "
                      f"longest {max(lengths)}")
        if total:
            print(f"{'lib':8} {len(total):4} functions, mean {mean(total):4.1f} lines")
            self.expect(mean(total) < MEAN_FUNCTION, "lib",
                        f"mean function of {mean(total):.1f} lines, must be below {MEAN_FUNCTION:.0f}")


def mean(numbers):
    return sum(numbers) / len(numbers)


def lines(n, statement="    (void)0;"):
    return "\n".join([statement] * n)


def long_function(n):
    return f"int f(void)\n{{\n{lines(n - 4)}\n    return 0;\n}}\n"


# A clean tree, and changes to it that must each be found, by a part of the complaint.
CLEAN = {
    "lib/base/list.h": "static inline int one(void) { return 1; }\n",
    "lib/core/a.c": '#include "core/a.h"\n#include "base/list.h"\n#include "vow/base.h"\n'
                    "#include <stdio.h>\n" + long_function(7),
    "lib/core/a.h": "struct table { int x; };\n",
    "lib/loop/loop.c": '#include <event2/event.h>\n#include "core/a.h"\n' + long_function(60),
    "lib/inspect/dump.c": '#include "loop/loop.h"\n#include "inspect/dump.h"\n' + long_function(5)
                          + long_function(5).replace("f(", "g(") + long_function(5).replace("f(", "h("),
    "lib/meson.build": "'core/a.c' 'loop/loop.c' 'inspect/dump.c' 'base/x.c' 'core/x.c' 'flow/x.c' "
                       "'adapt/x.c' 'adapt/sock.c' 'extra/x.c' 'x.c'",
    "tests/meson.build": "'core/a': {},",
    "tests/core/test_a.c": "int x;\n",
    "include/vow/base.h": '#include <stddef.h>\n#include "type.h"\n',
    "examples/01-hello.c": long_function(10),
}
VIOLATIONS = [
    ("lib/base/x.c", '#include "core/a.h"\n', "base/ may not include core/"),
    ("lib/core/x.c", '  #  include "flow/all.h"\n', "core/ may not include flow/"),
    ("lib/adapt/x.c", '#include "inspect/dump.h"\n', "adapt/ may not include inspect/"),
    ("lib/core/x.c", "#include <event2/event.h>\n", "may not see libevent"),
    ("lib/flow/x.c", "#include <event.h>\n", "may not see libevent"),
    ("lib/flow/x.c", "#include <ucontext.h>\n", "may not see switching stacks"),
    ("lib/adapt/sock.c", "#include <CL/cl.h>\n", "may not see OpenCL"),
    ("lib/core/x.c", '#include "../flow/all.h"\n', "is in no layer"),
    ("lib/extra/x.c", "int x;\n", "stands in no layer"),
    ("lib/x.c", "int x;\n", "stands in no layer"),
    ("lib/tls/x.c", '#include "core/a.h"\n', "a library of its own"),
    ("lib/tls/x.c", "int x;\n", "has no line in lib/tls/meson.build"),
    ("lib/core/x.c", long_function(61), "f has 61 lines"),
    ("lib/core/x.c", "static struct { int i; } x = {1};\n" + long_function(61), "f has 61 lines"),
    ("lib/core/x.c", "".join(long_function(40).replace("f(", f"f{i}(") for i in range(9)), "mean function"),
    ("lib/core/x.c", lines(401, "int x;") + "\n", "401 lines"),
    ("include/vow/x.h", lines(201, "int x;") + "\n", "201 lines"),
    ("include/vow/x.h", "#include <event2/event.h>\n", "public header includes"),
    ("include/vow/x.h", '#include "core/a.h"\n', "public header includes"),
    ("examples/02-x.c", lines(81, "int x;") + "\n", "81 lines"),
    ("lib/core/x.c", f"/* {TODO_NOW}: finish */\n", TODO_NOW),
    ("lib/core/b.c", "int x;\n", "has no line in lib/meson.build"),
    ("tests/core/test_b.c", "int x;\n", "has no line in tests/meson.build"),
    ("tests/x.py", f"# {TODO_NOW}: finish\n", TODO_NOW),
]


def complaints_about(tree):
    with tempfile.TemporaryDirectory() as top:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8") as file:
                file.write(text)
        house = House(top)
        with contextlib.redirect_stdout(io.StringIO()):
            house.check()
        return house.complaints


def self_test():
    failed = []
    if complaints_about(CLEAN):
        failed.append(f"the clean tree: {complaints_about(CLEAN)}")
    if not complaints_about({"include/vow/base.h": ""}):
        failed.append("a tree without sources passes")
    for path, text, part in VIOLATIONS:
        found = complaints_about({**CLEAN, path: text})
        elsewhere = [one for one in found if not one.startswith((path, "lib: mean"))]
        if elsewhere or not any(part in one for one in found):
            failed.append(f"{path}: wanted '{part}', got {found}")
    for text in failed:
        print(text)
    print(f"{len(VIOLATIONS) + 2 - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    house = House(arguments[0] if arguments else here)
    house.check()
    for complaint in house.complaints:
        print(complaint)
    print(f"{len(house.seen - house.bad)} passed, {len(house.bad)} failed")
    return 1 if house.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
