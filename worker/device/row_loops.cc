// Loops over the rows of scores, logits and caches.

#include <algorithm>
#include <cmath>

#include "worker/device/loop_code.h"
#include "worker/device/loops.h"

namespace moeplan::worker::loops {
namespace {

using loop_code::Exp;

MOEPLAN_INLINE float Largest(const float* in, int64_t count) {
  float most = in[0];
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < count; ++i) most = std::max(most, in[i]);
  return most;
}

template <typename T>
MOEPLAN_INLINE void SoftmaxLoop(const float* __restrict in, float scale,
                                T* __restrict out, int64_t count) {
  const float most = Largest(in, count);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += Exp(scale * (in[i] - most));
  const float inverse = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    out[i] = FromFloat<T>(Exp(scale * (in[i] - most)) * inverse);
  }
}

template <typename T>
MOEPLAN_INLINE void SoftmaxBackwardLoop(const T* __restrict probability,
                                        const float* __restrict d_probability,
                                        float mean, float scale,
                                        T* __restrict d_scores, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    d_scores[i] = FromFloat<T>(scale * ToFloat(probability[i]) *
                               (d_probability[i] - mean));
  }
}

// Keys whose scores stay in registers or the first cache.
constexpr int64_t kKeyBlock = 64;

template <typename T>
MOEPLAN_INLINE void DecodeScoresLoop(const T* __restrict keys,
                                     int64_t key_stride, int64_t key_count,
                                     int64_t dim,
                                     const float* __restrict queries,
                                     int64_t group, float* __restrict scores,
                                     int64_t stride) {
  for (int64_t start = 0; start < key_count; start += kKeyBlock) {
    const int64_t size = std::min(kKeyBlock, key_count - start);
    for (int64_t g = 0; g < group; ++g) {
      const float* query = queries + g * dim;
      float sums[kKeyBlock] = {};
      int64_t i = 0;
      // Four dimensions for each sum that is loaded and stored.
      for (; i + 4 <= dim; i += 4) {
        const T* __restrict row0 = keys + i * key_stride + start;
        const T* __restrict row1 = row0 + key_stride;
        const T* __restrict row2 = row1 + key_stride;
        const T* __restrict row3 = row2 + key_stride;
#pragma omp simd
        for (int64_t key = 0; key < size; ++key) {
          sums[key] += query[i] * ToFloat(row0[key]) +
                       query[i + 1] * ToFloat(row1[key]) +
                       query[i + 2] * ToFloat(row2[key]) +
                       query[i + 3] * ToFloat(row3[key]);
        }
      }
      for (; i < dim; ++i) {
        const T* __restrict row = keys + i * key_stride + start;
#pragma omp simd
        for (int64_t key = 0; key < size; ++key) {
          sums[key] += query[i] * ToFloat(row[key]);
        }
      }
      std::copy(sums, sums + size, scores + g * stride + start);
    }
  }
}

template <typename T>
MOEPLAN_INLINE void DecodeValuesLoop(const T* __restrict values,
                                     int64_t key_count, int64_t dim,
                                     const float* __restrict probability,
                                     int64_t group, int64_t stride,
                                     float* __restrict out) {
  for (int64_t i = 0; i < group * dim; ++i) out[i] = 0;
  int64_t key = 0;
  for (; key + 4 <= key_count; key += 4) {
    const T* __restrict row = values + key * dim;
    for (int64_t g = 0; g < group; ++g) {
      const float* weight = probability + g * stride + key;
      float* sum = out + g * dim;
#pragma omp simd
      for (int64_t i = 0; i < dim; ++i) {
        sum[i] += weight[0] * ToFloat(row[i]) +
                  weight[1] * ToFloat(row[i + dim]) +
                  weight[2] * ToFloat(row[i + 2 * dim]) +
                  weight[3] * ToFloat(row[i + 3 * dim]);
      }
    }
  }
  for (; key < key_count; ++key) {
    for (int64_t g = 0; g < group; ++g) {
      for (int64_t i = 0; i < dim; ++i) {
        out[g * dim + i] +=
            probability[g * stride + key] * ToFloat(values[key * dim + i]);
      }
    }
  }
}

}  // namespace

#define MOEPLAN_BOTH(T)                                                        \
  MOEPLAN_CLONES void Softmax(const float* in, float scale, T* out,            \
                              int64_t count) {                                 \
    SoftmaxLoop(in, scale, out, count);                                        \
  }                                                                            \
  MOEPLAN_CLONES void SoftmaxBackward(                                         \
      const T* probability, const float* d_probability, float mean,            \
      float scale, T* d_scores, int64_t count) {                               \
    SoftmaxBackwardLoop(probability, d_probability, mean, scale, d_scores,     \
                        count);                                                \
  }                                                                            \
  MOEPLAN_CLONES void DecodeScores(                                            \
      const T* keys, int64_t key_stride, int64_t key_count, int64_t dim,       \
      const float* queries, int64_t group, float* scores, int64_t stride) {    \
    DecodeScoresLoop(keys, key_stride, key_count, dim, queries, group, scores, \
                     stride);                                                  \
  }                                                                            \
  MOEPLAN_CLONES void DecodeValues(                                            \
      const T* values, int64_t key_count, int64_t dim,                         \
      const float* probability, int64_t group, int64_t stride, float* out) {   \
    DecodeValuesLoop(values, key_count, dim, probability, group, stride, out); \
  }

MOEPLAN_BOTH(float)
MOEPLAN_BOTH(Bf16)

#undef MOEPLAN_BOTH

MOEPLAN_CLONES float CrossEntropy(const float* __restrict logits,
                                  int64_t target, float* __restrict gradient,
                                  int64_t count) {
  const float most = Largest(logits, count);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    const float value = Exp(logits[i] - most);
    gradient[i] = value;
    sum += value;
  }
  const float inverse = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) gradient[i] *= inverse;
  gradient[target] -= 1.0f;
  return std::log(sum) + most - logits[target];
}

MOEPLAN_CLONES void SoftmaxTopK(const float* __restrict logits, int64_t tokens,
                                int64_t experts, int64_t choices,
                                float* __restrict scratch,
                                float* __restrict probabilities,
                                int32_t* __restrict chosen) {
  constexpr int64_t kLanes = kTopKTokens;
  // One row for each expert, one lane for each token.
  float most[kLanes];
  float sum[kLanes] = {};
  int32_t best[kLanes];
  for (int64_t e = 0; e < experts; ++e) {
    for (int64_t t = 0; t < kLanes; ++t) {
      scratch[e * kLanes + t] = t < tokens ? logits[t * experts + e] : 0.0f;
    }
  }
  std::copy(scratch, scratch + kLanes, most);
  for (int64_t e = 1; e < experts; ++e) {
#pragma omp simd
    for (int64_t t = 0; t < kLanes; ++t) {
      most[t] = std::max(most[t], scratch[e * kLanes + t]);
    }
  }
  for (int64_t e = 0; e < experts; ++e) {
#pragma omp simd
    for (int64_t t = 0; t < kLanes; ++t) {
      const float value = Exp(scratch[e * kLanes + t] - most[t]);
      scratch[e * kLanes + t] = value;
      sum[t] += value;
    }
  }
  for (int64_t t = 0; t < tokens; ++t) {
    const float inverse = 1.0f / sum[t];
    for (int64_t e = 0; e < experts; ++e) {
      probabilities[t * experts + e] = inverse * scratch[e * kLanes + t];
    }
  }
  for (int64_t j = 0; j < choices; ++j) {
    std::fill(most, most + kLanes, -1.0f);
    std::fill(best, best + kLanes, 0);
    for (int64_t e = 0; e < experts; ++e) {
#pragma omp simd
      for (int64_t t = 0; t < kLanes; ++t) {
        const float value = scratch[e * kLanes + t];
        best[t] = value > most[t] ? static_cast<int32_t>(e) : best[t];
        most[t] = std::max(most[t], value);
      }
    }
    for (int64_t t = 0; t < tokens; ++t) {
      chosen[t * choices + j] = best[t];
      scratch[best[t] * kLanes + t] = -1.0f;
    }
  }
}

}  // namespace moeplan::worker::loops
