/* SPDX-License-Identifier: MIT
 *
 * harness.c - runs the tests of one program with Check (see harness.h).
 */
#include "harness.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a child that was to panic ends. */
enum { PANICKED = 71, OTHER_PANIC = 72, FAILED = 73 };

char harness_note[64];

static harness_test *first_test, **last_next = &first_test;
static const char *wanted_panic; /* in the child of a TEST_PANICS, else NULL */
static pthread_t main_thread;
static bool forks; /* Check gives every test a process */

#ifdef VOW_COVERAGE
/* Only exit() writes down what has run: the linker sends the other ways to end here. */
void __gcov_dump(void);
VOW_NORETURN void __real__exit(int status);
VOW_NORETURN void __real_abort(void);
VOW_NORETURN void __wrap__exit(int status);
VOW_NORETURN void __wrap_abort(void);
int __wrap_execl(const char *path, const char *first, ...);
void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}
void __wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}
int __wrap_execl(const char *path, const char *first, ...) /* of at most one argument */
{
    char *arguments[] = {(char *)first, NULL};
    __gcov_dump();
    return execv(path, arguments);
}
#endif

void harness_add(harness_test *test)
{
#ifdef VOW_NO_CHECKS
    if (test->kind == HARNESS_PANICS)
        return;
#endif
    *last_next = test;
    last_next = &test->next;
}

/* Ends the running test, wherever it is: Check leaves it by longjmp where it does not
 * fork, which must not happen in another thread or in a child of ours. */
void harness_fail(const char *file, int line, const char *format, ...)
{
    char text[2048];
    size_t noted = (size_t)snprintf(text, sizeof text, "%s", harness_note);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + noted, sizeof text - noted, format, arguments);
    va_end(arguments);
    if (wanted_panic != NULL) {
        fprintf(stderr, "%s:%d: %s\n", file, line, text);
        _exit(FAILED);
    }
    if (!forks && !pthread_equal(pthread_self(), main_thread)) {
        fprintf(stderr, "%s:%d: in another thread: %s\n", file, line, text);
        abort();
    }
    _ck_assert_failed(file, line, "failed", "%s", text);
    abort(); /* not reached */
}

void harness_on_stack(size_t bytes, void *(*fn)(void *), void *data)
{
    pthread_attr_t attributes;
    pthread_t thread;
    long least = sysconf(_SC_THREAD_STACK_MIN);
    if (least > 0 && bytes < (size_t)least)
        bytes = (size_t)least;
    EQ_INT(pthread_attr_init(&attributes), 0);
    EQ_INT(pthread_attr_setstacksize(&attributes, bytes), 0);
    EQ_INT(pthread_create(&thread, &attributes, fn, data), 0);
    EQ_INT(pthread_join(thread, NULL), 0);
    EQ_INT(pthread_attr_destroy(&attributes), 0);
}

void harness_eq_int(const char *file, int line, const char *what, intmax_t a, intmax_t b)
{
    if (a != b)
        harness_fail(file, line, "%s: %jd is not %jd", what, a, b);
}

void harness_eq_uint(const char *file, int line, const char *what, uintmax_t a, uintmax_t b)
{
    if (a != b)
        harness_fail(file, line, "%s: %ju is not %ju", what, a, b);
}

void harness_eq_double(const char *file, int line, const char *what, double a, double b)
{
    if (!(a <= b && a >= b))
        harness_fail(file, line, "%s: %.17g is not %.17g", what, a, b);
}

void harness_eq_ptr(const char *file, int line, const char *what, const void *a, const void *b)
{
    if (a != b)
        harness_fail(file, line, "%s: %p is not %p", what, a, b);
}

void harness_eq_text(const char *file, int line, const char *what, const char *a, const char *b)
{
    if (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0))
        return;
    harness_fail(file, line, "%s:\n    \"%s\"\n    is not\n    \"%s\"", what,
                 a != NULL ? a : "(NULL)", b != NULL ? b : "(NULL)");
}

void harness_eq_bytes(const char *file, int line, const char *what, const void *a, const void *b,
                      size_t size)
{
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            harness_fail(file, line, "%s: byte %zu: 0x%02x is not 0x%02x", what, i, left[i],
                         right[i]);
}

void harness_has_text(const char *file, int line, const char *what, const char *text,
                      const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        harness_fail(file, line, "%s:\n    \"%s\"\n    does not contain\n    \"%s\"", what,
                     text != NULL ? text : "(NULL)", part);
}

void harness_eq_trace(const char *file, int line, const char *what, const char *text,
                      const char *expected)
{
    size_t length = strlen(text), wanted = strlen(expected);
    if (length > 0 && text[length - 1] == ' ')
        length--;
    if (length != wanted || memcmp(text, expected, wanted) != 0)
        harness_fail(file, line, "%s:\n    \"%.*s\"\n    is not\n    \"%s\"", what, (int)length,
                     text, expected);
}

static void fail_on_panic(const char *message, void *data)
{
    harness_test *test = data;
    harness_fail(test->file, test->line, "panic: %s", message);
}

static void run_with_loop(harness_test *test)
{
    vow_test *t = vow_test_begin();
    if (t == NULL)
        harness_fail(test->file, test->line, "vow_test_begin: no memory");
    test->body(t, vow_test_loop(t));
    const char *complaint = vow_test_end(t);
    if (complaint != NULL)
        harness_fail(test->file, test->line, "at the end: %s", complaint);
}

static void run_plain(harness_test *test)
{
    size_t before = vow_test_blocks();
    test->body(NULL, NULL);
    size_t after = vow_test_blocks();
    if (after != before)
        harness_fail(test->file, test->line, "at the end: %zu blocks of vow's memory, before: %zu",
                     after, before);
}

static void leave_on_panic(const char *message, void *data)
{
    (void)data;
    if (strstr(message, wanted_panic) != NULL)
        _exit(PANICKED);
    fprintf(stderr, "the panic says:\n    %s\n", message);
    _exit(OTHER_PANIC);
}

/* A child, because after a panic vow's state is nobody's to clean up. */
static void run_in_child(harness_test *test)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        harness_fail(test->file, test->line, "fork: %s", strerror(errno));
    if (child == 0) {
        wanted_panic = test->part;
        vow_on_panic(leave_on_panic, NULL);
        run_with_loop(test);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == PANICKED)
        return;
    const char *end = WIFSIGNALED(status)                  ? "died of a signal"
                      : WEXITSTATUS(status) == OTHER_PANIC ? "panicked with another message"
                      : WEXITSTATUS(status) == FAILED      ? "failed before it panicked"
                                                           : "did not panic";
    harness_fail(test->file, test->line, "%s (wanted: \"%s\")", end, test->part);
}

/* Without a process a test Check sets no time limit. */
static unsigned seconds_a_test(void)
{
    const char *slow = getenv("VOW_TEST_SLOW");
    bool is_slow = slow != NULL && *slow != '\0';
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    is_slow = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    is_slow = true;
#endif
#endif
    return is_slow ? 60 : 20;
}

static void run_one(int index)
{
    harness_test *test = first_test;
    while (index-- > 0)
        test = test->next;
    if (!forks)
        alarm(seconds_a_test());
    vow_on_panic(fail_on_panic, test);
    if (test->kind == HARNESS_PANICS)
        run_in_child(test);
    else if (test->kind == HARNESS_PLAIN)
        run_plain(test);
    else
        run_with_loop(test);
    alarm(0);
}

/* Check keeps the pointers to what a test is until the runner is freed. */
static int add_tests(TCase *tests, TTest *described, const char *part)
{
    int index = 0, added = 0;
    for (harness_test *test = first_test; test != NULL; test = test->next, index++) {
        if (part != NULL && strstr(test->name, part) == NULL)
            continue;
        TTest *one = &described[added++];
        *one = (TTest){test->name, run_one, test->file, test->line};
        _tcase_add_test(tests, one, 0, 0, index, index + 1);
    }
    return added;
}

static int list_tests(void)
{
    for (harness_test *test = first_test; test != NULL; test = test->next)
        puts(test->name);
    return EXIT_SUCCESS;
}

static size_t count_tests(void)
{
    size_t n = 0;
    for (harness_test *test = first_test; test != NULL; test = test->next)
        n++;
    return n;
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : NULL;
    if (part != NULL && strcmp(part, "--list") == 0)
        return list_tests();
    main_thread = pthread_self();
    const char *slash = strrchr(argv[0], '/');
    Suite *suite = suite_create(slash != NULL ? slash + 1 : argv[0]);
    TCase *tests = tcase_create("");
    TTest *described = calloc(count_tests() + 1, sizeof *described);
    if (described == NULL || add_tests(tests, described, part) == 0) {
        fprintf(stderr, "%s: no test to run\n", argv[0]);
        free(described);
        return EXIT_FAILURE;
    }
    tcase_set_timeout(tests, seconds_a_test());
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    forks = srunner_fork_status(runner) == CK_FORK;
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(described);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
