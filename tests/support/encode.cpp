// SPDX-License-Identifier: Apache-2.0
#include "support/encode.hpp"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <stdexcept>

namespace tidegate::test {

namespace {

void require(bool good) {
  if (!good) throw std::runtime_error("an encoder of the test failed");
}

// The parts are separately flushed, so that equal parts are equal bytes but for the first and last.
using Parts = std::vector<std::string_view>;

std::vector<std::string> deflate_parts(int form, const Parts& parts) {
  z_stream stream{};
  require(::deflateInit2(&stream, 6, Z_DEFLATED, form, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::vector<std::string> made;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string out(::deflateBound(&stream, parts[i].size()) + 64, '\0');
    std::string in(parts[i]);
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const bool last = i + 1 == parts.size();
    const int code = ::deflate(&stream, last ? Z_FINISH : Z_FULL_FLUSH);
    require(code == (last ? Z_STREAM_END : Z_OK) && stream.avail_in == 0);
    out.resize(out.size() - stream.avail_out);
    made.push_back(std::move(out));
  }
  ::deflateEnd(&stream);
  return made;
}

std::vector<std::string> brotli_parts(const Parts& parts) {
  BrotliEncoderState* const state = ::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  require(state && ::BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5) &&
          ::BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, BROTLI_MAX_WINDOW_BITS));
  std::vector<std::string> made;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string out(parts[i].size() + 1024, '\0');
    std::size_t in_left = parts[i].size();
    std::size_t out_left = out.size();
    const auto* in = reinterpret_cast<const std::uint8_t*>(parts[i].data());
    auto* next = reinterpret_cast<std::uint8_t*>(out.data());
    const auto how = i + 1 == parts.size() ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH;
    do {
      require(::BrotliEncoderCompressStream(state, how, &in_left, &in, &out_left, &next, nullptr));
    } while (in_left > 0 || ::BrotliEncoderHasMoreOutput(state));
    out.resize(out.size() - out_left);
    made.push_back(std::move(out));
  }
  ::BrotliEncoderDestroyInstance(state);
  return made;
}

std::string zstd(std::string_view text) {
  ZSTD_CCtx* const context = ::ZSTD_createCCtx();
  require(context && !::ZSTD_isError(::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
  std::string out(::ZSTD_compressBound(text.size()), '\0');
  const std::size_t size =
      ::ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size());
  ::ZSTD_freeCCtx(context);
  require(!::ZSTD_isError(size));
  out.resize(size);
  return out;
}

std::vector<std::string> encode_parts(std::string_view encoding, const Parts& parts) {
  if (encoding == "gzip") return deflate_parts(15 + 16, parts);
  if (encoding == "deflate") return deflate_parts(15, parts);
  if (encoding == "raw deflate") return deflate_parts(-15, parts);
  require(encoding == "br");
  return brotli_parts(parts);
}

}  // namespace

const std::vector<std::string>& encodings() {
  static const std::vector<std::string> all = {"gzip", "deflate", "raw deflate", "br", "zstd"};
  return all;
}

std::string field_of(std::string_view encoding) {
  return std::string(encoding == "raw deflate" ? "deflate" : encoding);
}

std::string encode(std::string_view encoding, std::string_view text) {
  return encoding == "zstd" ? zstd(text) : encode_parts(encoding, {text}).front();
}

// Its checksum, where the coding has one, is wrong: nobody should get so far.
std::string bomb(std::string_view encoding, std::size_t mebibytes) {
  const std::string zeros(std::size_t{1} << 20, '\0');
  std::string made;
  if (encoding == "zstd") {
    const std::string frame = zstd(zeros);
    for (std::size_t i = 0; i < mebibytes; ++i) made += frame;
    return made;
  }
  const std::vector<std::string> parts = encode_parts(encoding, {zeros, zeros, zeros});
  made = parts[0];
  for (std::size_t i = 2; i < mebibytes; ++i) made += parts[1];
  return made + parts[2];
}

}  // namespace tidegate::test
