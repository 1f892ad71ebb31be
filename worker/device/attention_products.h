#ifndef MOEPLAN_WORKER_DEVICE_ATTENTION_PRODUCTS_H_
#define MOEPLAN_WORKER_DEVICE_ATTENTION_PRODUCTS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "core/calibration/operation.h"
#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/loops.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {

// The operands of one head of one sequence, row-major and dense.
template <typename T>
struct AttentionHead {
  const T* queries = nullptr;
  const T* keys = nullptr;
  const T* values = nullptr;
  T* out = nullptr;
  const T* d_out = nullptr;
  T* d_queries = nullptr;
  T* d_keys = nullptr;
  T* d_values = nullptr;
  bool accumulates = false;  // to d_keys and d_values of the head before
};

// Causal attention of one head in blocks of queries, whose products leave out
// the keys that no query of the block sees. Backward computes the scores anew,
// as training does.
template <typename T>
class AttentionProducts {
 public:
  explicit AttentionProducts(const AttentionCore& op) : op_(op) {
    for (int64_t q = 0; q < op.query_tokens; q += kBlock) {
      Block block;
      block.begin = q;
      block.end = std::min(q + kBlock, op.query_tokens);
      block.key_begin = KeysSeen(op, q).first;
      block.key_end = KeysSeen(op, block.end - 1).second;
      blocks_.push_back(block);
    }
  }

  absl::Status Create(const CpuTools& tools) {
    constexpr NumberFormat kIn = FormatOf<T>();
    int64_t longest = 0;
    for (Block& block : blocks_) {
      const int64_t rows = block.end - block.begin;
      const int64_t keys = block.key_end - block.key_begin;
      longest = std::max(longest, rows * keys);
      const auto make = [&](ProductSpec spec, const Product*& product) {
        spec.in = kIn;
        const auto made = tools.ProductOf(spec);
        if (!made.ok()) return made.status();
        product = *made;
        return absl::OkStatus();
      };
      MOEPLAN_RETURN_IF_ERROR(
          make({.m = rows, .n = keys, .k = op_.key_dim, .transposed_b = true},
               block.scores));
      MOEPLAN_RETURN_IF_ERROR(make(
          {.m = rows, .n = op_.value_dim, .k = keys, .out = kIn}, block.out));
      if (!op_.backward) continue;
      MOEPLAN_RETURN_IF_ERROR(
          make({.m = rows, .n = keys, .k = op_.value_dim, .transposed_b = true},
               block.d_probabilities));
      MOEPLAN_RETURN_IF_ERROR(
          make({.m = rows, .n = op_.key_dim, .k = keys, .out = kIn},
               block.d_queries));
      // Gradients of keys and values are summed over blocks in 32 bits.
      MOEPLAN_RETURN_IF_ERROR(
          make({.m = keys, .n = op_.value_dim, .k = rows, .transposed_a = true},
               block.d_values));
      MOEPLAN_RETURN_IF_ERROR(
          make({.m = keys, .n = op_.key_dim, .k = rows, .transposed_a = true},
               block.d_keys));
    }
    scores_.resize(static_cast<size_t>(longest));
    probabilities_.resize(static_cast<size_t>(longest));
    if (op_.backward) {
      const int64_t widest = std::max(op_.key_dim, op_.value_dim);
      d_scores_.resize(static_cast<size_t>(longest));
      part_.resize(static_cast<size_t>(op_.context_tokens * widest));
      d_key_sums_.resize(static_cast<size_t>(op_.context_tokens * op_.key_dim));
      d_value_sums_.resize(
          static_cast<size_t>(op_.context_tokens * op_.value_dim));
    }
    return absl::OkStatus();
  }

  void Forward(const AttentionHead<T>& head) {
    for (const Block& block : blocks_) {
      Probabilities(head, block);
      block.out->Run(probabilities_.data(),
                     head.values + block.key_begin * op_.value_dim,
                     head.out + block.begin * op_.value_dim);
    }
  }

  void Backward(const AttentionHead<T>& head) {
    Start(head.accumulates ? head.d_keys : nullptr, d_key_sums_);
    Start(head.accumulates ? head.d_values : nullptr, d_value_sums_);
    for (const Block& block : blocks_) {
      const T* d_out = head.d_out + block.begin * op_.value_dim;
      Probabilities(head, block);
      AddPart(*block.d_values, probabilities_.data(), d_out, block,
              op_.value_dim, d_value_sums_);
      block.d_probabilities->Run(
          d_out, head.values + block.key_begin * op_.value_dim, scores_.data());
      ScoreGradients(head, block);
      block.d_queries->Run(d_scores_.data(),
                           head.keys + block.key_begin * op_.key_dim,
                           head.d_queries + block.begin * op_.key_dim);
      AddPart(*block.d_keys, d_scores_.data(),
              head.queries + block.begin * op_.key_dim, block, op_.key_dim,
              d_key_sums_);
    }
    loops::ScaleInto(d_key_sums_.data(), 1, head.d_keys,
                     static_cast<int64_t>(d_key_sums_.size()));
    loops::ScaleInto(d_value_sums_.data(), 1, head.d_values,
                     static_cast<int64_t>(d_value_sums_.size()));
  }

  const std::string& implementation() const {
    static const std::string kNone;
    return blocks_.front().out == nullptr
               ? kNone
               : blocks_.front().out->implementation();
  }

  int64_t bytes() const {
    return static_cast<int64_t>((scores_.size() + part_.size() +
                                 d_key_sums_.size() + d_value_sums_.size()) *
                                    sizeof(float) +
                                (probabilities_.size() + d_scores_.size()) *
                                    sizeof(T));
  }

 private:
  static constexpr int64_t kBlock = 64;

  struct Block {
    int64_t begin = 0;  // queries
    int64_t end = 0;
    int64_t key_begin = 0;  // keys that any of them sees
    int64_t key_end = 0;
    const Product* scores = nullptr;
    const Product* out = nullptr;
    const Product* d_probabilities = nullptr;
    const Product* d_queries = nullptr;
    const Product* d_values = nullptr;
    const Product* d_keys = nullptr;
  };

  // Keys that a query sees, within its block.
  std::pair<int64_t, int64_t> Seen(const Block& block, int64_t q) const {
    const auto [begin, end] = KeysSeen(op_, q);
    return {begin - block.key_begin, end - block.key_begin};
  }

  void Probabilities(const AttentionHead<T>& head, const Block& block) {
    const int64_t keys = block.key_end - block.key_begin;
    const float scale = 1.0f / std::sqrt(static_cast<float>(op_.key_dim));
    block.scores->Run(head.queries + block.begin * op_.key_dim,
                      head.keys + block.key_begin * op_.key_dim,
                      scores_.data());
    for (int64_t q = block.begin; q < block.end; ++q) {
      const auto [begin, end] = Seen(block, q);
      T* row = probabilities_.data() + (q - block.begin) * keys;
      std::fill(row, row + begin, T{});
      loops::Softmax(scores_.data() + (q - block.begin) * keys + begin, scale,
                     row + begin, end - begin);
      std::fill(row + end, row + keys, T{});
    }
  }

  // From the gradients of the probabilities, which stand in scores_.
  void ScoreGradients(const AttentionHead<T>& head, const Block& block) {
    const int64_t keys = block.key_end - block.key_begin;
    const float scale = 1.0f / std::sqrt(static_cast<float>(op_.key_dim));
    for (int64_t q = block.begin; q < block.end; ++q) {
      const auto [begin, end] = Seen(block, q);
      const int64_t at = (q - block.begin) * keys;
      T* row = d_scores_.data() + at;
      const float mean =
          loops::Dot(head.d_out + q * op_.value_dim,
                     head.out + q * op_.value_dim, op_.value_dim);
      std::fill(row, row + begin, T{});
      loops::SoftmaxBackward(probabilities_.data() + at + begin,
                             scores_.data() + at + begin, mean, scale,
                             row + begin, end - begin);
      std::fill(row + end, row + keys, T{});
    }
  }

  void AddPart(const Product& product, const T* a, const T* b,
               const Block& block, int64_t width, std::vector<float>& sums) {
    product.Run(a, b, part_.data());
    loops::AddInto(part_.data(), sums.data() + block.key_begin * width,
                   (block.key_end - block.key_begin) * width);
  }

  static void Start(const T* from, std::vector<float>& sums) {
    for (size_t i = 0; i < sums.size(); ++i) {
      sums[i] = from == nullptr ? 0.0f : ToFloat(from[i]);
    }
  }

  const AttentionCore op_;
  std::vector<Block> blocks_;
  std::vector<float> scores_, part_, d_key_sums_, d_value_sums_;
  std::vector<T> probabilities_, d_scores_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_ATTENTION_PRODUCTS_H_
