/* SPDX-License-Identifier: MIT
 *
 * peer.h - programs that others wrote, for the other end: nginx, curl, openssl. Each works in a
 * folder of its own and ends with the test, whatever becomes of that.
 */
#ifndef VOW_TESTS_HTTP_PEER_H
#define VOW_TESTS_HTTP_PEER_H

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "adapt/net.h"

/* nginx with one worker (it crashes without any where sockets are handed to it): plain, TLS and HTTP/2 without TLS, each on a port of its own. It
 * serves the folder's files, and what the config below says. */
struct nginx {
    char folder[32];
    char ca[64]; /* its certificate, which signed itself */
    uint16_t port, tls, h2;
    pid_t pid;
};

static inline void peer_write_file(const char *folder, const char *name, const char *format, ...)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    CHECK(fclose(file) == 0);
}

/* The child of a fork: gone when the parent goes. */
static inline void peer_die_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
}

/* Starts a program, its output in `out` of the folder. */
static inline pid_t peer_start(const char *folder, const char *out, const char *const *arguments)
{
    sigset_t end, before;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM); /* Check's handler would end the test from the child */
    sigprocmask(SIG_BLOCK, &end, &before);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    CHECK(pid >= 0);
    if (pid > 0)
        return pid;
    peer_die_with_parent(parent);
    if (chdir(folder) || !freopen(out, "w", stdout) || dup2(1, 2) != 2)
        _exit(126);
    union {
        const char *const *in;
        char *const *out;
    } list = {arguments};
    execvp(arguments[0], list.out);
    _exit(127);
}

#define PEER_RUN(folder, ...) peer_run(folder, (const char *const[]){__VA_ARGS__, NULL})
static inline void peer_run(const char *folder, const char *const *arguments)
{
    int status;
    CHECK(waitpid(peer_start(folder, "out", arguments), &status, 0) > 0);
    if (status != 0)
        FAIL("%s ended with status %d", arguments[0], status);
}

static inline void peer_kill(pid_t pid)
{
    kill(pid, SIGTERM);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

/* nginx takes over the listening sockets that the variable NGINX names: so that the ports are
 * free ones, and clients can connect before it is up. */
static inline void nginx_start(struct nginx *n)
{
    strcpy(n->folder, "/tmp/vow-http-XXXXXX");
    CHECK(mkdtemp(n->folder) != NULL);
    PEER_RUN(n->folder, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
             "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1");
    snprintf(n->ca, sizeof n->ca, "%s/cert.pem", n->folder);
    int fd[] = {net_listen(&n->port), net_listen(&n->tls), net_listen(&n->h2)};
    peer_write_file(
        n->folder, "nginx.conf",
        "daemon off; user root; worker_processes 1; pid nginx.pid; error_log error.log;\n"
        "events { worker_connections 64; }\n"
        "http { access_log access.log; client_body_temp_path t1; proxy_temp_path t2;\n"
        " fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
        " ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
        " client_max_body_size 64m; root files;\n"
        " server { listen 127.0.0.1:%u; listen 127.0.0.1:%u ssl http2;\n"
        "  listen 127.0.0.1:%u http2;\n"
        "  location = /hello { add_header X-Two a always; add_header X-Two b always;\n"
        "    return 200 hello; }\n"
        "  location = /moved { return 302 /hello; }\n"
        "  location = /round { return 302 /round; }\n"
        "  location = /gone { return 404 nothing; }\n"
        "  location = /away { return 302 ftp://127.0.0.1/; }\n"
        "  location / { dav_methods PUT DELETE; create_full_put_path on; }\n"
        " } }\n",
        n->port, n->tls, n->h2);
    char inherited[64];
    snprintf(inherited, sizeof inherited, "%d;%d;%d;", fd[0], fd[1], fd[2]);
    PEER_RUN(n->folder, "mkdir", "files");
    setenv("NGINX", inherited, 1);
    const char *const command[] = {"nginx", "-p", n->folder, "-c", "nginx.conf", NULL};
    n->pid = peer_start(n->folder, "nginx.out", command);
    unsetenv("NGINX");
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

static inline void nginx_stop(struct nginx *n)
{
    peer_kill(n->pid);
    PEER_RUN(n->folder, "rm", "-rf", n->folder);
}

/* A file of `size` bytes that nginx serves. */
static inline void nginx_file(const struct nginx *n, const char *name, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/files/%s", n->folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    for (size_t i = 0; i < size; i++)
        putc((int)(i * 7 % 251), file);
    CHECK(fclose(file) == 0);
}

/* p rejects with that. Takes p. */
#define FAILS(p, domain, code) peer_fails(__FILE__, __LINE__, loop, p, domain, code)
static inline void peer_fails(const char *file, int line, vow_loop *loop, vow_promise *p,
                              const vow_domain *domain, int code)
{
    vow_value v;
    harness_eq_int(file, line, "code", vow_run(loop, p, &v), code);
    harness_eq_text(file, line, "domain", vow_error_domain(vow_as_error(v))->name, domain->name);
    vow_release(v);
}

#endif
