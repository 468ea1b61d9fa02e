/* SPDX-License-Identifier: MIT
 *
 * 30-philosophers - five philosophers, five forks, and nobody starves: each takes the fork
 * with the smaller number first, and forks are handed on in the order of asking.
 *
 *     examples/run 30-philosophers
 *
 * Expected output:
 *     Plato has eaten 3 times
 *     Aristotle has eaten 3 times
 *     Kant has eaten 3 times
 *     Hume has eaten 3 times
 *     Hegel has eaten 3 times
 *     never more than 2 ate at a time
 */
#include <stdio.h>
#include <vow.h>

enum { SEATS = 5, MEALS = 3 };

static const char *names[SEATS] = {"Plato", "Aristotle", "Kant", "Hume", "Hegel"};
static vow_mutex *forks[SEATS];
static int eating, most;
struct philosopher {
    int seat, meals;
};

/* The forks are values: giving them back puts them down, however the meal ends. */
static int eat(struct philosopher *p)
{
    int left = p->seat, right = (p->seat + 1) % SEATS;
    vow_value first, second;
    int code = vow_await(vow_mutex_lock(forks[left < right ? left : right]), &first);
    if (code == 0) {
        code = vow_await(vow_mutex_lock(forks[left < right ? right : left]), &second);
        if (code == 0) {
            most = ++eating > most ? eating : most;
            code = vow_await(vow_delay(vow_current(), 20), NULL);
            eating--;
        }
        vow_release(second);
    }
    vow_release(first);
    return code;
}

static vow_value live(void *data)
{
    struct philosopher *p = data;
    for (p->meals = 0; p->meals < MEALS; p->meals++) {
        int code = vow_await(vow_delay(vow_current(), 5), NULL); /* think */
        if (code != 0 || (code = eat(p)) != 0)
            return vow_fail(code, "%s went hungry", names[p->seat]);
    }
    return vow_none();
}

int main(void)
{
    struct philosopher table[SEATS];
    vow_loop *loop = vow_loop_new();
    vow_scope *scope = loop ? vow_scope_new(loop, VOW_FAIL_FAST) : NULL;
    for (int i = 0; i < SEATS; i++)
        if (scope == NULL || (forks[i] = vow_mutex_new(loop)) == NULL)
            return 1;
    vow_clock_virtual(loop, true);
    for (int i = 0; i < SEATS; i++) {
        table[i].seat = i;
        vow_scope_add(scope, vow_spawn(loop, live, &table[i], NULL));
    }
    int code = vow_run(loop, vow_scope_join(scope), NULL);
    for (int i = 0; i < SEATS; i++)
        printf("%s has eaten %d times\n", names[i], table[i].meals);
    printf("never more than %d ate at a time\n", most);
    vow_scope_free(scope);
    for (int i = 0; i < SEATS; i++)
        vow_mutex_free(forks[i]);
    vow_loop_free(loop);
    return code != 0;
}
