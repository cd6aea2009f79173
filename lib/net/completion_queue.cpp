// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/intrusive_list.hpp"
#include "base/per_process.hpp"
#include "tidegate/queue.hpp"

// Invariant: whenever the descriptor exists, it is readable exactly while `waiting_` is not empty.
// It is written on empty -> non-empty and read on non-empty -> empty, both under the mutex.
namespace tidegate {

namespace {

using internal::IntrusiveList;
using internal::ListNode;

class Mailbox;

// A completion on its way, made where it is asked for: whoever ends an operation must not fail.
struct Letter final : internal::Consumer, ListNode<Letter> {
  Letter(std::shared_ptr<Mailbox> to, std::uint64_t tag) noexcept
      : mailbox(std::move(to)), content{tag, {}} {}
  void completed(internal::OperationState& operation) noexcept override;

  std::shared_ptr<Mailbox> mailbox;  // until it is in there
  Completion content;
};

class Mailbox {
 public:
  ~Mailbox() { close(); }

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

  void push(std::unique_ptr<Letter> letter) noexcept {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    waiting_.push_back(*letter.release());
    if (++size_ == 1 && fd_ >= 0) (void)::eventfd_write(fd_, 1);
  }

  std::size_t take(std::span<Completion> out) {
    // Not under the mutex: the last reference to an operation runs destructors of the user's.
    std::ranges::fill(out, Completion());
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (; count < out.size() && !waiting_.empty(); ++count) {
      const std::unique_ptr<Letter> letter(waiting_.pop_front());
      out[count] = std::move(letter->content);
    }
    size_ -= count;
    if (count && waiting_.empty() && fd_ >= 0) {
      eventfd_t ignored;
      (void)::eventfd_read(fd_, &ignored);
    }
    return count;
  }

  std::size_t size() {
    std::lock_guard lock(mutex_);
    return size_;
  }

  // The queue is gone, and its descriptor now: a thread that just brought a letter may keep the
  // mailbox for a moment. What waits and what still comes is dropped.
  void close() {
    IntrusiveList<Letter> dropped;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      dropped.append(waiting_);
      size_ = 0;
      if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    while (Letter* letter = dropped.pop_front()) delete letter;
  }

 private:
  std::mutex mutex_;
  IntrusiveList<Letter> waiting_;
  std::size_t size_ = 0;
  int fd_ = -1;
  bool closed_ = false;
};

void Letter::completed(internal::OperationState& operation) noexcept {
  content.operation = internal::OperationRef::share(&operation);
  const std::shared_ptr<Mailbox> to = std::move(mailbox);
  to->push(std::unique_ptr<Letter>(this));
}

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
  operation->add_consumer(new Letter(home_->mailbox(), tag));
}

std::size_t CompletionQueue::next(std::span<Completion> out) { return home_->mailbox()->take(out); }
std::size_t CompletionQueue::size() const { return home_->mailbox()->size(); }

}  // namespace tidegate
