/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The HTTP client's part of the C ABI: requests over kept connections, each to a deadline. c.h
 * includes it, and what c.h says of every function holds here. docs/reference/http.md has the rules.
 *
 *   tidegate_client_create(NULL, "cars", &http, NULL);
 *   tidegate_client_get(http, "https://api.example.com/cars", NULL, &op, NULL);
 *   tidegate_op_wait(op, -1);                          // bounded by http.timeout, 15 s
 *   if (tidegate_op_response(op, &response, NULL) == TIDEGATE_OK) {
 *     if (tidegate_response_status(response) == 200) puts(tidegate_response_body(response, NULL));
 *     tidegate_response_release(response);
 *   }
 */
#ifndef TIDEGATE_C_HTTP_H
#define TIDEGATE_C_HTTP_H

#include "tidegate/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Retry budget ---------------------------------------------------------------------------------
 * How many further attempts several callers may make together, for those who ask one service:
 * clients, or code that repeats something by itself. Each call adds a share of an attempt, and each
 * second some more; it begins full. Never blocks. In a child made by fork() it begins anew.
 */

typedef struct tidegate_retry_budget tidegate_retry_budget; /**< what is left for attempts */

/** A budget to which each call adds `share` of an attempt (0.2 is a fifth), each second `per_second`,
 * and which saves up `holds`. TIDEGATE_INVALID_ARGUMENT where one of them is below zero or no
 * number. [any] */
TIDEGATE_API tidegate_status tidegate_retry_budget_create(double share, double per_second,
                                                          double holds,
                                                          tidegate_retry_budget **budget,
                                                          tidegate_error **err);
/** Gives the budget back; clients that have it go on to share it. [any] */
TIDEGATE_API void tidegate_retry_budget_destroy(tidegate_retry_budget *budget);
/** A call begins, which may need further attempts. [any] */
TIDEGATE_API void tidegate_retry_budget_call(tidegate_retry_budget *budget);
/** 1 where it has taken one for a further attempt that is to be made now; 0: what there is, is the
 * outcome. [any] */
TIDEGATE_API int32_t tidegate_retry_budget_try_take(tidegate_retry_budget *budget);
/** How many further attempts there may be at once. [any] */
TIDEGATE_API double tidegate_retry_budget_left(const tidegate_retry_budget *budget);

/* --- HTTP client -----------------------------------------------------------------------------------
 * Any answer of the server is a response, whatever its status code; where there is none, the
 * operation fails with a cause that says at which step (dns, connect, tls, connect_timeout …). What
 * may not be done twice is sent once. Who cancels, or is late, gives its place back at once, and
 * its connection is closed. Clients of one process share connections, where their origin and their
 * trust are the same.
 *
 * An operation of a request has neither rows nor bytes, nor a tidegate_answer: those getters refuse
 * it, and tidegate_op_response() refuses all others.
 */

typedef struct tidegate_client tidegate_client;     /**< sends requests */
typedef struct tidegate_response tidegate_response; /**< an immutable, shared answer of a server */
typedef struct tidegate_stream tidegate_stream;     /**< a body that is read while it comes */
typedef struct tidegate_upload tidegate_upload;     /**< one that is written while it is sent */

/** What a client has that no setting says. */
typedef struct tidegate_client_options {
  size_t struct_size;
  tidegate_retry_budget *budget; /**< other clients may have it as well, or who takes from it by
                                      hand; NULL: one of its own, by retry.budget* */
  struct tidegate_gate *gate; /**< what every attempt goes through before it takes a connection, as
                                   does what else uses the gate; NULL: the service's */
} tidegate_client_options;
#define TIDEGATE_CLIENT_OPTIONS_INIT {sizeof(tidegate_client_options), NULL, NULL}

/** Whether the server may see a request twice, because its connection was lost or another attempt is
 * made. By default GET, HEAD, OPTIONS, PUT, DELETE, TRACE, and what has an Idempotency-Key. */
typedef int32_t tidegate_idempotent;
enum { TIDEGATE_IDEMPOTENT_DEFAULT = 0, TIDEGATE_IDEMPOTENT_YES = 1, TIDEGATE_IDEMPOTENT_NO = 2 };

/** A field of a message. Both are needed; the value may be "". */
struct tidegate_header {
  const char *name;
  const char *value;
};

/** A part of a form with files. */
typedef struct tidegate_part {
  const char *name;         /**< needed, in UTF-8, like the file's */
  const char *filename;     /**< NULL: the part is a plain field */
  const char *content_type; /**< NULL: none of a field, application/octet-stream of a file */
  const void *data;         /**< `size` bytes; NULL only where there are none */
  size_t size;
} tidegate_part;

/** What one request has beside its method and its URL, and wants otherwise than its client. */
typedef struct tidegate_request_options {
  size_t struct_size;
  const tidegate_header *headers; /**< `header_count` of them, sent in this order */
  size_t header_count;
  const void *body; /**< `body_size` bytes; NULL: none */
  size_t body_size;
  const char *content_type;   /**< of the body, in place of a header of that name */
  int64_t timeout_ms;         /**< from the call to the end; 0: http.timeout; a day at most */
  int64_t pool_timeout_ms;    /**< until its turn; 0: http.pool_timeout */
  int64_t connect_timeout_ms; /**< until a connection is there; 0: http.connect_timeout */
  int64_t attempt_timeout_ms; /**< until the head of the answer; 0: http.attempt_timeout */
  int64_t read_timeout_ms;    /**< of silence inside the body; 0: http.read_timeout */
  size_t max_body;            /**< bytes of the answer's body; 0: http.max_body */
  tidegate_page *page;        /**< the page that the request belongs to */
  tidegate_idempotent idempotent;
  int32_t
      attempts; /**< how often it is tried at most, the first time included; 0: retry.attempts */
  const char *idempotency_key; /**< a field of that name, by which a server knows it again; "": a
                                    random one; NULL: none. With a key it may be sent twice */
  int32_t max_redirects;  /**< that are followed; 0: http.max_redirects; -1: none, a redirect is the
                              response */
  int32_t raw;            /**< 1: the body as the server sent it, not decoded */
  const char *basic_user; /**< of the field Authorization, in place of http.basic_user */
  const char *basic_password; /**< that goes with it; NULL: "" */
  const char *bearer_token;   /**< of that field, in place of http.bearer_token; not with a user */
  const char *proxy;          /**< its URL, in place of http.proxy; "": none; NULL: that one */
  const tidegate_part
      *parts; /**< `part_count` of them: a body of the type multipart/form-data, which
                                   has no other; copied */
  size_t part_count;
  tidegate_upload *upload; /**< the body, which is written while it is sent; it has no other */
  int64_t
      hedge_ms; /**< after how long a second request goes out beside the first, as http.hedge has
                         it; 0: as that says; -1: never */
  struct tidegate_gate *gate; /**< in place of the client's; NULL: that one */
} tidegate_request_options;
#define TIDEGATE_REQUEST_OPTIONS_INIT \
  {sizeof(tidegate_request_options),  \
   NULL,                              \
   0,                                 \
   NULL,                              \
   0,                                 \
   NULL,                              \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   0,                                 \
   NULL,                              \
   0,                                 \
   0,                                 \
   NULL,                              \
   0,                                 \
   0,                                 \
   NULL,                              \
   NULL,                              \
   NULL,                              \
   NULL,                              \
   NULL,                              \
   0,                                 \
   NULL,                              \
   0,                                 \
   NULL}

/** Where the time of a request went; 0 for what did not happen: over a kept connection there are no
 * dns, connect and tls. */
typedef struct tidegate_http_timings {
  size_t struct_size;
  int64_t queue_ns;      /**< from the call until its turn */
  int64_t dns_ns;        /**< the lookup */
  int64_t connect_ns;    /**< TCP */
  int64_t tls_ns;        /**< the handshake */
  int64_t first_byte_ns; /**< from its turn to the first byte of the answer */
  int64_t total_ns;      /**< from the call to the end */
} tidegate_http_timings;
#define TIDEGATE_HTTP_TIMINGS_INIT {sizeof(tidegate_http_timings), 0, 0, 0, 0, 0, 0}

/** Since the first client of the name was made in this process. */
typedef struct tidegate_client_counts {
  size_t struct_size;
  uint64_t requests;      /**< started */
  uint64_t responses;     /**< ended with a response */
  uint64_t failures;      /**< ended without one */
  uint64_t opened;        /**< connections opened for them */
  uint64_t reused;        /**< responses over a kept connection */
  uint64_t resent;        /**< requests that were sent again over a new connection */
  uint64_t in_flight;     /**< under way now */
  uint64_t waiting;       /**< for their turn, now */
  uint64_t retries;       /**< further attempts */
  uint64_t out_of_budget; /**< requests that had no further one for want of budget */
  uint64_t hedges;        /**< second requests beside a first that was slow */
  uint64_t hedge_wins;    /**< of those, how many answered first */
} tidegate_client_counts;
#define TIDEGATE_CLIENT_COUNTS_INIT \
  {sizeof(tidegate_client_counts), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** What the proxies of one client did in this process. */
typedef struct tidegate_proxy_counts {
  size_t struct_size;
  uint64_t request_count;     /**< attempts that took one */
  uint64_t session_rotations; /**< sessions that followed another one */
  uint64_t available_proxies; /**< that are not set aside */
  char current_proxy[264];    /**< "host:port"; "": it has none */
} tidegate_proxy_counts;
#define TIDEGATE_PROXY_COUNTS_INIT {sizeof(tidegate_proxy_counts), 0, 0, 0, {0}}

/** A client with the settings http.* and retry.* of the service that is called `name`, before those for
 * everybody; `config` NULL: the defaults. Where settings gate.* of the service make a gate, its
 * clients share it. Clients of one name count together in stats. Starts no
 * thread and opens nothing: the first request does. TIDEGATE_INVALID_ARGUMENT with cause config
 * where http.user_agent is no value of a field, or
 * another setting of what is sent is none. [any] */
TIDEGATE_API tidegate_status tidegate_client_create(const tidegate_config *config, const char *name,
                                                    tidegate_client **client, tidegate_error **err);
/** The same with options, which may be NULL. The client keeps what it needs of them. [any] */
TIDEGATE_API tidegate_status tidegate_client_create_with(const tidegate_config *config,
                                                         const char *name,
                                                         const tidegate_client_options *options,
                                                         tidegate_client **client,
                                                         tidegate_error **err);
/** Gives the client back. Does not wait: requests in flight end as they would have. [any] */
TIDEGATE_API void tidegate_client_destroy(tidegate_client *client);
/** Sends a GET. Otherwise like tidegate_client_request(). [any] */
TIDEGATE_API tidegate_status tidegate_client_get(tidegate_client *client, const char *url,
                                                 const tidegate_request_options *options,
                                                 tidegate_op **op, tidegate_error **err);
/** Sends a request; its answer is a response. Never blocks. Fails only where a handle, a pointer or
 * the options are wrong. What is no valid HTTP (a line break in a header, a URL without a host) is
 * refused before anything is opened or sent, and is the operation's outcome with cause bad_argument,
 * as is what the client refuses (queue_full, closed …): the operation has then ended when this
 * returns. `method` is sent as it is written. `options` may be NULL. [any] */
TIDEGATE_API tidegate_status tidegate_client_request(tidegate_client *client, const char *method,
                                                     const char *url,
                                                     const tidegate_request_options *options,
                                                     tidegate_op **op, tidegate_error **err);
/** How long a caller of yours waits, in milliseconds, by its request's field `name` with `value`, NULL
 * where there is none: "1500ms", "2s"; seconds without a unit, or milliseconds where the name ends
 * with "-ms". At most `most_ms`, which is 0 to a day; `most_ms` where it is none of this. [any] */
TIDEGATE_API int64_t tidegate_header_timeout_ms(const char *name, const char *value,
                                                int64_t most_ms);
/** What it did and does. Set *counts to TIDEGATE_CLIENT_COUNTS_INIT first. [any] */
TIDEGATE_API tidegate_status tidegate_client_stats(tidegate_client *client,
                                                   tidegate_client_counts *counts,
                                                   tidegate_error **err);
/** What its proxies did. Set *counts to TIDEGATE_PROXY_COUNTS_INIT first. [any] */
TIDEGATE_API tidegate_status tidegate_client_proxies(tidegate_client *client,
                                                     tidegate_proxy_counts *counts,
                                                     tidegate_error **err);
/** The cookies that a request to this URL would send, as the field Cookie has them; none are "". With
 * the setting http.cookies alone are there any. Not for a log. [any] */
TIDEGATE_API tidegate_status tidegate_client_cookies(tidegate_client *client, const char *url,
                                                     tidegate_bytes **bytes, tidegate_error **err);
/** Forgets all its cookies. [any] */
TIDEGATE_API tidegate_status tidegate_client_clear_cookies(tidegate_client *client,
                                                           tidegate_error **err);
/** Ends all its requests with cause closed, and refuses later ones. Does not wait. [any] */
TIDEGATE_API tidegate_status tidegate_client_close(tidegate_client *client, tidegate_error **err);

/* --- Responses: what does not exist is 0, "" or NULL ------------------------------------------- */

/** The response of a request: a reference to it, nothing is copied. TIDEGATE_DEADLINE_EXCEEDED
 * (cause not_ready) while it goes on; where there is none, it fails as the operation did. [any] */
TIDEGATE_API tidegate_status tidegate_op_response(const tidegate_op *op,
                                                  tidegate_response **response,
                                                  tidegate_error **err);
/** The status code; 0 for what is no tidegate_response. [data] */
TIDEGATE_API int32_t tidegate_response_status(const tidegate_response *response);
/** Where it came from at last, with its query and its '#' part: not for a log. [data] */
TIDEGATE_API const char *tidegate_response_url(const tidegate_response *response);
/** How many redirects led there. [data] */
TIDEGATE_API int32_t tidegate_response_redirects(const tidegate_response *response);
/** How many fields the head has. [data] */
TIDEGATE_API size_t tidegate_response_headers(const tidegate_response *response);
/** A field's name, as the server wrote it, in the order of their coming. [data] */
TIDEGATE_API const char *tidegate_response_header_name(const tidegate_response *response,
                                                       size_t index);
/** A field's value: bytes, which need not be UTF-8. [data] */
TIDEGATE_API const char *tidegate_response_header_value(const tidegate_response *response,
                                                        size_t index);
/** The value of the first field of that name, in whatever case; NULL if there is none. [data] */
TIDEGATE_API const char *tidegate_response_header(const tidegate_response *response,
                                                  const char *name);
/** The body: the first byte, and in *size (which may be NULL) how many there are. After the last
 * one there is a NUL that does not count. [data] */
TIDEGATE_API const char *tidegate_response_body(const tidegate_response *response, size_t *size);
/** The body as bytes, for example for a cache: a reference to them, nothing is copied. [any] */
TIDEGATE_API tidegate_status tidegate_response_bytes(const tidegate_response *response,
                                                     tidegate_bytes **bytes, tidegate_error **err);
/** Where the time went. Set *timings to TIDEGATE_HTTP_TIMINGS_INIT first. [any] */
TIDEGATE_API tidegate_status tidegate_response_timings(const tidegate_response *response,
                                                       tidegate_http_timings *timings,
                                                       tidegate_error **err);
/** 1 if it came over a connection that was kept from an earlier request. [data] */
TIDEGATE_API int tidegate_response_reused(const tidegate_response *response);
/** How often the request was sent, the first time included. [data] */
TIDEGATE_API int32_t tidegate_response_attempts(const tidegate_response *response);
/** 1 if a second request went out beside the first, which was slow (http.hedge). [data] */
TIDEGATE_API int tidegate_response_hedged(const tidegate_response *response);
/** How many attempts have a line: all of them where there was more than one, else none. [data] */
TIDEGATE_API size_t tidegate_response_history(const tidegate_response *response);
/** Such a line: "attempt 1 of 4: 503 after 12 ms, then a pause of 80 ms". [data] */
TIDEGATE_API const char *tidegate_response_history_line(const tidegate_response *response,
                                                        size_t index);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_response_retain(tidegate_response *response);
/** Gives one reference back. [any] */
TIDEGATE_API void tidegate_response_release(tidegate_response *response);

/* --- Streams: bodies that are read while they come -----------------------------------------------
 *
 *   tidegate_client_stream(http, "GET", url, &options, &op, NULL);
 *   tidegate_op_wait(op, -1);                              // the head is there
 *   tidegate_op_stream(op, &stream, &err);
 *   for (;;) {
 *     tidegate_stream_read(stream, 65536, &read, &err);
 *     tidegate_op_wait(read, -1);
 *     if (tidegate_op_bytes(read, &bytes, &err) != TIDEGATE_OK) break;      // it broke off
 *     if (tidegate_bytes_size(bytes) == 0) break;                           // its end
 *     …
 *   }
 *   tidegate_stream_release(stream);
 *
 * Where nobody reads, 256 KiB are taken, and the server has to wait. `max_body` of the options bounds
 * the body, and not the client's; `timeout_ms` bounds all of it. docs/reference/http.md has the rest.
 */

/** Sends a request whose operation ends with the head of the answer. Otherwise like
 * tidegate_client_request(). [any] */
TIDEGATE_API tidegate_status tidegate_client_stream(tidegate_client *client, const char *method,
                                                    const char *url,
                                                    const tidegate_request_options *options,
                                                    tidegate_op **op, tidegate_error **err);
/** The stream of such a request, once: its end is the stream's, whoever has another.
 * TIDEGATE_DEADLINE_EXCEEDED (cause not_ready) while the head is still to come; where there is none,
 * it fails as the operation did. [any] */
TIDEGATE_API tidegate_status tidegate_op_stream(const tidegate_op *op, tidegate_stream **stream,
                                                tidegate_error **err);
/** All of the response but its body, which is empty. [any] */
TIDEGATE_API tidegate_status tidegate_stream_response(const tidegate_stream *stream,
                                                      tidegate_response **response,
                                                      tidegate_error **err);
/** Reads the next bytes, 1 to `most` of them, as soon as there are any: tidegate_op_bytes() has them,
 * and none at the end. One read at a time; the operation of another is refused. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_stream_read(tidegate_stream *stream, size_t most,
                                                  tidegate_op **op, tidegate_error **err);
/** Ends it: reads fail with cause closed, and its connection is closed where the body was not at its
 * end. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_stream_close(tidegate_stream *stream, tidegate_error **err);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_stream_retain(tidegate_stream *stream);
/** Gives one reference back; with the last one the stream is closed. [any] */
TIDEGATE_API void tidegate_stream_release(tidegate_stream *stream);

/* --- Uploads: bodies that are written while they are sent ----------------------------------------
 *
 *   tidegate_upload_create(-1, &upload, NULL);
 *   options.upload = upload;
 *   tidegate_client_request(http, "PUT", url, &options, &op, NULL);
 *   while ((size = next_piece(piece)) > 0) {
 *     tidegate_upload_write(upload, piece, size, &write, NULL);
 *     tidegate_op_wait(write, -1);                           // there is room for another one
 *     if (tidegate_op_status(write, NULL) != TIDEGATE_OK) break;      // the request has ended
 *   }
 *   tidegate_upload_finish(upload, NULL);
 *
 * At most 256 KiB and a piece wait to be sent. What was sent is gone: such a request starts once and
 * is sent once. docs/reference/http.md has the rest.
 */

/** Makes a body of `size` bytes, or of a size that is not known: -1. [any] */
TIDEGATE_API tidegate_status tidegate_upload_create(int64_t size, tidegate_upload **upload,
                                                    tidegate_error **err);
/** Writes `size` bytes, which are copied. Its operation ends when there is room for another write,
 * and with cause closed where the request ends first; it has no answer. One write at a time; the
 * operation of another is refused. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_upload_write(tidegate_upload *upload, const void *data,
                                                   size_t size, tidegate_op **op,
                                                   tidegate_error **err);
/** The body has ended. It fails, and the request too, where it is shorter than it was said. [any] */
TIDEGATE_API tidegate_status tidegate_upload_finish(tidegate_upload *upload, tidegate_error **err);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_upload_retain(tidegate_upload *upload);
/** Gives one reference back. With the last one the request fails with cause cancelled, where the body
 * had not ended. [any] */
TIDEGATE_API void tidegate_upload_release(tidegate_upload *upload);

#ifdef __cplusplus
}
#endif

#endif
