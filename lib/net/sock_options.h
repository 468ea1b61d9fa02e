/* SPDX-License-Identifier: MIT
 *
 * net/sock_options.h - options that both kinds of sockets have: those that connect, and those
 * that are connected to.
 */
#ifndef VOW_NET_SOCK_OPTIONS_H
#define VOW_NET_SOCK_OPTIONS_H

/* 0 or an errno number. */
int vow__sock_set(int fd, int level, int name, int value);
/* Probes after `s` seconds of silence and again as often, four of them; what a listener is told
 * holds for what it accepts. */
int vow__sock_keepalive(int fd, unsigned s);

#endif
