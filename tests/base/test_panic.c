/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/panic.h"
#include "harness.h"

static void exit_with_length(const char *message, void *data)
{
    _exit(*(int *)data + (strlen(message) == 1023 ? 1 : 0));
}

static int status_of(void (*body)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        body();
        _exit(99);
    }
    waitpid(child, &status, 0);
    return status;
}

static void panic_with_hook(void)
{
    static int code = 40;
    static char filler[3000];

    memset(filler, 'x', sizeof filler - 1);
    vow_on_panic(exit_with_length, &code);
    vow__panic("%s", filler);
}

TEST_PLAIN(the_hook_gets_the_message_cut_to_the_buffer)
{
    int status = status_of(panic_with_hook);

    CHECK(WIFEXITED(status));
    EQ_INT(WEXITSTATUS(status), 41);
}

static int capture[2];

static void panic_by_default(void)
{
    dup2(capture[1], STDERR_FILENO);
    vow_on_panic(exit_with_length, NULL);
    vow_on_panic(NULL, NULL);
    signal(SIGABRT, SIG_DFL);
    vow__panic("%s was handed over twice", "p");
}

TEST_PLAIN(by_default_a_panic_writes_one_line_and_aborts)
{
    char text[100] = "";
    int status;

    CHECK(pipe(capture) == 0);
    status = status_of(panic_by_default);
    CHECK(WIFSIGNALED(status));
    EQ_INT(WTERMSIG(status), SIGABRT);
    CHECK(read(capture[0], text, sizeof text - 1) > 0);
    EQ_TEXT(text, "vow: p was handed over twice\n");
    close(capture[0]);
    close(capture[1]);
}
