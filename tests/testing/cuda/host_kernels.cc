#include "tests/testing/cuda/host_kernels.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "worker/kernels/lanes.h"
#include "worker/kernels/pack.h"
#include "worker/kernels/quantise_functions.h"
#include "worker/kernels/routing_functions.h"
#include "worker/kernels/row_functions.h"

namespace moeplan::worker {
namespace {

using kernels::OneLane;
using kernels::PackPlace;
using kernels::WithAccess;

// One lane holds all experts in registers where there are so many at most.
constexpr int64_t kMostKeptExperts = 64;
constexpr int kKeptPacks = 4;

class Host final : public Kernels {
 public:
  explicit Host(std::string wrong = {}) : wrong_(std::move(wrong)) {}

  cudaError_t FillNormal(NumberFormat format, void* out, int64_t count,
                         float scale, uint64_t seed, cudaStream_t) override {
    WithAccess(format, 1, [&](auto access) {
      using T = typename decltype(access)::Type;
      for (int64_t i = 0; i < count; ++i) {
        static_cast<T*>(out)[i] =
            FromFloat<T>(scale * kernels::NormalAt(seed, i));
      }
    });
    return cudaSuccess;
  }

  cudaError_t Poison(NumberFormat format, void* out, int64_t count,
                     cudaStream_t) override {
    WithAccess(format, 1, [&](auto access) {
      using T = typename decltype(access)::Type;
      std::fill_n(static_cast<T*>(out), count,
                  FromFloat<T>(kernels::NotANumber()));
    });
    return cudaSuccess;
  }

  cudaError_t Copy(const void* from, void* to, int64_t bytes,
                   cudaStream_t) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
    Spoil("copy", static_cast<unsigned char*>(to), bytes);
    return cudaSuccess;
  }

  cudaError_t WriteOne(float* out, cudaStream_t) override {
    *out = 1;
    Spoil("one", out, 1);
    return cudaSuccess;
  }

  cudaError_t SoftmaxTopK(const RoutingSize& size, const float* logits,
                          float* probabilities, int32_t* experts,
                          cudaStream_t) override {
    const int32_t count = static_cast<int32_t>(size.experts);
    const int32_t choices = static_cast<int32_t>(size.choices);
    for (int64_t t = 0; t < size.tokens; ++t) {
      const float* in = logits + t * size.experts;
      float* out = probabilities + t * size.experts;
      int32_t* chosen = experts + t * size.choices;
      if (size.experts <= kMostKeptExperts) {
        kernels::SoftmaxTopKRow<kMostKeptExperts>(OneLane(), count, choices, in,
                                                  out, chosen);
      } else {
        kernels::SoftmaxTopKLongRow(OneLane(), count, choices, in, out, chosen);
      }
    }
    Spoil("probabilities", probabilities, size.tokens * size.experts);
    if (wrong_ == "experts") {
      int32_t& last = experts[size.rows() - 1];
      last = (last + 1) % count;
    }
    return cudaSuccess;
  }

  cudaError_t IndexWorkspaceBytes(const RoutingSize& size,
                                  int64_t* bytes) override {
    *bytes = 2 * size.rows() * static_cast<int64_t>(sizeof(int32_t));
    return cudaSuccess;
  }

  cudaError_t InitIndexWorkspace(const RoutingSize& size, void* workspace,
                                 cudaStream_t) override {
    auto* choices = static_cast<int32_t*>(workspace);
    std::iota(choices, choices + size.rows(), 0);
    return cudaSuccess;
  }

  cudaError_t BuildIndex(const RoutingSize& size, const int32_t* experts,
                         const float* probabilities, void* workspace,
                         int32_t* slots, float* weights,
                         cudaStream_t) override {
    auto* choices = static_cast<int32_t*>(workspace);
    int32_t* order = choices + size.rows();
    std::copy_n(choices, size.rows(), order);
    std::stable_sort(order, order + size.rows(), [&](int32_t a, int32_t b) {
      return experts[a] < experts[b];
    });
    for (int64_t slot = 0; slot < size.rows(); ++slot) {
      kernels::InvertIndexAt(size, slot, order, experts, probabilities, slots,
                             weights);
    }
    Spoil("weights", weights, size.rows());
    if (wrong_ == "slots") std::swap(slots[0], slots[size.rows() - 1]);
    return cudaSuccess;
  }

  cudaError_t Permute(NumberFormat format, const RoutingSize& size,
                      const void* x, const int32_t* slots, void* rows,
                      cudaStream_t) override {
    WithAccess(
        format, size.d_model,
        [&](auto access) {
          using A = decltype(access);
          using T = typename A::Type;
          for (int64_t i = 0; i < size.tokens * size.d_model / A::kPack; ++i) {
            kernels::PermutePack<A::kPack>(size, i, static_cast<const T*>(x),
                                           slots, static_cast<T*>(rows));
          }
        },
        x, rows);
    Spoil("permuted", format, rows, size.rows() * size.d_model);
    return cudaSuccess;
  }

  cudaError_t Combine(NumberFormat format, const RoutingSize& size,
                      const void* rows, const int32_t* slots,
                      const float* weights, const void* start, void* out,
                      cudaStream_t) override {
    WithAccess(
        format, size.d_model,
        [&](auto access) {
          using A = decltype(access);
          using T = typename A::Type;
          for (int64_t i = 0; i < size.tokens * size.d_model / A::kPack; ++i) {
            kernels::CombinePack<A::kPack>(
                size, i, static_cast<const T*>(rows), slots, weights,
                static_cast<const T*>(start), static_cast<T*>(out));
          }
        },
        rows, start, out);
    Spoil("combined", format, out, size.tokens * size.d_model);
    return cudaSuccess;
  }

  cudaError_t CombineBackward(NumberFormat format, const RoutingSize& size,
                              const void* d_out, const void* rows,
                              const int32_t* slots, const float* weights,
                              void* d_rows, float* weight_gradients,
                              cudaStream_t) override {
    WithAccess(
        format, size.d_model,
        [&](auto access) {
          using A = decltype(access);
          using T = typename A::Type;
          for (int64_t i = 0; i < size.rows(); ++i) {
            const int64_t row = slots[i] * size.d_model;
            weight_gradients[i] = kernels::CombineBackwardRow<A::kPack>(
                OneLane(), size.d_model,
                static_cast<const T*>(d_out) + i / size.choices * size.d_model,
                static_cast<const T*>(rows) + row, weights[i],
                static_cast<T*>(d_rows) + row);
          }
        },
        d_out, rows, d_rows);
    Spoil("d_rows", format, d_rows, size.rows() * size.d_model);
    Spoil("weight_gradients", weight_gradients, size.rows());
    return cudaSuccess;
  }

  cudaError_t SoftmaxBackward(NumberFormat format, const RoutingSize& size,
                              const float* probabilities,
                              const int32_t* experts, const float* weights,
                              const float* weight_gradients, void* d_logits,
                              cudaStream_t) override {
    WithAccess(format, 1, [&](auto access) {
      using T = typename decltype(access)::Type;
      for (int64_t t = 0; t < size.tokens; ++t) {
        const int64_t first = t * size.choices;
        kernels::SoftmaxBackwardRow(
            OneLane(), static_cast<int32_t>(size.experts),
            static_cast<int32_t>(size.choices),
            probabilities + t * size.experts, experts + first, weights + first,
            weight_gradients + first,
            static_cast<T*>(d_logits) + t * size.experts);
      }
    });
    Spoil("d_logits", format, d_logits, size.tokens * size.experts);
    return cudaSuccess;
  }

  cudaError_t Activation(NumberFormat format, const ActivationSize& size,
                         const void* gate, const void* up, void* out,
                         cudaStream_t) override {
    WithAccess(
        format, kernels::AlignedWidth(size),
        [&](auto access) {
          using A = decltype(access);
          using T = typename A::Type;
          for (int64_t i = 0; i < size.rows * size.width / A::kPack; ++i) {
            kernels::ActivationPack<A::kPack>(
                size, i, static_cast<const T*>(gate), static_cast<const T*>(up),
                static_cast<T*>(out));
          }
        },
        gate, up, out);
    Spoil("active", format, out, size.rows * size.width);
    return cudaSuccess;
  }

  cudaError_t ActivationBackward(NumberFormat format,
                                 const ActivationSize& size, const void* gate,
                                 const void* up, const void* d_out,
                                 void* d_gate, void* d_up,
                                 cudaStream_t) override {
    WithAccess(
        format, kernels::AlignedWidth(size),
        [&](auto access) {
          using A = decltype(access);
          using T = typename A::Type;
          for (int64_t i = 0; i < size.rows * size.width / A::kPack; ++i) {
            kernels::ActivationBackwardPack<A::kPack>(
                size, i, static_cast<const T*>(gate), static_cast<const T*>(up),
                static_cast<const T*>(d_out), static_cast<T*>(d_gate),
                static_cast<T*>(d_up));
          }
        },
        gate, up, d_out, d_gate, d_up);
    const int64_t count = (size.rows - 1) * size.pitch + size.width;
    Spoil("d_gate", format, d_gate, count);
    if (up != nullptr) Spoil("d_up", format, d_up, count);
    return cudaSuccess;
  }

  cudaError_t ResidualNorm(NumberFormat format, int64_t rows, int64_t width,
                           const void* x, const void* residual, void* sum,
                           void* normed, cudaStream_t) override {
    WithAccess(
        format, width,
        [&](auto access) {
          using A = decltype(access);
          using T = typename A::Type;
          for (int64_t at = 0; at < rows * width; at += width) {
            kernels::ResidualNormRow<A::kPack, kKeptPacks>(
                OneLane(), width, static_cast<const T*>(x) + at,
                static_cast<const T*>(residual) + at, static_cast<T*>(sum) + at,
                static_cast<T*>(normed) + at);
          }
        },
        x, residual, sum, normed);
    Spoil("sum", format, sum, rows * width);
    Spoil("normed", format, normed, rows * width);
    return cudaSuccess;
  }

  cudaError_t CrossEntropy(int64_t tokens, int64_t vocabulary,
                           const float* logits, const int32_t* targets,
                           float* losses, float* gradient,
                           cudaStream_t) override {
    WithAccess(
        NumberFormat::kF32, vocabulary,
        [&](auto access) {
          for (int64_t t = 0; t < tokens; ++t) {
            losses[t] = kernels::CrossEntropyRow<decltype(access)::kPack>(
                OneLane(), vocabulary, logits + t * vocabulary, targets[t],
                gradient + t * vocabulary);
          }
        },
        logits, gradient);
    Spoil("losses", losses, tokens);
    Spoil("gradient", gradient, tokens * vocabulary);
    return cudaSuccess;
  }

  cudaError_t AdamW(const AdamStep& step, const void* gradient, float* weights,
                    float* moment1, float* moment2, void* weights_out,
                    int64_t count, cudaStream_t) override {
    const auto* g = static_cast<const Bf16*>(gradient);
    auto* out = static_cast<Bf16*>(weights_out);
    int64_t at = 0;
    for (; count % 4 == 0 && at < count; at += 4) {
      kernels::AdamWPack<4>(step, g + at, weights + at, moment1 + at,
                            moment2 + at, out + at);
    }
    for (; at < count; ++at) {
      kernels::AdamWPack<1>(step, g + at, weights + at, moment1 + at,
                            moment2 + at, out + at);
    }
    Spoil("adam_weights", weights, count);
    Spoil("moment1", moment1, count);
    Spoil("moment2", moment2, count);
    Spoil("weights_out", NumberFormat::kBf16, weights_out, count);
    return cudaSuccess;
  }

  cudaError_t AbsMax(const void* in, int64_t count, float* most,
                     cudaStream_t) override {
    WithAccess(
        NumberFormat::kBf16, count,
        [&](auto access) {
          constexpr int kPack = decltype(access)::kPack;
          constexpr int64_t kChunk = kernels::QuantisedChunk<kPack>(1);
          for (int64_t at = 0; at < count; at += kChunk) {
            const float found = kernels::AbsMaxChunk<kPack>(
                OneLane(), count - at, static_cast<const Bf16*>(in) + at);
            *most = std::max(*most, found);
          }
        },
        in);
    return cudaSuccess;
  }

  cudaError_t Quantise(const void* in, int64_t count, const float* most,
                       void* out, float* scale, cudaStream_t) override {
    *scale = kernels::ScaleOf(*most);
    WithAccess(
        NumberFormat::kBf16, count,
        [&](auto access) {
          constexpr int kPack = decltype(access)::kPack;
          constexpr int64_t kChunk = kernels::QuantisedChunk<kPack>(1);
          for (int64_t at = 0; at < count; at += kChunk) {
            kernels::QuantiseChunk<kPack>(
                OneLane(), count - at, static_cast<const Bf16*>(in) + at,
                1.0f / *scale, static_cast<uint8_t*>(out) + at);
          }
        },
        in, out);
    Spoil("quantised", static_cast<uint8_t*>(out), count);
    Spoil("scale", scale, 1);
    return cudaSuccess;
  }

  cudaError_t QuantiseTransposed(const void* in, int64_t width,
                                 const TransposedPiece* pieces,
                                 int64_t piece_count, const float* most,
                                 void* out, float* scale,
                                 cudaStream_t) override {
    if (width % 4 != 0) return cudaErrorInvalidValue;
    *scale = kernels::ScaleOf(*most);
    std::vector<uint32_t> scratch(kernels::kTransposingWords);
    for (int64_t i = 0; i < piece_count; ++i) {
      for (int64_t column = 0; column < width;
           column += kernels::kTransposedColumns) {
        kernels::QuantiseTransposedPiece(
            OneLane(), pieces[i], width, column, static_cast<const Bf16*>(in),
            1.0f / *scale, scratch.data(), static_cast<uint8_t*>(out));
      }
      const TransposedPiece& piece = pieces[i];
      Spoil("transposed", static_cast<uint8_t*>(out) + piece.to,
            (width - 1) * piece.pitch + piece.rows);
    }
    Spoil("scale", scale, 1);
    return cudaSuccess;
  }

 private:
  template <typename T>
  void Spoil(const char* output, T* values, int64_t count) const {
    if (wrong_ != output) return;
    values[count - 1] = static_cast<T>(values[count - 1] + T{10});
  }
  void Spoil(const char* output, NumberFormat format, void* values,
             int64_t count) const {
    if (format == NumberFormat::kF32) {
      Spoil(output, static_cast<float*>(values), count);
    } else if (wrong_ == output) {
      Bf16& last = static_cast<Bf16*>(values)[count - 1];
      last = FromFloat<Bf16>(ToFloat(last) + 10);
    }
  }

  const std::string wrong_;
};

}  // namespace

std::unique_ptr<Kernels> HostKernelsWithFault(const std::string& output) {
  return std::make_unique<Host>(output);
}

Kernels& HostKernels() {
  static auto* kernels = new Host();
  return *kernels;
}

}  // namespace moeplan::worker
