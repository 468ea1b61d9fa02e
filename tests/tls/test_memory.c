/* SPDX-License-Identifier: MIT
 *
 * Allocations of OpenSSL's fail, one at a time: while contexts are made, hands shaken and
 * bytes exchanged. It says so in many words, not always ENOMEM; what counts is that each
 * promise settles, nothing crashes and nothing is left.
 */
#include <openssl/crypto.h>

#include "tls/world.h"

#ifndef MEMORY_STEP
#define MEMORY_STEP 11 /* test_memory_long.c takes more */
#endif

/* The n-th from now on fails; 0: none does. */
static size_t countdown;
static bool has_failed;

static bool fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    return true;
}

static void *allocate(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return fails() ? NULL : malloc(size);
}

static void *resize(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return fails() ? NULL : realloc(block, size);
}

static void release(void *block, const char *file, int line)
{
    (void)file, (void)line;
    free(block);
}

/* Before OpenSSL allocates anything. Without its clean-up at exit: libcrypto 3.0 frees there
 * twice what it had no memory to load a key with (OSSL_STORE_LOADER_free). */
__attribute__((constructor)) static void take_over(void)
{
    CHECK(CRYPTO_set_mem_functions(allocate, resize, release));
    CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL));
}

typedef int scenario_fn(vow_loop *loop, struct world *w);

/* 0, or the first failure's code. */
static int make_both(vow_loop *loop, struct world *w)
{
    (void)loop;
    vow_error *error = NULL;
    vow_tls *tls = vow_tls_new(
        &(vow_tls_options){.ca_file = w->ca.file, .cert_file = w->cert.file, .alpn = "h2"}, &error);
    int code = error ? vow_error_code(error) : 0;
    vow_error_unref(error);
    vow_tls_unref(tls);
    return code;
}

static int code_of(vow_promise *p, vow_loop *loop, vow_value *ret)
{
    int code = vow_run(loop, p, ret);
    if (code == EDEADLK)
        FAIL("nothing goes on");
    return code;
}

static int exchange(vow_loop *loop, struct world *w)
{
    vow_stream *pair[2];
    vow_value c, s = vow_none();
    EQ_INT(vow_stream_pair(loop, 100000, pair), 0);
    vow_promise *accepting = vow_tls_accept(w->server, pair[1]);
    vow_mark_handled(accepting);
    int code = code_of(vow_tls_connect(w->client, pair[0], "localhost"), loop, &c);
    int other = code_of(accepting, loop, &s);
    code = code ? code : other;
    if (!code)
        code = code_of(vow_stream_write(vow_stream_of(c), "hello", 5), loop, NULL);
    if (!code)
        code = code_of(vow_stream_read_exact(vow_stream_of(s), 5), loop, NULL);
    if (!code)
        code = code_of(vow_stream_shutdown(vow_stream_of(c)), loop, NULL);
    if (!code)
        code = code_of(vow_stream_read(vow_stream_of(s), 5), loop, NULL);
    vow_release(c);
    vow_release(s);
    return code;
}

static bool sweep_once(scenario_fn *scenario, struct world *w, size_t n)
{
    vow_test *t = vow_test_begin();
    has_failed = false;
    countdown = n;
    int code = scenario(vow_test_loop(t), w);
    bool failed = has_failed;
    countdown = 0;
    const char *complaint = vow_test_end(t);
    if (complaint)
        FAIL("allocation %zu failing: %s", n, complaint);
    if (code != 0 && !failed)
        FAIL("allocation %zu: code %d without a failure", n, code);
    return failed;
}

static void sweep(scenario_fn *scenario, size_t least)
{
    struct world w = make_world("DNS:localhost", 10);
    size_t n = 1;
    sweep_once(scenario, &w, 0); /* what is made once and for all */
    while (sweep_once(scenario, &w, n))
        n += MEMORY_STEP;
    if (n < least)
        FAIL("only %zu allocations", n);
    end_world(&w);
}

TEST_PLAIN(contexts_survive_every_failure_of_openssls) { sweep(make_both, 1000); }
TEST_PLAIN(streams_survive_every_failure_of_openssls) { sweep(exchange, 300); }
