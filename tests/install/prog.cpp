// The whole of vow.h from C++17: values of every kind, chains with lambdas, lists of promises.
#include <cstdio>

#include <vow.h>

int main()
{
    vow_loop *loop = vow_loop_new();
    vow_promise *p = vow_resolved(loop, vow_v(20u));
    p = vow_then(p, [](vow_value v, void *) { return vow_v(vow_as_int(v) + 1L); }, nullptr);
    p = vow_all(loop, p, vow_resolved(loop, vow_v(10.5)), vow_resolved(loop, vow_v(true)));
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    vow_value v = vow_none();
    int code = vow_run(loop, p, &v);
    double sum = static_cast<double>(vow_as_int(vow_at(v, 0))) + 2 * vow_as_double(vow_at(v, 1));
    std::printf("%d %d %s\n", code + (policy.tries == 5 ? 0 : 1), static_cast<int>(sum), vow_version());
    vow_release(v);
    return vow_loop_free(loop) != nullptr;
}
