// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/brief_mutex.hpp"
#include "base/intrusive_list.hpp"
#include "base/per_process.hpp"
#include "tidegate/queue.hpp"

// Invariants
//   The descriptor is written by whoever makes `waiting_` non-empty, behind the mutex: a write wakes the
//   thread that takes, often on the same core, and it would find the mutex held and sleep again.
//   owed_  writes that were begun and not read yet. Who finds or leaves `waiting_` empty reads them;
//          one that comes later wakes in vain, once, and goes with that look.
//   users_ the mailbox until close(), and each thread that is about to write. The last one closes the
//          descriptor, whose number may then be another's.
namespace tidegate {

namespace {

using internal::BriefMutex;
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
      const bool is_empty = waiting_.empty();
      fd_ = ::eventfd(is_empty ? 0 : 1, EFD_NONBLOCK | EFD_CLOEXEC);
      owed_ = is_empty ? 0 : 1;
      if (fd_ < 0) {
        return Status(
            Cause::kLocalResource,
            std::string("no descriptor for the completion queue: ") + std::strerror(errno));
      }
    }
    return fd_;
  }

  void push(std::unique_ptr<Letter> letter) noexcept {
    int rung = -1;
    {
      std::lock_guard lock(mutex_);
      if (closed_) return;
      waiting_.push_back(*letter.release());
      if (++size_ == 1 && fd_ >= 0) {
        rung = fd_;
        ++owed_;
        users_.fetch_add(1, std::memory_order_relaxed);
      }
    }
    if (rung < 0) return;
    (void)::eventfd_write(rung, 1);
    let_go(rung);
  }

  std::size_t take(std::span<Completion> out) {
    // Not under the mutex: the last reference to an operation runs destructors of the user's.
    std::ranges::fill(out, Completion());
    IntrusiveList<Letter> taken;
    std::size_t count = 0;
    {
      std::lock_guard lock(mutex_);
      for (; count < out.size() && !waiting_.empty(); ++count) {
        taken.push_back(*waiting_.pop_front());
      }
      size_ -= count;
      eventfd_t read = 0;
      if (waiting_.empty() && owed_ > 0 && ::eventfd_read(fd_, &read) == 0) owed_ -= read;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::unique_ptr<Letter> letter(taken.pop_front());
      out[i] = std::move(letter->content);
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
      if (fd_ >= 0) let_go(std::exchange(fd_, -1));
    }
    while (Letter* letter = dropped.pop_front()) delete letter;
  }

 private:
  void let_go(int fd) noexcept {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) ::close(fd);
  }

  BriefMutex mutex_;
  IntrusiveList<Letter> waiting_;
  std::size_t size_ = 0;
  int fd_ = -1;
  std::uint64_t owed_ = 0;
  std::atomic<int> users_{1};
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
