/* SPDX-License-Identifier: MIT
 *
 * 21-chat - a chat server over unix datagrams: whoever sends it something is a member, and
 * hears what all members say. No framing, no connections, no queue that grows.
 *
 *     examples/run 21-chat
 *
 * Expected output:
 *     ann: is anybody here?
 *     bob: I am
 *     cid: me too
 *     ann: bye then
 *     3 members heard 4 lines each
 */
#include <stdio.h>
#include <string.h>
#include <vow.h>

enum { PEOPLE = 3, LINES = 4, MOST = 200 };
static const char *const lines[LINES] = {"ann: is anybody here?", "bob: I am", "cid: me too",
                                         "ann: bye then"};

struct chat {
    vow_dgram *socket;
    vow_address address, member[PEOPLE];
    size_t members;
};

static vow_value again(vow_value v, void *data) { return (void)v, (void)data, VOW_AGAIN; }

/* Sends what came to all members, and listens on when all of them have it. */
static vow_value relay(vow_value v, void *data)
{
    struct chat *chat = data;
    vow_promise *sent[PEOPLE];
    vow_buf *b = vow_packet_buf(vow_packet_of(v));
    if (vow_buf_size(b) == 0) { /* hello, and no more */
        if (chat->members < PEOPLE)
            chat->member[chat->members++] = *vow_packet_from(vow_packet_of(v));
        return VOW_AGAIN;
    }
    printf("%.*s\n", (int)vow_buf_size(b), (const char *)vow_buf_bytes(b));
    for (size_t i = 0; i < chat->members; i++)
        sent[i] = vow_dgram_send_buf(chat->socket, &chat->member[i], vow_buf_ref(b));
    return vow_v(vow_then(vow_all_settled_n(vow_current(), chat->members, sent), again, NULL));
}

static vow_value serve(void *data)
{
    return vow_v(vow_then(vow_dgram_receive(((struct chat *)data)->socket, MOST), relay, data));
}

int main(void)
{
    struct chat chat = {0};
    vow_dgram *person[PEOPLE] = {NULL};
    vow_loop *loop = vow_loop_new();
    chat.socket = loop ? vow_unix_dgram(loop, "@") : NULL; /* a name that the system chooses */
    int code = chat.socket ? vow_dgram_address(chat.socket, &chat.address) : 1;
    vow_promise *server = code ? NULL : vow_repeat(loop, serve, &chat);
    for (int i = 0; i < PEOPLE && !code; i++) {
        person[i] = vow_unix_dgram(loop, "@");
        code = person[i] ? vow_run(loop, vow_dgram_send(person[i], &chat.address, "", 0), NULL) : 1;
    }
    for (int i = 0; i < LINES && !code; i++) {
        vow_dgram *speaker = person[lines[i][0] - 'a'];
        code = vow_run(loop, vow_dgram_send(speaker, &chat.address, lines[i], strlen(lines[i])), NULL);
        for (int k = 0; k < PEOPLE && !code; k++)
            code = vow_run(loop, vow_timeout(vow_dgram_receive(person[k], MOST), 5000), NULL);
    }
    printf(code ? "the chat failed\n" : "%d members heard %d lines each\n", PEOPLE, LINES);
    vow_unref(server);
    vow_dgram_unref(chat.socket);
    for (int i = 0; i < PEOPLE; i++)
        vow_dgram_unref(person[i]);
    vow_loop_free(loop);
    return code != 0;
}
