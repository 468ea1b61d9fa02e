/* SPDX-License-Identifier: MIT
 *
 * vow/version.h - the version of the headers (macros) and of the library that
 * is really loaded (vow_version). Before 1.0 any 0.x release may break the API;
 * CHANGELOG.md says what did.
 */
#ifndef VOW_VERSION_H
#define VOW_VERSION_H

#include "base.h"

#define VOW_VERSION_MAJOR 0
#define VOW_VERSION_MINOR 1
#define VOW_VERSION_MICRO 0
#define VOW_VERSION "0.1.0"

/* One number that grows with the version: 0.1.0 is 0x000100. */
#define VOW_VERSION_NUMBER \
    ((VOW_VERSION_MAJOR << 16) | (VOW_VERSION_MINOR << 8) | VOW_VERSION_MICRO)
#define VOW_CHECK_VERSION(major, minor, micro) \
    (VOW_VERSION_NUMBER >= (((major) << 16) | ((minor) << 8) | (micro)))

VOW_BEGIN

/* The loaded library's version as text and as VOW_VERSION_NUMBER. Any thread. */
VOW_API const char *vow_version(void);
VOW_API unsigned vow_version_number(void);

VOW_END
#endif
