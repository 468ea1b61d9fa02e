/* SPDX-License-Identifier: MIT
 *
 * 18-checksum - the checksums of all files of a folder: three at a time are read, and
 * summed up on worker threads.
 *
 *     examples/run 18-checksum examples/tour
 *
 * Expected output:
 *     checksum  bytes  file
 *     ...
 *     <text>  <number>  examples/tour/digest.c
 *     ...
 */
#include <errno.h>
#include <stdio.h>
#include <vow.h>

enum { FILES = 1000, PATH = 300, AT_A_TIME = 3 };
struct list {
    vow_dir *dir;
    size_t count;
    char paths[FILES][PATH];
};

static vow_value on_entry(vow_value v, void *data)
{
    struct list *list = data;
    if (vow_is_none(v) || list->count == FILES)
        return vow_none(); /* that was all */
    if (vow_entry_of(v)->kind == VOW_FILE_REGULAR &&
        snprintf(list->paths[list->count++], PATH, "%s", vow_entry_of(v)->path) >= PATH)
        return vow_fail(ENAMETOOLONG, "%s", vow_entry_of(v)->path);
    return VOW_AGAIN;
}

static vow_value next_entry(void *list)
{
    return vow_v(vow_then(vow_dir_next(((struct list *)list)->dir), on_entry, list));
}

static vow_value sum_up(void *buf) /* on a worker thread: FNV-1a */
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < vow_buf_size(buf); i++)
        sum = (sum ^ vow_buf_bytes(buf)[i]) * 16777619u;
    return vow_textf("%08x  %6zu", (unsigned)sum, vow_buf_size(buf));
}

static void release(void *buf) { vow_buf_unref(buf); }
static vow_value on_bytes(vow_value v, void *data)
{
    vow_buf *buf = vow_buf_ref(vow_buf_of(v));
    return (void)data, vow_v(vow_work(vow_current(), NULL, sum_up, buf, release));
}

static vow_value start(size_t i, void *list) /* when it is this file's turn */
{
    const char *path = ((struct list *)list)->paths[i];
    return vow_v(vow_then(vow_file_read(vow_current(), path, 0), on_bytes, NULL));
}

int main(int argc, char **argv)
{
    static struct list list;
    vow_value sums;
    vow_loop *loop = vow_loop_new();
    if (loop == NULL || (list.dir = vow_dir_open(loop, argc > 1 ? argv[1] : ".", 0)) == NULL)
        return perror("start"), 1;
    puts("checksum  bytes  file");
    int code = vow_run(loop, vow_repeat(loop, next_entry, &list), &sums);
    if (code == 0)
        code = vow_run(loop, vow_map(loop, list.count, AT_A_TIME, start, &list), &sums);
    if (code != 0)
        fprintf(stderr, "%s\n", vow_error_message(vow_as_error(sums)));
    for (size_t i = 0; code == 0 && i < list.count; i++)
        printf("%s  %s\n", vow_as_text(vow_at(sums, i)), list.paths[i]);
    vow_release(sums);
    vow_dir_unref(list.dir);
    return vow_loop_free(loop), code == 0 ? 0 : 1;
}
