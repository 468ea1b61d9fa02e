/* SPDX-License-Identifier: MIT
 *
 * 40-mirror - what is written anywhere below a folder is copied, until "stop" appears there.
 *
 *     examples/run 40-mirror
 *
 * Expected output:
 *     make mirror-to/deep
 *     copy mirror-to/deep/note
 *     stopped
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vow.h>

struct mirror {
    const char *from, *to;
    vow_watch *watch;
    char target[500];
};

static vow_value again(vow_value v, void *data) { return (void)v, (void)data, VOW_AGAIN; }

static vow_value failed(const vow_error *e, void *data) /* it may be gone again */
{
    return (void)data, fprintf(stderr, "%s\n", vow_error_message(e)), VOW_AGAIN;
}

static vow_value on_change(vow_value v, void *data)
{
    struct mirror *m = data;
    const vow_change *change = vow_change_of(v);
    if (strcmp(change->name, "stop") == 0)
        return vow_none();
    if (snprintf(m->target, sizeof m->target, "%s%s", m->to, change->path + strlen(m->from)) >=
        (int)sizeof m->target)
        return vow_fail(ENAMETOOLONG, "%s", change->path);
    printf("%s %s\n", change->is_directory ? "make" : "copy", m->target);
    vow_loop *loop = vow_current();
    vow_promise *p = change->is_directory
                         ? vow_dir_make(loop, m->target, 0755)
                         : vow_file_copy(loop, change->path, m->target, NULL, NULL);
    return vow_v(vow_catch(vow_then(p, again, m), failed, m));
}

static vow_value next(void *data)
{
    return vow_v(vow_then(vow_watch_next(((struct mirror *)data)->watch), on_change, data));
}

static int write_some(void) /* as somebody else might */
{
    FILE *note = mkdir("mirror-from/deep", 0755) ? NULL : fopen("mirror-from/deep/note", "w");
    return !note || fputs("hello\n", note) < 0 || fclose(note) || mkdir("mirror-from/stop", 0755);
}

int main(int argc, char **argv)
{
    bool own = argc < 3;
    struct mirror m = {.from = own ? "mirror-from" : argv[1], .to = own ? "mirror-to" : argv[2]};
    vow_loop *loop = vow_loop_new();
    if (loop == NULL || (m.watch = vow_watch_new(loop)) == NULL ||
        (own && (mkdir(m.from, 0755) || mkdir(m.to, 0755))))
        return perror("start"), 1;
    vow_value v;
    int what = VOW_WATCH_CREATED | VOW_WATCH_WRITTEN | VOW_WATCH_TREE,
        code = vow_run(loop, vow_watch_add(m.watch, m.from, what), &v);
    if (code == 0 && (!own || (code = write_some()) == 0))
        code = vow_run(loop, vow_repeat(loop, next, &m), &v);
    puts(code == 0 ? "stopped" : vow_is_error(v) ? vow_error_message(vow_as_error(v)) : "no file");
    vow_release(v);
    vow_watch_unref(m.watch);
    if (own) /* both, whatever comes of the first */
        code |= vow_run(loop, vow_dir_remove(loop, m.from), NULL) |
                vow_run(loop, vow_dir_remove(loop, m.to), NULL);
    vow_loop_free(loop);
    return code != 0;
}
