/* A peer of the server: an echo server as libuv's own guide writes it, one loop, one thread.
 *
 *     echo_libuv PORT
 *
 * A write per read; the buffer of a read is the buffer of its write. Ends by a signal. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { ECHO_BACKLOG = 4096 };

struct echo_write {
    uv_write_t request; /* first, so that a request is its echo_write */
    uv_buf_t buffer;
};

static void echo__on_allocate(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested_bytes;
    *buffer = uv_buf_init(malloc(4096), 4096);
}

static void echo__on_close(uv_handle_t *handle)
{
    free(handle);
}

static void echo__on_written(uv_write_t *request, int status)
{
    struct echo_write *echo = (struct echo_write *)(void *)request;
    (void)status; /* the read that fails next closes */
    free(echo->buffer.base);
    free(echo);
}

static void echo__on_read(uv_stream_t *client, ssize_t bytes, const uv_buf_t *buffer)
{
    struct echo_write *echo;
    if (bytes <= 0 || (echo = malloc(sizeof *echo)) == NULL) {
        free(buffer->base);
        if (bytes < 0) {
            uv_close((uv_handle_t *)client, echo__on_close);
        }
        return;
    }
    echo->buffer = uv_buf_init(buffer->base, (unsigned)bytes);
    uv_write(&echo->request, client, &echo->buffer, 1, echo__on_written);
}

static void echo__on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = malloc(sizeof *client);
    if (status < 0 || client == NULL) {
        exit(1);
    }
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) != 0) {
        uv_close((uv_handle_t *)client, echo__on_close);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, echo__on_allocate, echo__on_read);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    uv_tcp_t listener;
    int result;
    if (argc != 2) {
        fprintf(stderr, "usage: echo_libuv PORT\n");
        return 2;
    }
    uv_tcp_init(loop, &listener);
    uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address);
    uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    result = uv_listen((uv_stream_t *)&listener, ECHO_BACKLOG, echo__on_connection);
    if (result != 0) {
        fprintf(stderr, "echo_libuv: %s\n", uv_strerror(result));
        return 1;
    }
    printf("listening on 127.0.0.1:%s\n", argv[1]);
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
