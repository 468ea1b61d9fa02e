#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts the faults of tests/mutants/*.txt into a copy of the library, one at a time, and shows
that the suite catches each by an assertion.

    tests/mutants.py [--jobs N] [WORD...]    all, or those whose names contain a WORD
                                             (or of a file: core.txt)
    tests/mutants.py --list
    tests/mutants.py --explore [--in FOLDER] [WORD...]     which tests notice, and how
    tests/mutants.py --self-test             that the judge tells the verdicts apart

A fault is a paragraph:

    mutant: reactions reversed
    caught by core/queue: handlers_run_in_the_order_of_registration
    in lib/core/promise.h:
    -    c->next = NULL;
    +    c->next = s->consumers;

The lines behind "in" are those of a diff without line numbers: the ones that start with a
blank or "-" must stand in the file exactly once; "..." starts another place in the file.
Each test named by "caught by" has to fail by an assertion. A panic, a signal, a time limit,
a fault that no longer fits the source or is no longer noticed is a failure.
"""
import argparse
import collections
import concurrent.futures
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O0", "-w", "-fno-tree-slp-vectorize"]
LIMIT = 120  # seconds for one test program: the harness ends single tests long before
CAUGHT = "caught"
RESULT = re.compile(r"^[^:\n]*:\d+:([PFE]):[^:\n]*:(\w+):\d+: (.*)$", re.M)

Mutant = collections.namedtuple("Mutant", "name tests changes where")
Test = collections.namedtuple("Test", "program name")
Change = collections.namedtuple("Change", "path old new")


class Wrong(Exception):
    """A verdict other than "caught"."""


# Reading the descriptions


def hunks(lines):
    """(old, new) of each part of a change."""
    parts = [[]]
    for line in lines:
        if line == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    for part in parts:
        yield ("".join(line[1:] + "\n" for line in part if line[:1] != "+"),
               "".join(line[1:] + "\n" for line in part if line[:1] != "-"))


def parse(path):
    name, tests, changes, body, file = None, [], [], [], None
    where = os.path.relpath(path, TOP)
    with open(path, encoding="utf-8") as text:
        lines = text.read().split("\n")

    def close_file():
        if file:
            changes.extend(Change(file, old, new) for old, new in hunks(body))

    for number, line in enumerate(lines + ["mutant: "], 1):
        head, _, rest = line.partition(": ")
        if head == "mutant":
            close_file()
            if name:
                yield Mutant(name, tests, changes, where)
            name, tests, changes, body, file = rest, [], [], [], None
        elif head.startswith("caught by "):
            tests += [Test(head[len("caught by "):], test) for test in rest.split(", ")]
        elif line.startswith("in ") and line.endswith(":"):
            close_file()
            body, file = [], line[3:-1]
        elif file and line[:1] in (" ", "-", "+") or line == "...":
            body.append(line)
        elif line and not line.startswith("#"):
            sys.exit(f"{where}:{number}: not understood: {line}")


def read_all(folder):
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "*.txt"))):
        found += parse(path)
    names = [mutant.name for mutant in found]
    for name in names:
        if names.count(name) > 1:
            sys.exit(f'two mutants are called "{name}"')
    return found


# Building


# The libraries beside libvow whose tests can be asked, and what they stand on.
BESIDE = {"http": ["libcurl", "libevent_extra"], "opencl": ["OpenCL"], "tls": ["openssl"]}


def package_flags(kind, packages=("libevent_core", "check")):
    command = ["pkg-config", kind, *packages]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, **more)
    return done.returncode, done.stdout


def library_sources(folder, part="lib"):
    """Of libvow itself; libraries beside it have a meson.build of their own."""
    with open(os.path.join(folder, part, "meson.build"), encoding="utf-8") as file:
        return [f"{part}/{name}" for name in re.findall(r"^  '(.*\.[cS])',$", file.read(), re.M)]


class Tree:
    """The copy, and the objects that were made of it."""

    def __init__(self, folder):
        self.folder = folder
        for part in ("lib", "include", "tests"):
            shutil.copytree(os.path.join(TOP, part), os.path.join(folder, part),
                            ignore=shutil.ignore_patterns("node", "bench", "install", "*.py"))
        os.mkdir(os.path.join(folder, "objects"))
        self.cflags, self.libs = package_flags("--cflags"), package_flags("--libs")
        self.sources = library_sources(folder)
        self.stub = os.path.join(folder, "objects", "stub-driver.so")
        self.stub_lock = threading.Lock()
        self.objects = {}  # source, relative: object
        self.needs = {}    # source, relative: the files it is made of

    def relative(self, path):
        return os.path.relpath(path, self.folder)

    def compile(self, source, ret, mutated=None):
        """Makes the object `ret` of `source`, which is relative; headers and sources that
        are in `mutated` come before the others. Gives the names of all files read."""
        roots = ([mutated] if mutated else []) + [self.folder]
        path = next(p for p in (os.path.join(root, source) for root in roots) if os.path.exists(p))
        parts = ("include", "lib") if source.startswith("lib/") else ("include", "tests", "lib")
        include = [f"-I{root}/{part}" for part in parts for root in roots]
        prefix = [f"-fmacro-prefix-map={root}/=" for root in roots]
        code, said = run(["gcc", *FLAGS, *self.defines(source), *self.cflags, *include, *prefix, "-MMD", "-MF",
                          ret + ".d", "-c", path, "-o", ret])
        if code != 0:
            raise Wrong(f"does not compile:\n{said}")
        with open(ret + ".d", encoding="utf-8") as file:
            files = file.read().replace("\\\n", " ").split(":", 1)[1].split()
        return {self.relative(file) for file in files}

    def defines(self, source):
        """What tests/opencl/meson.build gives its tests, the stub driver among it."""
        if not source.startswith("tests/opencl/"):
            return []
        with self.stub_lock:
            if not os.path.exists(self.stub):
                sources = glob.glob(os.path.join(self.folder, "tests", "opencl", "stub", "*.c"))
                code, said = run(["gcc", *FLAGS, "-shared", "-fPIC", "-fvisibility=hidden", "-pthread",
                                  *sources, "-o", self.stub])
                if code != 0:
                    raise Wrong(f"the stub driver does not compile:\n{said}")
        return [f'-DSTUB_DRIVER="{self.stub}"', f'-DPOCL_CACHE="{self.folder}/pocl-cache"']

    def object_of(self, source):
        """Made when it is first asked for; threads ask for different ones."""
        if source not in self.objects:
            ret = os.path.join(self.folder, "objects", source.replace("/", "-") + ".o")
            self.needs[source] = self.compile(source, ret)
            self.objects[source] = ret
        return self.objects[source]

    def library(self):
        return self.sources

    def beside(self, program):
        """The libraries beside libvow that a test includes something of."""
        folder, thing = program.split("/")
        path = os.path.join(self.folder, "tests", folder, f"test_{thing}.c")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return [name for name in BESIDE if re.search(rf'#include "(vow/)?{name}[/_.]', text)]

    def sources_of(self, program):
        folder, thing = program.split("/")
        sources = ["tests/harness.c", f"tests/{folder}/test_{thing}.c"]
        for name in self.beside(program):
            sources += library_sources(self.folder, f"lib/{name}")
        return sources

    def link(self, program, objects, ret):
        libs = [package for name in self.beside(program) for package in BESIDE[name]]
        libs = package_flags("--libs", libs) if libs else []
        code, said = run(["gcc", "-o", ret, *objects, *self.libs, *libs, "-pthread"])
        if code != 0:
            raise Wrong(f"does not link:\n{said}")

    def programs(self):
        found = glob.glob(os.path.join(self.folder, "tests", "*", "test_*.c"))
        return sorted(self.relative(path)[len("tests/"):-2].replace("test_", "", 1)
                      for path in found)


class Mutation:
    """The tree with one mutant in it."""

    def __init__(self, tree, mutant, folder):
        self.tree, self.folder = tree, folder
        self.changed, self.objects = set(), {}
        for change in mutant.changes:
            self.apply(change)

    def apply(self, change):
        path = os.path.join(self.folder, change.path)
        original = os.path.join(self.tree.folder, change.path)
        if not os.path.exists(original):
            raise Wrong(f"there is no {change.path}")
        if change.path not in self.changed:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(original, path)
            self.changed.add(change.path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        times = text.count(change.old) if change.old else 0
        if times != 1:
            raise Wrong(f"{change.path}: this stands there {times} times:\n{change.old}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(change.old, change.new))

    def object_of(self, source):
        plain = self.tree.object_of(source)
        if not self.tree.needs[source] & self.changed:
            return plain
        if source not in self.objects:
            ret = os.path.join(self.folder, source.replace("/", "-") + ".o")
            self.tree.compile(source, ret, self.folder)
            self.objects[source] = ret
        return self.objects[source]

    def build(self, program):
        ret = os.path.join(self.folder, program.replace("/", "-"))
        sources = self.tree.library() + self.tree.sources_of(program)
        self.tree.link(program, [self.object_of(source) for source in sources], ret)
        return ret


# Judging


def how(kind, message):
    """What Check said of one test, as a verdict."""
    if kind == "P":
        return "passed"
    if kind == "E":
        return "ran out of time" if "timeout" in message else f"crashed: {message}"
    if message.startswith("panic: "):
        return f"panicked: {message}"
    if "died of a signal" in message:
        return f"crashed: {message}"
    return CAUGHT


def run_program(program, tree, name=None):
    """{test: (verdict, message)} of a built program; None: it did not say."""
    environment = dict(os.environ, CK_FORK="yes", CK_VERBOSITY="verbose")
    environment.pop("CK_RUN_CASE", None)
    try:
        _, said = run([program] + ([name] if name else []), cwd=tree.folder, env=environment,
                      timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {}
    return {test: (how(kind, message), message) for kind, test, message in RESULT.findall(said)}


def judge(mutation, tests):
    """Raises Wrong unless each of the tests catches it. Gives what the first one says."""
    first = None
    built = {}
    for test in tests:
        if test.program not in built:
            built[test.program] = mutation.build(test.program)
        results = run_program(built[test.program], mutation.tree, test.name)
        verdict, message = results.get(test.name, ("did not run", ""))
        if verdict != CAUGHT:
            verdict = "survived" if verdict == "passed" else verdict
            raise Wrong(f"{verdict} ({test.program}: {test.name})")
        first = first or message
    if first is None:
        raise Wrong("no test is named that catches it")
    return first


def try_mutant(tree, mutant):
    """(True, what the assertion said) or (False, why not)."""
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=tree.folder) as folder:
        try:
            return True, judge(Mutation(tree, mutant, folder), mutant.tests)
        except Wrong as wrong:
            return False, str(wrong)


def check_sound(tree, tests, jobs):
    """The tests must pass without a mutant. Builds what is needed on the way."""
    sources = {source for test in tests for source in tree.sources_of(test.program)}
    missing = [source for source in sources if not os.path.exists(os.path.join(tree.folder, source))]
    if missing:
        return [f"there is no {source}" for source in missing]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(tree.object_of, [*tree.library(), *sorted(sources)]))
    plain = Mutation(tree, Mutant("", [], [], ""), tree.folder)
    complaints = []
    for program in sorted({test.program for test in tests}):
        names = {test.name for test in tests if test.program == program}
        results = run_program(plain.build(program), tree)
        for name in sorted(names):
            verdict, message = results.get(name, ("is not there", ""))
            if verdict != "passed":
                complaints.append(f"without a mutant {program}: {name}: {verdict} {message}")
    return complaints


# The ways to be called


def catch_all(mutants, jobs):
    start = time.monotonic()
    caught = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Tree(folder)
        complaints = check_sound(tree, {test for m in mutants for test in m.tests}, jobs)
        for complaint in complaints:
            print(complaint)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            results = pool.map(lambda mutant: try_mutant(tree, mutant), mutants)
            for mutant, (good, said) in zip(mutants, results):
                caught += good
                print(f"{'ok  ' if good else 'FAIL'} {mutant.name}: {said}", flush=True)
    print(f"{caught} of {len(mutants)} caught, {time.monotonic() - start:.0f} s")
    failed = len(mutants) - caught + len(complaints)
    print(f"{caught} passed, {failed} failed")
    return failed == 0 and caught > 0


def explore(mutants, folder_of_tests, jobs):
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Tree(folder)
        programs = [p for p in tree.programs() if p.startswith(folder_of_tests)]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            sources = {source for program in programs for source in tree.sources_of(program)}
            list(pool.map(tree.object_of, [*tree.library(), *sorted(sources)]))
            for mutant in mutants:
                print(f"{mutant.name}:")
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    try:
                        mutation = Mutation(tree, mutant, place)
                        for source in tree.library():
                            mutation.object_of(source)
                    except Wrong as wrong:
                        print(f"    {wrong}", flush=True)
                        continue
                    run_all = pool.map(
                        lambda program, m=mutation: run_program(m.build(program), tree), programs)
                    for program, results in zip(programs, run_all):
                        for test, (verdict, message) in results.items():
                            if verdict != "passed":
                                print(f"    {verdict:8} {program}: {test}: {message}", flush=True)


SELF_TEST = [
    ("equivalent", "survived", "    p->kind = K_FULFILLED;\n", "    p->kind = K_REJECTED - 1;\n"),
    ("crash", "crashed", "    p->kind = K_FULFILLED;\n", "    *(volatile int *)0 = 1;\n"),
    ("panic", "panicked", "    p->kind = K_FULFILLED;\n", '    vow__panic("no");\n'),
    ("hang", "ran out of time", "    p->kind = K_FULFILLED;\n", "    for (;;) {}\n"),
    ("nonsense", "does not compile", "    p->kind = K_FULFILLED;\n", "    nonsense;\n"),
    ("stale", "stands there 0 times", "no such text\n", "\n"),
    ("fault", CAUGHT, "    p->kind = K_FULFILLED;\n", "    v = vow_int(2);\n    p->kind = K_FULFILLED;\n"),
]


def self_test(jobs):
    failed = 0
    os.environ["CK_TIMEOUT_MULTIPLIER"] = "0.1"
    tests = [Test("core/settle", "promises_born_settled_say_so_before_any_turn")]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Tree(folder)
        for complaint in check_sound(tree, tests, jobs):
            print(complaint)
            failed += 1
        mutants = [Mutant(name, tests, [Change("lib/core/loop.h", old, new)], "")
                   for name, _, old, new in SELF_TEST]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(lambda mutant: try_mutant(tree, mutant), mutants))
    for (name, wanted, _, _), (good, said) in zip(SELF_TEST, results):
        if good != (wanted == CAUGHT) or not good and wanted not in said:
            print(f"{name}: wanted {wanted}, got {said}")
            failed += 1
    print(f"{len(SELF_TEST) - failed} passed, {failed} failed")
    return failed == 0


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--list", action="store_true")
    options.add_argument("--explore", action="store_true")
    options.add_argument("--in", dest="folder", default="")
    options.add_argument("--self-test", action="store_true")
    options.add_argument("words", nargs="*")
    given = options.parse_args()
    if given.self_test:
        return self_test(given.jobs)
    mutants = [mutant for mutant in read_all(os.path.join(TOP, "tests", "mutants"))
               if not given.words or any(word in mutant.name or word == os.path.basename(mutant.where)
                                     for word in given.words)]
    if given.list:
        for mutant in mutants:
            print(mutant.name)
        return True
    if given.explore:
        explore(mutants, given.folder, given.jobs)
        return True
    return catch_all(mutants, given.jobs)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
