/* SPDX-License-Identifier: MIT
 *
 * 02-then-catch - values go from then to then; an error passes them by until a catch
 * recovers from it or passes it on with a cause.
 *
 *     examples/run 02-then-catch
 *
 * Expected output:
 *     8080: port 8080
 *     http: port 80
 *     70000: configure the server: 70000 is out of range: Numerical result out of range
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

static vow_value parse(vow_value v, void *data)
{
    const char *text = vow_as_text(v);
    char *end;
    long number = strtol(text, &end, 10);
    (void)data;
    if (end == text || *end != '\0')
        return vow_fail(EINVAL, "\"%s\" is not a number", text);
    return vow_v(number);
}

static vow_value check(vow_value v, void *data)
{
    long long port = vow_as_int(v);
    (void)data;
    if (port < 1 || port > 65535)
        return vow_fail(ERANGE, "%lld is out of range", port);
    return VOW_SAME; /* the argument itself */
}

/* Recovers from what it knows and passes everything else on. */
static vow_value use_default(const vow_error *e, void *data)
{
    (void)data;
    if (vow_error_is(e, vow_errno_domain(), EINVAL))
        return vow_v(80);
    return vow_wrap(e, EINVAL, "configure the server");
}

static void try_port(vow_loop *loop, const char *text)
{
    vow_promise *p = vow_resolved(loop, vow_text(text));
    p = vow_then(p, parse, NULL);
    p = vow_then(p, check, NULL);
    p = vow_catch(p, use_default, NULL);

    vow_value v;
    if (vow_run(loop, p, &v) == 0) {
        printf("%s: port %d\n", text, (int)vow_as_int(v));
    } else {
        char why[200];
        vow_describe(vow_as_error(v), VOW_ONE_LINE, why, sizeof why);
        printf("%s: %s\n", text, why);
    }
    vow_release(v);
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    try_port(loop, "8080");
    try_port(loop, "http");
    try_port(loop, "70000");
    vow_loop_free(loop);
    return 0;
}
