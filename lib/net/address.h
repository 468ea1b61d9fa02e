/* SPDX-License-Identifier: MIT
 *
 * net/address.h - the files of unix addresses.
 */
#ifndef VOW_NET_ADDRESS_H
#define VOW_NET_ADDRESS_H

#include "vow/address.h"

const char *vow__address_path(const vow_address *a); /* of a unix address with a file, or NULL */
void vow__address_unlink(const vow_address *a);      /* removes the file, if it has one */

#endif
