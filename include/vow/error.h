/* SPDX-License-Identifier: MIT
 *
 * vow/error.h - why a promise was rejected: domain, code, message, cause chain,
 * suppressed errors, payload and place.
 *
 *     return vow_fail(EPROTO, "bad status line: %s", line);    // in a handler
 *     return vow_wrap(e, EIO, "load %s", path);                // in a catch: adds a cause
 *     return vow_rethrow(e);                                   // the same error on
 *
 * Making an error never fails: when there is no memory it keeps domain and code
 * and loses its text. Errors are counted, not atomically: they may move to another
 * thread, not be shared with one. Functions here may be called on any thread.
 */
#ifndef VOW_ERROR_H
#define VOW_ERROR_H

#include <errno.h> /* the codes that errors are compared with */

#include "value.h"

VOW_BEGIN

/* Says whose numbers `code` are. Static; identified by address. */
typedef struct vow_domain {
    const char *name;
    const char *(*text)(int code); /* never NULL; any thread */
} vow_domain;

VOW_API const vow_domain *vow_errno_domain(void); /* errno numbers                */
VOW_API const vow_domain *vow_gai_domain(void);   /* EAI_... of getaddrinfo       */
VOW_API const vow_domain *vow_own_domain(void);   /* the VOW_E... codes below     */

/* vow's own codes, their numbers and texts. */
#define VOW_CODES(X)                                                                  \
    X(VOW_EBROKEN, 10001, "broken promise: its resolver was dropped unused")          \
    X(VOW_ECYCLE, 10002, "a promise cannot wait for itself")                          \
    X(VOW_ECLOSED, 10003, "the loop is closed")                                       \
    X(VOW_ENONE, 10004, "nothing to choose from")                                     \
    X(VOW_EAGGREGATE, 10005, "all of them failed")                                    \
    X(VOW_ELOOP, 10006, "the promise belongs to another loop")                        \
    X(VOW_EFORK, 10007, "the loop was made before fork: call vow_loop_after_fork")    \
    X(VOW_EVALUE, 10008, "rejected with a value")                                     \
    X(VOW_EAWAIT, 10009, "await outside a fiber")
enum vow_code {
#define VOW_CODE_NUMBER(name, number, text) name = number,
    VOW_CODES(VOW_CODE_NUMBER)
#undef VOW_CODE_NUMBER
};

/* An error value in the errno domain: what a handler returns to reject. */
#define vow_fail(code, ...) vow_fail_at(VOW_HERE, vow_errno_domain(), code, __VA_ARGS__)
#define vow_fail_in(domain, code, ...) vow_fail_at(VOW_HERE, domain, code, __VA_ARGS__)
VOW_API vow_value vow_fail_at(const char *where, const vow_domain *domain, int code,
                              const char *format, ...) VOW_FORMAT(4, 5);

/* The same as an object, for vow_rejected and vow_reject. Gives; never NULL.
 * A format of NULL means, here and above and below: the domain's own text for the code,
 * nothing more. ("" too, but gcc warns of empty formats.) `where` is kept: a literal. */
#define vow_error_new(domain, code, ...) vow_error_new_at(VOW_HERE, domain, code, __VA_ARGS__)
VOW_API vow_error *vow_error_new_at(const char *where, const vow_domain *domain, int code,
                                    const char *format, ...) VOW_FORMAT(4, 5);

/* An error that carries any value (domain vow, VOW_EVALUE). Takes `payload`. */
#define vow_error_of_value(payload) vow_error_of_value_at(VOW_HERE, payload)
VOW_API vow_error *vow_error_of_value_at(const char *where, vow_value payload);

/* Passes the error a catch handler got on. Looks at e. */
VOW_API vow_value vow_rethrow(const vow_error *e);
/* A new errno-domain error with e as its cause. Looks at e. */
#define vow_wrap(e, code, ...) vow_wrap_at(VOW_HERE, e, code, __VA_ARGS__)
VOW_API vow_value vow_wrap_at(const char *where, const vow_error *e, int code,
                              const char *format, ...) VOW_FORMAT(4, 5);

/* References. NULL is accepted and given back; unref returns NULL. */
VOW_API vow_error *vow_error_ref(const vow_error *e);
VOW_API vow_error *vow_error_unref(vow_error *e);

/* Parts; what they return is borrowed from e. */
VOW_API const vow_domain *vow_error_domain(const vow_error *e);
VOW_API int vow_error_code(const vow_error *e);
VOW_API bool vow_error_is(const vow_error *e, const vow_domain *domain, int code); /* NULL: false */
VOW_API const char *vow_error_message(const vow_error *e); /* never NULL: the text given, else the domain's */
VOW_API const vow_error *vow_error_cause(const vow_error *e); /* NULL at the end of the chain */
VOW_API const char *vow_error_place(const vow_error *e);      /* "file.c:12"; NULL when unknown */
VOW_API vow_value vow_error_payload(const vow_error *e);      /* vow_none() when there is none */

/* Errors that arose while this one was already on its way (losers of a race, a
 * failed clean-up): vow_error_suppressed is the first, vow_error_next the one
 * after it, NULL at the end. */
VOW_API const vow_error *vow_error_suppressed(const vow_error *e);
VOW_API const vow_error *vow_error_next(const vow_error *suppressed);

/* Writes the whole chain into buf (always ended by NUL when size > 0) and returns
 * the length it needs, like snprintf. Never allocates.
 *   one line:  "load a.txt: open: No such file or directory"
 *              the domain's text for the last code closes it unless it was said already
 *   lines:     one error a line, with domain, code and place, causes and suppressed
 *              errors, and those of an array it carries, indented below it. */
typedef enum vow_style { VOW_ONE_LINE, VOW_LINES } vow_style;
VOW_API size_t vow_describe(const vow_error *e, vow_style style, char *buf, size_t size);

VOW_END
#endif
