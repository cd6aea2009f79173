// SPDX-License-Identifier: Apache-2.0
#include "query/query_key.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <variant>
#include <vector>

#include "base/little_endian.hpp"

namespace tidegate::internal {

namespace {

constexpr std::string_view kHead = "query\x01";

void add_bytes(std::string& key, std::string_view bytes) {
  append_little(key, std::uint64_t{bytes.size()});
  key += bytes;
}

struct AddValue {
  std::string& key;

  void operator()(std::monostate) const { key += 'N'; }
  void operator()(std::int64_t number) const {
    key += 'i';
    append_little(key, static_cast<std::uint64_t>(number));
  }
  void operator()(double number) const {
    key += 'f';
    if (std::isnan(number)) number = std::numeric_limits<double>::quiet_NaN();
    append_little(key, std::bit_cast<std::uint64_t>(number));
  }
  void operator()(const std::string& text) const {
    key += 's';
    add_bytes(key, text);
  }
  void operator()(const Bytes& bytes) const {
    key += 'b';
    add_bytes(key, bytes.view());
  }
};

}  // namespace

std::string query_key(std::string_view engine, std::string_view sql, const Params& params) {
  std::vector<const Params::Item*> items;
  items.reserve(params.items().size());
  for (const Params::Item& item : params.items()) items.push_back(&item);
  std::ranges::stable_sort(items, {}, [](const auto* item) -> const auto& { return item->name; });

  std::string key(kHead);
  add_bytes(key, engine);
  add_bytes(key, sql);
  append_little(key, std::uint64_t{items.size()});
  for (const Params::Item* const item : items) {
    add_bytes(key, item->name);
    std::visit(AddValue{key}, item->value);
  }
  return key;
}

}  // namespace tidegate::internal
