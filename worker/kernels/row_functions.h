#ifndef MOEPLAN_WORKER_KERNELS_ROW_FUNCTIONS_H_
#define MOEPLAN_WORKER_KERNELS_ROW_FUNCTIONS_H_

#include <cmath>
#include <cstdint>

#include "worker/device/adam_step.h"
#include "worker/device/bf16.h"
#include "worker/kernels/kernels.h"
#include "worker/kernels/pack.h"

namespace moeplan::worker::kernels {

// 64 well-mixed bits of `counter`: splitmix64 (Steele, Lea and Flood 2014).
MOEPLAN_HD uint64_t MixedBits(uint64_t counter) {
  uint64_t z = counter * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// A standard normal value made of `seed` and i, by Box and Muller: some of the
// bits give the radius and others the angle. Within 5.9.
MOEPLAN_HD float NormalAt(uint64_t seed, int64_t i) {
  const uint64_t bits =
      MixedBits(MixedBits(seed + 1) + static_cast<uint64_t>(i));
  constexpr float kUnit = 1.0f / (1 << 24);
  const float u = (static_cast<float>(bits >> 40) + 0.5f) * kUnit;
  const float v = static_cast<float>((bits >> 8) & 0xffffff) * kUnit;
#if defined(__CUDA_ARCH__)
  const float cosine = cospif(2.0f * v);
#else
  const float cosine = std::cos(6.28318531f * v);
#endif
  return std::sqrt(-2.0f * std::log(u)) * cosine;
}

// A NaN, whose upper half is one in bfloat16.
MOEPLAN_HD float NotANumber() { return __builtin_bit_cast(float, 0x7fc00000u); }

// On the device to 1e-6 for |x| up to 10.
MOEPLAN_HD float Exp(float x) {
#if defined(__CUDA_ARCH__)
  return __expf(x);
#else
  return std::exp(x);
#endif
}

// To the last two bits on the device; b within 2^126.
MOEPLAN_HD float Quotient(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdividef(a, b);
#else
  return a / b;
#endif
}

MOEPLAN_HD float Sigmoid(float x) { return Quotient(1.0f, 1.0f + Exp(-x)); }

// out = silu(gate) * up.
template <typename T, int kPack>
MOEPLAN_HD Pack<T, kPack> Gated(const Pack<T, kPack>& gate,
                                const Pack<T, kPack>& up) {
  Pack<T, kPack> out;
  for (int i = 0; i < kPack; ++i) {
    const float g = ToFloat(gate.values[i]);
    out.values[i] = FromFloat<T>(g * Sigmoid(g) * ToFloat(up.values[i]));
  }
  return out;
}

// out = silu(in).
template <typename T, int kPack>
MOEPLAN_HD Pack<T, kPack> Silu(const Pack<T, kPack>& in) {
  Pack<T, kPack> out;
  for (int i = 0; i < kPack; ++i) {
    const float x = ToFloat(in.values[i]);
    out.values[i] = FromFloat<T>(x * Sigmoid(x));
  }
  return out;
}

// Replaces gate and up by their gradients, given that of Gated.
template <typename T, int kPack>
MOEPLAN_HD void GatedBackward(const Pack<T, kPack>& d_out, Pack<T, kPack>& gate,
                              Pack<T, kPack>& up) {
  for (int i = 0; i < kPack; ++i) {
    const float g = ToFloat(gate.values[i]);
    const float u = ToFloat(up.values[i]);
    const float d = ToFloat(d_out.values[i]);
    const float s = Sigmoid(g);
    up.values[i] = FromFloat<T>(d * g * s);
    gate.values[i] = FromFloat<T>(d * u * s * (1.0f + g * (1.0f - s)));
  }
}

// Replaces `in` by its gradient, given that of Silu.
template <typename T, int kPack>
MOEPLAN_HD void SiluBackward(const Pack<T, kPack>& d_out, Pack<T, kPack>& in) {
  for (int i = 0; i < kPack; ++i) {
    const float x = ToFloat(in.values[i]);
    const float s = Sigmoid(x);
    in.values[i] =
        FromFloat<T>(ToFloat(d_out.values[i]) * s * (1.0f + x * (1.0f - s)));
  }
}

// Where pack i of a matrix of `width` columns begins.
template <int kPack>
struct PackPlace {
  MOEPLAN_HD PackPlace(int64_t i, int64_t width)
      : row(i / (width / kPack)), column((i - row * (width / kPack)) * kPack) {}
  int64_t row;
  int64_t column;
};

// What all rows' begins are multiples of where the width of an access is.
MOEPLAN_HD int64_t AlignedWidth(const ActivationSize& size) {
  return size.rows == 1 ? size.width : (size.width | size.pitch);
}

// Pack i of an activation's output.
template <int kPack, typename T>
MOEPLAN_HD void ActivationPack(const ActivationSize& size, int64_t i,
                               const T* gate, const T* up, T* out) {
  const PackPlace<kPack> place(i, size.width);
  const int64_t at = place.row * size.pitch + place.column;
  const auto g = LoadPack<kPack>(gate + at);
  if (up == nullptr) {
    StorePack(Silu(g), out + i * kPack);
  } else {
    StorePack(Gated(g, LoadPack<kPack>(up + at)), out + i * kPack);
  }
}

// The gradients by that of pack i of its output.
template <int kPack, typename T>
MOEPLAN_HD void ActivationBackwardPack(const ActivationSize& size, int64_t i,
                                       const T* gate, const T* up,
                                       const T* d_out, T* d_gate, T* d_up) {
  const PackPlace<kPack> place(i, size.width);
  const int64_t at = place.row * size.pitch + place.column;
  auto g = LoadPack<kPack>(gate + at);
  const auto d = LoadPack<kPack>(d_out + i * kPack);
  if (up == nullptr) {
    SiluBackward(d, g);
  } else {
    auto u = LoadPack<kPack>(up + at);
    GatedBackward(d, g, u);
    StorePack(u, d_up + at);
  }
  StorePack(g, d_gate + at);
}

// sum = x + residual; normed = sum / sqrt(mean(sum^2) + 1e-6). The first kKept
// packs of each lane stay in registers between the two passes; the others are
// read again.
template <int kPack, int kKept, typename T, typename Lanes>
MOEPLAN_HD void ResidualNormRow(const Lanes& lanes, int64_t width, const T* x,
                                const T* residual, T* sum, T* normed) {
  const int64_t first = int64_t{kPack} * lanes.lane();
  const int64_t step = int64_t{kPack} * lanes.width();
  float squares = 0;
  const auto add = [&](Pack<T, kPack> pack, const Pack<T, kPack>& other,
                       int64_t at) {
    for (int i = 0; i < kPack; ++i) {
      const float value = ToFloat(pack.values[i]) + ToFloat(other.values[i]);
      squares += value * value;
      pack.values[i] = FromFloat<T>(value);
    }
    StorePack(pack, sum + at);
    return pack;
  };
  // All loads come before the first store, which they would wait for.
  Pack<T, kPack> kept[kKept];
  Pack<T, kPack> added[kKept];
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int j = 0; j < kKept; ++j) {
    const int64_t at = first + j * step;
    if (at < width) {
      kept[j] = LoadPack<kPack>(x + at);
      added[j] = LoadPack<kPack>(residual + at);
    }
  }
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int j = 0; j < kKept; ++j) {
    const int64_t at = first + j * step;
    if (at < width) kept[j] = add(kept[j], added[j], at);
  }
  for (int64_t at = first + kKept * step; at < width; at += step) {
    add(LoadPack<kPack>(x + at), LoadPack<kPack>(residual + at), at);
  }
  const float mean = lanes.Sum(squares) / static_cast<float>(width);
  const float scale = 1.0f / std::sqrt(mean + 1e-6f);
  const auto write = [&](Pack<T, kPack> pack, int64_t at) {
    for (int i = 0; i < kPack; ++i) {
      pack.values[i] = FromFloat<T>(ToFloat(pack.values[i]) * scale);
    }
    StorePack(pack, normed + at);
  };
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int j = 0; j < kKept; ++j) {
    const int64_t at = first + j * step;
    if (at < width) write(kept[j], at);
  }
  for (int64_t at = first + kKept * step; at < width; at += step) {
    write(LoadPack<kPack>(sum + at), at);
  }
}

// Returns the loss -log softmax(logits)[target] and writes its gradient by the
// logits, softmax(logits) - (1 at target). Reads the logits twice.
template <int kPack, typename Lanes>
MOEPLAN_HD float CrossEntropyRow(const Lanes& lanes, int64_t count,
                                 const float* logits, int32_t target,
                                 float* gradient) {
  const int64_t first = int64_t{kPack} * lanes.lane();
  const int64_t step = int64_t{kPack} * lanes.width();
  // Of what this lane has read; the sum is relative to the largest.
  float largest = -INFINITY;
  float sum = 0;
  for (int64_t at = first; at < count; at += step) {
    const Pack<float, kPack> pack = LoadPack<kPack>(logits + at);
    float most = largest;
    for (int i = 0; i < kPack; ++i) {
      most = pack.values[i] > most ? pack.values[i] : most;
    }
    sum *= Exp(largest - most);
    for (int i = 0; i < kPack; ++i) sum += Exp(pack.values[i] - most);
    largest = most;
  }
  const float most = lanes.Max(largest);
  const float total = lanes.Sum(sum * Exp(largest - most));
  const float inverse = 1.0f / total;
  for (int64_t at = first; at < count; at += step) {
    Pack<float, kPack> pack = LoadPack<kPack>(logits + at);
    for (int i = 0; i < kPack; ++i) {
      pack.values[i] = Exp(pack.values[i] - most) * inverse -
                       (at + i == target ? 1.0f : 0.0f);
    }
    StorePack(pack, gradient + at);
  }
  return std::log(total) + most - logits[target];
}

// One parameter's step: weight and moments are replaced.
MOEPLAN_HD void AdamWElement(const AdamStep& step, float gradient,
                             float& weight, float& moment1, float& moment2) {
  moment1 = step.beta1 * moment1 + (1.0f - step.beta1) * gradient;
  moment2 = step.beta2 * moment2 + (1.0f - step.beta2) * gradient * gradient;
  const float update =
      Quotient(moment1 * step.correction1,
               std::sqrt(moment2 * step.correction2) + step.epsilon);
  weight -= step.learning_rate * (update + step.weight_decay * weight);
}

template <int kPack>
MOEPLAN_HD void AdamWPack(const AdamStep& step, const Bf16* gradient,
                          float* weights, float* moment1, float* moment2,
                          Bf16* weights_out) {
  const Pack<Bf16, kPack> g = LoadPack<kPack>(gradient);
  Pack<float, kPack> w = LoadPack<kPack>(weights);
  Pack<float, kPack> m = LoadPack<kPack>(moment1);
  Pack<float, kPack> v = LoadPack<kPack>(moment2);
  Pack<Bf16, kPack> copy;
  for (int i = 0; i < kPack; ++i) {
    AdamWElement(step, ToFloat(g.values[i]), w.values[i], m.values[i],
                 v.values[i]);
    copy.values[i] = FromFloat<Bf16>(w.values[i]);
  }
  StorePack(w, weights);
  StorePack(m, moment1);
  StorePack(v, moment2);
  StorePack(copy, weights_out);
}

}  // namespace moeplan::worker::kernels

#endif  // MOEPLAN_WORKER_KERNELS_ROW_FUNCTIONS_H_
