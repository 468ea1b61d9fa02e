/* SPDX-License-Identifier: MIT
 *
 * Texts of codes. They are handed out for ever and to any thread, so only texts that
 * nobody ever overwrites will do: strerror's may be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np; harmless elsewhere */
#endif
#include <netdb.h>
#include <string.h>

#include "value/object.h"

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 32)
#define HAVE_STRERRORDESC_NP 1
#endif
#endif

static const char unknown[] = "unknown error";

static const char *errno_text(int code)
{
    const char *text = NULL;

#if defined(HAVE_STRERRORDESC_NP)
    text = strerrordesc_np(code);
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
    if (code >= 0 && code < sys_nerr)
        text = sys_errlist[code];
#else
    text = strerror(code); /* musl's are literals */
#endif
    return text != NULL ? text : unknown;
}

static const char *gai_text(int code) { return gai_strerror(code); /* literals everywhere */ }

static const char *own_text(int code)
{
    switch (code) {
#define OWN_TEXT(name, number, text) \
    case name:                       \
        return text;
        VOW_CODES(OWN_TEXT)
#undef OWN_TEXT
    default:
        return unknown;
    }
}

const vow_domain vow__errno_domain = {"errno", errno_text};
const vow_domain vow__own_domain = {"vow", own_text};
static const vow_domain gai_domain = {"getaddrinfo", gai_text};

const vow_domain *vow_errno_domain(void) { return &vow__errno_domain; }

const vow_domain *vow_gai_domain(void) { return &gai_domain; }

const vow_domain *vow_own_domain(void) { return &vow__own_domain; }
