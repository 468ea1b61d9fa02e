/* SPDX-License-Identifier: MIT
 *
 * vow/coro.hpp - promises of vow in C++20: co_await, a handle that releases itself, errors as
 * exceptions.
 *
 *     vow::promise fetch(vow_loop *loop, const char *host)
 *     {
 *         vow::value v = co_await vow_sock_connect(loop, host, "80"); // throws vow::error
 *         co_await vow_delay(loop, 100);
 *         co_return v;
 *     }
 *     vow::value v = vow::run(loop, fetch(loop, "example.org"));
 *
 * A coroutine is a task of vow/async.h: it begins from the queue, not in the call, and on the
 * loop that is its first argument, else on vow_current(). Cancelled, its co_await throws an
 * error with ECANCELED, once; dropped, its frame is destroyed and with it what is in there. An
 * exception that leaves it rejects its promise. Without memory for its frame the call throws
 * std::bad_alloc. Thread and ownership: as the functions of C.
 */
#ifndef VOW_CORO_HPP
#define VOW_CORO_HPP

#include <cerrno>
#include <coroutine>
#include <exception>
#include <new>
#include <utility>

#include "async.h"
#include "loop.h"
#include "value.h"

namespace vow {

/* One reference of a value. */
class value {
    vow_value v_;

public:
    value() noexcept : v_(vow_none()) {}
    explicit value(vow_value v) noexcept : v_(v) {} /* takes */
    value(value &&other) noexcept : v_(other.release()) {}
    value(const value &other) : v_(vow_keep(other.v_)) {}
    value &operator=(value other) noexcept
    {
        std::swap(v_, other.v_);
        return *this;
    }
    ~value() { vow_release(v_); }
    vow_value get() const noexcept { return v_; } /* borrowed */
    vow_value release() noexcept { return std::exchange(v_, vow_none()); } /* gives */
};

/* What co_await and run throw. */
class error : public std::exception {
    value v_;

public:
    explicit error(vow_value v) : v_(v) {} /* takes an error value */
    const vow_error *get() const noexcept { return vow_as_error(v_.get()); }
    int code() const noexcept { return vow_error_code(get()); }
    bool is(int code) const noexcept { return vow_error_is(get(), vow_errno_domain(), code); }
    const char *what() const noexcept override { return vow_error_message(get()); }
};

/* One handle on a promise; what a coroutine returns. */
class [[nodiscard]] promise {
    vow_promise *p_;

public:
    struct promise_type;
    explicit promise(vow_promise *p) noexcept : p_(p) {} /* takes; NULL ok */
    promise(promise &&other) noexcept : p_(other.release()) {}
    promise &operator=(promise other) noexcept
    {
        std::swap(p_, other.p_);
        return *this;
    }
    ~promise() { vow_unref(p_); } /* drops, as in C */
    vow_promise *get() const noexcept { return p_; }
    vow_promise *release() noexcept { return std::exchange(p_, nullptr); } /* gives */
    void cancel() { vow_cancel(p_); }
};

/* co_await vow::yield; lets those that are ready run first. */
inline constexpr struct yield_type {
} yield{};

struct promise::promise_type {
    struct frame { /* what the task's function and destroy get: standard layout */
        vow_task task;
        promise_type *self;
    };
    frame frame_{};
    vow_loop *loop_;
    vow_promise *awaited_ = nullptr;
    vow_value result_ = vow_none();
    bool suspended_ = false, refused_ = false;

    promise_type() noexcept : loop_(vow_current()) {}
    template <class... Rest>
    explicit promise_type(vow_loop *loop, Rest &...) noexcept : loop_(loop) {}
    template <class First, class... Rest>
    explicit promise_type(First &, Rest &...) noexcept : loop_(vow_current()) {}
    promise_type(const promise_type &) = delete;
    promise_type &operator=(const promise_type &) = delete;
    ~promise_type() { vow_release(result_); }

    std::coroutine_handle<promise_type> handle() noexcept
    {
        return std::coroutine_handle<promise_type>::from_promise(*this);
    }
    promise get_return_object()
    {
        frame_.self = this;
        return promise(vow_task_start(loop_, call, &frame_.task, destroy));
    }

    /* Refused in get_return_object, it may be destroyed from here on only. */
    struct begin {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> h) const noexcept
        {
            h.promise().suspended_ = true;
            if (h.promise().refused_)
                h.destroy();
        }
        void await_resume() const noexcept {}
    };
    begin initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }

    void return_value(vow_value v) noexcept { result_ = v; }
    void return_value(value v) noexcept { result_ = v.release(); }
    void return_value(promise p) noexcept { result_ = vow_promise_value(p.release()); } /* followed */
    template <class T> requires requires(T x) { vow_v(x); }
    void return_value(T x) noexcept { result_ = vow_v(x); }
    void unhandled_exception() noexcept
    {
        try {
            throw;
        } catch (const error &e) {
            result_ = vow_rethrow(e.get());
        } catch (const std::bad_alloc &) {
            result_ = vow_fail(ENOMEM, nullptr);
        } catch (const std::exception &e) {
            result_ = vow_fail_in(vow_own_domain(), VOW_EVALUE, "exception: %s", e.what());
        } catch (...) {
            result_ = vow_fail_in(vow_own_domain(), VOW_EVALUE, "exception of another kind");
        }
    }

    struct wait {
        promise_type *self;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        value await_resume() const
        {
            vow_value v = vow_keep(self->frame_.task.value);
            if (self->frame_.task.code != 0)
                throw error(v);
            return value(v);
        }
    };
    wait await_transform(vow_promise *p) noexcept { return awaited_ = p, wait{this}; } /* takes */
    wait await_transform(promise p) noexcept { return await_transform(p.release()); }
    wait await_transform(yield_type) noexcept { return wait{this}; }

    static vow_value call(vow_task *task) noexcept
    {
        promise_type *self = reinterpret_cast<frame *>(task)->self;
        vow_task_enter(task);
        self->handle().resume();
        if (self->handle().done())
            return std::exchange(self->result_, vow_none());
        vow_promise *p = std::exchange(self->awaited_, nullptr);
        return p ? vow_task_await(task, 1, p) : vow_task_yield(task, 1);
    }
    static void destroy(void *task) noexcept
    {
        promise_type *self = static_cast<frame *>(task)->self;
        self->refused_ = true;
        if (self->suspended_)
            self->handle().destroy();
    }
};

/* Turns the loop until p settles: its value, or throws its error. */
inline value run(vow_loop *loop, promise p)
{
    vow_value v;
    if (vow_run(loop, p.release(), &v) != 0)
        throw error(v);
    return value(v);
}

} // namespace vow

#endif
