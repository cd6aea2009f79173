// SPDX-License-Identifier: Apache-2.0
//
// Queries behind a cache of Python objects. The query runs as any other, and nothing of Python's
// until somebody looks at its rows: no thread of Python's waits for it, and no event loop.
#include <utility>

#include "cache.hpp"
#include "convert.hpp"
#include "lane.hpp"

namespace tidegate::python {

namespace {

class QueryLoader final : public internal::Loader {
 public:
  explicit QueryLoader(Query query) : query_(std::move(query)) {}
  bool blocks() const noexcept override { return false; }
  void run(LoadContext& load) override {
    Query query = query_;
    const auto operation = query.deadline(load.deadline()).start();
    operation.on_done([load](const Result<Answer<Rows>>& result) mutable {
      try {
        finish(load, result);
      } catch (...) {
        internal::load_threw(load);
      }
    });
  }

  internal::Restoring restoring() const noexcept override { return internal::Restoring::kOnThread; }
  bool restore(LoadContext& load) override {
    const internal::StoredValue& stored = *internal::stored_of(load);
    std::optional<Rows> rows;
    if (stored.codec == internal::codec_id<Rows>()) {
      rows = CacheCodec<Rows>::decode(stored.payload);
    }
    if (!rows) {
      internal::load_could_not_read(load);
      return false;
    }
    return internal::load_restored(load, new PyValue(*rows), weight_of(*rows));
  }

 private:
  static void finish(LoadContext& load, const Result<Answer<Rows>>& result) {
    if (!result.ok()) return internal::load_failed(load, result.status());
    const Rows& rows = result->value;
    std::optional<internal::Encoded> bytes;
    if (internal::wants_encoded(load)) bytes = internal::encoded(rows);
    internal::load_succeeded(load, new PyValue(rows), weight_of(rows), std::move(bytes));
  }

  const Query query_;
};

}  // namespace

std::shared_ptr<internal::Loader> loader_of_query(Query query) {
  return std::make_shared<QueryLoader>(std::move(query));
}

PyObject* PyValue::object() const {
  if (!object_) {
    PyObject* const made = make_rows(rows_);
    if (!made) return nullptr;
    if (object_) {  // made by another thread meanwhile
      Py_DECREF(made);
    } else {
      object_ = made;
      rows_ = Rows();
    }
  }
  return object_;
}

}  // namespace tidegate::python
