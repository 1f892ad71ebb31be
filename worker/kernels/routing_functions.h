#ifndef MOEPLAN_WORKER_KERNELS_ROUTING_FUNCTIONS_H_
#define MOEPLAN_WORKER_KERNELS_ROUTING_FUNCTIONS_H_

#include <cmath>
#include <cstdint>

#include "worker/kernels/kernels.h"
#include "worker/kernels/lanes.h"
#include "worker/kernels/pack.h"
#include "worker/kernels/row_functions.h"

namespace moeplan::worker::kernels {

// The `choices` experts of largest key, the largest first, of equal ones the
// first. row.ForEach gives each expert of this lane and its key >= 0.
template <typename Lanes, typename Row>
MOEPLAN_HD void TopKRow(const Lanes& lanes, int32_t experts, int32_t choices,
                        const Row& row, int32_t* chosen) {
  constexpr int32_t kLast = 0x7fffffff;
  // What was chosen before: nothing is above the largest key.
  int32_t previous_key = kLast;
  int32_t previous = -1;
  for (int32_t j = 0; j < choices; ++j) {
    int32_t best_key = -1;
    int32_t best = kLast;
    row.ForEach([&](int32_t expert, int32_t value) {
      const bool is_open =
          value < previous_key || (value == previous_key && expert > previous);
      if (is_open && value > best_key) {
        best_key = value;
        best = expert;
      }
    });
    previous_key = lanes.Max(best_key);
    previous = lanes.Min(best_key == previous_key ? best : kLast);
    // Only of probabilities that are NaN is none left, or one beyond the row;
    // later kernels address rows by it.
    if (previous >= experts) previous = experts - 1;
    if (lanes.lane() == 0) chosen[j] = previous;
  }
}

// Keys of values >= 0 that order like them: their bits.
MOEPLAN_HD int32_t KeyOf(float value) {
  return __builtin_bit_cast(int32_t, value);
}

// This lane's values of a row, in registers: kEach of them cover the row, and
// those beyond it are 0, which never come before one of the row's.
template <int kEach, typename Lanes>
struct KeptRow {
  const Lanes& lanes;
  float values[kEach];

  template <typename Body>
  MOEPLAN_HD void ForEach(const Body& body) const {
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (int i = 0; i < kEach; ++i) {
      body(lanes.lane() + i * lanes.width(), KeyOf(values[i]));
    }
  }
};

// The same, read anew from memory each time.
template <typename Lanes>
struct StoredRow {
  const Lanes& lanes;
  int32_t count;
  const float* values;

  template <typename Body>
  MOEPLAN_HD void ForEach(const Body& body) const {
    for (int32_t at = lanes.lane(); at < count; at += lanes.width()) {
      body(at, KeyOf(values[at]));
    }
  }
};

// Softmax and top-k of one token whose logits fit kEach registers of each lane.
template <int kEach, typename Lanes>
MOEPLAN_HD void SoftmaxTopKRow(const Lanes& lanes, int32_t experts,
                               int32_t choices, const float* logits,
                               float* probabilities, int32_t* chosen) {
  KeptRow<kEach, Lanes> row = {lanes, {}};
  float most = -INFINITY;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < kEach; ++i) {
    const int32_t at = lanes.lane() + i * lanes.width();
    row.values[i] = at < experts ? logits[at] : -INFINITY;
    most = row.values[i] > most ? row.values[i] : most;
  }
  most = lanes.Max(most);
  float sum = 0;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < kEach; ++i) {
    row.values[i] = Exp(row.values[i] - most);
    sum += row.values[i];
  }
  const float inverse = 1.0f / lanes.Sum(sum);
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int i = 0; i < kEach; ++i) {
    const int32_t at = lanes.lane() + i * lanes.width();
    row.values[i] *= inverse;
    if (at < experts) probabilities[at] = row.values[i];
  }
  TopKRow(lanes, experts, choices, row, chosen);
}

// The same for any number of experts.
template <typename Lanes>
MOEPLAN_HD void SoftmaxTopKLongRow(const Lanes& lanes, int32_t experts,
                                   int32_t choices, const float* logits,
                                   float* probabilities, int32_t* chosen) {
  float most = -INFINITY;
  for (int32_t e = lanes.lane(); e < experts; e += lanes.width()) {
    most = logits[e] > most ? logits[e] : most;
  }
  most = lanes.Max(most);
  float sum = 0;
  for (int32_t e = lanes.lane(); e < experts; e += lanes.width()) {
    sum += Exp(logits[e] - most);
  }
  const float inverse = 1.0f / lanes.Sum(sum);
  for (int32_t e = lanes.lane(); e < experts; e += lanes.width()) {
    probabilities[e] = Exp(logits[e] - most) * inverse;
  }
  // Each lane reads only what it wrote.
  const StoredRow<Lanes> row = {lanes, experts, probabilities};
  TopKRow(lanes, experts, choices, row, chosen);
}

// Slot and weight of the choice that the sort brought to `slot`.
MOEPLAN_HD void InvertIndexAt(const RoutingSize& size, int64_t slot,
                              const int32_t* order, const int32_t* experts,
                              const float* probabilities, int32_t* slots,
                              float* weights) {
  const int64_t choice = order[slot];
  slots[choice] = static_cast<int32_t>(slot);
  weights[choice] =
      probabilities[choice / size.choices * size.experts + experts[choice]];
}

// Writes pack i of the tokens to the rows of its token's choices.
template <int kPack, typename T>
MOEPLAN_HD void PermutePack(const RoutingSize& size, int64_t i, const T* x,
                            const int32_t* slots, T* rows) {
  const PackPlace<kPack> place(i, size.d_model);
  const auto pack = LoadPack<kPack>(x + i * kPack);
  for (int64_t j = 0; j < size.choices; ++j) {
    const int64_t slot = slots[place.row * size.choices + j];
    StorePack(pack, rows + slot * size.d_model + place.column);
  }
}

// Pack i of the tokens: start (or 0) and the weighted sum of its rows.
template <int kPack, typename T>
MOEPLAN_HD void CombinePack(const RoutingSize& size, int64_t i, const T* rows,
                            const int32_t* slots, const float* weights,
                            const T* start, T* out) {
  const PackPlace<kPack> place(i, size.d_model);
  float sums[kPack] = {};
  if (start != nullptr) {
    const auto pack = LoadPack<kPack>(start + i * kPack);
    for (int e = 0; e < kPack; ++e) sums[e] = ToFloat(pack.values[e]);
  }
#if defined(__CUDA_ARCH__)
#pragma unroll 4
#endif
  for (int64_t j = 0; j < size.choices; ++j) {
    const int64_t choice = place.row * size.choices + j;
    const float weight = weights == nullptr ? 1.0f : weights[choice];
    const auto pack =
        LoadPack<kPack>(rows + slots[choice] * size.d_model + place.column);
    for (int e = 0; e < kPack; ++e) {
      sums[e] += weight * ToFloat(pack.values[e]);
    }
  }
  Pack<T, kPack> pack;
  for (int e = 0; e < kPack; ++e) pack.values[e] = FromFloat<T>(sums[e]);
  StorePack(pack, out + i * kPack);
}

// One choice: d_row = weight * d_out; returns the weight's gradient.
template <int kPack, typename T, typename Lanes>
MOEPLAN_HD float CombineBackwardRow(const Lanes& lanes, int64_t width,
                                    const T* d_out, const T* row, float weight,
                                    T* d_row) {
  float dot = 0;
#if defined(__CUDA_ARCH__)
#pragma unroll 2
#endif
  for (int64_t at = int64_t{kPack} * lanes.lane(); at < width;
       at += int64_t{kPack} * lanes.width()) {
    Pack<T, kPack> d = LoadPack<kPack>(d_out + at);
    const Pack<T, kPack> y = LoadPack<kPack>(row + at);
    for (int e = 0; e < kPack; ++e) {
      const float value = ToFloat(d.values[e]);
      dot += value * ToFloat(y.values[e]);
      d.values[e] = FromFloat<T>(weight * value);
    }
    StorePack(d, d_row + at);
  }
  return lanes.Sum(dot);
}

// Gradient of one token's logits: p_e (g_e - sum p g).
template <typename T, typename Lanes>
MOEPLAN_HD void SoftmaxBackwardRow(const Lanes& lanes, int32_t experts,
                                   int32_t choices, const float* probabilities,
                                   const int32_t* chosen, const float* weights,
                                   const float* weight_gradients, T* d_logits) {
  float part = 0;
  for (int32_t j = lanes.lane(); j < choices; j += lanes.width()) {
    part += weights[j] * weight_gradients[j];
  }
  const float mean = lanes.Sum(part);
  for (int32_t e = lanes.lane(); e < experts; e += lanes.width()) {
    d_logits[e] = FromFloat<T>(-mean * probabilities[e]);
  }
  // Those of chosen experts are overwritten, whichever lane wrote them.
  lanes.Sync();
  for (int32_t j = lanes.lane(); j < choices; j += lanes.width()) {
    d_logits[chosen[j]] =
        FromFloat<T>(weights[j] * (weight_gradients[j] - mean));
  }
}

}  // namespace moeplan::worker::kernels

#endif  // MOEPLAN_WORKER_KERNELS_ROUTING_FUNCTIONS_H_
