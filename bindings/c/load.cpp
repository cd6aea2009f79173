// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>

#include <string>

#include "cache.hpp"
#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {

namespace {

// The tidegate_load of one run.
class LoadHandle {
 public:
  LoadHandle(const LoadContext& load, std::shared_ptr<UserLoader> loader)
      : handle_(add<tidegate_load>(std::make_unique<LoadObject>(load, std::move(loader)))),
        object_(handle_) {}
  LoadHandle(const LoadHandle&) = delete;
  LoadHandle& operator=(const LoadHandle&) = delete;
  ~LoadHandle() { release(handle_); }
  tidegate_load* get() const noexcept { return handle_; }
  LoadObject* operator->() const noexcept { return &*object_; }

 private:
  tidegate_load* const handle_;
  const Pin<tidegate_load> object_;
};

Status failure_of_loader() {
  Status what = caught();
  if (what.cause() == Cause::kNoMemory) return what;
  return Status(Cause::kCallableFailed, "the loader threw: " + std::string(what.message()));
}

}  // namespace

void UserLoader::run(LoadContext& context) {
  const InsideCallback inside;
  const LoadHandle load(context, shared_from_this());
  try {
    fn_(load.get(), user_.get());
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    (void)load->fail(failure_of_loader());
  }
}

LoadObject::~LoadObject() {
  if (is_of_a_parent()) {
    (void)load_.release();
  } else if (!answered_.load(std::memory_order_acquire)) {
    internal::load_failed(
        *load_, Status(Cause::kCallableFailed, "the loader gave its load back without an answer"));
  }
}

Status LoadObject::succeed(const Bytes& value) {
  Status mine = claim();
  if (mine.ok()) internal::load_returned<Bytes>(*load_, value);
  return mine;
}

Status LoadObject::fail(Status why) {
  Status mine = claim();
  if (mine.ok()) internal::load_failed(*load_, std::move(why));
  return mine;
}

Status LoadObject::claim() {
  if (is_of_a_parent()) {
    return Status(Cause::kClosed, "the load belongs to the process before the fork");
  }
  return answered_.exchange(true, std::memory_order_acq_rel) ? refusal() : Status();
}

Status LoadObject::refusal() { return bad_argument("the load has its answer already"); }

}  // namespace tidegate::c
