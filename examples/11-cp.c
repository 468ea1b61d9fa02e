/* SPDX-License-Identifier: MIT
 *
 * 11-cp - copies a file through a pipe of promises, in constant memory however large it is:
 * chunks are read when the one before has been written. (To copy files as such there is
 * vow_file_copy, which does not take the bytes through the program at all.)
 *
 *     examples/run 11-cp
 *     examples/run 11-cp FROM TO
 *
 * Expected output:
 *     copied 3145728 bytes in <number> chunks of at most 65536 bytes
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <vow.h>

enum { CHUNK = 65536 };

struct copy {
    vow_stream *to;
    size_t chunks, bytes, most;
};

/* One chunk at a time: the next is asked for when this one is written. */
static vow_value write_chunk(vow_value v, void *data)
{
    struct copy *copy = data;
    size_t size = vow_buf_size(vow_buf_of(v));
    copy->chunks++;
    copy->bytes += size;
    copy->most = size > copy->most ? size : copy->most;
    return vow_v(vow_stream_write_buf(copy->to, vow_buf_ref(vow_buf_of(v))));
}

/* A file to copy when none was named. */
static int example_file(char *path)
{
    int fd = mkstemp(path);
    return fd >= 0 && ftruncate(fd, 48 * CHUNK) == 0 ? fd : -1;
}

static int copy(vow_loop *loop, int in, int out)
{
    struct copy c = {.to = vow_stream_from_fd(loop, out)};
    vow_stream *from = vow_stream_from_fd(loop, in);
    int code = 1;
    if (c.to != NULL && from != NULL) {
        vow_seq *chunks = vow_seq_chunks(loop, vow_stream_ref(from), CHUNK);
        vow_value v;
        code = vow_run(loop, vow_seq_for_each(loop, chunks, 1, write_chunk, &c), &v);
        if (code != 0)
            fprintf(stderr, "copy: %s\n", vow_error_message(vow_as_error(v)));
        vow_release(v);
    }
    vow_stream_unref(from);
    vow_stream_unref(c.to);
    if (code == 0)
        printf("copied %zu bytes in %zu chunks of at most %zu bytes\n", c.bytes, c.chunks, c.most);
    return code;
}

int main(int argc, char **argv)
{
    char path[] = "/tmp/vow-cp-XXXXXX";
    int in = argc > 2 ? open(argv[1], O_RDONLY) : example_file(path);
    int out = open(argc > 2 ? argv[2] : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    vow_loop *loop = vow_loop_new();
    int code = 1;
    if (in < 0 || out < 0 || loop == NULL)
        perror("11-cp");
    else
        code = copy(loop, in, out);
    if (argc <= 2)
        unlink(path);
    vow_loop_free(loop);
    return code != 0;
}
