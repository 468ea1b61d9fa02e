/* A library beside libvow, by its header and its errors' domain. */
#include <stdio.h>
#include <vow.h>
#include HEADER

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL)
        return 1;
    printf("%s\n", DOMAIN()->name);
    vow_loop_free(loop);
    return 0;
}
