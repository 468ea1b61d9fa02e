/* SPDX-License-Identifier: MIT
 *
 * vow/dns.h - names to addresses, and back.
 *
 *     vow_promise *p = vow_dns_lookup(loop, "localhost", "80", AF_INET);   // addresses
 *
 * Names are looked up by the system's own getaddrinfo, because it knows what the system is
 * told (hosts, nsswitch, mDNS, search lists); in a pool of vow's own for names, because it may
 * take half a minute and files must not wait for it. Numeric hosts and ports need no look-up.
 * Cancel and drop: a look-up that waits for a thread never starts; a running one, which
 * nothing can stop, goes on and its answer is thrown away. Closing the loop does not wait for
 * it, vow_run_all does. Loop's thread only.
 */
#ifndef VOW_DNS_H
#define VOW_DNS_H

#include "address.h"
#include "promise.h"

VOW_BEGIN

/* Fulfils with an array of vow_address values, never empty, the best one first (RFC 6724, as
 * getaddrinfo orders). `family`: AF_INET, AF_INET6, or AF_UNSPEC for both. `service`: a number
 * or a name (TCP's, or UDP's where TCP has none); NULL leaves the port 0. Copies host and
 * service; a host of NULL is misuse. Rejects in the gai domain with what it was asked for in
 * the message, or with errno's code where the system failed. */
#define vow_dns_lookup(loop, host, service, family) \
    vow_dns_lookup_at(loop, host, service, family, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dns_lookup_at(vow_loop *loop, const char *host,
                                                     const char *service, int family,
                                                     const char *where);

/* Fulfils with the name of the host that has this address (vow_text). Copies the address.
 * Without a name: EAI_NONAME; what is no IP address: EAI_FAMILY. Whoever runs the network of
 * the address decides what its name is: never trust it for more than a log. */
#define vow_dns_name(loop, address) vow_dns_name_at(loop, address, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dns_name_at(vow_loop *loop, const vow_address *address,
                                                   const char *where);

VOW_END
#endif
