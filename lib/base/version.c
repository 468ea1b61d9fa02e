/* SPDX-License-Identifier: MIT */
#include "vow/version.h"

const char *vow_version(void) { return VOW_VERSION; }

unsigned vow_version_number(void) { return VOW_VERSION_NUMBER; }
