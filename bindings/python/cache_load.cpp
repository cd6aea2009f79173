// SPDX-License-Identifier: Apache-2.0
//
// Loaders of Python's. The cache begins a load on its I/O thread, where no Python runs; from there it
// goes to a thread of Python's through an External lane, or to the event loop that asked as the end
// of an operation which that loop's bridge watches.
#include <utility>

#include "cache.hpp"
#include "convert.hpp"
#include "lane.hpp"

namespace tidegate::python {

namespace {

// The package's LoadCall, or what makes one for each run of a schedule. Needs no GIL.
using PyCall = std::shared_ptr<PyObject>;

// A load that has begun, on its way to Python code; it fails if all let go of it.
struct PyLoad {
  LoadContext context;
  PyCall call;  // until it is taken
};

// Ends when the load begins, or, without a load, when it is known that it will not.
class LoadBegin final : public internal::OperationState {
 public:
  void cancel() noexcept override {}
  const void* result() const noexcept override { return nullptr; }
  void end(std::shared_ptr<PyLoad> with) noexcept {
    if (!alive() || !claim()) return;
    load = std::move(with);
    publish();
  }
  std::shared_ptr<PyLoad> load;

 private:
  ~LoadBegin() override = default;
};

class LoopLoader final : public internal::Loader {
 public:
  explicit LoopLoader(LoadBegin* begin) noexcept : begin_(internal::Ref<LoadBegin>::share(begin)) {}
  LoopLoader(const LoopLoader&) = delete;
  LoopLoader& operator=(const LoopLoader&) = delete;
  ~LoopLoader() override {
    if (begin_) begin_->end(nullptr);
  }
  bool blocks() const noexcept override { return false; }
  // Lets go of it: with the loop gone, nobody has the load, and it fails.
  void run(LoadContext& context) override {
    if (!begin_) return;
    std::exchange(begin_, {})->end(std::make_shared<PyLoad>(PyLoad{context, nullptr}));
  }

 private:
  internal::Ref<LoadBegin> begin_;
};

// Fails the load whose call the lane refused or ended. What is only late may still bring its value.
class Refusal final : public internal::Consumer {
 public:
  explicit Refusal(LoadContext load) : load_(std::move(load)) {}
  void completed(internal::OperationState& call) noexcept override {
    const auto& ended = *static_cast<const Result<Answer<std::uint64_t>>*>(call.result());
    const Status status = ended.status();
    if (!status.ok() && status.cause() != Cause::kDeadline) internal::load_failed(load_, status);
    delete this;
  }

 private:
  LoadContext load_;
};

class LaneLoader final : public internal::Loader {
 public:
  LaneLoader(External lane, PyObject* call)
      : lane_(std::move(lane)), call_(Py_NewRef(call), drop_anywhere) {}
  bool blocks() const noexcept override { return false; }
  void run(LoadContext& context) override {
    External::Options options;
    options.deadline = context.deadline();
    options.attached = std::make_shared<PyLoad>(PyLoad{context, call_});
    // No thread can be started here: one waits already, see _loads.py.
    const auto operation = lane_.submit(0, std::move(options), nullptr);
    operation.state()->add_consumer(new Refusal(context));
  }

 private:
  const External lane_;
  const PyCall call_;
};

LoadBegin* begin_of(const py::object& operation) {
  return static_cast<LoadBegin*>(as_operation(operation.ptr())->state.get());
}

std::shared_ptr<const void> kept(py::object given) {
  if (given.is_none()) return nullptr;
  return {given.release().ptr(),
          [](const PyObject* object) { drop_anywhere(const_cast<PyObject*>(object)); }};
}

void fail(PyLoad& load, int cause, const std::string& message, py::object error,
          py::object keepsake) {
  internal::load_failed(
      load.context, Status(static_cast<Cause>(cause), message).with_origin(kept(std::move(error))),
      kept(std::move(keepsake)));
}

Duration seconds_long(double given) { return Duration(static_cast<std::int64_t>(given * 1e9)); }

}  // namespace

std::optional<internal::Encoded> encoded_of(const py::object& given) {
  if (given.is_none()) return std::nullopt;
  const auto pair = given.cast<py::tuple>();
  return internal::Encoded{pair[1].cast<std::string>(), pair[0].cast<std::uint8_t>()};
}

std::shared_ptr<internal::Loader> loader_of(const py::object& given) {
  if (!PyTuple_Check(given.ptr())) return std::make_shared<LoopLoader>(begin_of(given));
  return std::make_shared<LaneLoader>(external_of(PyTuple_GET_ITEM(given.ptr(), 0)),
                                      PyTuple_GET_ITEM(given.ptr(), 1));
}

PyObject* make_load(std::shared_ptr<void> load) {
  return py::cast(std::static_pointer_cast<PyLoad>(std::move(load))).release().ptr();
}

void add_cache_load(py::module_& module) {
  py::class_<PyLoad, std::shared_ptr<PyLoad>>(module, "Load", plain_metaclass())
      .def("take_call",
           [](PyLoad& load) {
             return py::reinterpret_borrow<py::object>(std::exchange(load.call, nullptr).get());
           })
      .def("stopped", [](const PyLoad& load) { return load.context.stopped(); })
      .def("left", [](const PyLoad& load) { return seconds_of(load.context.deadline().left()); })
      .def("ttl", [](PyLoad& load, double given) { load.context.ttl(seconds_long(given)); })
      .def("stale_for",
           [](PyLoad& load, double given) { load.context.stale_for(seconds_long(given)); })
      .def("negative", [](PyLoad& load) { load.context.negative(); })
      .def("uncached", [](PyLoad& load) { load.context.uncached(); })
      .def("degraded",
           [](PyLoad& load, int cause, const std::string& message) {
             load.context.degraded(Status(static_cast<Cause>(cause), message));
           })
      .def("weight", [](PyLoad& load, std::size_t bytes) { load.context.weight(bytes); })
      .def(
          "succeed",
          [](PyLoad& load, const py::object& value, std::size_t weight, const py::object& encoded) {
            internal::load_succeeded(load.context, new PyValue(value), weight, encoded_of(encoded));
          })
      .def("wants_encoded",
           [](const PyLoad& load) { return internal::wants_encoded(load.context); })
      .def("stored",
           [](const PyLoad& load) -> py::object {
             const auto* const stored = internal::stored_of(load.context);
             if (!stored) return py::none();
             return py::make_tuple(stored->codec, py::bytes(stored->payload));
           })
      .def("restored",
           [](PyLoad& load, const py::object& value, std::size_t weight) {
             return internal::load_restored(load.context, new PyValue(value), weight);
           })
      .def("unreadable", [](PyLoad& load) { internal::load_could_not_read(load.context); })
      .def("fail", &fail);
  module.def("begin_load", [] {
    return py::reinterpret_steal<py::object>(
        make_operation({.state = internal::OperationRef::adopt(new LoadBegin()),
                        .yield = Yield::kNone,
                        .deadline = Py_HUGE_VAL,
                        .owner = Py_None,
                        .label = names.empty,
                        .default_ = hooks.missing,
                        .call = Py_None}));
  });
  module.def("begun",
             [](const py::object& operation) { return std::move(begin_of(operation)->load); });
}

}  // namespace tidegate::python
