/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The C ABI of tidegate: queries, blocking callables and HTTP requests, each to its deadline, and a
 * cache, driven from any event loop. What is neither here nor in c_query.h, c_http.h, c_cache.h and c_limiter.h,
 * which this includes, is not API.
 *
 *   tidegate_executor *ex;
 *   tidegate_op *op;
 *   tidegate_executor_create(NULL, &ex, NULL);
 *   tidegate_executor_add_sqlite(ex, "db", "cars.db", NULL, NULL);
 *   tidegate_executor_query(ex, "db", "SELECT count(*) FROM cars", NULL, NULL, &op, NULL);
 *   tidegate_op_wait(op, -1);                       // bounded by the query's own deadline, 15 s
 *   if (tidegate_op_rows(op, &rows, NULL) == TIDEGATE_OK)
 *     printf("%lld\n", (long long)tidegate_rows_int64(rows, 0, 0));
 *
 * What holds for every function
 *
 * Handles are opaque. They are checked references into a table, not addresses: NULL, a handle of
 * another type and one that is gone are refused with TIDEGATE_INVALID_ARGUMENT (functions that
 * return no status say what they return then). After 16 million re-uses of its place an old handle
 * could be taken for a new one; apart from that the check is exact. Giving back NULL, or a handle
 * that is gone, does nothing. Every handle that a function gives out is the caller's, who gives it
 * back once: with _destroy or _free, or with _release where it may be shared (_retain). Giving a
 * handle back while its work is in flight is legal and returns at once.
 *
 * Failures are a tidegate_status: 0, or a code that says what the caller can do about it. A last
 * parameter `tidegate_error **err` takes what happened and the sentence about it; it may be NULL.
 * *err is always written: NULL, or an error to give to tidegate_error_free(). A handle that a
 * function could not make is NULL. Without memory the status is TIDEGATE_RESOURCE_EXHAUSTED, and
 * *err may be NULL then. No C++ exception comes out of this library.
 *
 * Threads: [any] may be called from any thread, at the same time on the same handle; [one] by one
 * thread at a time for each handle; [data] by any number of threads, but not while another gives
 * the last reference back. Callbacks run on threads of the library, never under a lock. They may
 * call everything but tidegate_runtime_shutdown() and _quiesce(), and may give every handle back,
 * their own too. They should return soon; what they throw is stopped here. User data comes with a
 * tidegate_free_fn (or NULL), which is called exactly once, in every case, also where the function
 * it was given to fails.
 *
 * Texts that come in are UTF-8 with a NUL at the end, and are copied, like all that comes in,
 * unless the function's name says _nocopy. Pointers that come out belong to the handle that they
 * were asked of and live as long as it does. Durations are int64_t with their unit in the name:
 * -1 is no limit, 0 does not wait, and in options 0 is the default.
 *
 * fork(): in the child every handle is valid. Settings, rows, bytes, responses and operations that
 * have ended are as they were; executors, clients, caches and queues are empty and work. What was in
 * flight stays with the parent and never ends in the child: waiting for it is
 * TIDEGATE_FAILED_PRECONDITION at once.
 *
 * The ABI is promised from version 1.0 on. Until then a program says that it knows so:
 */
#ifndef TIDEGATE_C_H
#define TIDEGATE_C_H

#if !defined(TIDEGATE_API_UNSTABLE) && !defined(TIDEGATE_C_BUILD)
#error "The C ABI of tidegate may change before 1.0: define TIDEGATE_API_UNSTABLE to use it."
#endif

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TIDEGATE_API __attribute__((visibility("default")))
#else
#define TIDEGATE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- Version ---------------------------------------------------------------------------------- */

#define TIDEGATE_VERSION_MAJOR 0
#define TIDEGATE_VERSION_MINOR 1
#define TIDEGATE_VERSION_PATCH 0
#define TIDEGATE_MAKE_VERSION(major, minor, patch) ((major) * 1000000 + (minor) * 1000 + (patch))
#define TIDEGATE_VERSION_NUMBER \
  TIDEGATE_MAKE_VERSION(TIDEGATE_VERSION_MAJOR, TIDEGATE_VERSION_MINOR, TIDEGATE_VERSION_PATCH)
#define TIDEGATE_VERSION_AT_LEAST(major, minor, patch) \
  (TIDEGATE_VERSION_NUMBER >= TIDEGATE_MAKE_VERSION(major, minor, patch))

/** The version of the library that was loaded: "0.1.0". Never NULL, lives for ever. [any] */
TIDEGATE_API const char *tidegate_version(void);
/** The same as major * 1,000,000 + minor * 1,000 + patch. [any] */
TIDEGATE_API int32_t tidegate_version_number(void);
/** What the library was built with, as JSON: version, compiler, sqlite. Lives for ever. [any] */
TIDEGATE_API const char *tidegate_build_info(void);

/* --- Types ------------------------------------------------------------------------------------ */

typedef struct tidegate_error tidegate_error;   /**< why something failed */
typedef struct tidegate_config tidegate_config; /**< settings, by string keys */
typedef struct tidegate_bytes tidegate_bytes;   /**< an immutable, shared run of bytes */
typedef struct tidegate_params tidegate_params; /**< the parameters of a query */
typedef struct tidegate_rows tidegate_rows;     /**< an immutable, shared table */
typedef struct tidegate_op tidegate_op;         /**< one piece of work in flight */
typedef struct tidegate_stop tidegate_stop;     /**< lets a callable ask whether to go on */
typedef struct tidegate_page tidegate_page;     /**< many calls under one deadline */
typedef struct tidegate_queue tidegate_queue;   /**< the ends of many operations, one descriptor */
typedef struct tidegate_executor tidegate_executor; /**< runs queries and callables, in lanes */
typedef struct tidegate_cache tidegate_cache;       /**< values by their keys */
typedef struct tidegate_header tidegate_header;     /**< a field of HTTP; in c_http.h */

/** What the caller can do about it. The numbers are those of gRPC and absl, fixed for ever. */
typedef int32_t tidegate_status;
enum {
  TIDEGATE_OK = 0,
  TIDEGATE_CANCELLED = 1,
  TIDEGATE_UNKNOWN = 2,
  TIDEGATE_INVALID_ARGUMENT = 3,
  TIDEGATE_DEADLINE_EXCEEDED = 4,
  TIDEGATE_NOT_FOUND = 5,
  TIDEGATE_ALREADY_EXISTS = 6,
  TIDEGATE_PERMISSION_DENIED = 7,
  TIDEGATE_RESOURCE_EXHAUSTED = 8,
  TIDEGATE_FAILED_PRECONDITION = 9,
  TIDEGATE_ABORTED = 10,
  TIDEGATE_OUT_OF_RANGE = 11,
  TIDEGATE_UNIMPLEMENTED = 12,
  TIDEGATE_INTERNAL = 13,
  TIDEGATE_UNAVAILABLE = 14,
  TIDEGATE_DATA_LOSS = 15,
  TIDEGATE_UNAUTHENTICATED = 16
};

/** What happened; docs/reference/errors.md has a sentence on each. Numbers are only ever added. */
typedef int32_t tidegate_cause;
enum {
  TIDEGATE_CAUSE_NONE = 0,
  TIDEGATE_CAUSE_CANCELLED = 1,
  TIDEGATE_CAUSE_CLOSED = 2,
  TIDEGATE_CAUSE_DEADLINE = 3,
  TIDEGATE_CAUSE_NOT_READY = 4,
  TIDEGATE_CAUSE_QUEUE_FULL = 5,
  TIDEGATE_CAUSE_ADMISSION = 6,
  TIDEGATE_CAUSE_SATURATED = 7,
  TIDEGATE_CAUSE_BAD_ARGUMENT = 8,
  TIDEGATE_CAUSE_CONFIG = 9,
  TIDEGATE_CAUSE_QUERY_ERROR = 10,
  TIDEGATE_CAUSE_ENGINE_BUSY = 11,
  TIDEGATE_CAUSE_ENGINE_CORRUPT = 12,
  TIDEGATE_CAUSE_ENGINE_UNAVAILABLE = 13,
  TIDEGATE_CAUSE_TOO_LARGE = 14,
  TIDEGATE_CAUSE_CALLABLE_FAILED = 15,
  TIDEGATE_CAUSE_DECODE = 16,
  TIDEGATE_CAUSE_LOCAL_RESOURCE = 17,
  TIDEGATE_CAUSE_NO_MEMORY = 18,
  TIDEGATE_CAUSE_INTERNAL = 19,
  TIDEGATE_CAUSE_DNS = 20,
  TIDEGATE_CAUSE_CONNECT = 21,
  TIDEGATE_CAUSE_TLS = 22,
  TIDEGATE_CAUSE_CONNECTION_LOST = 23,
  TIDEGATE_CAUSE_PROTOCOL = 24,
  TIDEGATE_CAUSE_CONNECT_TIMEOUT = 25,
  TIDEGATE_CAUSE_ATTEMPT_TIMEOUT = 26,
  TIDEGATE_CAUSE_READ_TIMEOUT = 27,
  TIDEGATE_CAUSE_POOL_TIMEOUT = 28,
  TIDEGATE_CAUSE_REDIRECT = 29,
  TIDEGATE_CAUSE_BLOCKED_ADDRESS = 30,
  TIDEGATE_CAUSE_HTTP_STATUS = 31,
  TIDEGATE_CAUSE_PROXY = 32,
  TIDEGATE_CAUSE_PROXY_AUTH = 33,
  TIDEGATE_CAUSE_RATE_LIMITED = 34,
  TIDEGATE_CAUSE_CIRCUIT_OPEN = 35
};

/** Where an answer came from: just computed, cached, cached and past its time, or the fallback. */
typedef int32_t tidegate_source;
enum {
  TIDEGATE_SOURCE_FRESH = 0,
  TIDEGATE_SOURCE_CACHED = 1,
  TIDEGATE_SOURCE_STALE = 2,
  TIDEGATE_SOURCE_DEFAULT = 3
};

/** The kind of one cell. */
typedef int32_t tidegate_kind;
enum {
  TIDEGATE_KIND_NULL = 0,
  TIDEGATE_KIND_INTEGER = 1,
  TIDEGATE_KIND_REAL = 2,
  TIDEGATE_KIND_TEXT = 3,
  TIDEGATE_KIND_BYTES = 4
};

/** With whom something counts together. */
typedef int32_t tidegate_share;
enum {
  TIDEGATE_SHARE_PROCESS = 0, /**< its own process; a child of a fork begins anew */
  TIDEGATE_SHARE_HOST = 1,    /**< all of its name, in all processes of this user on this host */
  TIDEGATE_SHARE_REDIS = 2    /**< all of its name that use one Redis; not of a breaker */
};

/** What who shares through Redis does while Redis cannot be asked. */
typedef int32_t tidegate_share_down;
enum {
  TIDEGATE_SHARE_DOWN_LOCAL = 0, /**< it goes on with its part of the limits, in its process */
  TIDEGATE_SHARE_DOWN_OPEN = 1,  /**< it lets everything start */
  TIDEGATE_SHARE_DOWN_REFUSE = 2 /**< it lets nothing start: cause engine_unavailable */
};

/** How a breaker is. */
typedef int32_t tidegate_breaker_state;
enum { TIDEGATE_BREAKER_CLOSED = 0, TIDEGATE_BREAKER_OPEN = 1, TIDEGATE_BREAKER_HALF_OPEN = 2 };

/** By itself, or by order: nothing enters; everything enters and is counted; everything enters. */
typedef int32_t tidegate_breaker_mode;
enum {
  TIDEGATE_BREAKER_AUTOMATIC = 0,
  TIDEGATE_BREAKER_FORCED_OPEN = 1,
  TIDEGATE_BREAKER_FORCED_CLOSED = 2,
  TIDEGATE_BREAKER_DISABLED = 3
};

typedef int32_t tidegate_log_level;
enum {
  TIDEGATE_LOG_DEBUG = 0,
  TIDEGATE_LOG_INFO = 1,
  TIDEGATE_LOG_WARNING = 2,
  TIDEGATE_LOG_ERROR = 3,
  TIDEGATE_LOG_OFF = 4
};

/** Gives user data back. Called once, on a thread of the library or inside a call of the user's;
 * not at all where a callback ends its own thread. It must not do that itself. */
typedef void (*tidegate_free_fn)(void *user);

/** The work of tidegate_executor_call(). A success may leave a tidegate_bytes in *result, and a
 * failure an error in *err; the library takes both over. `stop` is valid until the return. */
typedef tidegate_status (*tidegate_call_fn)(const tidegate_stop *stop, void *user,
                                            tidegate_bytes **result, tidegate_error **err);

/** Hears of the end of an operation. `op` is valid until the return; retain it to keep it. */
typedef void (*tidegate_done_fn)(tidegate_op *op, void *user);

/** Takes one line, without its newline, from whichever thread has something to say. */
typedef void (*tidegate_log_fn)(tidegate_log_level level, const char *line, void *user);

/* --- Errors ----------------------------------------------------------------------------------- */

/** "DEADLINE_EXCEEDED"; "UNKNOWN" for a number that is no status. Lives for ever. [any] */
TIDEGATE_API const char *tidegate_status_name(tidegate_status status);
/** "queue_full"; "internal" for a number that is no cause. Lives for ever. [any] */
TIDEGATE_API const char *tidegate_cause_name(tidegate_cause cause);
/** "fresh", "cached", "stale" or "default"; "unknown" for other numbers. Lives for ever. [any] */
TIDEGATE_API const char *tidegate_source_name(tidegate_source source);

/** An error for a callable to fail with. `message` is one line and holds no secret; NULL is "". The
 * code follows from the cause. NULL if there is no memory. [any] */
TIDEGATE_API tidegate_error *tidegate_error_create(tidegate_cause cause, const char *message);
/** The code. TIDEGATE_OK for NULL; for something else that is no error, what all getters here then
 * say: TIDEGATE_INVALID_ARGUMENT, bad_argument, and a message about it. [data] */
TIDEGATE_API tidegate_status tidegate_error_code(const tidegate_error *error);
/** What happened. [data] */
TIDEGATE_API tidegate_cause tidegate_error_cause(const tidegate_error *error);
/** The cause's name. Lives for ever. [data] */
TIDEGATE_API const char *tidegate_error_name(const tidegate_error *error);
/** One line with the numbers that explain it. The error's. [data] */
TIDEGATE_API const char *tidegate_error_message(const tidegate_error *error);
/** From submission to the outcome; 0 where nothing was submitted. [data] */
TIDEGATE_API int64_t tidegate_error_elapsed_ms(const tidegate_error *error);
/** How often it was tried; 0 where it was refused before the first time. [data] */
TIDEGATE_API int32_t tidegate_error_attempts(const tidegate_error *error);
/** From the failure, when the same may succeed; -1 where that is not known. [data] */
TIDEGATE_API int64_t tidegate_error_retry_after_ms(const tidegate_error *error);
/** How many attempts have a line: all of them where there was more than one, else none. [data] */
TIDEGATE_API size_t tidegate_error_history(const tidegate_error *error);
/** Such a line: "attempt 1 of 4: connect after 1.2 ms, then a pause of 80 ms". [data] */
TIDEGATE_API const char *tidegate_error_history_line(const tidegate_error *error, size_t index);
/** 1 if trying the same again later can help. [data] */
TIDEGATE_API int tidegate_error_retryable(const tidegate_error *error);
/** Gives the error back. [any] */
TIDEGATE_API void tidegate_error_free(tidegate_error *error);

/* --- Configuration: docs/reference/config.md has every key -------------------------------------
 * An unknown key, a wrong type and a value out of range fail with TIDEGATE_INVALID_ARGUMENT (cause
 * config) and a message that names the key and what is allowed. What fails changes nothing. The
 * same functions take `services.<name>.<key>` for a named service. Who is given a config copies it.
 */

/** A config with every key at its default. [any] */
TIDEGATE_API tidegate_status tidegate_config_create(tidegate_config **config, tidegate_error **err);
/** Gives it back. [any] */
TIDEGATE_API void tidegate_config_destroy(tidegate_config *config);
/** One key, written as in the environment: "200", "15s", "true". [one] */
TIDEGATE_API tidegate_status tidegate_config_set(tidegate_config *config, const char *key,
                                                 const char *value, tidegate_error **err);
/** An integer. [one] */
TIDEGATE_API tidegate_status tidegate_config_set_int64(tidegate_config *config, const char *key,
                                                       int64_t value, tidegate_error **err);
/** A number. [one] */
TIDEGATE_API tidegate_status tidegate_config_set_double(tidegate_config *config, const char *key,
                                                        double value, tidegate_error **err);
/** A boolean: 0 is false. [one] */
TIDEGATE_API tidegate_status tidegate_config_set_bool(tidegate_config *config, const char *key,
                                                      int value, tidegate_error **err);
/** A duration. [one] */
TIDEGATE_API tidegate_status tidegate_config_set_duration_ms(tidegate_config *config,
                                                             const char *key, int64_t value_ms,
                                                             tidegate_error **err);
/** The integer of a key. *value is 0 on failure, here and below. [one] */
TIDEGATE_API tidegate_status tidegate_config_get_int64(const tidegate_config *config,
                                                       const char *key, int64_t *value,
                                                       tidegate_error **err);
/** The number of a key. [one] */
TIDEGATE_API tidegate_status tidegate_config_get_double(const tidegate_config *config,
                                                        const char *key, double *value,
                                                        tidegate_error **err);
/** The boolean of a key. [one] */
TIDEGATE_API tidegate_status tidegate_config_get_bool(const tidegate_config *config,
                                                      const char *key, int *value,
                                                      tidegate_error **err);
/** The duration of a key, parts of a millisecond rounded up. [one] */
TIDEGATE_API tidegate_status tidegate_config_get_duration_ms(const tidegate_config *config,
                                                             const char *key, int64_t *value_ms,
                                                             tidegate_error **err);
/** The text of a key of type string. [one] */
TIDEGATE_API tidegate_status tidegate_config_get_text(const tidegate_config *config,
                                                      const char *key, tidegate_bytes **value,
                                                      tidegate_error **err);
/** A JSON object of sections: {"executor": {"queue": 200}}. [one] */
TIDEGATE_API tidegate_status tidegate_config_load_json(tidegate_config *config, const char *json,
                                                       tidegate_error **err);
/** The same from a file of at most 1 MiB. [one] */
TIDEGATE_API tidegate_status tidegate_config_load_file(tidegate_config *config, const char *path,
                                                       tidegate_error **err);
/** TIDEGATE_EXECUTOR__QUEUE=200 and so on; another prefix than "TIDEGATE_" where `prefix` is not
 * NULL. The environment must not be changed meanwhile. [one] */
TIDEGATE_API tidegate_status tidegate_config_load_env(tidegate_config *config, const char *prefix,
                                                      tidegate_error **err);
/** The settings as JSON that can be loaded again, secrets as "***". [one] */
TIDEGATE_API tidegate_status tidegate_config_to_json(const tidegate_config *config,
                                                     tidegate_bytes **json, tidegate_error **err);
/** What contradicts itself or is doubtful in the settings, a line each, "refused: …" or "warning: …".
 * Nothing is made of them; what is looks at the same rules, and is refused, or warns in the log.
 * *refused, which may be NULL, is how many are. `workers` processes work side by side; 0: as many as
 * are expected. [one] */
TIDEGATE_API tidegate_status tidegate_config_lint(const tidegate_config *config, size_t workers,
                                                  tidegate_bytes **findings, size_t *refused,
                                                  tidegate_error **err);
/** Says how many processes of this program work side by side, for the warning that they count each
 * for themselves. 0, as at first: as GUNICORN_CMD_ARGS, WEB_CONCURRENCY or WORKER_COUNT of the
 * environment say. [any] */
TIDEGATE_API void tidegate_expect_workers(size_t count);

/* --- Bytes ------------------------------------------------------------------------------------ */

/** A copy of `size` bytes; `data` may be NULL if there are none. [any] */
TIDEGATE_API tidegate_status tidegate_bytes_create(const void *data, size_t size,
                                                   tidegate_bytes **bytes, tidegate_error **err);
/** The bytes themselves, which must stay as they are until `user_free(user)` is called: after the
 * last reference, those that answers hold included. [any] */
TIDEGATE_API tidegate_status tidegate_bytes_create_nocopy(const void *data, size_t size, void *user,
                                                          tidegate_free_fn user_free,
                                                          tidegate_bytes **bytes,
                                                          tidegate_error **err);
/** The first byte; "" for what is no tidegate_bytes. After the last byte there is a NUL that does
 * not count, except after _nocopy. [data] */
TIDEGATE_API const char *tidegate_bytes_data(const tidegate_bytes *bytes);
/** How many; 0 for what is no tidegate_bytes. [data] */
TIDEGATE_API size_t tidegate_bytes_size(const tidegate_bytes *bytes);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_bytes_retain(tidegate_bytes *bytes);
/** Gives one reference back. [any] */
TIDEGATE_API void tidegate_bytes_release(tidegate_bytes *bytes);

/* --- Operations ----------------------------------------------------------------------------------
 * Each ends exactly once: with an answer, or with a failure such as deadline, cancelled or closed.
 * Three ways to learn of the end: wait, a callback, or a queue with a descriptor to poll.
 */

typedef struct tidegate_answer {
  size_t struct_size;
  tidegate_source source;
  int32_t degraded;     /**< 1 for stale and default: good enough to show, not to store */
  int64_t age_ms;       /**< how old the value is; 0 when fresh */
  int64_t submitted_ns; /**< on CLOCK_MONOTONIC */
  int64_t queued_ns;    /**< from submission until it ran, or until its end if it never ran */
  int64_t ran_ns;       /**< from then until its end; 0 if it never ran */
  int64_t settled_ns;   /**< on CLOCK_MONOTONIC: when its end was decided */
  uint64_t version;     /**< which value of its key a cache gave; 0 where it came from none */
} tidegate_answer;
#define TIDEGATE_ANSWER_INIT {sizeof(tidegate_answer), 0, 0, 0, 0, 0, 0, 0, 0}

/** Blocks until the operation has ended, whatever its outcome: then TIDEGATE_OK. Where the time is
 * over first TIDEGATE_DEADLINE_EXCEEDED, and the operation goes on. Signals do not end it. [any] */
TIDEGATE_API tidegate_status tidegate_op_wait(const tidegate_op *op, int64_t timeout_ms);
/** 1 if it has ended; 0 if not, and for what is no tidegate_op. One atomic load. [any] */
TIDEGATE_API int tidegate_op_done(const tidegate_op *op);
/** Asks it to stop: it ends with cause cancelled unless its end was decided already. Never blocks.
 * Nothing happens after the end. [any] */
TIDEGATE_API tidegate_status tidegate_op_cancel(tidegate_op *op);
/** Calls `fn(op, user)` exactly once, and then `user_free(user)`, on the library's callback thread:
 * at the end, also by cancel or shutdown, or soon if it has ended. Any number may be added. After
 * tidegate_runtime_shutdown() it is called before this returns; in a child made by fork(), for an
 * operation of the parent, never. If this fails, only `user_free` is called. [any] */
TIDEGATE_API tidegate_status tidegate_op_on_done(tidegate_op *op, tidegate_done_fn fn, void *user,
                                                 tidegate_free_fn user_free, tidegate_error **err);
/** The outcome: TIDEGATE_OK for an answer, degraded ones too, or the failure. While it goes on
 * TIDEGATE_DEADLINE_EXCEEDED (cause not_ready); so do the three getters below, which otherwise fail
 * as the operation did. [any] */
TIDEGATE_API tidegate_status tidegate_op_status(const tidegate_op *op, tidegate_error **err);
/** How the answer came about. Set *answer to TIDEGATE_ANSWER_INIT first. [any] */
TIDEGATE_API tidegate_status tidegate_op_answer(const tidegate_op *op, tidegate_answer *answer,
                                                tidegate_error **err);
/** The rows of a query's answer: a reference to them, nothing is copied. [any] */
TIDEGATE_API tidegate_status tidegate_op_rows(const tidegate_op *op, tidegate_rows **rows,
                                              tidegate_error **err);
/** The bytes of a call's answer, or a cache's: a reference to them, nothing is copied. [any] */
TIDEGATE_API tidegate_status tidegate_op_bytes(const tidegate_op *op, tidegate_bytes **bytes,
                                               tidegate_error **err);
/** Why the answer is degraded: an error of the caller's. NULL where it is not, where there is no
 * answer, and for what is no tidegate_op. [any] */
TIDEGATE_API tidegate_error *tidegate_op_reason(const tidegate_op *op);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_op_retain(tidegate_op *op);
/** Gives one reference back. The work goes on; its callbacks and queues hear of its end. [any] */
TIDEGATE_API void tidegate_op_release(tidegate_op *op);

/* --- Completion queues: for any event loop -------------------------------------------------- */

/** One operation that has ended. */
typedef struct tidegate_event {
  uint64_t tag;           /**< as given to tidegate_queue_add() */
  tidegate_op *op;        /**< a reference, to be given back; NULL if there was no memory for it */
  tidegate_status status; /**< its outcome: see tidegate_op_status() */
  int32_t reserved;
} tidegate_event;

/** An empty queue. [any] */
TIDEGATE_API tidegate_status tidegate_queue_create(tidegate_queue **queue, tidegate_error **err);
/** A descriptor that is readable while events wait. Made at the first call, non-blocking, closed
 * with the queue; only to poll. -1 if the process has none left, and for what is no queue. In a
 * child made by fork() it is another one. [any] */
TIDEGATE_API int tidegate_queue_fd(tidegate_queue *queue);
/** Queues the operation's end under `tag`, at once if it has ended already. The queue keeps a
 * reference of its own. [any] */
TIDEGATE_API tidegate_status tidegate_queue_add(tidegate_queue *queue, tidegate_op *op,
                                                uint64_t tag, tidegate_error **err);
/** Takes up to `count` events, oldest first; how many, 0 also for what is no queue. Never blocks.
 * The descriptor stays readable while any is left. [any] */
TIDEGATE_API size_t tidegate_queue_next(tidegate_queue *queue, tidegate_event *events,
                                        size_t count);
/** How many events wait. [any] */
TIDEGATE_API size_t tidegate_queue_size(const tidegate_queue *queue);
/** Gives the queue back and closes its descriptor. Operations go on unheard. [any] */
TIDEGATE_API void tidegate_queue_destroy(tidegate_queue *queue);

/* --- The process: one runtime, started by the first operation -------------------------------- */

/** Ends the runtime for good: refuses new work, ends every operation with cause closed, interrupts
 * what runs, calls the callbacks, joins all threads. TIDEGATE_DEADLINE_EXCEEDED if threads are
 * still inside code that does not return: they are abandoned. TIDEGATE_FAILED_PRECONDITION inside a
 * callback. Again: nothing to do. [any] */
TIDEGATE_API tidegate_status tidegate_runtime_shutdown(int64_t timeout_ms);
/** 1 once that has begun. [any] */
TIDEGATE_API int tidegate_runtime_is_shut_down(void);
/** Joins all threads of the library if nothing is in flight: then 1. Otherwise, and inside a
 * callback, nothing happens: 0. To be called before fork() where one thread is wanted. [any] */
TIDEGATE_API int tidegate_runtime_quiesce(void);
/** Threads of the library that are alive. [any] */
TIDEGATE_API size_t tidegate_runtime_thread_count(void);
/** Handles that have not been given back: 0 at the end of a program without leaks. [any] */
TIDEGATE_API size_t tidegate_runtime_handle_count(void);
/** All that is counted, as one JSON object: docs/reference/metrics.md. [any] */
TIDEGATE_API tidegate_status tidegate_stats_json(tidegate_bytes **json);
/** The same for Prometheus, text format 0.0.4. [any] */
TIDEGATE_API tidegate_status tidegate_stats_prometheus(tidegate_bytes **text);
/** The same of all processes that share a directory: counters and durations of those that have
 * ended too, gauges of those that live. This process alone where none is shared. [any] */
TIDEGATE_API tidegate_status tidegate_stats_all_json(tidegate_bytes **json);
/** The same for Prometheus, text format 0.0.4. [any] */
TIDEGATE_API tidegate_status tidegate_stats_all_prometheus(tidegate_bytes **text);
/** From now on what this process counts, and each that it forks, lies in a file in `directory` for
 * others to read. It is made with mode 0700 if it is not there, and has to be this user's alone.
 * Once, before the process starts its work; again with the same directory does nothing. [any] */
TIDEGATE_API tidegate_status tidegate_stats_share(const char *directory);
/** Where the library says the few things that it has no call to return to; NULL: stderr. `fn` may
 * be called by several threads at once, and `user` must live as long as the process. [any] */
TIDEGATE_API void tidegate_log_set_sink(tidegate_log_fn fn, void *user);
/** What is below this level is not said. TIDEGATE_LOG_WARNING by default. [any] */
TIDEGATE_API void tidegate_log_set_level(tidegate_log_level level);

#ifdef __cplusplus
}
#endif

#include "tidegate/c_breaker.h"
#include "tidegate/c_cache.h"
#include "tidegate/c_gate.h"
#include "tidegate/c_http.h"
#include "tidegate/c_limiter.h"
#include "tidegate/c_query.h"

#endif
