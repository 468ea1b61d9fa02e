/* SPDX-License-Identifier: MIT
 *
 * vow.h - promises for C: everything in libvow. Parts that need a library of their
 * own (vow/opencl.h, vow/tls.h, ...) are included by name.
 */
#ifndef VOW_H
#define VOW_H

#include "vow/address.h"
#include "vow/async.h"
#include "vow/base.h"
#include "vow/buf.h"
#include "vow/channel.h"
#include "vow/dgram.h"
#include "vow/dir.h"
#include "vow/dns.h"
#include "vow/drive.h"
#include "vow/error.h"
#include "vow/file.h"
#include "vow/flow.h"
#include "vow/inspect.h"
#include "vow/loop.h"
#include "vow/packet.h"
#include "vow/pool.h"
#include "vow/process.h"
#include "vow/promise.h"
#include "vow/ready.h"
#include "vow/remote.h"
#include "vow/resolver.h"
#include "vow/reuse.h"
#include "vow/scope.h"
#include "vow/signal.h"
#include "vow/sock.h"
#include "vow/stream.h"
#include "vow/task.h"
#include "vow/seq.h"
#include "vow/sync.h"
#include "vow/timer.h"
#include "vow/transport.h"
#include "vow/type.h"
#include "vow/udp.h"
#include "vow/unix.h"
#include "vow/value.h"
#include "vow/version.h"
#include "vow/watch.h"

#endif
