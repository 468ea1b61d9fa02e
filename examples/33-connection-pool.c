/* SPDX-License-Identifier: MIT
 *
 * 33-connection-pool - eight queries over at most two connections, which are used again. One
 * that breaks is not: the next query gets a new one.
 *
 *     examples/run 33-connection-pool
 *
 * Expected output:
 *     connection 1 opened
 *     connection 2 opened
 *     connection 2 closed
 *     connection 3 opened
 *     query 2 failed: Broken pipe
 *     8 queries over 3 connections, 2 of them idle
 *     connection 3 closed
 *     connection 1 closed
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

static int opened, queries;

static void hang_up(void *connection)
{
    printf("connection %d closed\n", *(int *)connection);
    free(connection);
}

/* What the stock makes when none is idle; a promise would do as well. */
static vow_value open_connection(void *data)
{
    int *connection = malloc(sizeof *connection);
    (void)data;
    if (connection == NULL)
        return vow_fail(ENOMEM, "no memory for a connection");
    *connection = ++opened;
    printf("connection %d opened\n", *connection);
    return vow_box(connection, hang_up);
}

static vow_value failed(const vow_error *e, void *data)
{
    printf("query %d failed: %s\n", (int)(intptr_t)data, vow_error_message(e));
    return vow_none();
}

/* The loan goes back to the stock when what this gives has settled. */
static vow_value query(vow_value v, void *data)
{
    queries++;
    if ((intptr_t)data != 2)
        return vow_v(vow_delay(vow_current(), 10));
    vow_loan_spoil(vow_loan_of(v)); /* it broke: nobody is to have it again */
    return vow_fail(EPIPE, NULL);
}

static vow_value start_query(size_t index, void *stock)
{
    vow_promise *p = vow_using(vow_stock_take(stock), query, (void *)(intptr_t)(index + 1));
    return vow_v(vow_catch(p, failed, (void *)(intptr_t)(index + 1)));
}

int main(void)
{
    vow_stock_policy policy = {.most = 2, .idle_ms = 60000, .make = open_connection};
    vow_loop *loop = vow_loop_new();
    vow_stock *stock = loop ? vow_stock_new(loop, &policy, NULL) : NULL;
    if (stock == NULL)
        return 1;
    vow_clock_virtual(loop, true);
    int code = vow_run(loop, vow_for_each(loop, 8, 0, start_query, stock), NULL);
    printf("%d queries over %d connections, %zu of them idle\n", queries, opened,
           vow_stock_idle(stock));
    vow_stock_free(stock);
    vow_loop_free(loop);
    return code != 0;
}
