#include <stdio.h>
#include <vow.h>

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_value v = vow_none();
    int code = vow_run(loop, vow_resolved(loop, vow_v(42)), &v);
    printf("%d %d %s\n", code, (int)vow_as_int(v), vow_version());
    return vow_loop_free(loop) != NULL;
}
