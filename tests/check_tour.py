#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tour on real input: files of every kind, FIFOs, servers that do as they please.

    tests/check_tour.py --build DIR [NAME...]

Each check is a method of Tour with its own folder and servers; it compares the rows that
the tour prints with what hashlib says and with the errors that the input deserves.
"""
import argparse
import contextlib
import fcntl
import hashlib
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = 60
# What OpenCL's drivers keep until the process ends is not ours.
LSAN = "suppressions=" + os.path.join(TOP, "tests", "opencl", "lsan.txt") + ":print_suppressions=0"
ENVIRONMENT = {"LSAN_OPTIONS": LSAN, **os.environ}
TOTALS = re.compile(
    r"(\d+) inputs, (\d+) failed; ([\d.]+) ms for ([\d.]+) ms of parts; "
    r"(\d+) promises made, at most (\d+) alive, (\d+) unhandled")


class Wrong(Exception):
    pass


def expect(ok, what):
    if not ok:
        raise Wrong(what)


def content_row(content):
    return len(content), content.count(b"\n"), hashlib.sha256(content).hexdigest()


class Result:
    """What a run of the tour printed, taken apart."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        lines = out.splitlines()
        expect(len(lines) >= 2, f"no table:\n{out}{err}")
        match = TOTALS.fullmatch(lines[-1])
        expect(match, f"no totals in the last line: {lines[-1]}")
        numbers = [float(text) for text in match.groups()]
        self.inputs, self.failed = int(numbers[0]), int(numbers[1])
        self.wall, self.sum = numbers[2], numbers[3]
        self.made, self.peak, self.unhandled = (int(number) for number in numbers[4:])
        self.head, self.rows = lines[0], lines[1:-1]
        expect(len(self.rows) == self.inputs, f"{self.inputs} inputs in {len(self.rows)} rows:\n{out}")

    def row(self, name):
        found = [row for row in self.rows if row.startswith(name + " ")]
        expect(len(found) == 1, f"{len(found)} rows of {name}:\n{self.out}{self.err}")
        return found[0][len(name):].strip()

    def expect_content(self, name, content):
        row = re.fullmatch(r"(\d+) +(\d+) +([\d.]+)  ([0-9a-f]{64})", self.row(name))
        expect(row, f"{name}: no digest: {self.row(name)}")
        got = int(row.group(1)), int(row.group(2)), row.group(4)
        expect(got == content_row(content), f"{name}: {got} instead of {content_row(content)}")

    def expect_error(self, name, *parts):
        row = re.fullmatch(r"- +- +([\d.]+)  error: (.*)", self.row(name))
        expect(row, f"{name}: no error: {self.row(name)}")
        for part in parts:
            expect(part in row.group(2), f"{name}: no '{part}' in: {row.group(2)}")


class Server:
    """Calls talk(connection, request) for every client on a thread of its own."""

    def __init__(self, talk):
        self.talk = talk
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.client, args=(connection,), daemon=True).start()

    def client(self, connection):
        with contextlib.suppress(OSError), connection:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(4096)
                if not piece:
                    return
                request += piece
            self.talk(connection, request, self.over)

    def url(self, path="page"):
        return f"http://127.0.0.1:{self.port}/{path}"

    def close(self):
        self.over.set()
        self.listener.close()


def says(answer):
    return lambda connection, request, over: connection.sendall(answer)


def with_length(page):
    return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page


def never(connection, request, over):
    over.wait(SECONDS)


class Tour:
    def __init__(self, program):
        self.program = program
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.servers = []

    def close(self):
        for server in self.servers:
            server.close()
        shutil.rmtree(self.folder)

    def run(self, *arguments, cwd=None, **environment):
        done = subprocess.run([self.program, *arguments], cwd=cwd or self.folder, text=True,
                              env={**ENVIRONMENT, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
        return Result(done.returncode, done.stdout, done.stderr)

    def run_on_terminal(self, columns, *arguments):
        """(exit status, all that came to the terminal)"""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([self.program, *arguments], cwd=self.folder, env=ENVIRONMENT,
                                   stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
        os.close(slave)
        got, end = b"", time.monotonic() + SECONDS
        while time.monotonic() < end:
            if select.select([master], [], [], 1)[0]:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # how Linux says that nobody has it open any more
                    break
                got += piece
        os.close(master)
        return process.wait(timeout=SECONDS), got.decode()

    def file(self, name, content=b"hello\n"):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return content

    def server(self, talk):
        self.servers.append(Server(talk))
        return self.servers[-1]

    def expect_page_error(self, answer, *parts):
        server = self.server(says(answer))
        self.file("good.txt")
        result = self.run("-t", "5000", server.url(), "good.txt")
        result.expect_error(server.url(), *parts)
        result.expect_content("good.txt", b"hello\n")
        expect(result.status == 1 and result.failed == 1, f"status {result.status}")

    # ---- files ----

    def check_text_file(self):
        content = self.file("a.txt", b"one\ntwo\nthree")
        result = self.run("a.txt")
        result.expect_content("a.txt", content)
        expect(result.status == 0 and result.failed == 0 and result.err == "", result.err)

    def check_without_a_device(self):
        """The same output, with a device as without one."""
        contents = {name: self.file(name, os.urandom(size)) for name, size in
                    (("empty", 0), ("byte", 1), ("piece", 70000), ("whole", 1 << 20), ("big", 3 << 20))}
        contents["d/lines"] = self.file("d/lines", b"\n" * 100000)
        page = b"line\n" * 50000
        server = self.server(says(with_length(page)))
        contents[server.url()] = page
        none = os.path.join(self.folder, "none/")
        os.mkdir(none)
        for environment in ({}, {"OCL_ICD_VENDORS": none, "OCL_ICD_FILENAMES": ""}):
            result = self.run(*contents, **environment)
            expect(result.status == 0 and result.err == "", result.out + result.err)
            for name, content in contents.items():
                result.expect_content(name, content)

    def check_lines_are_the_devices(self):
        """The stub driver's device counts none: so it is asked."""
        stub = os.path.join(os.path.dirname(self.program), "../tests/opencl/libvow-stub-driver.so")
        stub = os.path.realpath(stub)
        expect(os.path.exists(stub), f"{stub}: not built")
        self.file("a", b"one\ntwo\n")
        row = self.run("a", OCL_ICD_VENDORS=stub, OCL_ICD_FILENAMES=stub).row("a")
        expect(row.split()[:2] == ["8", "0"], row)

    def check_empty_file(self):
        self.file("empty", b"")
        self.run("empty").expect_content("empty", b"")

    def check_binary_file(self):
        content = self.file("binary", bytes(range(256)) * 1000)
        self.run("binary").expect_content("binary", content)

    def check_files_around_the_limit_of_reading_whole(self):
        contents = {}
        for size in (255 * 1024, 257 * 1024, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20):
            contents[f"file{size}"] = self.file(f"file{size}", os.urandom(size))
        result = self.run(*contents)
        for name, content in contents.items():
            result.expect_content(name, content)

    def check_missing_file(self):
        self.file("good.txt")
        result = self.run("missing", "good.txt")
        result.expect_error("missing", "missing", "No such file or directory")
        result.expect_content("good.txt", b"hello\n")
        expect(result.status == 1 and result.failed == 1, f"status {result.status}")

    def check_fifo(self):
        os.mkfifo(os.path.join(self.folder, "fifo"))
        result = self.run("fifo")
        result.expect_error("fifo", "no regular file", "fifo")
        expect(result.status == 1, f"status {result.status}")

    def check_fifo_with_a_writer(self):
        os.mkfifo(os.path.join(self.folder, "fifo"))
        writer = os.open(os.path.join(self.folder, "fifo"), os.O_RDWR)
        os.write(writer, b"something")
        self.run("fifo").expect_error("fifo", "no regular file", "fifo")
        os.close(writer)

    def check_socket_and_devices(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.folder, "socket"))
            result = self.run("socket", "/dev/null", "/dev/zero")
        for name in ("socket", "/dev/null", "/dev/zero"):
            result.expect_error(name, "no regular file")

    def check_proc_file(self):
        with open("/proc/version", "rb") as file:
            self.run("/proc/version").expect_content("/proc/version", file.read())

    def check_unreadable_file(self):
        self.file("secret")
        os.chmod(os.path.join(self.folder, "secret"), 0)
        if not os.access(os.path.join(self.folder, "secret"), os.R_OK):  # root may read all
            self.run("secret").expect_error("secret", "Permission denied")

    def check_odd_names(self):
        self.file("grün weiß.txt")
        self.file("bell\a\x1b[31m")
        result = self.run("grün weiß.txt", "bell\a\x1b[31m", "")
        result.expect_content("grün weiß.txt", b"hello\n")
        result.expect_content("bell??[31m", b"hello\n")
        expect("No such file or directory" in result.rows[2], result.rows[2])

    def check_rows_are_in_input_order(self):
        names = [f"file{i}" for i in range(50)]
        for i, name in enumerate(names):
            self.file(name, b"x" * (50 - i) * 1000)
        rows = self.run(*reversed(names)).rows
        expect([row.split()[0] for row in rows] == names[::-1], "\n".join(rows))

    # ---- directories ----

    def check_directory(self):
        contents = {name: self.file(name, name.encode())
                    for name in ("d/b", "d/a/deep/er", "d/c", "d/a/x")}
        self.file("d/.hidden")
        os.mkdir(os.path.join(self.folder, "d/nothing"))
        os.symlink("b", os.path.join(self.folder, "d/link"))
        os.symlink("..", os.path.join(self.folder, "d/loop"))
        result = self.run("d")
        expect([row.split()[0] for row in result.rows] == ["d/a/deep/er", "d/a/x", "d/b", "d/c", "d/link"],
               result.out)
        for name, content in contents.items():
            result.expect_content(name, content)
        expect(result.status == 0, f"status {result.status}")

    def check_directory_with_a_fifo(self):
        self.file("d/a")
        os.mkfifo(os.path.join(self.folder, "d/fifo"))
        result = self.run("d/")
        result.expect_content("d/a", b"hello\n")
        result.expect_error("d/fifo", "no regular file")
        expect(result.status == 1, f"status {result.status}")

    def check_directory_without_files(self):
        os.mkdir(os.path.join(self.folder, "d"))
        result = self.run("d")
        expect(result.inputs == 0 and result.status == 0, result.out)

    def check_thousands_of_files(self):
        contents = {f"d/{i:04}": self.file(f"d/{i:04}", str(i).encode() * 10) for i in range(3000)}
        result = self.run("d")
        for name, content in contents.items():
            result.expect_content(name, content)
        expect(result.peak < 2000, f"{result.peak} promises alive for 16 inputs at a time")

    # ---- pages ----

    def check_page_with_a_length(self):
        page = b"line\n" * 1000
        server = self.server(says(with_length(page) + b"this is no part of it"))
        result = self.run(server.url())
        result.expect_content(server.url(), page)
        expect(result.status == 0, f"status {result.status}")

    def check_page_up_to_the_end(self):
        server = self.server(says(b"HTTP/1.1 200 OK\nServer: odd: one\r\n\r\nfirst\nsecond"))
        self.run(server.url()).expect_content(server.url(), b"first\nsecond")

    def check_empty_pages(self):
        server = self.server(says(with_length(b"")))
        other = self.server(says(b"HTTP/1.0 200\r\n\r\n"))
        result = self.run(server.url(), other.url())
        result.expect_content(server.url(), b"")
        result.expect_content(other.url(), b"")

    def check_page_larger_than_memory_allows(self):
        page = os.urandom(1 << 20) * 20
        server = self.server(says(with_length(page)))
        self.run(server.url()).expect_content(server.url(), page)

    def check_page_in_small_pieces(self):
        def slowly(connection, request, over):
            for byte in with_length(b"piece by piece\n"):
                connection.sendall(bytes([byte]))
                time.sleep(0.001)
        server = self.server(slowly)
        self.run(server.url()).expect_content(server.url(), b"piece by piece\n")

    def check_request(self):
        requests = []

        def keep(connection, request, over):
            requests.append(request)
            connection.sendall(with_length(b"x"))
        server = self.server(keep)
        expect(self.run(server.url("a/b?c=d#e"), f"http://127.0.0.1:{server.port}").status == 0, "")
        lines = sorted(request.split(b"\r\n")[0] for request in requests)
        expect(lines == [b"GET / HTTP/1.1", b"GET /a/b?c=d HTTP/1.1"], str(lines))
        expect(all(b"\r\nHost: 127.0.0.1:%d\r\n" % server.port in request for request in requests),
               str(requests))

    def check_refused_connection(self):
        self.file("good.txt")
        with socket.socket() as nobody:  # has the port, but does not listen
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            url = f"http://127.0.0.1:{port}/"
            result = self.run(url, "good.txt")
        result.expect_error(url, "ask for the page", f"127.0.0.1 port {port}", "Couldn't connect")
        result.expect_content("good.txt", b"hello\n")
        expect(result.status == 1, f"status {result.status}")

    def check_server_that_never_answers(self):
        server = self.server(never)
        self.file("good.txt")
        result = self.run("-t", "200", server.url(), "good.txt")
        result.expect_error(server.url(), "timed out after 200 ms", "ask for the page")
        result.expect_content("good.txt", b"hello\n")
        expect(result.status == 1 and 200 <= result.wall < 5000, f"{result.status}, {result.wall}")

    def check_server_that_stops_in_the_head(self):
        def half(connection, request, over):
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Le")
            over.wait(SECONDS)
        server = self.server(half)
        result = self.run("-t", "200", server.url())
        result.expect_error(server.url(), "timed out after 200 ms", "ask for the page")

    def check_server_that_stops_in_the_page(self):
        def half(connection, request, over):
            connection.sendall(with_length(b"0123456789")[:-5])
            over.wait(SECONDS)
        server = self.server(half)
        result = self.run("-t", "200", server.url())
        result.expect_error(server.url(), "timed out after 200 ms", "read the page")

    def check_endless_page(self):
        def endless(connection, request, over):
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            while not over.is_set():
                connection.sendall(b"x" * 65536)
        server = self.server(endless)
        result = self.run("-t", "200", server.url())
        result.expect_error(server.url(), "timed out after 200 ms", "read the page")

    def check_silent_listener(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts for it
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            self.run("-t", "200", url).expect_error(url, "timed out after 200 ms")

    def check_garbage(self):
        self.expect_page_error(b"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/0.9")

    def check_binary_garbage(self):
        self.expect_page_error(bytes(range(256)) * 100, "HTTP/0.9")

    def check_garbage_without_an_end(self):
        self.expect_page_error(b"x" * 100000, "HTTP/0.9")

    def check_garbage_with_a_sudden_end(self):
        self.expect_page_error(b"HTTP/1.0 200 OK", "Empty reply")

    def check_no_answer_at_all(self):
        self.expect_page_error(b"", "Empty reply")

    def check_missing_page(self):
        self.expect_page_error(b"HTTP/1.0 404 Not Found\r\n\r\nsorry", "status 404", "Not Found")

    def check_page_that_ends_early(self):
        self.expect_page_error(with_length(b"0123456789")[:-3], "read the page", "3 bytes remaining")

    def check_odd_lengths(self):
        for length in (b"-1", b"x", b"1\r\nContent-Length: 2"):
            self.expect_page_error(b"HTTP/1.0 200 OK\r\nContent-Length: %s\r\n\r\nx" % length, "page")

    def check_odd_heads(self):
        self.expect_page_error(b"HTTP/1.0 200 OK\r\nno colon\r\n\r\n", "Header without colon")
        self.expect_page_error(b"HTTP/1.0 200 OK\r\na: \0\r\n\r\n", "Nul byte in header")
        self.expect_page_error(b"HTTP/1.0 200 OK\r\na: " + b"b" * 500000 + b"\r\n\r\n", "page")
        self.expect_page_error(b"HTTP/1.0 20 OK\r\n\r\n", "page")

    def check_chunked_page(self):
        def chunked(connection, request, over):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"6\r\nhello\n\r\n0\r\n\r\n")
        server = self.server(chunked)
        self.run(server.url()).expect_content(server.url(), b"hello\n")

    def check_redirect(self):
        def moved(connection, request, over):
            there = b"/there" in request.split(b"\r\n")[0]
            connection.sendall(with_length(b"hello\n") if there else
                               b"HTTP/1.0 302 Found\r\nLocation: /there\r\n\r\n")
        server = self.server(moved)
        self.run(server.url()).expect_content(server.url(), b"hello\n")

    def check_https(self):
        """A real server, with a certificate that nobody vouches for."""
        key, cert = (os.path.join(self.folder, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
                        key, "-out", cert], check=True, capture_output=True)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", key,
                                   "-cert", cert, "-WWW", "-quiet"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(500):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.01)
            url = f"https://127.0.0.1:{port}/cert.pem"
            self.run(url).expect_error(url, "ask for the page", "certificate")
        finally:
            server.kill()
            server.wait()

    def check_connection_reset(self):
        def reset(connection, request, over):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server = self.server(reset)
        self.run(server.url()).expect_error(server.url(), "ask for the page", "Connection reset")

    def check_odd_urls(self):
        for url in ("http://", "http://:80/", "http://host:port/", "http://host:99999/",
                    "http://host/a b", "http://[::1/", "ftp://127.0.0.1/"):
            result = self.run(url)
            result.expect_error(url, "ask for the page")
            expect(result.status == 1, f"status {result.status}")

    def check_unknown_host(self):
        url = "http://no-such-host.invalid/"
        self.run("-t", "20000", url).expect_error(url, "ask for the page", "no-such-host.invalid")

    # ---- the whole ----

    def check_inputs_run_at_once(self):
        def late(connection, request, over):
            time.sleep(0.3)
            connection.sendall(with_length(b"late\n"))
        server = self.server(late)
        urls = [server.url(str(i)) for i in range(8)]
        result = self.run(*urls)
        for url in urls:
            result.expect_content(url, b"late\n")
        expect(result.wall < result.sum / 2 and result.sum >= 8 * 300, f"{result.wall} of {result.sum}")
        result = self.run("-n", "1", *urls[:3])
        expect(result.wall >= 900, f"one at a time in {result.wall} ms")

    def check_everything_together(self):
        page = b"page\n" * 10000
        good, bad, silent = self.server(says(with_length(page))), self.server(says(b"?\n")), self.server(never)
        os.mkfifo(os.path.join(self.folder, "fifo"))
        content = self.file("d/file")
        result = self.run("-t", "300", "-n", "3", silent.url(), "missing", good.url(), "fifo", bad.url(), "d")
        result.expect_error(silent.url(), "timed out")
        result.expect_error("missing", "No such file")
        result.expect_error("fifo", "no regular file")
        result.expect_error(bad.url(), "HTTP/0.9")
        result.expect_content(good.url(), page)
        result.expect_content("d/file", content)
        expect((result.status, result.inputs, result.failed, result.unhandled) == (1, 6, 4, 0), result.out)

    def check_no_argument(self):
        result = self.run(cwd=TOP)
        wrong = [row for row in result.rows if "error: " in row]
        expect(result.status == 0 and not wrong and result.unhandled == 0, "\n".join(wrong))
        for name in ("LICENSE", "include/vow/promise.h"):
            with open(os.path.join(TOP, name), "rb") as file:
                content = file.read()
            result.expect_content(name, content)
            pages = [row.split()[0] for row in result.rows if re.match(rf"http://127[^ ]*/{name} ", row)]
            expect(len(pages) == 1, f"{len(pages)} pages of {name}")
            result.expect_content(pages[0], content)

    def check_wrong_arguments(self):
        for arguments in (["-x"], ["-n", "0", "a"], ["-n", "ten"], ["-t"], ["-t", "-5", "a"]):
            done = subprocess.run([self.program, *arguments], capture_output=True, text=True,
                                  timeout=SECONDS)
            expect(done.returncode == 2 and "usage" in done.stderr and not done.stdout, str(done))

    def check_piped_there_is_no_progress(self):
        self.file("a")
        result = self.run("a")
        expect("\r" not in result.out and "\x1b" not in result.out and " done" not in result.out, result.out)

    def check_terminal_shows_progress(self):
        def late(connection, request, over):
            time.sleep(0.3)
            connection.sendall(with_length(b"late\n"))
        url = self.server(late).url()
        self.file("a")
        status, out = self.run_on_terminal(200, "a", url)
        progress, table = out.rsplit("\r\x1b[K", 1)
        expect(status == 0 and "\r\x1b[K1 of 2 done, 1 running" in progress, repr(out))
        Result(status, table.replace("\r\n", "\n"), "").expect_content("a", b"hello\n")

    def check_narrow_terminal_cuts_digests(self):
        self.file("a")
        _, out = self.run_on_terminal(80, "a")
        lines = out.rsplit("\r\x1b[K", 1)[1].splitlines()[:-1]
        expect(all(len(line) <= 80 for line in lines), out)
        digest = lines[1].split()[-1]
        expect(len(digest) >= 8 and content_row(b"hello\n")[2].startswith(digest), out)

    def check_full_disk(self):
        self.file("a")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([self.program, "a"], cwd=self.folder, stdout=full, text=True,
                                  stderr=subprocess.PIPE, timeout=SECONDS)
        expect(done.returncode == 1 and "No space left" in done.stderr, str(done))


def main():
    parser = argparse.ArgumentParser(description="Runs the tour on real input.")
    parser.add_argument("--build", required=True, help="build directory")
    parser.add_argument("names", nargs="*", help="only these checks")
    options = parser.parse_args()
    program = os.path.join(os.path.abspath(options.build), "examples", "tour")
    if not os.path.exists(program):
        sys.exit(f"{program}: not built")
    checks = [name for name in vars(Tour) if name.startswith("check_")
              and (not options.names or name[len("check_"):] in options.names)]
    failed = 0
    for name in checks:
        tour = Tour(program)
        try:
            getattr(tour, name)()
        except (Wrong, subprocess.TimeoutExpired) as wrong:
            failed += 1
            print(f"tour: {name[len('check_'):]}: {wrong}")
        finally:
            tour.close()
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
