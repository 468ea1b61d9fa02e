// vow/coro.hpp: values, errors as exceptions, and how coroutines end.
#include <cstdio>
#include <stdexcept>

#include <vow.h>
#include <vow/coro.hpp>

namespace {

int failures, ended;

void check(bool ok, const char *what)
{
    if (!ok) {
        std::printf("not true: %s\n", what);
        failures++;
    }
}
#define CHECK(condition) check(condition, #condition)

struct guard {
    ~guard() { ended++; }
};

vow::promise twenty(vow_loop *loop)
{
    co_await vow_delay(loop, 1);
    co_await vow::yield;
    co_return 20;
}

vow::promise sum(vow_loop *loop)
{
    guard g;
    std::int64_t total = 0;
    for (int i = 0; i < 2; i++)
        total += vow_as_int((co_await twenty(loop)).get());
    vow::value text = co_await vow_resolved(loop, vow_text("counted"));
    CHECK(vow_is(text.get(), vow_text_type()));
    co_return total + 2;
}

vow::promise fails(vow_loop *loop)
{
    try {
        co_await vow_rejected(loop, vow_error_new(vow_errno_domain(), EPROTO, "bad"));
        CHECK(false);
    } catch (const vow::error &e) {
        CHECK(e.code() == EPROTO);
    }
    co_await vow_delay(loop, 1);
    throw std::runtime_error("left");
}

vow::promise rests(vow_loop *loop)
{
    guard g;
    co_await vow_delay(loop, 1000000);
    co_return vow_none();
}

vow::promise on_current()
{
    CHECK(vow_current() != nullptr);
    co_return vow_none();
}

vow::promise outer(vow_loop *)
{
    co_await on_current();
    co_return on_current(); // is followed
}

int error_of(vow_loop *loop, vow::promise p)
{
    try {
        vow::run(loop, std::move(p));
        return 0;
    } catch (const vow::error &e) {
        return e.code();
    }
}

void end_them(vow_loop *loop)
{
    vow::promise cancelled = rests(loop);
    {
        vow::promise dropped = rests(loop), unbegun = rests(loop);
        vow_poll(loop);
        ended = 0;
        unbegun = rests(loop); // one that has begun and one that never will
    }
    CHECK(ended == 2);
    cancelled.cancel();
    CHECK(error_of(loop, std::move(cancelled)) == ECANCELED);
    CHECK(ended == 3);
}

} // namespace

int main()
{
    vow_loop *loop = vow_loop_new();
    vow::value v = vow::run(loop, sum(loop));
    CHECK(ended == 1);
    CHECK(error_of(loop, fails(loop)) == VOW_EVALUE);
    CHECK(error_of(loop, outer(loop)) == 0);
    end_them(loop);
    vow_loop_close(loop);
    CHECK(error_of(loop, rests(loop)) == VOW_ECLOSED);
    std::printf("%d %d %s\n", failures, static_cast<int>(vow_as_int(v.get())), vow_version());
    v = vow::value();
    return vow_loop_free(loop) != nullptr;
}
