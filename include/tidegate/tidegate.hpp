// SPDX-License-Identifier: Apache-2.0
//
// tidegate: start here. This header includes all others, and explains how they fit together; each
// of them says the rest about its own part.
//
// WHAT IT IS
//
// A program that answers people asks many other systems first, and some of them are slow today.
// tidegate runs such calls, each to a deadline: when the time is over the caller has an answer (a
// fallback, or an error that says what happened), and the late work is stopped, not left running.
// Version 0.1 has the part that runs queries on SQLite files and blocking C++ callables, the cache,
// an HTTP client and the gate. The BigQuery engine, HTTP/2 and breakers through Redis are still to
// come.
//
// THE PIECES
//
//   Executor    runs calls on threads of its own, in lanes                            query.hpp
//   lane        one database or one group of callables, with permits: how many of its calls may run
//               at once. A Database, Callables or External object names one
//   Call        one call that has not started: db.query(sql, params), calls.call(f). Set a timeout,
//               a deadline, a fallback or a label, then start() it. Query is a Call of Rows
//   Operation   one call in flight, and its end                                       operation.hpp
//   Answer      what came of it: the value, and whether it is fresh or the fallback   answer.hpp
//   Page        many calls under one deadline                                         page.hpp
//   Client      makes HTTP requests; a Request is one that has not started            http.hpp
//   RetryPolicy whether and when what has failed is tried again                       retry.hpp
//   Cache       keeps values for a while, and loads each once                         cache.hpp
//   Gate        who may call a service now: a limiter, slots and a breaker in one     gate.hpp
//   Limiter     how often something may start                                         limiter.hpp
//   KeyedLimiter  the same for each user, token or host                               keyed_limiter.hpp
//   Breaker     leaves a service that fails alone for a while                         breaker.hpp
//   Rows        the table that a query yields, and Params that go in                  rows.hpp
//
// A first program, which is examples/cpp/readme.cpp in the source tree:
//
//   tidegate::Executor ex;
//   auto db = ex.sqlite(argc > 1 ? argv[1] : ":memory:");
//   tidegate::Page page(18s);  // no call outlives its page
//   auto car = page.add(db.query("SELECT :make AS make", tidegate::Params().set("make", "Audi")));
//   auto slow = page.add(db.query(endless).timeout(200ms).fallback(tidegate::Rows{}));
//   page.wait();  // 0.2 s: both have ended, and the endless query has really stopped
//
// HOW TO WAIT
//
// start() never blocks, and always returns an operation: a refused call is one that has ended. An
// operation ends exactly once. There are four ways to learn of it, and they may be mixed:
//
//   op.wait()                 blocks; the operation's own deadline bounds it. wait(1s) waits for at
//                             most that and then says kNotReady, while the operation goes on
//   op.on_done(f)             calls f on the library's callback thread, or on a Dispatcher of yours
//   co_await op               in a coroutine, which goes on where resume_on() says. Name the
//                             operation first: a temporary does not compile, on purpose
//   queue.add(op, tag)        a CompletionQueue has one descriptor for poll(), epoll or any loop
//
// cancel() asks an operation to stop. Dropping its last handle does not: the call runs on, unheard.
//
// DEADLINES
//
// A timeout is a duration, a deadline is a point in time. Timeouts become deadlines when the call
// is started, and from then on only ever shrink: of the call's own, its page's and what deadline()
// set, the earliest counts. Waiting for a permit and for a file lock, running, and computing a
// fallback all happen inside it. A call without a timeout has 15 s. A thread of its own ends what
// is late, so that a deadline holds for code that never looks at a clock. What cannot be stopped (a
// callable that does not ask its StopSignal) is counted as a zombie, and their number is bounded.
//
// ERRORS
//
// What goes wrong outside the program is a Status or a Result, never an exception. A Status has a
// code (what to do about it), a cause (what happened) and one sentence with the numbers. A call
// that has a fallback does not fail: its answer has source kDefault, and the Status is its reason.
// Exceptions mean programming errors, such as reading a configuration key that does not exist, or
// memory that ran out. What a callable throws becomes a Status with the cause callable_failed.
//
// THREADS
//
// Handles (Executor, Database, Callables, Operation, Stats) may be used from any thread at the same
// time. A Page, a Config that is being changed and the taking side of a CompletionQueue belong to
// one thread at a time. Code of yours runs in three places: callables on their lane's threads,
// callbacks and coroutines on a Dispatcher, and the log sink on whoever has something to say. It
// never runs under a lock of the library, and nothing that it does there delays a deadline. What a
// callable has captured is destroyed by whoever lets go of its operation last, which may be any
// thread of the library: such destructors should be quick.
//
// FORK AND SHUTDOWN
//
// Nothing starts before the first operation: no thread, no descriptor. A child made by fork() may
// use every handle that its parent made before; it starts its own threads at its first operation.
// What was in flight stays the parent's: in the child its wait() answers kClosed at once. A program
// may simply end while work is in flight. shutdown() does it tidily: it ends all operations with
// kClosed and joins the threads, for at most 2 s.
#pragma once

#include "tidegate/answer.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/bytes.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/dispatcher.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/headers.hpp"
#include "tidegate/http.hpp"
#include "tidegate/keyed_limiter.hpp"
#include "tidegate/limiter.hpp"
#include "tidegate/lint.hpp"
#include "tidegate/load.hpp"
#include "tidegate/log.hpp"
#include "tidegate/metrics.hpp"
#include "tidegate/multipart.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/page.hpp"
#include "tidegate/query.hpp"
#include "tidegate/queue.hpp"
#include "tidegate/ref.hpp"
#include "tidegate/retry.hpp"
#include "tidegate/rows.hpp"
#include "tidegate/runtime.hpp"
#include "tidegate/share.hpp"
#include "tidegate/status.hpp"
#include "tidegate/stream.hpp"
#include "tidegate/upload.hpp"
#include "tidegate/version.hpp"
#include "tidegate/work.hpp"
