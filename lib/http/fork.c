/* SPDX-License-Identifier: MIT
 *
 * http/fork.c - how often this process was forked off since: connections of before are the
 * parent's.
 */
#include <pthread.h>

#include "http/fork.h"

static unsigned forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count_fork(void) { forks++; }
static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

unsigned vow__http_forks(void)
{
    pthread_once(&once, watch_forks);
    return forks;
}
