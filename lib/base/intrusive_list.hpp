// SPDX-License-Identifier: Apache-2.0
//
// IntrusiveList: a list whose links live in its elements, so that adding and removing never
// allocates, never fails, and takes a few instructions. An element derives from ListNode<Tag>, once
// for every list it can be in at the same time.
//
//   struct Wait : ListNode<Wait> { … };
//   IntrusiveList<Wait> waiting;
//   waiting.push_back(wait);
//   wait.unlink();                        // knows its neighbours, needs no list
//
// Not thread-safe. An element leaves its list before it dies, and a list is empty when it does:
// both are asserted.
#pragma once

#include <cassert>

namespace tidegate::internal {

template <class Tag>
class ListNode {
 public:
  // Tag names the list and need not be what derives.
  // NOLINTBEGIN(bugprone-crtp-constructor-accessibility)
  ListNode() noexcept = default;
  ListNode(const ListNode&) = delete;
  // NOLINTEND(bugprone-crtp-constructor-accessibility)
  ListNode& operator=(const ListNode&) = delete;

  bool linked() const noexcept { return next_ != nullptr; }

  // Does nothing where it is in no list.
  void unlink() noexcept {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 protected:
  ~ListNode() { assert(!linked()); }

 private:
  template <class, class>
  friend class IntrusiveList;
  ListNode* prev_ = nullptr;
  ListNode* next_ = nullptr;
};

template <class T, class Tag = T>
class IntrusiveList {
 public:
  IntrusiveList() noexcept { reset(); }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    assert(empty());
    ends_.prev_ = ends_.next_ = nullptr;
  }

  bool empty() const noexcept { return ends_.next_ == &ends_; }

  // REQUIRES: not empty.
  T& front() const noexcept { return element(*ends_.next_); }
  T& back() const noexcept { return element(*ends_.prev_); }

  // The element behind `node`; null behind the last.
  T* after(T& node) noexcept {
    ListNode<Tag>* const next = static_cast<ListNode<Tag>&>(node).next_;
    return next == &ends_ ? nullptr : &element(*next);
  }

  void push_back(T& node) noexcept {
    ListNode<Tag>& link = node;
    assert(!link.linked());
    link.prev_ = ends_.prev_;
    link.next_ = &ends_;
    ends_.prev_->next_ = &link;
    ends_.prev_ = &link;
  }

  T* pop_front() noexcept {
    if (empty()) return nullptr;
    T& first = front();
    static_cast<ListNode<Tag>&>(first).unlink();
    return &first;
  }

  // Takes over all elements of `other`, behind those that are here.
  void append(IntrusiveList& other) noexcept {
    if (other.empty()) return;
    ListNode<Tag>* const first = other.ends_.next_;
    ListNode<Tag>* const last = other.ends_.prev_;
    first->prev_ = ends_.prev_;
    ends_.prev_->next_ = first;
    last->next_ = &ends_;
    ends_.prev_ = last;
    other.reset();
  }

 private:
  struct Ends final : ListNode<Tag> {
    ~Ends() = default;
  };
  static T& element(ListNode<Tag>& node) noexcept { return static_cast<T&>(node); }
  void reset() noexcept { ends_.prev_ = ends_.next_ = &ends_; }

  mutable Ends ends_;
};

}  // namespace tidegate::internal
