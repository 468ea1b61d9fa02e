/* SPDX-License-Identifier: MIT */
#ifndef VOW_HTTP_FORK_H
#define VOW_HTTP_FORK_H

/* Another number in a forked child than before the fork. Any thread. */
unsigned vow__http_forks(void);

#endif
