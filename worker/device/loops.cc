#include "worker/device/loops.h"

#include <algorithm>
#include <cmath>

#include "worker/device/loop_code.h"

namespace moeplan::worker::loops {
namespace {

using loop_code::Sigmoid;

// Elements of a row between two of the row before.
constexpr int64_t kStep = 128;
// Elements whose sums fit the first cache.
constexpr int64_t kChunk = 512;

template <typename T>
MOEPLAN_INLINE void GatedForwardLoop(const T* __restrict gate,
                                     const T* __restrict up, T* __restrict out,
                                     int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float g = ToFloat(gate[i]);
    out[i] = FromFloat<T>(g * Sigmoid(g) * ToFloat(up[i]));
  }
}

template <typename T>
MOEPLAN_INLINE void GatedBackwardLoop(const T* __restrict gate,
                                      const T* __restrict up,
                                      const T* __restrict d_out,
                                      T* __restrict d_gate, T* __restrict d_up,
                                      int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float g = ToFloat(gate[i]);
    const float s = Sigmoid(g);
    const float d = ToFloat(d_out[i]);
    d_up[i] = FromFloat<T>(d * g * s);
    d_gate[i] = FromFloat<T>(d * ToFloat(up[i]) * s * (1.0f + g * (1.0f - s)));
  }
}

template <typename T>
MOEPLAN_INLINE void SiluForwardLoop(const T* __restrict in, T* __restrict out,
                                    int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float x = ToFloat(in[i]);
    out[i] = FromFloat<T>(x * Sigmoid(x));
  }
}

template <typename T>
MOEPLAN_INLINE void SiluBackwardLoop(const T* __restrict in,
                                     const T* __restrict d_out,
                                     T* __restrict d_in, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float x = ToFloat(in[i]);
    const float s = Sigmoid(x);
    d_in[i] = FromFloat<T>(ToFloat(d_out[i]) * s * (1.0f + x * (1.0f - s)));
  }
}

template <typename T>
MOEPLAN_INLINE float AddAndSquare(const T* __restrict x,
                                  const T* __restrict residual,
                                  T* __restrict sum, int64_t count) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < count; ++i) {
    const float value = ToFloat(x[i]) + ToFloat(residual[i]);
    sum[i] = FromFloat<T>(value);
    squares += value * value;
  }
  return squares;
}

template <typename T>
MOEPLAN_INLINE void Scale(const T* __restrict in, float scale,
                          T* __restrict out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    out[i] = FromFloat<T>(ToFloat(in[i]) * scale);
  }
}

// Each row is scaled while the next one is summed, so that memory is read and
// written all the time.
template <typename T>
MOEPLAN_INLINE void ResidualNormLoop(const T* x, const T* residual, T* sum,
                                     T* normed, int64_t row_count,
                                     int64_t count) {
  float scale = 0;
  for (int64_t row = 0; row <= row_count; ++row) {
    float squares = 0;
    for (int64_t start = 0; start < count; start += kStep) {
      const int64_t size = std::min(kStep, count - start);
      const int64_t at = row * count + start;
      if (row < row_count) {
        squares += AddAndSquare(x + at, residual + at, sum + at, size);
      }
      if (row > 0) Scale(sum + at - count, scale, normed + at - count, size);
    }
    scale = 1.0f / std::sqrt(squares / static_cast<float>(count) + 1e-6f);
  }
}

template <typename T>
MOEPLAN_INLINE void WeightedSumLoop(const T* const* rows, const float* weights,
                                    int64_t row_count, T* out, int64_t count) {
  float sums[kChunk];
  for (int64_t start = 0; start < count; start += kChunk) {
    const int64_t size = std::min(kChunk, count - start);
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) sums[i] = 0;
    for (int64_t j = 0; j < row_count; ++j) {
      const T* __restrict row = rows[j] + start;
      const float weight = weights[j];
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) sums[i] += weight * ToFloat(row[i]);
    }
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) {
      out[start + i] = FromFloat<T>(sums[i]);
    }
  }
}

template <typename T>
MOEPLAN_INLINE float CombineBackwardLoop(const T* __restrict d_out,
                                         const T* __restrict y, float weight,
                                         T* __restrict d_y, int64_t count) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < count; ++i) {
    const float d = ToFloat(d_out[i]);
    dot += d * ToFloat(y[i]);
    d_y[i] = FromFloat<T>(weight * d);
  }
  return dot;
}

template <typename T>
MOEPLAN_INLINE void ScaleLoop(const float* __restrict in, float scale,
                              T* __restrict out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) out[i] = FromFloat<T>(scale * in[i]);
}

template <typename T>
MOEPLAN_INLINE float DotLoop(const T* __restrict a, const T* __restrict b,
                             int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += ToFloat(a[i]) * ToFloat(b[i]);
  return sum;
}

template <typename T>
MOEPLAN_INLINE void AddLoop(const T* __restrict in, T* __restrict sum,
                            int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    sum[i] = FromFloat<T>(ToFloat(sum[i]) + ToFloat(in[i]));
  }
}

}  // namespace

#define MOEPLAN_BOTH(T)                                                       \
  MOEPLAN_CLONES void GatedForward(const T* gate, const T* up, T* out,        \
                                   int64_t count) {                           \
    GatedForwardLoop(gate, up, out, count);                                   \
  }                                                                           \
  MOEPLAN_CLONES void GatedBackward(const T* gate, const T* up,               \
                                    const T* d_out, T* d_gate, T* d_up,       \
                                    int64_t count) {                          \
    GatedBackwardLoop(gate, up, d_out, d_gate, d_up, count);                  \
  }                                                                           \
  MOEPLAN_CLONES void SiluForward(const T* in, T* out, int64_t count) {       \
    SiluForwardLoop(in, out, count);                                          \
  }                                                                           \
  MOEPLAN_CLONES void SiluBackward(const T* in, const T* d_out, T* d_in,      \
                                   int64_t count) {                           \
    SiluBackwardLoop(in, d_out, d_in, count);                                 \
  }                                                                           \
  MOEPLAN_CLONES void ResidualNorm(const T* x, const T* residual, T* sum,     \
                                   T* normed, int64_t row_count,              \
                                   int64_t count) {                           \
    ResidualNormLoop(x, residual, sum, normed, row_count, count);             \
  }                                                                           \
  MOEPLAN_CLONES void WeightedSum(const T* const* rows, const float* weights, \
                                  int64_t row_count, T* out, int64_t count) { \
    WeightedSumLoop(rows, weights, row_count, out, count);                    \
  }                                                                           \
  MOEPLAN_CLONES float CombineBackward(const T* d_out, const T* y,            \
                                       float weight, T* d_y, int64_t count) { \
    return CombineBackwardLoop(d_out, y, weight, d_y, count);                 \
  }                                                                           \
  MOEPLAN_CLONES void ScaleInto(const float* in, float scale, T* out,         \
                                int64_t count) {                              \
    ScaleLoop(in, scale, out, count);                                         \
  }                                                                           \
  MOEPLAN_CLONES float Dot(const T* a, const T* b, int64_t count) {           \
    return DotLoop(a, b, count);                                              \
  }                                                                           \
  MOEPLAN_CLONES void AddInto(const T* in, T* sum, int64_t count) {           \
    AddLoop(in, sum, count);                                                  \
  }

MOEPLAN_BOTH(float)
MOEPLAN_BOTH(Bf16)

#undef MOEPLAN_BOTH

MOEPLAN_CLONES void AdamW(const AdamStep& step, const Bf16* __restrict gradient,
                          float* __restrict weights, float* __restrict moment1,
                          float* __restrict moment2,
                          Bf16* __restrict weights_out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float g = ToFloat(gradient[i]);
    const float m = step.beta1 * moment1[i] + (1.0f - step.beta1) * g;
    const float v = step.beta2 * moment2[i] + (1.0f - step.beta2) * g * g;
    const float update =
        m * step.correction1 / (std::sqrt(v * step.correction2) + step.epsilon);
    const float w = weights[i] - step.learning_rate *
                                     (update + step.weight_decay * weights[i]);
    moment1[i] = m;
    moment2[i] = v;
    weights[i] = w;
    weights_out[i] = FromFloat<Bf16>(w);
  }
}

}  // namespace moeplan::worker::loops
