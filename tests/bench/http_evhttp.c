/* http_evhttp PORT - the floor of http_hello: plain evhttp */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
static void hello(struct evhttp_request *q, void *data)
{
    (void)data;
    evhttp_add_header(evhttp_request_get_output_headers(q), "Content-Type", "text/plain; charset=utf-8");
    evbuffer_add(evhttp_request_get_output_buffer(q), "hello", 5);
    evhttp_send_reply(q, 200, NULL, NULL);
}
int main(int c, char **v)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    evhttp_set_gencb(http, hello, NULL);
    if (c < 2 || evhttp_bind_socket(http, "127.0.0.1", (unsigned short)atoi(v[1])))
        return 1;
    return event_base_dispatch(base);
}
