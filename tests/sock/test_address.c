/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

/* Parsed and written again. */
#define EQ_AGAIN(text, expected)                                     \
    do {                                                             \
        vow_address a_;                                              \
        char again_[VOW_ADDRESS_TEXT];                               \
        EQ_INT(vow_address_parse(&a_, text), 0);                     \
        size_t size_ = vow_address_text(&a_, again_, sizeof again_); \
        EQ_TEXT(again_, expected);                                   \
        EQ_UINT(size_, strlen(again_));                              \
    } while (0)

TEST_PLAIN(text_becomes_an_address_and_text_again)
{
    EQ_AGAIN("127.0.0.1:80", "127.0.0.1:80");
    EQ_AGAIN("127.0.0.1", "127.0.0.1:0");
    EQ_AGAIN("[::1]:65535", "[::1]:65535");
    EQ_AGAIN("[::1]", "[::1]:0");
    EQ_AGAIN("::1", "[::1]:0");
    EQ_AGAIN("2001:DB8:0:0::1", "[2001:db8::1]:0");
    EQ_AGAIN("[::ffff:1.2.3.4]:5", "[::ffff:1.2.3.4]:5");
    EQ_AGAIN("unix:/run/some/where", "unix:/run/some/where");
    EQ_AGAIN("unix:@abstract", "unix:@abstract");
}

TEST_PLAIN(an_interface_is_kept_by_name_or_number)
{
    EQ_AGAIN("[fe80::1%lo]:80", "[fe80::1%lo]:80");
    EQ_AGAIN("fe80::1%1", "[fe80::1%lo]:0");
    EQ_AGAIN("[fe80::1%987654]:80", "[fe80::1%987654]:80");
    vow_address a;
    EQ_INT(vow_address_parse(&a, "fe80::1%no-such-thing"), ENODEV);
}

TEST_PLAIN(what_is_no_address_is_refused_and_nothing_written)
{
    static const char *const bad[] = {
        "",
        "host",
        "localhost:80",
        "1.2.3",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:x",
        "1.2.3.4:+1",
        "1.2.3.4:000080",
        "[::1]x",
        "[::1]:",
        "[::1",
        "::1]:80",
        "[1.2.3.4]:80",
        ":80",
        "unix:",
        "1.2.3.4:80 ",
        "fe80::1%",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd",
    };
    vow_address a = {.size = 0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (vow_address_parse(&a, bad[i]) == 0 || a.size != 0)
            FAIL("\"%s\" is taken for an address", bad[i]);
}

TEST_PLAIN(a_path_of_any_length_is_kept_whole_or_refused)
{
    size_t room = sizeof((struct sockaddr_un *)NULL)->sun_path;
    char path[300] = "/", text[VOW_ADDRESS_TEXT];
    vow_address a;
    for (size_t size = 1; size < sizeof path - 1; size++) {
        memset(path + 1, 'x', size - 1);
        path[size] = 0;
        EQ_INT(vow_address_unix(&a, path), size < room ? 0 : ENAMETOOLONG);
        if (size < room) {
            vow_address_text(&a, text, sizeof text);
            EQ_TEXT(text + 5, path);
        }
    }
    path[0] = '@';
    path[room] = 0;
    EQ_INT(vow_address_unix(&a, path), 0); /* a name needs no NUL */
    EQ_UINT(a.size, sizeof(struct sockaddr_un));
    EQ_UINT(vow_address_text(&a, text, sizeof text), 5 + room);
}

TEST_PLAIN(a_buffer_too_small_is_cut_and_told)
{
    vow_address a;
    char text[8];
    EQ_INT(vow_address_parse(&a, "127.0.0.1:80"), 0);
    EQ_UINT(vow_address_text(&a, text, sizeof text), 12);
    EQ_TEXT(text, "127.0.0");
    EQ_UINT(vow_address_text(&a, NULL, 0), 12);
}

TEST_PLAIN(the_parts_of_an_address)
{
    vow_address four, six, here;
    EQ_INT(vow_address_ip(&four, "10.0.0.1", 80), 0);
    EQ_INT(vow_address_ip(&six, "::1", 443), 0);
    EQ_INT(vow_address_unix(&here, "@x"), 0);
    EQ_INT(vow_address_family(&four), AF_INET);
    EQ_INT(vow_address_family(&six), AF_INET6);
    EQ_INT(vow_address_family(&here), AF_UNIX);
    EQ_UINT(vow_address_port(&four), 80);
    EQ_UINT(vow_address_port(&six), 443);
    vow_address_set_port(&four, 81);
    vow_address_set_port(&six, 444);
    vow_address_set_port(&here, 1);
    EQ_UINT(vow_address_port(&four), 81);
    EQ_UINT(vow_address_port(&six), 444);
    EQ_UINT(vow_address_port(&here), 0);
}

TEST_PLAIN(equal_is_what_leads_to_the_same_place)
{
    static const char *const texts[] = {"1.2.3.4:5",     "1.2.3.5:5", "1.2.3.4:6",
                                        "[::1]:5",       "[::2]:5",   "[fe80::1%1]:5",
                                        "[fe80::1%2]:5", "unix:/a",   "unix:@a"};
    enum { N = sizeof texts / sizeof *texts };
    vow_address a[N], b[N];
    for (int i = 0; i < N; i++) {
        EQ_INT(vow_address_parse(&a[i], texts[i]), 0);
        EQ_INT(vow_address_parse(&b[i], texts[i]), 0);
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            EQ_INT(vow_address_equal(&a[i], &b[k]), i == k);
}

TEST_PLAIN(the_ends_of_a_descriptor)
{
    vow_address a, b, none = {.size = 0};
    char text[VOW_ADDRESS_TEXT];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    EQ_INT(bind(fd, (struct sockaddr *)&a.storage, a.size), 0);
    EQ_INT(vow_address_local(&b, fd), 0);
    CHECK(vow_address_port(&b) != 0);
    vow_address_set_port(&b, 0);
    CHECK(vow_address_equal(&a, &b));
    EQ_INT(vow_address_peer(&b, fd), ENOTCONN);
    close(fd);
    EQ_INT(vow_address_local(&b, fd), EBADF);
    CHECK(!vow_address_equal(&none, &a));
    vow_address_text(&none, text, sizeof text);
    EQ_TEXT(text, "none");
}

TEST_PLAIN(a_name_that_the_system_chose)
{
    vow_address a, b;
    char text[VOW_ADDRESS_TEXT];
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    EQ_INT(vow_address_local(&b, fd), 0);
    vow_address_text(&b, text, sizeof text);
    EQ_TEXT(text, "unix:");
    EQ_INT(vow_address_unix(&a, "@"), 0);
    EQ_INT(bind(fd, (struct sockaddr *)&a.storage, a.size), 0);
    EQ_INT(vow_address_local(&b, fd), 0);
    EQ_UINT(vow_address_text(&b, text, sizeof text), 11); /* "unix:@01abc" */
    CHECK(text[5] == '@');
    close(fd);
}

TEST_PLAIN(other_families_have_a_text_too)
{
    vow_address a = {.storage.ss_family = AF_APPLETALK, .size = 16};
    char text[VOW_ADDRESS_TEXT];
    vow_address_text(&a, text, sizeof text);
    EQ_TEXT(text, "family 5");
    EQ_UINT(vow_address_port(&a), 0);
}

TEST_PLAIN(as_a_value_it_is_a_copy)
{
    vow_address a;
    EQ_INT(vow_address_parse(&a, "1.2.3.4:5"), 0);
    vow_value v = vow_address_value(&a), w = vow_keep(v);
    CHECK(vow_is(v, vow_address_type()));
    EQ_TEXT(vow_type_name(v), "address");
    vow_address_set_port(&a, 6);
    vow_release(v);
    EQ_UINT(vow_address_port(vow_address_of(w)), 5);
    vow_release(w);
    vow_test_fail_allocation(1, false);
    v = vow_address_value(&a);
    vow_test_fail_allocation(0, false);
    EQ_INT(vow_error_code(vow_as_error(v)), ENOMEM);
    vow_release(v);
}
