/* SPDX-License-Identifier: MIT */
#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    vow_panic_fn *fn; /* NULL: write_message */
    void *data;
} hook;

static void write_message(const char *message, void *data)
{
    (void)data;
    fprintf(stderr, "vow: %s\n", message);
}

void vow__panic(const char *format, ...)
{
    char message[1024]; /* on the stack: a panic must not need memory */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    (hook.fn != NULL ? hook.fn : write_message)(message, hook.data);
    abort();
}

void vow_on_panic(vow_panic_fn *fn, void *data)
{
    hook.fn = fn;
    hook.data = data;
}
