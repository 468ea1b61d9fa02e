/* Where gdb is to find its way from a fiber's stack to main. */
#include <vow.h>

__attribute__((noinline)) void stop_here(void) { __asm__ volatile(""); }

static vow_value inner(void *data)
{
    int code = vow_yield(); /* once over the switch and back */
    stop_here();
    return (void)data, vow_v(code);
}

static vow_value outer(void *data)
{
    vow_value v;
    vow_await(vow_spawn(vow_current(), inner, data, NULL), &v);
    return v;
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    int code = vow_run(loop, vow_spawn(loop, outer, NULL, NULL), NULL);
    vow_loop_free(loop);
    return code;
}
