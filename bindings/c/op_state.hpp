// SPDX-License-Identifier: Apache-2.0
//
// OpState: the operation behind a tidegate_op, whatever its result. It follows an operation of the
// C++ API, ends with it and shows its result, and adds what a C handle needs: what kind of result
// it is, and which handle names it at the moment.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "handles.hpp"
#include "tidegate/answer.hpp"
#include "tidegate/bytes.hpp"
#include "tidegate/c.h"
#include "tidegate/gate.hpp"
#include "tidegate/http.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/rows.hpp"
#include "tidegate/stream.hpp"

namespace tidegate::c {

class Blob;
class UserCall;

class OpState final : public internal::OperationState, private internal::Consumer {
 public:
  using RowsResult = Result<Answer<Rows>>;
  using BlobResult = Result<Answer<std::shared_ptr<const Blob>>>;
  using CachedResult = Result<Answer<Bytes>>;
  using ResponseResult = Result<Response>;
  using StreamResult = Result<ResponseStream>;
  using ChunkResult = Result<Bytes>;
  using SizeResult = Result<std::size_t>;
  using TurnResult = Result<Duration>;
  using PermitResult = internal::HandedOver<GatePermit>;

  // What it ends with: the rows of a query, the blob of a call, the bytes of a cache, the response of
  // a request, the stream of one, what was read of it, how much was taken of a body,
  // how long a start waited for its turn, the permit of a gate.
  enum class Gives : std::uint8_t {
    kRows,
    kBlob,
    kCached,
    kResponse,
    kStream,
    kChunk,
    kSize,
    kTurn,
    kPermit
  };

  explicit OpState(Gives what, std::shared_ptr<UserCall> call = nullptr) noexcept;
  ~OpState() override;

  // Ends when `inner` does. Once.
  void follow(internal::OperationRef inner) noexcept;

  void cancel() noexcept override { inner_->cancel(); }
  const void* result() const noexcept override { return inner_->result(); }

  // `visit(result)`, of the kind that it gives. REQUIRES: done().
  template <class Visit>
  auto visit(Visit visit) const {
    switch (gives_) {
      case Gives::kRows: return visit(*static_cast<const RowsResult*>(result()));
      case Gives::kBlob: return visit(*static_cast<const BlobResult*>(result()));
      case Gives::kCached: return visit(*static_cast<const CachedResult*>(result()));
      case Gives::kStream: return visit(*static_cast<const StreamResult*>(result()));
      case Gives::kChunk: return visit(*static_cast<const ChunkResult*>(result()));
      case Gives::kSize: return visit(*static_cast<const SizeResult*>(result()));
      case Gives::kTurn: return visit(*static_cast<const TurnResult*>(result()));
      case Gives::kPermit: return visit(static_cast<const PermitResult*>(result())->peek());
      case Gives::kResponse: break;
    }
    return visit(*static_cast<const ResponseResult*>(result()));
  }

  // The permit, for the first who asks. REQUIRES: status().ok().
  Result<GatePermit> take_permit() const;

  // The outcome; kNotReady while it goes on, kClosed where it never ends in this process.
  Status status() const;

  // A reference to it as a handle: one more owner of the present one, else a new one.
  tidegate_op* share();

 private:
  void completed(internal::OperationState& inner) noexcept override;

  const Gives gives_;
  internal::OperationRef inner_;
  const std::shared_ptr<UserCall> call_;
  std::atomic<Id> handle_{0};
};

// A counted pointer to one.
class OpRef {
 public:
  OpRef() noexcept = default;
  explicit OpRef(internal::OperationRef state) noexcept : state_(std::move(state)) {}
  OpState* get() const noexcept { return static_cast<OpState*>(state_.get()); }
  OpState* operator->() const noexcept { return get(); }
  OpState& operator*() const noexcept { return *get(); }
  const internal::OperationRef& state() const noexcept { return state_; }

 private:
  internal::OperationRef state_;
};

}  // namespace tidegate::c
