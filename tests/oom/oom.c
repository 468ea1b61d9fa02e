/* SPDX-License-Identifier: MIT
 *
 * oom.c - see oom.h: what one run saw.
 */
#include "oom/run.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* The run of this process. */
static enum oom_class seen = OOM_SAME;
static bool is_sticky, child_failed;
enum { CHILD_FAILED = 100 };
static unsigned reports_meant, reports_allowed, reports;

enum { MOST_OWNED = 256 };
static unsigned char given_back[MOST_OWNED];
static size_t owned;

VOW_NORETURN static void leave(int code)
{
    fflush(NULL);
#ifdef VOW_COVERAGE
    exit(code);
#else
    _exit(code); /* no time for what a sanitizer does at exit: blocks are counted */
#endif
}

void oom_wrong(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    leave(OOM_WRONG);
}

void oom_libevent(const char *what)
{
    fprintf(stderr, "libevent: %s\n", what);
    leave(OOM_LIBEVENT);
}

static void note(enum oom_class class)
{
    if (seen < class)
        seen = class;
}

void oom_eq_int(const char *file, int line, const char *what, intmax_t a, intmax_t b)
{
    if (a != b)
        oom_wrong(file, line, "%s: %jd is not %jd", what, a, b);
}

void oom_eq_text(const char *file, int line, const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        oom_wrong(file, line, "%s: \"%s\" is not \"%s\"", what, a, b);
}

/* Errors. */

static const vow_domain *domain_of(int code)
{
    return code > 10000 ? vow_own_domain() : vow_errno_domain();
}

static bool has_code(const vow_error *e, int code, unsigned depth)
{
    for (; e != NULL && depth > 0; e = vow_error_cause(e)) {
        vow_value carried = vow_error_payload(e);
        if (vow_error_is(e, domain_of(code), code) ||
            (vow_is_error(carried) && has_code(vow_as_error(carried), code, depth - 1)))
            return true;
        for (size_t i = 0; vow_is(carried, vow_array_type()) && i < vow_count(carried); i++)
            if (has_code(vow_as_error(vow_at(carried, i)), code, depth - 1))
                return true;
    }
    return false;
}

bool oom_has_code(const vow_error *e, int code) { return has_code(e, code, 8); }

bool oom_no_memory(const vow_error *e)
{
    bool is = oom_has_code(e, ENOMEM);
    if (is)
        note(OOM_REJECTED);
    return is;
}

VOW_NORETURN static void wrong_error(const char *file, int line, const vow_error *e)
{
    char text[2000];
    vow_describe(e, VOW_LINES, text, sizeof text);
    oom_wrong(file, line, "the error is\n%s", text);
}

bool oom_is_error(const char *file, int line, const vow_error *e, int code)
{
    if (vow_error_is(e, domain_of(code), code))
        return true;
    if (!oom_no_memory(e))
        wrong_error(file, line, e);
    return false;
}

bool oom_made(const char *file, int line, vow_value v)
{
    const vow_error *e = vow_as_error(v);
    if (e != NULL && !oom_no_memory(e))
        wrong_error(file, line, e);
    return e == NULL;
}

bool oom_have(const char *file, int line, const void *object, bool says_errno)
{
    if (object != NULL)
        return true;
    if (says_errno && errno != ENOMEM)
        oom_wrong(file, line, "NULL, but errno is %d (%s)", errno, strerror(errno));
    errno = 0;
    note(OOM_REFUSED);
    return false;
}

bool oom_done(const char *file, int line, int code)
{
    if (code != 0 && code != ENOMEM)
        oom_wrong(file, line, "the answer is %d (%s)", code, strerror(code));
    if (code != 0)
        note(OOM_REFUSED);
    return code == 0;
}

/* Outcomes. */

/* The outcome, or none after a rejection for want of memory (*ret_got false). */
static vow_value outcome(const char *file, int line, vow_loop *loop, vow_promise *p, bool *ret_got)
{
    vow_value v;
    int code = vow_run(loop, p, &v);
    *ret_got = code == 0;
    if (code == 0)
        return v;
    if (!vow_is_error(v))
        oom_wrong(file, line, "code %d without an error", code);
    if (!oom_no_memory(vow_as_error(v)))
        wrong_error(file, line, vow_as_error(v));
    vow_release(v);
    return vow_none();
}

bool oom_expect(const char *file, int line, vow_loop *loop, vow_promise *p, vow_value *ret)
{
    bool got;
    *ret = outcome(file, line, loop, p, &got);
    return got;
}

static void check_type(const char *file, int line, vow_value v, const vow_type *type)
{
    if (!vow_is(v, type))
        oom_wrong(file, line, "the value is of type %s", vow_type_name(v));
}

bool oom_expect_none(const char *file, int line, vow_loop *loop, vow_promise *p)
{
    bool got;
    vow_value v = outcome(file, line, loop, p, &got);
    if (!vow_is_none(v))
        oom_wrong(file, line, "the value is of type %s", vow_type_name(v));
    return got;
}

bool oom_expect_int(const char *file, int line, vow_loop *loop, vow_promise *p, int64_t i)
{
    bool got;
    vow_value v = outcome(file, line, loop, p, &got);
    if (got) {
        check_type(file, line, v, vow_int_type());
        oom_eq_int(file, line, "the value", vow_as_int(v), i);
    }
    return got;
}

bool oom_expect_text(const char *file, int line, vow_loop *loop, vow_promise *p, const char *text)
{
    bool got;
    vow_value v = outcome(file, line, loop, p, &got);
    if (got) {
        check_type(file, line, v, vow_text_type());
        oom_eq_text(file, line, "the value", vow_as_text(v), text);
    }
    vow_release(v);
    return got;
}

bool oom_expect_bytes(const char *file, int line, vow_loop *loop, vow_promise *p, const char *text)
{
    bool got;
    vow_value v = outcome(file, line, loop, p, &got);
    if (got) {
        check_type(file, line, v, vow_buf_type());
        vow_buf *b = vow_buf_of(v);
        oom_eq_int(file, line, "bytes", (intmax_t)vow_buf_size(b), (intmax_t)strlen(text));
        if (memcmp(vow_buf_bytes(b), text, strlen(text)) != 0)
            oom_wrong(file, line, "the bytes are not \"%s\"", text);
    }
    vow_release(v);
    return got;
}

bool oom_expect_ints(const char *file, int line, vow_loop *loop, vow_promise *p, size_t n,
                     const int *ints)
{
    bool got;
    vow_value v = outcome(file, line, loop, p, &got);
    if (got) {
        check_type(file, line, v, vow_array_type());
        oom_eq_int(file, line, "elements", (intmax_t)vow_count(v), (intmax_t)n);
        for (size_t i = 0; i < n; i++) {
            check_type(file, line, vow_at(v, i), vow_int_type());
            oom_eq_int(file, line, "an element", vow_as_int(vow_at(v, i)), ints[i]);
        }
    }
    vow_release(v);
    return got;
}

bool oom_expect_error(const char *file, int line, vow_loop *loop, vow_promise *p, int code)
{
    vow_value v;
    int got = vow_run(loop, p, &v);
    if (got == 0)
        oom_wrong(file, line, "fulfilled with %s", vow_type_name(v));
    bool same = oom_is_error(file, line, vow_as_error(v), code);
    if (same)
        oom_eq_int(file, line, "what vow_run gives", got, code);
    vow_release(v);
    return same;
}

/* Things. */

void *oom_owned(void)
{
    if (owned == MOST_OWNED)
        abort();
    return &given_back[owned++];
}

void oom_give_back(void *thing)
{
    if (++*(unsigned char *)thing > 1)
        oom_wrong(__FILE__, __LINE__, "thing %td was given back twice",
                  (unsigned char *)thing - given_back);
}

bool oom_is_back(const void *thing) { return *(const unsigned char *)thing > 0; }

/* Reports. */

void oom_reports(unsigned meant, unsigned without_memory)
{
    reports_meant = meant;
    reports_allowed = without_memory;
}

unsigned oom_reported(void) { return reports; }

static void on_report(const vow_error *e, UNUSED const char *made, bool late, UNUSED void *data)
{
    if (late && reports_allowed == 0)
        oom_wrong(__FILE__, __LINE__, "a late handler was reported");
    if (late)
        return;
    bool without_memory = oom_no_memory(e);
    unsigned allowed = reports_meant + (vow_test_failed() ? reports_allowed : 0);
    if (reports == allowed || (without_memory && reports_allowed == 0))
        wrong_error("an unhandled rejection", 0, e);
    reports++;
}

void oom_watch_reports(vow_loop *loop) { vow_on_unhandled(loop, on_report, NULL); }

vow_loop *oom_loop(void)
{
    vow_loop *loop = vow_loop_new();
    if (!HAVE(loop))
        return NULL;
    vow_loop_quarantine(loop, SIZE_MAX);
    oom_watch_reports(loop);
    return loop;
}

/* The run. */

bool oom_is_sticky(void) { return is_sticky; }

void oom_leave(void) { leave((int)seen + (vow_test_failed() ? CHILD_FAILED : 0)); }

void oom_child_left(int status)
{
    if (status == OOM_LIBEVENT)
        leave(OOM_LIBEVENT);
    child_failed = status >= CHILD_FAILED;
    status -= child_failed ? CHILD_FAILED : 0;
    if (status < OOM_SAME || status > OOM_REFUSED)
        leave(OOM_WRONG); /* it has said why */
    note((enum oom_class)status);
}

/* Armed until the loop is gone: ending it must not need memory. */
static void run_with_loop(const struct oom_scenario *scenario, size_t n, bool sticky)
{
    vow_test *t = vow_test_begin();
    if (t == NULL)
        oom_wrong(__FILE__, __LINE__, "no memory before any allocation failed");
    vow_loop *loop = vow_test_loop(t);
    vow_loop_quarantine(loop, SIZE_MAX); /* every promise counts */
    oom_watch_reports(loop);
    vow_test_fail_allocation(n, sticky);
    scenario->body(loop);
    while (vow_drain(loop, SIZE_MAX) > 0)
        ;
    vow_test_expect_unhandled(t, vow_unhandled_count(loop)); /* judged already */
    const char *complaint = vow_test_end(t);
    if (complaint != NULL)
        oom_wrong(scenario->name, 0, "at the end: %s", complaint);
}

static size_t count_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
    return n;
}

static void run_plain(const struct oom_scenario *scenario, size_t n, bool sticky)
{
    size_t blocks = vow_test_blocks(), descriptors = count_descriptors();
    vow_test_fail_allocation(n, sticky);
    scenario->body(NULL);
    oom_eq_int(scenario->name, 0, "blocks at the end", (intmax_t)vow_test_blocks(),
               (intmax_t)blocks);
    oom_eq_int(scenario->name, 0, "descriptors at the end", (intmax_t)count_descriptors(),
               (intmax_t)descriptors);
}

static void judge(const struct oom_scenario *scenario, bool failed)
{
    for (size_t i = 0; i < owned; i++)
        if (given_back[i] != 1)
            oom_wrong(scenario->name, 0, "thing %zu was not given back", i);
    if (failed)
        return;
    if (seen != OOM_SAME)
        oom_wrong(scenario->name, 0, "no memory, but no allocation failed");
    oom_eq_int(scenario->name, 0, "reports of unhandled rejections", reports, reports_meant);
}

static void on_panic(const char *message, UNUSED void *data)
{
    oom_wrong("panic", 0, "%s", message);
}

void oom_run(const struct oom_scenario *scenario, size_t n, bool sticky)
{
    vow_on_panic(on_panic, NULL);
    is_sticky = sticky;
    if (scenario->with_loop)
        run_with_loop(scenario, n, sticky);
    else
        run_plain(scenario, n, sticky);
    bool failed = vow_test_failed() || child_failed;
    vow_test_fail_allocation(0, false);
    judge(scenario, failed);
    leave(failed ? (int)seen : OOM_NO_FAILURE);
}
