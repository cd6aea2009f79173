/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The executor's part of the C ABI: queries and callables, each to its deadline. c.h includes it,
 * and what c.h says of every function holds here. docs/concepts/executor.md has the rules.
 */
#ifndef TIDEGATE_C_QUERY_H
#define TIDEGATE_C_QUERY_H

#include "tidegate/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Parameters of a query ---------------------------------------------------------------------
 * By name (`:make`, `@make` or `$make` in the SQL; "make" here) or by position (`?`), never both.
 * They are always bound, never spliced in. The functions fail for a wrong handle or name, or
 * without memory; a query that lacks a parameter is then refused, so that a program may check that
 * one alone. A tidegate_params may be used for any number of queries, which copy it.
 */

/** No parameters yet. [any] */
TIDEGATE_API tidegate_status tidegate_params_create(tidegate_params **params, tidegate_error **err);
/** Gives it back. [any] */
TIDEGATE_API void tidegate_params_destroy(tidegate_params *params);
/** NULL by name. [one] */
TIDEGATE_API tidegate_status tidegate_params_set_null(tidegate_params *params, const char *name);
/** An integer by name. [one] */
TIDEGATE_API tidegate_status tidegate_params_set_int64(tidegate_params *params, const char *name,
                                                       int64_t value);
/** A double by name. [one] */
TIDEGATE_API tidegate_status tidegate_params_set_double(tidegate_params *params, const char *name,
                                                        double value);
/** A text by name: `size` bytes of UTF-8, or up to the NUL if it is -1. [one] */
TIDEGATE_API tidegate_status tidegate_params_set_text(tidegate_params *params, const char *name,
                                                      const char *text, int64_t size);
/** Bytes by name. [one] */
TIDEGATE_API tidegate_status tidegate_params_set_blob(tidegate_params *params, const char *name,
                                                      const void *data, size_t size);
/** NULL as the next `?`. [one] */
TIDEGATE_API tidegate_status tidegate_params_add_null(tidegate_params *params);
/** An integer as the next `?`. [one] */
TIDEGATE_API tidegate_status tidegate_params_add_int64(tidegate_params *params, int64_t value);
/** A double as the next `?`. [one] */
TIDEGATE_API tidegate_status tidegate_params_add_double(tidegate_params *params, double value);
/** A text as the next `?`: `size` bytes of UTF-8, or up to the NUL if it is -1. [one] */
TIDEGATE_API tidegate_status tidegate_params_add_text(tidegate_params *params, const char *text,
                                                      int64_t size);
/** Bytes as the next `?`. [one] */
TIDEGATE_API tidegate_status tidegate_params_add_blob(tidegate_params *params, const void *data,
                                                      size_t size);

/* --- Executor -----------------------------------------------------------------------------------
 * Runs queries and callables in named lanes: one database, or one group of callables. An operation
 * ends by its deadline, whatever its work does; late work is really stopped (SQLite within 1,000
 * steps), and its place in the lane is free at once. Where there is no fresh value in time, the
 * fallback of the options is the answer, marked TIDEGATE_SOURCE_DEFAULT. A lane follows the
 * settings of the service that has its name, services.<lane>.*, before those for everybody.
 *
 * The structs of options start with their size: set them to their _INIT first. 0 and NULL are the
 * defaults. A library takes the structs of older programs, and those of newer ones whose new
 * members are 0; anything else is TIDEGATE_INVALID_ARGUMENT.
 */

typedef struct tidegate_sqlite_options {
  size_t struct_size;
  const tidegate_config *config; /**< for sqlite.*; NULL: the executor's */
  int32_t writable;              /**< 1: statements may write, and a missing file is created */
  int32_t reserved;
  /** What each query goes through when it would start, as does what else uses the gate; NULL: that
   * of the service which executor.gate names, if it names one. What the gate refuses is refused with
   * its error, and its breaker learns what came of each query. */
  struct tidegate_gate *gate;
} tidegate_sqlite_options;
#define TIDEGATE_SQLITE_OPTIONS_INIT {sizeof(tidegate_sqlite_options), NULL, 0, 0, NULL}

typedef struct tidegate_query_options {
  size_t struct_size;
  int64_t timeout_ms;            /**< from submission; 0: executor.query_timeout; a day at most */
  tidegate_page *page;           /**< the page that the query belongs to */
  const char *label;             /**< a name for messages; it must hold no secret */
  const tidegate_rows *fallback; /**< with use_fallback: the rows; NULL: a table without any */
  int32_t use_fallback;          /**< 1: answer with `fallback` where there is no fresh value */
  int32_t reserved;
  /** Answers with what it has of the query, by file, SQL text and parameters; what it has not is
   * queried once for all who want it, and kept. The answer is fresh, cached, or stale where the
   * query fails or is late; without one of these comes the fallback. The timeout is that of the
   * wait: the query goes on for the others and for the cache. */
  tidegate_cache *cache;
  int64_t ttl_ms;       /**< in the cache: how long this is fresh; 0: cache.ttl; a year at most */
  int64_t stale_for_ms; /**< how long it then serves; 0: cache.stale_for; a year at most */
} tidegate_query_options;
/* clang-format off */
#define TIDEGATE_QUERY_OPTIONS_INIT \
  {sizeof(tidegate_query_options), 0, NULL, NULL, NULL, 0, 0, NULL, 0, 0}
/* clang-format on */

typedef struct tidegate_call_options {
  size_t struct_size;
  int64_t timeout_ms;             /**< from submission; 0: executor.query_timeout; a day at most */
  tidegate_page *page;            /**< the page that the call belongs to */
  const char *label;              /**< a name for messages; it must hold no secret */
  const tidegate_bytes *fallback; /**< with use_fallback: the bytes; NULL: none */
  int32_t use_fallback;           /**< 1: answer with `fallback` where there is no fresh value */
  int32_t reserved;
} tidegate_call_options;
#define TIDEGATE_CALL_OPTIONS_INIT {sizeof(tidegate_call_options), 0, NULL, NULL, NULL, 0, 0}

/** An executor with the settings executor.* of `config`; NULL: the defaults. Starts no thread and
 * opens nothing: the first operation does. [any] */
TIDEGATE_API tidegate_status tidegate_executor_create(const tidegate_config *config,
                                                      tidegate_executor **executor,
                                                      tidegate_error **err);
/** Ends what is in flight with cause closed, and gives the executor back. Does not wait. [any] */
TIDEGATE_API void tidegate_executor_destroy(tidegate_executor *executor);
/** A lane over an SQLite file, opened read-only, by the first query: a missing file is an error of
 * the queries. Fails if the executor has a lane of that name. [any] */
TIDEGATE_API tidegate_status tidegate_executor_add_sqlite(tidegate_executor *executor,
                                                          const char *lane, const char *path,
                                                          const tidegate_sqlite_options *options,
                                                          tidegate_error **err);
/** A lane of callables, `concurrency` of which run at once: 1 to 1,000; 0:
 * executor.callable_concurrency. Fails if the executor has a lane of that name. [any] */
TIDEGATE_API tidegate_status tidegate_executor_add_callables(tidegate_executor *executor,
                                                             const char *lane, int32_t concurrency,
                                                             tidegate_error **err);
/** The same behind a gate, as tidegate_sqlite_options has it. [any] */
TIDEGATE_API tidegate_status tidegate_executor_add_gated_callables(tidegate_executor *executor,
                                                                   const char *lane,
                                                                   int32_t concurrency,
                                                                   struct tidegate_gate *gate,
                                                                   tidegate_error **err);
/** Submits one statement to a database; its answer has rows. Never blocks. Fails only where the
 * arguments are wrong; what the lane refuses (queue_full, admission, closed …) is the operation's
 * outcome. `params` and `options` may be NULL. [any] */
TIDEGATE_API tidegate_status tidegate_executor_query(tidegate_executor *executor, const char *lane,
                                                     const char *sql, const tidegate_params *params,
                                                     const tidegate_query_options *options,
                                                     tidegate_op **op, tidegate_error **err);
/** Submits `fn`, which runs once at most, on a thread of the lane; its answer has bytes. Otherwise
 * like a query. `user_free` is called when `fn` has returned or will not run any more. A callable
 * that is given up runs on until it returns: it should look at `stop`. [any] */
TIDEGATE_API tidegate_status tidegate_executor_call(tidegate_executor *executor, const char *lane,
                                                    tidegate_call_fn fn, void *user,
                                                    tidegate_free_fn user_free,
                                                    const tidegate_call_options *options,
                                                    tidegate_op **op, tidegate_error **err);
/** For a callable: 1 once nobody waits for its result any more, and for what is no tidegate_stop.
 * Costs some ten nanoseconds. [data] */
TIDEGATE_API int tidegate_stop_requested(const tidegate_stop *stop);
/** For a callable: what is left until its deadline; 0 for what is no tidegate_stop. [data] */
TIDEGATE_API int64_t tidegate_stop_left_ms(const tidegate_stop *stop);

/* --- Rows: a cell that does not exist is null, 0 or "" ---------------------------------------- */

/** How many rows. [data] */
TIDEGATE_API size_t tidegate_rows_size(const tidegate_rows *rows);
/** How many columns. [data] */
TIDEGATE_API size_t tidegate_rows_columns(const tidegate_rows *rows);
/** A column's name. [data] */
TIDEGATE_API const char *tidegate_rows_column_name(const tidegate_rows *rows, size_t column);
/** The first column of that name; -1 if there is none. [data] */
TIDEGATE_API int64_t tidegate_rows_column(const tidegate_rows *rows, const char *name);
/** A cell's kind. [data] */
TIDEGATE_API tidegate_kind tidegate_rows_kind(const tidegate_rows *rows, size_t row, size_t column);
/** A number; a real one is rounded towards zero, and saturates. [data] */
TIDEGATE_API int64_t tidegate_rows_int64(const tidegate_rows *rows, size_t row, size_t column);
/** A number. [data] */
TIDEGATE_API double tidegate_rows_double(const tidegate_rows *rows, size_t row, size_t column);
/** A text or bytes: the first byte, and in *size (which may be NULL) how many there are. There is
 * no NUL at the end: print it with "%.*s". "" for other kinds. [data] */
TIDEGATE_API const char *tidegate_rows_text(const tidegate_rows *rows, size_t row, size_t column,
                                            size_t *size);
/** One more reference, to be given back too. [any] */
TIDEGATE_API tidegate_status tidegate_rows_retain(tidegate_rows *rows);
/** Gives one reference back. [any] */
TIDEGATE_API void tidegate_rows_release(tidegate_rows *rows);

/* --- Pages: many calls under one deadline --------------------------------------------------------
 * None of the calls outlives the page's deadline, none waits for another, and none fails the page.
 * A call belongs to the page that its options name.
 */

/** The page's deadline counts from here; -1: it has none. [any] */
TIDEGATE_API tidegate_status tidegate_page_create(int64_t timeout_ms, tidegate_page **page,
                                                  tidegate_error **err);
/** Blocks until every call submitted so far has ended, which the page's deadline bounds: then
 * TIDEGATE_OK. Where `timeout_ms` is over first TIDEGATE_DEADLINE_EXCEEDED. [any] */
TIDEGATE_API tidegate_status tidegate_page_wait(const tidegate_page *page, int64_t timeout_ms);
/** Asks every call submitted so far to stop. Never blocks. [any] */
TIDEGATE_API tidegate_status tidegate_page_cancel(tidegate_page *page);
/** How many calls it has; 0 for what is no tidegate_page, here and below. [any] */
TIDEGATE_API size_t tidegate_page_size(const tidegate_page *page);
/** How many of them have ended. [any] */
TIDEGATE_API size_t tidegate_page_done(const tidegate_page *page);
/** What is left until its deadline, 0 once it has passed; -1 if it has none. [any] */
TIDEGATE_API int64_t tidegate_page_left_ms(const tidegate_page *page);
/** Cancels what is still in flight, and gives the page back. Does not wait. [any] */
TIDEGATE_API void tidegate_page_destroy(tidegate_page *page);

#ifdef __cplusplus
}
#endif

#endif
