/* SPDX-License-Identifier: MIT
 *
 * vow/address.h - where a socket is: IPv4, IPv6 or unix, as a plain struct, as text and as a
 * value.
 *
 *     vow_address a;
 *     int failed = vow_address_parse(&a, "[::1]:8080");   // 0 or an errno number
 *     char text[VOW_ADDRESS_TEXT];
 *     vow_address_text(&a, text, sizeof text);            // "[::1]:8080"
 *
 * A vow_address is copied by assignment and needs no release. Nothing here looks up names
 * (vow/dns.h does). Any thread.
 */
#ifndef VOW_ADDRESS_H
#define VOW_ADDRESS_H

#include <sys/socket.h>

#include "value.h"

VOW_BEGIN

typedef struct vow_address {
    struct sockaddr_storage storage; /* as bind and connect take it ...  */
    socklen_t size;                  /* ... with this size; 0: no address */
} vow_address;

/* Reads one of the forms that vow_address_text writes; the port may be missing, then it is
 * 0, and so may the brackets of an IPv6 address without a port:
 *   127.0.0.1:80   [::1]:80   [fe80::1%eth0]:80   ::1   unix:/run/x   unix:@abstract
 * 0; EINVAL: not such a text; ENAMETOOLONG: a path that no unix address can hold; ENODEV: no
 * such interface. *ret is only written on 0. */
VOW_API int vow_address_parse(vow_address *ret, const char *text);
/* A numeric host and a port. 0, EINVAL or ENODEV. */
VOW_API int vow_address_ip(vow_address *ret, const char *host, uint16_t port);
/* A path, or with a leading '@' a name without a file (Linux: abstract); "@" alone lets the
 * system choose one. 0, ENAMETOOLONG, or EINVAL for an empty path. */
VOW_API int vow_address_unix(vow_address *ret, const char *path);

/* The address of a descriptor's own end, or of its peer's. 0 or an errno number. */
VOW_API int vow_address_local(vow_address *ret, int fd);
VOW_API int vow_address_peer(vow_address *ret, int fd);

/* Writes the text into buf (always ended by NUL when size > 0) and returns the length it
 * needs, like snprintf: VOW_ADDRESS_TEXT bytes are enough. A unix socket without a name is
 * "unix:", no address "none", another family "family N". */
enum { VOW_ADDRESS_TEXT = 128 };
VOW_API size_t vow_address_text(const vow_address *a, char *buf, size_t size);

VOW_API int vow_address_family(const vow_address *a);    /* AF_...; AF_UNSPEC: no address */
VOW_API uint16_t vow_address_port(const vow_address *a); /* 0 where there are no ports */
VOW_API void vow_address_set_port(vow_address *a, uint16_t port); /* nothing where there are none */
/* Family, host, interface and port; or the name. */
VOW_API bool vow_address_equal(const vow_address *a, const vow_address *b);

/* As a value: a copy, counted. Looks; without memory an error value, ENOMEM. */
VOW_API vow_value vow_address_value(const vow_address *a);
VOW_API const vow_address *vow_address_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_address_type(void);

VOW_END
#endif
