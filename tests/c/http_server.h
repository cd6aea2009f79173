/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A small HTTP server for the tests, on a port of the loopback and a thread of its own. It answers
 * with the request that it saw, head and body, but for these paths:
 *
 *   /missing   404 and "not here"            /fields   fields of which a name comes twice
 *   /silent    nothing until server_let_go() /half     half a body, and then nothing
 *   /drop      closes the connection         /nul      a field with a NUL in its value
 *   /last      the request, and closes the connection
 *   /away      302, to /there?a=1, with a cookie
 */
#ifndef TIDEGATE_TESTS_C_HTTP_SERVER_H
#define TIDEGATE_TESTS_C_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "check.h"

enum { kMostPeers = 32 };

struct peer {
  int fd;
  int is_silent;
  size_t size;
  char input[8192];
};

struct server {
  int listener;
  int commands[2];
  unsigned port;
  pthread_t thread;
  sem_t accepted; /* what happened so far */
  sem_t silent;
  sem_t dropped;
  sem_t closed; /* by the client */
  size_t peers;
  struct peer peer[kMostPeers];
  char url[256];
};

static inline void server_send(struct peer *peer, const char *text, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(peer->fd, text, size, MSG_NOSIGNAL);
    if (sent < 0) return; /* the client is gone */
    text += sent;
    size -= (size_t)sent;
  }
}

static inline void server_answer(struct peer *peer, const char *head, const void *body,
                                 size_t size) {
  char text[512];
  const int length = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %u\r\n\r\n", head,
                              (unsigned)size);
  server_send(peer, text, (size_t)length);
  server_send(peer, (const char *)body, size);
}

/* 0 where the connection is to be closed. */
static inline int server_hear(struct server *server, struct peer *peer, size_t size) {
  const char *path = strchr(peer->input, ' ');
  if (path && strncmp(path, " /missing ", 10) == 0) {
    server_answer(peer, "404 Not Found", "not here", 8);
  } else if (path && strncmp(path, " /away ", 7) == 0) {
    server_answer(peer, "302 Found\r\nSet-Cookie: a=1\r\nLocation: /there?a=1", "", 0);
  } else if (path && strncmp(path, " /fields ", 9) == 0) {
    server_answer(peer, "200 OK\r\nX-Twice: one\r\nx-twice: two\r\nX-Empty:", "", 0);
  } else if (path && strncmp(path, " /half ", 7) == 0) {
    const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
    server_send(peer, half, sizeof half - 1);
  } else if (path && strncmp(path, " /nul ", 6) == 0) {
    const char nul[] = "HTTP/1.1 200 OK\r\nX-Name: a\0b\r\nContent-Length: 0\r\n\r\n";
    server_send(peer, nul, sizeof nul - 1);
  } else if (path && strncmp(path, " /silent ", 9) == 0) {
    peer->is_silent = 1;
    sem_post(&server->silent);
  } else if (path && strncmp(path, " /last ", 7) == 0) {
    server_answer(peer, "200 OK\r\nConnection: close", peer->input, size);
    return 0;
  } else if (path && strncmp(path, " /drop ", 7) == 0) {
    sem_post(&server->dropped);
    return 0;
  } else {
    server_answer(peer, "200 OK", peer->input, size);
  }
  return 1;
}

/* The size of the request that has come, with its body; 0 where it is not all there. */
static inline size_t server_request_size(const struct peer *peer) {
  const char *end = strstr(peer->input, "\r\n\r\n");
  const char *length = strstr(peer->input, "Content-Length: ");
  size_t size;
  if (!end) return 0;
  size = (size_t)(end - peer->input) + 4;
  if (length && length < end) size += strtoul(length + 16, NULL, 10);
  return size <= peer->size ? size : 0;
}

/* 0 where the connection is over. */
static inline int server_read(struct server *server, struct peer *peer) {
  const size_t room = sizeof peer->input - 1 - peer->size;
  const ssize_t got = recv(peer->fd, peer->input + peer->size, room, 0);
  size_t size;
  if (got <= 0) {
    sem_post(&server->closed);
    return 0;
  }
  peer->size += (size_t)got;
  peer->input[peer->size] = '\0';
  while ((size = server_request_size(peer)) > 0) {
    if (!server_hear(server, peer, size)) return 0;
    peer->size -= size;
    memmove(peer->input, peer->input + size, peer->size + 1);
  }
  return 1;
}

static inline void server_accept(struct server *server) {
  struct peer *peer = &server->peer[server->peers];
  CHECK(server->peers < kMostPeers);
  peer->fd = accept(server->listener, NULL, NULL);
  peer->is_silent = 0;
  peer->size = 0;
  if (peer->fd < 0) return; /* gone again */
  ++server->peers;
  sem_post(&server->accepted);
}

static inline void server_drop(struct server *server, size_t i) {
  close(server->peer[i].fd);
  server->peer[i] = server->peer[--server->peers];
}

/* 0 where it is to end. */
static inline int server_obey(struct server *server) {
  char command = 'e';
  size_t i;
  CHECK(read(server->commands[0], &command, 1) == 1);
  for (i = 0; i < server->peers && command == 'g'; ++i) {
    if (server->peer[i].is_silent) server_answer(&server->peer[i], "200 OK", "at last", 7);
    server->peer[i].is_silent = 0;
  }
  return command == 'g';
}

static inline void *server_run(void *raw) {
  struct server *server = (struct server *)raw;
  for (;;) {
    struct pollfd watched[kMostPeers + 2];
    const size_t peers = server->peers;
    size_t i;
    watched[0].fd = server->commands[0];
    watched[1].fd = server->listener;
    for (i = 0; i < peers; ++i) watched[i + 2].fd = server->peer[i].fd;
    for (i = 0; i < peers + 2; ++i) watched[i].events = POLLIN;
    if (poll(watched, (nfds_t)peers + 2, -1) < 0) continue;
    for (i = peers; i-- > 0;) { /* from the end: the last takes the place of one that goes */
      if (watched[i + 2].revents && !server_read(server, &server->peer[i])) server_drop(server, i);
    }
    if (watched[1].revents) server_accept(server);
    if (watched[0].revents && !server_obey(server)) return NULL;
  }
}

static inline void server_start(struct server *server) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  memset(server, 0, sizeof *server);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(sem_init(&server->accepted, 0, 0) == 0 && sem_init(&server->silent, 0, 0) == 0);
  CHECK(sem_init(&server->dropped, 0, 0) == 0 && sem_init(&server->closed, 0, 0) == 0);
  CHECK(pipe(server->commands) == 0);
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(server->listener, (struct sockaddr *)&address, size) == 0);
  CHECK(listen(server->listener, kMostPeers) == 0);
  CHECK(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
  server->port = ntohs(address.sin_port);
  CHECK(pthread_create(&server->thread, NULL, server_run, server) == 0);
}

/* Valid until the next one. */
static inline const char *server_url(struct server *server, const char *path) {
  snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u%s", server->port, path);
  return server->url;
}

/* Answers what it is silent about. */
static inline void server_let_go(struct server *server) {
  CHECK(write(server->commands[1], "g", 1) == 1);
}

static inline void server_stop(struct server *server) {
  CHECK(write(server->commands[1], "e", 1) == 1);
  CHECK(pthread_join(server->thread, NULL) == 0);
  while (server->peers > 0) server_drop(server, 0);
  close(server->listener);
  close(server->commands[0]);
  close(server->commands[1]);
}

/* A client of these settings, {"http": {…}}. */
static inline tidegate_client *make_client(const char *json) {
  static const char patient[] =
      "{\"http\": {\"connect_timeout\": \"60s\", \"attempt_timeout\": \"60s\","
      " \"read_timeout\": \"60s\", \"timeout\": \"60s\"}}";
  tidegate_config *config;
  tidegate_client *client;
  CHECK_OK(tidegate_config_create(&config, NULL));
  CHECK_OK(tidegate_config_load_json(config, patient, NULL));
  CHECK_OK(tidegate_config_load_json(config, json, NULL));
  CHECK_OK(tidegate_client_create(config, "test", &client, NULL));
  tidegate_config_destroy(config);
  return client;
}

/* A GET that has started. */
static inline tidegate_op *get(tidegate_client *client, struct server *server, const char *path) {
  tidegate_op *op;
  CHECK_OK(tidegate_client_get(client, server_url(server, path), NULL, &op, NULL));
  return op;
}

/* Takes the response of an operation, and gives that back. */
static inline tidegate_response *response_of(tidegate_op *op) {
  tidegate_response *response;
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK_OK(tidegate_op_response(op, &response, NULL));
  tidegate_op_release(op);
  return response;
}

/* Waits for the failure of an operation, and gives that back: the cause. */
static inline tidegate_cause failure_of(tidegate_op *op) {
  tidegate_error *error;
  tidegate_cause cause;
  CHECK_OK(tidegate_op_wait(op, -1));
  CHECK(tidegate_op_status(op, &error) != TIDEGATE_OK);
  cause = tidegate_error_cause(error);
  tidegate_error_free(error);
  tidegate_op_release(op);
  return cause;
}

#endif
