/* SPDX-License-Identifier: MIT
 *
 * 32-rate-limit - a client that keeps to what a server allows: ten requests a second, four of
 * them at once, and never more than two under way.
 *
 *     examples/run 32-rate-limit
 *
 * Expected output:
 *     request 0 at 0 ms
 *     request 1 at 0 ms
 *     request 2 at 30 ms
 *     request 3 at 30 ms
 *     request 4 at 100 ms
 *     request 5 at 200 ms
 *     request 6 at 300 ms
 *     request 7 at 400 ms
 *     8 answers, at most 2 at a time
 */
#include <stdint.h>
#include <stdio.h>
#include <vow.h>

struct client {
    vow_rate *rate;
    int running, most, answers;
};
struct request {
    struct client *client;
    size_t number;
};

static vow_value answered(vow_value v, void *data)
{
    struct client *c = data;
    (void)v;
    c->running--;
    c->answers++;
    return vow_none();
}

/* The token is there: the request may go. */
static vow_value ask(vow_value v, void *data)
{
    struct request *r = data;
    struct client *c = r->client;
    (void)v;
    c->most = ++c->running > c->most ? c->running : c->most;
    printf("request %zu at %d ms\n", r->number, (int)(vow_now(vow_current()) / 1000000));
    return vow_v(vow_then(vow_delay(vow_current(), 30), answered, c)); /* the server takes 30 ms */
}

static vow_value request(size_t number, void *data)
{
    struct request *requests = data;
    requests[number].number = number;
    return vow_v(vow_then(vow_rate_take(requests->client->rate, 1), ask, &requests[number]));
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    struct client client = {.rate = loop ? vow_rate_new(loop, 10, 1000, 4) : NULL};
    struct request requests[8];
    if (client.rate == NULL) {
        perror("a loop and a rate");
        return 1;
    }
    for (size_t i = 0; i < 8; i++)
        requests[i].client = &client;
    vow_clock_virtual(loop, true);
    int code = vow_run(loop, vow_for_each(loop, 8, 2, request, requests), NULL);
    printf("%d answers, at most %d at a time\n", client.answers, client.most);
    vow_rate_free(client.rate);
    vow_loop_free(loop);
    return code != 0;
}
