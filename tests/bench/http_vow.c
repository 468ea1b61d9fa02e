/* http_vow PORT - http_hello on vow-http */
#include <stdlib.h>
#include <vow.h>
#include <vow/http_server.h>
static vow_value hello(vow_http_incoming *in, void *data)
{
    (void)in, (void)data;
    return VOW_LIT("hello");
}
int main(int c, char **v)
{
    vow_loop *loop = vow_loop_new();
    if (c < 2 || !vow_http_server_new(loop, NULL, (uint16_t)atoi(v[1]), hello, NULL))
        return 1;
    return vow_run_all(loop);
}
