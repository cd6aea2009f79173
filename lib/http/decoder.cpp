// SPDX-License-Identifier: Apache-2.0
#include "http/decoder.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/text.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kBetween = std::size_t{32} << 10;

struct Known {
  std::string_view name;
  std::string_view shown;
  std::unique_ptr<Coding> (*make)(std::size_t most);
};

constexpr Known kKnown[] = {
    {"gzip", "gzip", [](std::size_t) { return gzip_coding(); }},
    {"x-gzip", "gzip", [](std::size_t) { return gzip_coding(); }},
    {"deflate", "deflate", [](std::size_t) { return deflate_coding(); }},
    {"br", "br", &brotli_coding},
    {"zstd", "zstd", [](std::size_t) { return zstd_coding(); }},
};

// The words of a list, without those that are empty or say nothing.
std::vector<std::string_view> codings_of(const std::vector<std::string_view>& fields) {
  std::vector<std::string_view> codings;
  for (std::string_view rest : fields) {
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view word = trimmed(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      if (!word.empty() && !same_ignoring_case(word, "identity")) codings.push_back(word);
    }
  }
  return codings;
}

std::size_t most_by_both(const DecodeCaps& caps) noexcept {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max() - 1;
  constexpr std::size_t kRatio = ContentDecoder::kMostRatio;
  const std::size_t by_ratio = caps.encoded > kMost / kRatio ? kMost : caps.encoded * kRatio;
  return std::min({kMost, caps.most, std::max(by_ratio, ContentDecoder::kAnyRatioUpTo)});
}

}  // namespace

ContentDecoder::ContentDecoder(const DecodeCaps& caps) noexcept
    : caps_(caps), most_(most_by_both(caps)) {}

Result<ContentDecoder> ContentDecoder::make(const std::vector<std::string_view>& fields,
                                            const DecodeCaps& caps) {
  const std::vector<std::string_view> codings = codings_of(fields);
  if (codings.size() > kMostCodings) {
    return Status(Cause::kDecode, "a body in " + std::to_string(codings.size()) + " codings, and " +
                                      std::to_string(kMostCodings) + " are undone");
  }
  ContentDecoder decoder(caps);
  for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
    const auto* const known =
        std::find_if(std::begin(kKnown), std::end(kKnown),
                     [&](const Known& each) { return same_ignoring_case(*coding, each.name); });
    if (known == std::end(kKnown)) {
      return Status(Cause::kDecode,
                    "a body in the coding '" + one_line(*coding, 30) + "', which is not known");
    }
    decoder.stages_.push_back({known->shown, known->make(decoder.most_), 0});
    decoder.has_long_steps_ |= known->make == &brotli_coding;
  }
  if (decoder.stages_.size() > 1) {
    decoder.between_ = std::make_unique_for_overwrite<char[]>(kBetween);
  }
  return decoder;
}

void ContentDecoder::has_come(std::size_t encoded) noexcept {
  caps_.encoded = encoded;
  most_ = most_by_both(caps_);
}

// One byte more than is allowed is made at the most, which is how it is noticed.
Result<bool> ContentDecoder::run(Stage& stage, std::string_view& input,
                                 std::span<char>& output) const {
  const std::size_t room = std::min(output.size(), most_ - stage.made + 1);
  std::span<char> free = output.first(room);
  Status decoded = stage.coding->decode(input, free);
  const std::size_t made = room - free.size();
  output = output.subspan(made);
  stage.made += made;
  if (stage.made > most_ || decoded.cause() == Cause::kTooLarge) return too_large(stage);
  if (decoded.ok()) return free.empty();
  if (decoded.cause() != Cause::kDecode) return decoded;
  return Status(Cause::kDecode, "the " + std::string(stage.name) + " stream is broken after " +
                                    std::to_string(stage.made) +
                                    " decoded bytes: " + std::string(decoded.message()));
}

Status ContentDecoder::too_large(const Stage& stage) const {
  std::string text = "a body of " + std::to_string(caps_.encoded) + " bytes in the coding " +
                     std::string(stage.name) + " decodes to more than ";
  if (most_ < caps_.most) {
    text += std::to_string(most_) + " bytes, and at most " + std::to_string(kMostRatio) +
            " times its size is allowed beyond 1 MiB";
  } else {
    text += "the " + std::to_string(caps_.most) + " bytes that are allowed";
  }
  return Status(Cause::kTooLarge, text);
}

Result<ContentDecoder::Step> ContentDecoder::step(std::string_view& input, std::span<char> output) {
  const std::size_t room = output.size();
  const bool is_chain = stages_.size() > 1;
  if (is_chain && unread_.empty()) {
    std::span<char> free(between_.get(), kBetween);
    const auto full = run(stages_.front(), input, free);
    if (!full.ok()) return full.status();
    unread_ = {between_.get(), kBetween - free.size()};
    first_has_more_ = *full;
  }
  const auto full = run(stages_.back(), is_chain ? unread_ : input, output);
  if (!full.ok()) return full.status();
  const bool has_more = *full || first_has_more_ || !unread_.empty();
  return Step{.made = room - output.size(), .hungry = !has_more && input.empty()};
}

Status ContentDecoder::finish() const {
  for (const Stage& stage : stages_) {
    if (stage.coding->complete()) continue;
    return Status(Cause::kDecode, "the body ends inside its " + std::string(stage.name) +
                                      " stream, after " + std::to_string(stage.made) +
                                      " decoded bytes");
  }
  return {};
}

}  // namespace tidegate::internal
