#ifndef MOEPLAN_WORKER_DEVICE_ROUTING_LOOPS_H_
#define MOEPLAN_WORKER_DEVICE_ROUTING_LOOPS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/calibration/operation.h"
#include "worker/device/buffer.h"
#include "worker/device/loops.h"

namespace moeplan::worker {

// Sends tokens to experts and brings back what those computed, on the CPU.
// Choice j of token t is index t * experts_per_token + j; its row among those
// that the experts compute on, which lie together expert by expert, is its
// slot. A choice's weight is the softmax probability of its expert.
template <typename T>
class RoutingLoops {
 public:
  explicit RoutingLoops(const Routing& op)
      : op_(op),
        choices_(static_cast<size_t>(op.tokens * op.experts_per_token)),
        probabilities_(op.tokens * op.experts),
        scratch_(op.experts * loops::kTopKTokens),
        experts_(choices_),
        slots_(choices_),
        weights_(choices_),
        weight_gradients_(choices_) {}

  int64_t rows() const { return static_cast<int64_t>(choices_); }

  // Probabilities of all experts, and the most probable ones of each token.
  void SoftmaxAndTopK(const float* logits) {
    for (int64_t t = 0; t < op_.tokens; t += loops::kTopKTokens) {
      loops::SoftmaxTopK(logits + t * op_.experts,
                         std::min(loops::kTopKTokens, op_.tokens - t),
                         op_.experts, op_.experts_per_token, scratch_.data(),
                         probabilities_.data() + t * op_.experts,
                         experts_.data() + t * op_.experts_per_token);
    }
  }

  // Replaces what was chosen, so that experts receive given rows.
  void Force(const std::vector<int32_t>& experts) {
    std::copy(experts.begin(), experts.end(), experts_.begin());
  }

  // Weights and slots of the chosen experts.
  void BuildIndex() {
    const size_t experts = static_cast<size_t>(op_.experts);
    const size_t k = static_cast<size_t>(op_.experts_per_token);
    next_.assign(experts + 1, 0);
    for (const int32_t e : experts_) ++next_[static_cast<size_t>(e) + 1];
    for (size_t e = 0; e < experts; ++e) next_[e + 1] += next_[e];
    for (size_t i = 0; i < choices_; ++i) {
      const size_t e = static_cast<size_t>(experts_[i]);
      weights_[i] = probabilities_[i / k * experts + e];
      slots_[i] = next_[e]++;
    }
  }

  // rows_out[slot] = x[token].
  void Permute(const T* x, T* rows_out) const {
    const int64_t d = op_.d_model;
    for (int64_t i = 0; i < rows(); ++i) {
      const T* from = x + i / op_.experts_per_token * d;
      std::copy(from, from + d, rows_out + slots_[static_cast<size_t>(i)] * d);
    }
  }

  // out[token] = sum of its choices' weight * y[slot].
  void Combine(const T* y, T* out) const {
    GatherSums(y, weights_.data(), nullptr, out);
  }

  // d_y[slot] = weight * d_out[token], and the weights' gradients.
  void CombineBackward(const T* d_out, const T* y, T* d_y) {
    const int64_t d = op_.d_model;
    for (int64_t i = 0; i < rows(); ++i) {
      const size_t at = static_cast<size_t>(i);
      const int64_t row = slots_[at] * d;
      weight_gradients_[at] =
          loops::CombineBackward(d_out + i / op_.experts_per_token * d, y + row,
                                 weights_[at], d_y + row, d);
    }
  }

  // Gradient of the logits; d logit_e = p_e (g_e - sum p g), with g the
  // gradients of the chosen weights and 0 for the others.
  void SoftmaxBackward(T* d_logits) const {
    const size_t experts = static_cast<size_t>(op_.experts);
    const size_t k = static_cast<size_t>(op_.experts_per_token);
    for (size_t t = 0; t < static_cast<size_t>(op_.tokens); ++t) {
      const float* p = probabilities_.data() + t * experts;
      T* out = d_logits + t * experts;
      float mean = 0;
      for (size_t i = t * k; i < (t + 1) * k; ++i) {
        mean += weights_[i] * weight_gradients_[i];
      }
      loops::ScaleInto(p, -mean, out, op_.experts);
      for (size_t i = t * k; i < (t + 1) * k; ++i) {
        out[static_cast<size_t>(experts_[i])] =
            FromFloat<T>(weights_[i] * (weight_gradients_[i] - mean));
      }
    }
  }

  // d_x[token] = sum of its choices' d_rows[slot], added to what is there
  // already where `accumulate`.
  void PermuteBackward(const T* d_rows, bool accumulate, T* d_x) const {
    GatherSums(d_rows, nullptr, accumulate ? d_x : nullptr, d_x);
  }

  const std::vector<int32_t>& experts() const { return experts_; }
  const std::vector<int64_t>& slots() const { return slots_; }
  const std::vector<float>& weights() const { return weights_; }
  const Buffer<float>& probabilities() const { return probabilities_; }
  void PoisonState() {
    Poison(probabilities_);
    std::fill(weights_.begin(), weights_.end(), -1.0f);
  }
  int64_t bytes() const {
    return probabilities_.bytes() +
           rows() * static_cast<int64_t>(sizeof(int32_t) + sizeof(int64_t) +
                                         2 * sizeof(float));
  }

 private:
  void GatherSums(const T* from, const float* weights, const T* start,
                  T* out) const {
    const size_t k = static_cast<size_t>(op_.experts_per_token);
    const size_t d = static_cast<size_t>(op_.d_model);
    std::vector<const T*> sources(k + 1);
    const std::vector<float> ones(k + 1, 1.0f);
    for (size_t t = 0; t < static_cast<size_t>(op_.tokens); ++t) {
      for (size_t j = 0; j < k; ++j) {
        sources[j] = from + static_cast<size_t>(slots_[t * k + j]) * d;
      }
      int64_t count = op_.experts_per_token;
      if (start != nullptr) {
        sources[k] = start + t * d;
        ++count;
      }
      loops::WeightedSum(sources.data(),
                         weights == nullptr ? ones.data() : weights + t * k,
                         count, out + t * d, op_.d_model);
    }
  }

  const Routing op_;
  const size_t choices_;
  Buffer<float> probabilities_;
  Buffer<float> scratch_;
  std::vector<int32_t> experts_;
  std::vector<int64_t> slots_;
  std::vector<int64_t> next_;
  std::vector<float> weights_;
  std::vector<float> weight_gradients_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_ROUTING_LOOPS_H_
