#ifndef MOEPLAN_WORKER_DEVICE_LOOPS_H_
#define MOEPLAN_WORKER_DEVICE_LOOPS_H_

#include <cstdint>

#include "worker/device/adam_step.h"
#include "worker/device/buffer.h"

namespace moeplan::worker::loops {

// The inner loops of memory-bound operations, compiled for several widths of
// vectors and chosen by the processor when the program starts. Each exists for
// 32-bit floats and bfloat16, computes in 32 bits, and takes arrays that do not
// overlap. `count` is in elements.

// out = silu(gate) * up.
void GatedForward(const float* gate, const float* up, float* out,
                  int64_t count);
void GatedForward(const Bf16* gate, const Bf16* up, Bf16* out, int64_t count);

// Gradients of GatedForward by its output's.
void GatedBackward(const float* gate, const float* up, const float* d_out,
                   float* d_gate, float* d_up, int64_t count);
void GatedBackward(const Bf16* gate, const Bf16* up, const Bf16* d_out,
                   Bf16* d_gate, Bf16* d_up, int64_t count);

// out = silu(in), and its gradient.
void SiluForward(const float* in, float* out, int64_t count);
void SiluForward(const Bf16* in, Bf16* out, int64_t count);
void SiluBackward(const float* in, const float* d_out, float* d_in,
                  int64_t count);
void SiluBackward(const Bf16* in, const Bf16* d_out, Bf16* d_in, int64_t count);

// For each row: sum = x + residual; normed = sum / sqrt(mean(sum^2) + 1e-6).
void ResidualNorm(const float* x, const float* residual, float* sum,
                  float* normed, int64_t row_count, int64_t count);
void ResidualNorm(const Bf16* x, const Bf16* residual, Bf16* sum, Bf16* normed,
                  int64_t row_count, int64_t count);

// out = sum over j of weights[j] * rows[j]; `out` may be one of the rows.
void WeightedSum(const float* const* rows, const float* weights,
                 int64_t row_count, float* out, int64_t count);
void WeightedSum(const Bf16* const* rows, const float* weights,
                 int64_t row_count, Bf16* out, int64_t count);

// d_y = weight * d_out; returns the sum of y * d_out, the weight's gradient.
float CombineBackward(const float* d_out, const float* y, float weight,
                      float* d_y, int64_t count);
float CombineBackward(const Bf16* d_out, const Bf16* y, float weight, Bf16* d_y,
                      int64_t count);

// out = scale * in.
void ScaleInto(const float* in, float scale, float* out, int64_t count);
void ScaleInto(const float* in, float scale, Bf16* out, int64_t count);

// out = softmax(scale * in).
void Softmax(const float* in, float scale, float* out, int64_t count);
void Softmax(const float* in, float scale, Bf16* out, int64_t count);

// d_scores = scale * probability * (d_probability - mean).
void SoftmaxBackward(const float* probability, const float* d_probability,
                     float mean, float scale, float* d_scores, int64_t count);
void SoftmaxBackward(const Bf16* probability, const float* d_probability,
                     float mean, float scale, Bf16* d_scores, int64_t count);

// Sum of a * b.
float Dot(const float* a, const float* b, int64_t count);
float Dot(const Bf16* a, const Bf16* b, int64_t count);

// sum += in.
void AddInto(const float* in, float* sum, int64_t count);
void AddInto(const Bf16* in, Bf16* sum, int64_t count);

// scores[g * stride + key] = sum over i of queries[g * dim + i] *
// keys[i * key_stride + key] for `group` queries: keys lie dimension by
// dimension, so that neighbouring keys fill a vector.
void DecodeScores(const float* keys, int64_t key_stride, int64_t key_count,
                  int64_t dim, const float* queries, int64_t group,
                  float* scores, int64_t stride);
void DecodeScores(const Bf16* keys, int64_t key_stride, int64_t key_count,
                  int64_t dim, const float* queries, int64_t group,
                  float* scores, int64_t stride);

// out[g] = sum over keys of probability[g * stride + key] * values[key].
void DecodeValues(const float* values, int64_t key_count, int64_t dim,
                  const float* probability, int64_t group, int64_t stride,
                  float* out);
void DecodeValues(const Bf16* values, int64_t key_count, int64_t dim,
                  const float* probability, int64_t group, int64_t stride,
                  float* out);

// Tokens that SoftmaxTopK takes at once, one in each lane of a vector.
inline constexpr int64_t kTopKTokens = 16;

// For each of `tokens` <= kTopKTokens rows of logits: the probabilities of all
// experts, and the `choices` most probable experts, the first first. `scratch`
// holds experts * kTopKTokens floats.
void SoftmaxTopK(const float* logits, int64_t tokens, int64_t experts,
                 int64_t choices, float* scratch, float* probabilities,
                 int32_t* chosen);

// Loss of one token (nats) and its gradient by the logits.
float CrossEntropy(const float* logits, int64_t target, float* gradient,
                   int64_t count);

// One step of AdamW: gradient in bf16, weights and moments in 32 bits, and the
// weights once more in bf16 for the next forward pass.
void AdamW(const AdamStep& step, const Bf16* gradient, float* weights,
           float* moment1, float* moment2, Bf16* weights_out, int64_t count);

}  // namespace moeplan::worker::loops

#endif  // MOEPLAN_WORKER_DEVICE_LOOPS_H_
