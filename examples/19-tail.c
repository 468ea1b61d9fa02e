/* SPDX-License-Identifier: MIT
 *
 * 19-tail - tail -f: prints what is appended to a file, waiting for changes in between, until
 * a line says "end". Without a file, it has a writer append to one.
 *
 *     examples/run 19-tail
 *
 * Expected output:
 *     line 1
 *     line 2
 *     end
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vow.h>

struct tail {
    vow_file *file;
    vow_watch *watch;
    uint64_t offset;
    unsigned written; /* lines, by the writer */
};

static vow_value again(vow_value v, void *data) { return (void)v, (void)data, VOW_AGAIN; }

static vow_value on_bytes(vow_value v, void *data)
{
    struct tail *tail = data;
    const uint8_t *bytes = vow_buf_bytes(vow_buf_of(v));
    size_t size = vow_buf_size(vow_buf_of(v));
    if (size == 0) /* watched before it was read: what came since is not missed */
        return vow_v(vow_then(vow_watch_next(tail->watch), again, NULL));
    fwrite(bytes, 1, size, stdout);
    tail->offset += size;
    return size >= 4 && memcmp(bytes + size - 4, "end\n", 4) == 0 ? vow_none() : VOW_AGAIN;
}

static vow_value read_on(void *data)
{
    struct tail *tail = data;
    return vow_v(
        vow_then(vow_file_pread(vow_current(), tail->file, tail->offset, 65536), on_bytes, tail));
}

static vow_value write_line(void *data)
{
    static const char *const LINES[] = {"line 1\n", "line 2\n", "end\n"};
    struct tail *tail = data;
    const char *line = LINES[tail->written++];
    vow_promise *p = vow_file_append(vow_current(), tail->file, vow_buf_copy(line, strlen(line)));
    return vow_v(tail->written < 3 ? vow_then(p, again, NULL) : p);
}

int main(int argc, char **argv)
{
    char own[] = "vow-tail-XXXXXX", *path = argc > 1 ? argv[1] : own;
    int fd = argc > 1 ? -1 : mkstemp(own), flags = argc > 1 ? O_RDONLY : O_RDWR | O_APPEND;
    vow_loop *loop = vow_loop_new();
    struct tail tail = {.watch = loop == NULL ? NULL : vow_watch_new(loop)};
    if (tail.watch == NULL || (argc == 1 && fd < 0))
        return perror("start"), 1;
    vow_value file, v = vow_none();
    int code = vow_run(loop, vow_file_open(loop, path, flags, 0), &file);
    if (code == 0 && (tail.file = vow_file_of(file)) != NULL)
        code = vow_run(loop, vow_watch_add(tail.watch, path, VOW_WATCH_MODIFIED), &v);
    vow_promise *writer = code || argc > 1 ? NULL : vow_interval(loop, 5, write_line, &tail);
    if (code == 0)
        code = vow_run(loop, vow_repeat(loop, read_on, &tail), &v);
    if (code != 0)
        fprintf(stderr, "%s\n", vow_error_message(vow_as_error(tail.file ? v : file)));
    vow_unref(writer);
    vow_release(v);
    vow_release(file);
    vow_watch_unref(tail.watch);
    vow_loop_free(loop);
    return (fd >= 0 && (unlink(own) || close(fd))) || code != 0;
}
