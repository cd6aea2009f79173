// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>

#include "base/per_process.hpp"
#include "tidegate/queue.hpp"

// Invariant: whenever the descriptor exists, it is readable exactly while `waiting_` is not empty.
// It is written on empty -> non-empty and read on non-empty -> empty, both under the mutex.
namespace tidegate {

namespace {

class Mailbox {
 public:
  ~Mailbox() {
    if (fd_ >= 0) ::close(fd_);
  }

  Result<int> open() {
    std::lock_guard lock(mutex_);
    if (fd_ < 0) {
      fd_ = ::eventfd(waiting_.empty() ? 0 : 1, EFD_NONBLOCK | EFD_CLOEXEC);
      if (fd_ < 0) {
        return Status(
            Cause::kLocalResource,
            std::string("no descriptor for the completion queue: ") + std::strerror(errno));
      }
    }
    return fd_;
  }

  void push(Completion completion) {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    waiting_.push_back(std::move(completion));
    if (waiting_.size() == 1 && fd_ >= 0) (void)::eventfd_write(fd_, 1);
  }

  std::size_t take(std::span<Completion> out) {
    // Not under the mutex: the last reference to an operation runs destructors of the user's.
    std::ranges::fill(out, Completion());
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (; count < out.size() && !waiting_.empty(); ++count) {
      out[count] = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (count && waiting_.empty() && fd_ >= 0) {
      eventfd_t ignored;
      (void)::eventfd_read(fd_, &ignored);
    }
    return count;
  }

  std::size_t size() {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  // The queue is gone: what waits and what still comes is dropped.
  void close() {
    std::deque<Completion> dropped;
    std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(waiting_);
  }

 private:
  std::mutex mutex_;
  std::deque<Completion> waiting_;
  int fd_ = -1;
  bool closed_ = false;
};

class Delivery final : public internal::Consumer {
 public:
  Delivery(std::shared_ptr<Mailbox> mailbox, std::uint64_t tag)
      : mailbox_(std::move(mailbox)), tag_(tag) {}
  void completed(internal::OperationState& operation) noexcept override {
    mailbox_->push({tag_, internal::OperationRef::share(&operation)});
    delete this;
  }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t tag_;
};

}  // namespace

class CompletionQueue::Home {
 public:
  ~Home() {
    if (auto mailbox = mailbox_.peek()) mailbox->close();
  }
  const std::shared_ptr<Mailbox>& mailbox() {
    return mailbox_.get([] { return std::make_shared<Mailbox>(); });
  }

 private:
  internal::PerProcess<Mailbox> mailbox_;
};

CompletionQueue::CompletionQueue() : home_(std::make_shared<Home>()) {}
CompletionQueue::~CompletionQueue() = default;
CompletionQueue::CompletionQueue(CompletionQueue&&) noexcept = default;
CompletionQueue& CompletionQueue::operator=(CompletionQueue&&) noexcept = default;

Result<int> CompletionQueue::open() { return home_->mailbox()->open(); }
int CompletionQueue::fd() { return open().value_or(-1); }

void CompletionQueue::add(const internal::OperationRef& operation, std::uint64_t tag) {
  if (!operation) return;
  operation->add_consumer(new Delivery(home_->mailbox(), tag));
}

std::size_t CompletionQueue::next(std::span<Completion> out) { return home_->mailbox()->take(out); }
std::size_t CompletionQueue::size() const { return home_->mailbox()->size(); }

}  // namespace tidegate
