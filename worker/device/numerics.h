#ifndef MOEPLAN_WORKER_DEVICE_NUMERICS_H_
#define MOEPLAN_WORKER_DEVICE_NUMERICS_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "worker/device/device.h"

namespace moeplan::worker {

// Largest |out - reference| / |reference| (Euclidean, over an output) of a
// correct kernel: 1e-2 for operands in bf16, 1e-5 in f32, 6e-2 in fp8, to which
// operands in bf16 were rounded.
inline double AllowedError(const std::string& dtype) {
  if (dtype == "fp8") return 6e-2;
  return dtype == "f32" ? 1e-5 : 1e-2;
}

// Compares outputs, one after the other, with a reference.
class Comparison {
 public:
  explicit Comparison(double most_allowed) {
    worst_.most_allowed = most_allowed;
    worst_.relative_error = 0;
  }

  // What follows belongs to the output of this name.
  void Begin(std::string output) {
    End();
    output_ = std::move(output);
  }

  void Add(double got, double want) {
    difference_ += (got - want) * (got - want);
    norm_ += want * want;
  }

  // The worst output.
  NumericsCheck Finish() {
    End();
    return worst_;
  }

 private:
  void End() {
    if (!output_.empty()) {
      // An output that has to be zero is compared absolutely.
      const double error = std::sqrt(difference_ / (norm_ > 0 ? norm_ : 1));
      // NaN, once there, stays the worst.
      if (!(error <= worst_.relative_error) || worst_.output.empty()) {
        if (!std::isnan(worst_.relative_error)) {
          worst_.relative_error = error;
          worst_.output = output_;
        }
      }
    }
    output_.clear();
    difference_ = norm_ = 0;
  }

  NumericsCheck worst_;
  std::string output_;
  double difference_ = 0;
  double norm_ = 0;
};

// At most `most` of the indices below `count`: the first, the last and even
// steps between them.
inline std::vector<int64_t> SampledIndices(int64_t count, int64_t most) {
  std::vector<int64_t> indices;
  if (count <= most) {
    for (int64_t i = 0; i < count; ++i) indices.push_back(i);
    return indices;
  }
  for (int64_t i = 0; i < most; ++i) {
    indices.push_back(i * (count - 1) / (most - 1));
  }
  return indices;
}

// Row i of the product of a (m x k) and b (k x n), in doubles: emit(j, value).
// a(i, p) and b(p, j) read an element.
template <typename A, typename B, typename Emit>
void ReferenceProductRow(const A& a, const B& b, int64_t i, int64_t n,
                         int64_t k, const Emit& emit) {
  for (int64_t j = 0; j < n; ++j) {
    double sum = 0;
    for (int64_t p = 0; p < k; ++p) sum += a(i, p) * b(p, j);
    emit(j, sum);
  }
}

// The keys that query `index` of an attention sees: [first, second).
inline std::pair<int64_t, int64_t> KeysSeen(const AttentionCore& op,
                                            int64_t index) {
  const int64_t end = op.context_tokens - op.query_tokens + index + 1;
  const int64_t begin = op.window > 0 && end > op.window ? end - op.window : 0;
  return {begin, end};
}

// Attention of one query of one head, in doubles. query(i), key(row, i) and
// value(row, i) read an element; emit(i, value) takes the output's. Returns the
// probabilities of the keys seen.
template <typename Query, typename Key, typename Value, typename Emit>
std::vector<double> ReferenceAttentionRow(const AttentionCore& op,
                                          int64_t index, const Query& query,
                                          const Key& key, const Value& value,
                                          const Emit& emit) {
  const auto [begin, end] = KeysSeen(op, index);
  const double scale = 1 / std::sqrt(static_cast<double>(op.key_dim));
  std::vector<double> probabilities;
  double most = -std::numeric_limits<double>::infinity();
  for (int64_t row = begin; row < end; ++row) {
    double score = 0;
    for (int64_t i = 0; i < op.key_dim; ++i) score += query(i) * key(row, i);
    probabilities.push_back(score * scale);
    most = std::max(most, probabilities.back());
  }
  double sum = 0;
  for (double& each : probabilities) sum += each = std::exp(each - most);
  for (double& each : probabilities) each /= sum;
  for (int64_t i = 0; i < op.value_dim; ++i) {
    double out = 0;
    for (int64_t row = begin; row < end; ++row) {
      out += probabilities[static_cast<size_t>(row - begin)] * value(row, i);
    }
    emit(i, out);
  }
  return probabilities;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_NUMERICS_H_
