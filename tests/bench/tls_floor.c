/* SPDX-License-Identifier: MIT
 *
 * tls_floor.c - plain OpenSSL over epoll, both sides:
 *     tls_floor server CERT             echoes; says its port first
 *     tls_floor client PORT PID N REQ   64-byte ping-pong on N connections; prints the CPU
 *                                       nanoseconds a request of the process PID
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST = 1024, SIZE = 64 };

static SSL *ssl_of[MOST];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void set_socket(int fd, int nonblocking)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (nonblocking)
        fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void add(int epoll, int listener, SSL_CTX *ctx)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || fd >= MOST)
        fail("accept");
    set_socket(fd, 1);
    ssl_of[fd] = SSL_new(ctx);
    SSL_set_fd(ssl_of[fd], fd);
    SSL_set_accept_state(ssl_of[fd]);
    struct epoll_event ask = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ask);
}

static void echo(int fd)
{
    char bytes[4096];
    int n = SSL_read(ssl_of[fd], bytes, sizeof bytes);
    if (n > 0 && SSL_write(ssl_of[fd], bytes, n) == n)
        return;
    int error = SSL_get_error(ssl_of[fd], n);
    if (error == SSL_ERROR_WANT_READ)
        return;
    SSL_free(ssl_of[fd]);
    close(fd);
}

static int serve(const char *cert)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
        bind(listener, (void *)&name, size) || listen(listener, 128) ||
        getsockname(listener, (void *)&name, &size))
        fail("server");
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);
    struct epoll_event ask = {.events = EPOLLIN, .data.fd = listener}, events[64];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ask);
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.fd == listener)
                add(epoll, listener, ctx);
            else
                echo(events[i].data.fd);
    }
}

static double cpu_ns(const char *pid)
{
    char path[600];
    double total = 0;
    unsigned long long ns;
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *threads = opendir(path);
    for (struct dirent *t; threads && (t = readdir(threads));) {
        snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, t->d_name);
        FILE *file = t->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file && fscanf(file, "%llu", &ns) == 1)
            total += (double)ns;
        if (file)
            fclose(file);
    }
    if (threads)
        closedir(threads);
    return total;
}

static void ask_all(SSL **ssl, int n)
{
    char bytes[SIZE] = "ping";
    for (int i = 0; i < n; i++)
        if (SSL_write(ssl[i], bytes, SIZE) != SIZE)
            fail("write");
    for (int i = 0; i < n; i++)
        for (int got = 0, k; got < SIZE; got += k)
            if ((k = SSL_read(ssl[i], bytes, SIZE - got)) <= 0)
                fail("read");
}

static int load(int port, const char *pid, int n, long requests)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl[MOST];
    for (int i = 0; i < n; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&name, sizeof name))
            fail("connect");
        set_socket(fd, 0);
        ssl[i] = SSL_new(ctx);
        SSL_set_fd(ssl[i], fd);
        if (SSL_connect(ssl[i]) != 1)
            fail("handshake");
    }
    for (int i = 0; i < 20; i++)
        ask_all(ssl, n); /* warms up */
    double before = cpu_ns(pid);
    long rounds = requests / n;
    for (long i = 0; i < rounds; i++)
        ask_all(ssl, n);
    printf("%.1f\n", (cpu_ns(pid) - before) / (double)(rounds * n));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return serve(argv[2]);
    return argc == 6 ? load(atoi(argv[2]), argv[3], atoi(argv[4]), atol(argv[5])) : 2;
}
