// SPDX-License-Identifier: Apache-2.0
#include "http.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "convert.hpp"
#include "retries.hpp"
#include "tidegate/config.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::python {

namespace {

struct ClientObject {
  PyObject_HEAD Client client;
  Duration timeout;
};

PyTypeObject* client_type = nullptr;
PyObject* exchange_type = nullptr;  // the package's Exchange, a subclass of its Operation
PyObject* response_type = nullptr;
PyObject* streamed_maker = nullptr;

// The slots of a Response, which are filled without running any Python: the offset of each.
constexpr const char* kSlots[] = {"url",    "status",    "_headers", "content",
                                  "reused", "redirects", "attempts", "history",
                                  "hedged", "_spent",    "method",   "_timings"};
constexpr std::size_t kParts = 10;  // that come from the native response
Py_ssize_t slot_offsets[std::size(kSlots)];
PyObject* method_name = nullptr;  // the slot of an Exchange

ClientObject* as_client(PyObject* object) { return reinterpret_cast<ClientObject*>(object); }

void free_client(PyObject* object) {
  as_client(object)->client.~Client();
  free_object(object);
}

PyObject* make_client(const ClientOptions& options) {
  Client client(options);
  if (const Status status = client.status(); !status.ok()) {
    return raise(status.cause(), status.message());
  }
  auto* const made = allocate<ClientObject>(reinterpret_cast<PyObject*>(client_type));
  if (!made) return nullptr;
  new (&made->client) Client(std::move(client));
  made->timeout = options.values().timeout;
  return reinterpret_cast<PyObject*>(made);
}

py::object open_client(const Config& config, const std::string& service, const std::string& name,
                       const py::object& statuses, const py::object& budget,
                       const py::object& gate) {
  ClientOptions options = service.empty() ? ClientOptions::from(config)
                                          : ClientOptions::from(Service::from(config, service));
  if (!name.empty()) options.name(name);
  if (!statuses.is_none()) {
    std::vector<int> numbers;
    for (const py::handle status : statuses) numbers.push_back(status.cast<int>());
    options.retry(RetryPolicy(options.values().retry).statuses(std::move(numbers)));
  }
  if (!budget.is_none()) {
    options.retry(RetryPolicy(options.values().retry).budget(retry_budget_of(budget.ptr())));
  }
  if (!gate.is_none()) options.gate(gate.cast<Gate>());
  PyObject* const made = make_client(options);
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

// Of (name, filename or None, content, type) each.
py::tuple encode_form(const py::list& parts) {
  Multipart form;
  for (const py::handle each : parts) {
    const auto part = each.cast<py::tuple>();
    const auto name = part[0].cast<std::string>();
    const bool is_file = !part[1].is_none();
    const std::string filename = is_file ? part[1].cast<std::string>() : std::string();
    const auto type = part[3].cast<std::string>();
    const py::buffer_info view = part[2].cast<py::buffer>().request();
    form.part(
        name, is_file ? std::optional<std::string_view>(filename) : std::nullopt,
        {static_cast<const char*>(view.ptr), static_cast<std::size_t>(view.size * view.itemsize)},
        type);
  }
  if (const Status& status = form.status(); !status.ok()) {
    raise(status.cause(), status.message());
    throw py::error_already_set();
  }
  const Bytes body = form.body();
  return py::make_tuple(form.content_type(), py::bytes(body.data(), body.size()));
}

// The bytes of a field are those of Latin-1, as in all of Python's HTTP.
bool read_latin1(PyObject* given, const char* what, std::string& text) {
  if (!PyUnicode_Check(given) || PyUnicode_MAX_CHAR_VALUE(given) > 0xFF) {
    return raise(Cause::kBadArgument, std::string(what) + " must be a str of Latin-1 characters") !=
           nullptr;
  }
  text.assign(reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(given)),
              static_cast<std::size_t>(PyUnicode_GET_LENGTH(given)));
  return true;
}

bool read_fields(PyObject* pairs, Request& request) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs); ++i) {
    PyObject* const pair = PyList_GET_ITEM(pairs, i);
    std::string name;
    std::string value;
    if (!read_latin1(PyTuple_GET_ITEM(pair, 0), "the name of a header", name)) return false;
    const std::string what = "the value of header '" + name + "'";
    if (!read_latin1(PyTuple_GET_ITEM(pair, 1), what.c_str(), value)) return false;
    request.header(std::move(name), std::move(value));
  }
  return true;
}

bool read_body(PyObject* given, Request& request) {
  if (given == Py_None) return true;
  if (const Upload* const upload = upload_of(given)) {
    request.body(*upload);
    return true;
  }
  Py_buffer view;
  if (PyObject_GetBuffer(given, &view, PyBUF_CONTIG_RO) < 0) return false;
  const std::unique_ptr<Py_buffer, decltype(&PyBuffer_Release)> held(&view, &PyBuffer_Release);
  request.body(
      Bytes::copy_of({static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len)}));
  return true;
}

constexpr Py_ssize_t kTimes = 5;
constexpr Py_ssize_t kChoices = 10;

bool read_times(PyObject* times, Request& request) {
  constexpr Request& (Request::* kSetters[])(Duration) = {
      &Request::timeout, &Request::pool_timeout, &Request::connect_timeout,
      &Request::attempt_timeout, &Request::read_timeout};
  for (std::size_t i = 0; i < std::size(kSetters); ++i) {
    std::optional<Duration> time;
    if (!read_timeout(PyTuple_GET_ITEM(times, static_cast<Py_ssize_t>(i)), time)) return false;
    if (time) (request.*kSetters[i])(*time);
  }
  return true;
}

// A pair of a user and a password, or a token.
bool read_auth(PyObject* auth, Request& request) {
  std::string user;
  std::string secret;
  if (!PyTuple_Check(auth)) {
    if (!read_text(auth, "bearer_token", secret)) return false;
    request.bearer_token(std::move(secret));
    return true;
  }
  if (!read_text(PyTuple_GET_ITEM(auth, 0), "the user", user) ||
      !read_text(PyTuple_GET_ITEM(auth, 1), "the password", secret)) {
    return false;
  }
  request.basic_auth(std::move(user), std::move(secret));
  return true;
}

// A bool, or seconds.
void read_hedge(PyObject* hedge, Request& request) {
  if (PyBool_Check(hedge)) {
    request.hedge(hedge == Py_True);
    return;
  }
  const std::chrono::duration<double> delay(PyFloat_AsDouble(hedge));
  request.hedge(std::chrono::duration_cast<Duration>(delay));
}

// What is no time: max_body, idempotent, idempotency_key, attempts, max_redirects, decode, auth,
// proxy, hedge, gate.
bool read_choices(PyObject* choices, Request& request) {
  const auto given = [&](Py_ssize_t i) {
    PyObject* const choice = PyTuple_GET_ITEM(choices, i);
    return choice == Py_None ? nullptr : choice;
  };
  if (PyObject* const max_body = given(0)) request.max_body(PyLong_AsSize_t(max_body));
  if (PyObject* const idempotent = given(1)) request.idempotent(idempotent == Py_True);
  if (PyObject* const key = given(2)) {
    std::string text;
    if (!read_latin1(key, "idempotency_key", text)) return false;
    request.idempotency_key(std::move(text));
  }
  if (PyObject* const attempts = given(3))
    request.attempts(static_cast<int>(PyLong_AsLong(attempts)));
  if (PyObject* const most = given(4)) request.max_redirects(static_cast<int>(PyLong_AsLong(most)));
  if (PyObject* const decode = given(5)) request.decode(decode == Py_True);
  if (PyObject* const auth = given(6); auth && !read_auth(auth, request)) return false;
  if (PyObject* const proxy = given(7)) {
    std::string url;
    if (!read_text(proxy, "proxy", url)) return false;
    request.proxy(std::move(url));
  }
  if (PyObject* const hedge = given(8)) read_hedge(hedge, request);
  if (PyObject* const gate = given(9)) request.gate(py::handle(gate).cast<Gate>());
  return !PyErr_Occurred();
}

// start(method, url, headers, body, times, choices, deadline, label, streams) -> Exchange. Its shape
// is the package's care: a list of pairs, a tuple of five times, one of ten choices.
PyObject* start(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 9 || PyTuple_GET_SIZE(arguments[4]) != kTimes ||
      PyTuple_GET_SIZE(arguments[5]) != kChoices) {
    return raise(Cause::kBadArgument, "start() takes nine arguments, five times, ten choices");
  }
  if (is_shut_down()) return raise(Cause::kClosed, "tidegate is shut down");
  return guarded([&]() -> PyObject* {
    std::string method;
    std::string url;
    std::string label;
    Deadline outer;
    if (!read_text(arguments[0], "method", method) || !read_text(arguments[1], "url", url) ||
        !read_text(arguments[7], "label", label)) {
      return nullptr;
    }
    Request request = as_client(object)->client.request(std::move(method), std::move(url));
    if (!read_fields(arguments[2], request) || !read_body(arguments[3], request) ||
        !read_times(arguments[4], request) || !read_choices(arguments[5], request) ||
        !read_deadline(arguments[6], outer)) {
      return nullptr;
    }
    const TimePoint now = Deadline::now();
    const Duration timeout = request.values().timeout.value_or(as_client(object)->timeout);
    const Deadline deadline = outer.earlier(Deadline::after(timeout, now));
    request.deadline(outer);
    const bool streams = arguments[8] == Py_True;
    return make_operation({.state = streams ? request.stream().state() : request.start().state(),
                           .yield = streams ? Yield::kStream : Yield::kResponse,
                           .begun = seconds_of(now.time_since_epoch()),
                           .deadline = seconds_of(deadline.time().time_since_epoch()),
                           .owner = object,
                           .label = arguments[7],
                           .default_ = hooks.missing,
                           .call = Py_None,
                           .type = exchange_type});
  });
}

PyObject* close_client(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    as_client(object)->client.close();
    Py_RETURN_NONE;
  });
}

PyObject* client_counts(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    const ClientStats stats = as_client(object)->client.stats();
    const ProxyStats& proxies = stats.proxies;
    return Py_BuildValue("KKKKKKnnKKKK(KKsn)", stats.requests, stats.responses, stats.failures,
                         stats.opened, stats.reused, stats.resent, stats.in_flight, stats.waiting,
                         stats.retries, stats.out_of_budget, stats.hedges, stats.hedge_wins,
                         proxies.request_count, proxies.session_rotations,
                         proxies.current_proxy.c_str(),
                         static_cast<Py_ssize_t>(proxies.available_proxies));
  });
}

PyObject* to_latin1(const std::string& text) {
  return PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* cookies_for(PyObject* object, PyObject* given) {
  return guarded([&]() -> PyObject* {
    std::string url;
    if (!read_text(given, "url", url)) return nullptr;
    return to_latin1(as_client(object)->client.cookies_for(url));
  });
}

PyObject* clear_cookies(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    as_client(object)->client.clear_cookies();
    Py_RETURN_NONE;
  });
}

PyMethodDef kClientMethods[] = {
    {"start", fastcall(start), METH_FASTCALL, nullptr},
    {"close", close_client, METH_NOARGS, nullptr},
    {"counts", client_counts, METH_NOARGS, nullptr},
    {"cookies_for", cookies_for, METH_O, nullptr},
    {"clear_cookies", clear_cookies, METH_NOARGS, nullptr},
    {},
};

// As lines, a name and a value in turn: most callers never look at them.
PyObject* make_fields(const Headers& headers) {
  std::size_t size = 0;
  for (const Headers::Field& field : headers) size += field.name.size() + field.value.size() + 2;
  std::string lines;
  lines.reserve(size);
  for (const Headers::Field& field : headers) {
    lines.append(field.name).append(1, '\n').append(field.value).append(1, '\n');
  }
  return to_latin1(lines);
}

// Packed, for the same reason.
PyObject* make_spent(const OperationObject* self, const HttpTimings& spent) {
  const double times[] = {self->begun,
                          seconds_of(spent.queue),
                          seconds_of(spent.dns),
                          seconds_of(spent.connect),
                          seconds_of(spent.tls),
                          seconds_of(spent.first_byte),
                          seconds_of(spent.total)};
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(times), sizeof times);
}

using Parts = std::array<PyObject*, kParts>;

// One may be null, with an exception set.
Parts parts_of(OperationObject* self, const Response& response, PyObject* body) {
  return {{to_latin1(response.url), PyLong_FromLong(response.status), make_fields(response.headers),
           body, PyBool_FromLong(response.reused), PyLong_FromLong(response.redirects),
           PyLong_FromLong(response.attempts), to_tuple(response.history),
           PyBool_FromLong(response.hedged), make_spent(self, response.timings)}};
}

PyObject** slot_of(PyObject* object, std::size_t which) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + slot_offsets[which]);
}

void install_http(const py::object& exchange, const py::object& response,
                  const py::object& make_streamed) {
  for (std::size_t i = 0; i < std::size(kSlots); ++i) {
    const py::object slot = response.attr(kSlots[i]);
    if (!PyObject_TypeCheck(slot.ptr(), &PyMemberDescr_Type)) {
      throw py::type_error(std::string(kSlots[i]) + " is no slot of a Response");
    }
    slot_offsets[i] = reinterpret_cast<PyMemberDescrObject*>(slot.ptr())->d_member->offset;
  }
  exchange_type = exchange.inc_ref().ptr();
  response_type = response.inc_ref().ptr();
  streamed_maker = make_streamed.inc_ref().ptr();
  method_name = PyUnicode_InternFromString("_method");
}

}  // namespace

// The body first: what follows may let other threads run, and one of them may end with drop_body().
PyObject* answer_response(OperationObject* self, const Response& response) {
  PyObject* const body = PyBytes_FromStringAndSize(response.body.data(),
                                                   static_cast<Py_ssize_t>(response.body.size()));
  if (!body) return nullptr;
  const Parts parts = parts_of(self, response, body);
  PyObject* const method = PyObject_GetAttr(reinterpret_cast<PyObject*>(self), method_name);
  PyObject* made = method && !PyErr_Occurred() ? make_answer_of(response_type) : nullptr;
  if (!made) {
    for (PyObject* const part : parts) Py_XDECREF(part);
    Py_XDECREF(method);
    return nullptr;
  }
  for (std::size_t i = 0; i < kParts; ++i) *slot_of(made, i) = parts[i];
  *slot_of(made, kParts) = method;
  *slot_of(made, kParts + 1) = Py_NewRef(Py_None);
  return made;
}

PyObject* make_streamed(OperationObject* self, const Response& head, PyObject* stream) {
  if (!stream) return nullptr;
  const Parts parts = parts_of(self, head, stream);
  PyObject* given[kParts + 1] = {reinterpret_cast<PyObject*>(self)};
  std::copy(parts.begin(), parts.end(), given + 1);
  PyObject* made = nullptr;
  if (!PyErr_Occurred())
    made = PyObject_Vectorcall(streamed_maker, given, std::size(given), nullptr);
  for (PyObject* const part : parts) Py_XDECREF(part);
  return made;
}

void drop_body(const OperationObject* self) {
  auto* const result =
      const_cast<Result<Response>*>(static_cast<const Result<Response>*>(self->state->result()));
  if (result->ok()) (*result)->body = Bytes();
}

void add_http(py::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(free_client)},
      {Py_tp_methods, kClientMethods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"tidegate._core.Client", sizeof(ClientObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  client_type = add_type(module, spec);
  module.def("open_client", &open_client);
  module.def("encode_form", &encode_form);
  module.def("header_timeout", [](const std::string& name, const std::string& value, double most) {
    const auto bound = std::chrono::duration<double>(most);
    return seconds_of(header_timeout(name, value, std::chrono::duration_cast<Duration>(bound)));
  });
  module.def("install_http", &install_http);
}

}  // namespace tidegate::python
