// SPDX-License-Identifier: Apache-2.0
//
// A client against a small server of this program's own: a request that is answered, one with a
// body and a header, two at once behind one poll(), and what never leaves the process.
#define TIDEGATE_API_UNSTABLE

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tidegate/c.h>
#include <unistd.h>

// Says what is wrong and ends the program.
static void die(const char *doing, tidegate_error *error) {
  fprintf(stderr, "%s: %s (%s)\n", doing, tidegate_error_message(error),
          tidegate_error_name(error));
  tidegate_error_free(error);
  exit(1);
}

// --- The server: answers each request with its path, except /slow, which it does not answer.

// What a thread was started with.
static int fd_of(void *raw) {
  const int fd = *(int *)raw;
  free(raw);
  return fd;
}

static void *serve(void *raw) {
  const int fd = fd_of(raw);
  char request[4096], path[64], answer[256];
  ssize_t got;
  while ((got = recv(fd, request, sizeof request - 1, 0)) > 0) {
    request[got] = '\0';
    if (sscanf(request, "%*s %63s", path) != 1 || strcmp(path, "/slow") == 0) continue;
    const int size =
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
                 (int)strlen(path), path);
    if (send(fd, answer, (size_t)size, MSG_NOSIGNAL) != size) break;
  }
  close(fd);
  return NULL;
}

static void start(void *(*body)(void *), int fd) {
  pthread_t thread;
  int *given = malloc(sizeof *given);
  if (!given) exit(1);
  *given = fd;
  if (pthread_create(&thread, NULL, body, given) != 0) exit(1);
  pthread_detach(thread);
}

static void *take_connections(void *raw) {
  const int listener = fd_of(raw);
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) start(serve, fd);
  return NULL;
}

// Starts it; its port.
static int start_server(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 16) != 0) exit(1);
  if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) exit(1);
  start(take_connections, listener);
  return ntohs(address.sin_port);
}

// --- The client.

static tidegate_client *http;
static int port;

static tidegate_op *send_request(const char *method, const char *path,
                                 const tidegate_request_options *options) {
  tidegate_error *error;
  tidegate_op *op;
  char url[128];
  snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
  if (tidegate_client_request(http, method, url, options, &op, &error)) die(url, error);
  return op;
}

// Shows how an operation ended, and gives it back.
static void show(const char *what, tidegate_op *op) {
  tidegate_response *response;
  tidegate_error *error;
  if (tidegate_op_response(op, &response, &error) == TIDEGATE_OK) {
    size_t size;
    const char *body = tidegate_response_body(response, &size);
    printf("%s: %d %.*s, over a kept connection: %s\n", what, tidegate_response_status(response),
           (int)size, body, tidegate_response_reused(response) ? "yes" : "no");
    tidegate_response_release(response);
  } else {
    printf("%s: %s: %s\n", what, tidegate_error_name(error), tidegate_error_message(error));
    tidegate_error_free(error);
  }
  tidegate_op_release(op);
}

static void two_at_once(void) {
  static const char *const paths[] = {"/quick", "/slow"};
  tidegate_op *ended[2];
  tidegate_request_options slow = TIDEGATE_REQUEST_OPTIONS_INIT;
  slow.attempt_timeout_ms = 300;
  tidegate_error *error;
  tidegate_queue *queue;
  if (tidegate_queue_create(&queue, &error)) die("queue", error);
  for (uint64_t i = 0; i < 2; ++i) {
    tidegate_op *op = send_request("GET", paths[i], i == 1 ? &slow : NULL);
    if (tidegate_queue_add(queue, op, i, &error)) die("add", error);
    tidegate_op_release(op);
  }
  struct pollfd watched = {tidegate_queue_fd(queue), POLLIN, 0};
  for (int left = 2; left > 0 && poll(&watched, 1, -1) > 0;) {
    tidegate_event event;
    while (tidegate_queue_next(queue, &event, 1) == 1) {
      ended[event.tag] = event.op;  // a reference, instead of the one that went
      --left;
    }
  }
  tidegate_queue_destroy(queue);
  for (int i = 0; i < 2; ++i) show(paths[i], ended[i]);
}

int main(void) {
  tidegate_error *error;
  port = start_server();
  if (tidegate_client_create(NULL, "example", &http, &error)) die("client", error);

  tidegate_op *op = send_request("GET", "/hello", NULL);
  tidegate_op_wait(op, -1);  // bounded by http.timeout, 15 s
  show("hello", op);

  const tidegate_header headers[] = {{"X-Trace", "1"}};
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  options.headers = headers;
  options.header_count = 1;
  options.body = "{}";
  options.body_size = 2;
  options.content_type = "application/json";
  op = send_request("POST", "/again", &options);
  tidegate_op_wait(op, -1);
  show("again", op);

  two_at_once();

  const tidegate_header split[] = {{"X-Name", "a\r\nX-Evil: 1"}};
  options.headers = split;
  show("split", send_request("GET", "/", &options));  // refused: it has ended at once

  tidegate_client_counts counts = TIDEGATE_CLIENT_COUNTS_INIT;
  if (tidegate_client_stats(http, &counts, &error)) die("stats", error);
  printf("responses: %d\n", (int)counts.responses);
  tidegate_client_destroy(http);
  return 0;
}
