// SPDX-License-Identifier: Apache-2.0
// Retries, and the budget that they count in. Each call counts, also those that succeed at once, so
// that is raw C API.
#include "retries.hpp"

#include <new>
#include <optional>
#include <string>

#include "convert.hpp"

namespace tidegate::python {

namespace {

Duration time_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

// The pause before the next attempt, or None; and the line of this one. Below zero, `asked` and
// `deadline` are none.
py::tuple next_attempt(Retries& self, int attempt, const std::string& what, double took,
                       double asked, double now, double deadline) {
  const auto next =
      self.failed(attempt, what, time_of(took),
                  asked < 0 ? std::nullopt : std::optional(time_of(asked)), TimePoint(time_of(now)),
                  deadline < 0 ? Deadline::never() : Deadline::at(TimePoint(time_of(deadline))));
  py::object pause = py::none();
  if (next.again) pause = py::float_(seconds_of(next.pause));
  return py::make_tuple(pause, py::reinterpret_steal<py::str>(to_str(next.line)));
}

struct BudgetObject {
  PyObject_HEAD RetryBudget budget;
};

PyTypeObject* budget_type = nullptr;

const RetryBudget& budget_in(PyObject* object) {
  return reinterpret_cast<BudgetObject*>(object)->budget;
}

PyObject* make_budget(PyTypeObject* type, const RetryBudget& budget) {
  auto* const made = allocate<BudgetObject>(reinterpret_cast<PyObject*>(type));
  if (made) new (&made->budget) RetryBudget(budget);
  return reinterpret_cast<PyObject*>(made);
}

// RetryBudget(share, per_second, holds)
PyObject* new_budget(PyTypeObject* type, PyObject* arguments, PyObject*) {
  double share = 0, per_second = 0, holds = 0;
  if (!PyArg_ParseTuple(arguments, "ddd", &share, &per_second, &holds)) return nullptr;
  return guarded([&] { return make_budget(type, RetryBudget(share, per_second, holds)); });
}

void drop_budget(PyObject* object) {
  budget_in(object).~RetryBudget();
  free_object(object);
}

PyObject* call(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    budget_in(object).call();
    Py_RETURN_NONE;
  });
}

PyObject* try_take(PyObject* object, PyObject*) {
  return guarded([&] { return PyBool_FromLong(budget_in(object).try_take()); });
}

PyObject* get_left(PyObject* object, void*) {
  return guarded([&] { return PyFloat_FromDouble(budget_in(object).left()); });
}

PyMethodDef kBudgetMethods[] = {
    {"call", call, METH_NOARGS, "call(): a call begins, which may need further attempts."},
    {"try_take", try_take, METH_NOARGS,
     "try_take(): takes one for a further attempt, to be made now. False: there is none."},
    {},
};
PyGetSetDef kBudgetGetSet[] = {
    {"left", get_left, nullptr, "How many further attempts there may be at once.", nullptr}, {}};

Retries make_retries(const Config& config, const py::object& budget) {
  RetryPolicy policy = RetryPolicy::from(config);
  if (!budget.is_none()) policy.budget(retry_budget_of(budget.ptr()));
  return Retries(policy);
}

}  // namespace

const RetryBudget& retry_budget_of(PyObject* budget) {
  if (!PyObject_TypeCheck(budget, budget_type)) throw py::type_error("no RetryBudget");
  return budget_in(budget);
}

void add_retries(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(&new_budget)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&drop_budget)},
      {Py_tp_methods, kBudgetMethods},
      {Py_tp_getset, kBudgetGetSet},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.RetryBudget", sizeof(BudgetObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  budget_type = add_type(module, spec);
  py::class_<Retries>(module, "Retries", plain_metaclass())
      .def(py::init(&make_retries))
      .def_static("asked",
                  [](const py::sequence& fields, int status) {
                    const auto asked = Retries::asked(headers_of(fields), status);
                    return asked ? seconds_of(*asked) : -1.0;
                  })
      .def_property_readonly(
          "budget",
          [](const Retries& self) {
            return py::reinterpret_steal<py::object>(make_budget(budget_type, self.budget()));
          })
      .def("failed", &next_attempt);
}

}  // namespace tidegate::python
