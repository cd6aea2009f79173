// SPDX-License-Identifier: Apache-2.0
//
// Bridge: the ends of operations on their way into one event loop. It has one completion queue,
// whose descriptor the loop watches; a wake-up takes at most 256 completions, so that the loop is
// not starved.
//
// The loop's reader registration holds the only lasting reference to a bridge. When the loop closes
// it drops that, so the bridge goes with its descriptor, and completions for it are dropped.
//
// Invariants (all under the GIL)
//   * a waiter is in the list of its bridge, which holds one reference to it, from watch() until
//   its
//     completion is taken or the bridge goes; its address is the tag in the queue
//   * a bridge is in the registry under its loop while it lives
#pragma once

#include "operation.hpp"
#include "python.hpp"
#include "tidegate/queue.hpp"

namespace tidegate::python {

struct BridgeObject;

// Somebody who waits for one operation: an await expression, or a callable.
struct WaiterObject {
  PyObject_HEAD OperationObject* operation;
  PyObject* future;      // of the await expression that is suspended, else null
  PyObject* callback;    // called with the operation, else null
  BridgeObject* bridge;  // while it is in its list
  WaiterObject* previous;
  WaiterObject* next;
  bool finished;  // the await expression is over
};

struct BridgeObject {
  PyObject_HEAD CompletionQueue queue;
  PyObject* loop;  // None: drained by a thread
  WaiterObject* waiters;
};

WaiterObject* make_waiter(OperationObject* operation);

// The bridge of a running loop, made at its first use; borrowed.
BridgeObject* bridge_of(PyObject* loop);

// Puts the waiter into the list and its operation into the queue. False with an exception set.
bool watch(BridgeObject* bridge, WaiterObject* waiter);

}  // namespace tidegate::python
