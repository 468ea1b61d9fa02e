/* SPDX-License-Identifier: MIT
 *
 * net/listen.h - between the two halves of listening: opening the descriptor
 * (listen_open.c), and accepting from it (listen.c).
 */
#ifndef VOW_NET_LISTEN_H
#define VOW_NET_LISTEN_H

#include "vow/sock.h"

/* A listening descriptor, or minus an errno number. */
int vow__listen_open(const vow_address *address, const vow_listen_options *options);

#endif
