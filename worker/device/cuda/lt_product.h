#ifndef MOEPLAN_WORKER_DEVICE_CUDA_LT_PRODUCT_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_LT_PRODUCT_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/calibration/operation.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// C (m x n) = A (m x k) B (k x n), all row-major and dense, m, n, k >= 1. A
// transposed operand is stored as its transpose. As ProductSpec of the CPU.
// Sums are taken in 32 bits, never in TF32.
struct LtProductSpec {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transposed_a = false;
  bool transposed_b = false;
  NumberFormat in = NumberFormat::kBf16;   // of A and B
  NumberFormat out = NumberFormat::kBf16;  // of C
  // Products of the same sizes, run by one call; the operands of each lie
  // behind those of the one before.
  int64_t batch = 1;
  // Of operands in e4m3, whose sums tensor cores then keep in fewer than 32
  // bits, as frameworks let them in forward passes.
  bool fast_sums = false;

  // clang-tidy 14 sees a null pointer in it.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  auto operator<=>(const LtProductSpec&) const = default;
};

// What n and k of products in e4m3 are multiples of.
inline constexpr int64_t kE4m3Step = 16;
constexpr int64_t UpToE4m3Step(int64_t size) {
  return (size + kE4m3Step - 1) / kE4m3Step * kE4m3Step;
}

// Whether the device's tensor cores do: from Ada on.
inline bool MultipliesE4m3(const CudaContext& context) {
  return context.compute_capability() >= 89;
}

// By what operands in e4m3 are multiplied: floats in the device's memory, which
// are read when the product runs.
struct LtScales {
  const float* a = nullptr;
  const float* b = nullptr;
};

// A matrix product by cuBLASLt, whose algorithm was chosen when it was made.
class LtProduct {
 public:
  virtual ~LtProduct() = default;
  // Pointers are aligned as the rows of their matrices are, to 256 bytes where
  // these are. `workspace` holds workspace_bytes(); two runs at a time never
  // share one. Errors: INVALID_ARGUMENT a pointer that is not aligned, or
  // operands in e4m3 without scales; UNIMPLEMENTED, INTERNAL as cuBLASLt
  // answers; those of CudaContext::ToStatus.
  absl::Status Enqueue(const void* a, const void* b, void* c, void* workspace,
                       cudaStream_t stream, const LtScales& scales = {}) const {
    return Run(a, b, c, workspace, stream, scales);
  }
  virtual int64_t workspace_bytes() const = 0;
  // Of the tiles that the algorithm computes, whole ones also at the edges, 2
  // per multiply-add; absent where cuBLASLt does not tell its tile.
  virtual std::optional<double> executed_flops() const = 0;

 private:
  virtual absl::Status Run(const void* a, const void* b, void* c,
                           void* workspace, cudaStream_t stream,
                           const LtScales& scales) const = 0;
};

// Products are made once for each spec and live as long as their LtProducts.
// The algorithm is the first that the heuristic answers and that no known bug
// forbids, as frameworks take it; nothing is tuned by time. Heuristics are
// asked here and never while a stream is captured, which cuBLAS 13.5.1 answers
// with an error that breaks the capture.
class LtProducts {
 public:
  explicit LtProducts(CudaContext& context);
  ~LtProducts();
  LtProducts(const LtProducts&) = delete;
  LtProducts& operator=(const LtProducts&) = delete;

  // Errors: UNIMPLEMENTED where cuBLASLt is missing, has no algorithm, or is
  // known to compute these sizes wrongly, and for products in e4m3 unless both
  // operands lie along k (A is stored as it is and B as its transpose), n and k
  // are multiples of kE4m3Step and C is in bf16; INVALID_ARGUMENT for sizes
  // < 1.
  absl::StatusOr<const LtProduct*> ProductOf(const LtProductSpec& spec);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// How the products of all experts run.
enum class GroupedRoute {
  kStreams,    // "lt_streams": one product per expert, on forked streams
  kOneStream,  // "lt_one_stream": the same without forking
  kStrided,    // "lt_strided": one strided batch; equal rows only
  kDense,      // "lt_dense": one product of all rows by the first matrix
};

// "lt_streams" and so on.
absl::string_view NameOf(GroupedRoute route);
// The route of this name, the first for ""; UNIMPLEMENTED for any other.
absl::StatusOr<GroupedRoute> GroupedRouteOf(absl::string_view name);

// The matrix products of all experts. Rows lie together expert by expert;
// weights are in_width x out_width each.
//   pass             a               b                  c
//   forward          rows (in)       weights            rows (out)
//   input gradient   rows (out)      weights            rows (in)
//   weight gradient  rows (in)       rows (out)         weights
// An expert without rows runs nothing; its weight gradient is zeroed.
// In e4m3, a and b are the operands that a product along k takes, stored so:
//   forward          rows (in)                  weights transposed
//   input gradient   rows (out)                 weights
//   weight gradient  rows (in) transposed       rows (out) transposed
// each expert's for itself, transposed rows with zeros behind them up to a
// multiple of kE4m3Step; c is in bf16, and only the forward pass has fast sums.
class LtGroupedProduct {
 public:
  // Holds its own workspaces. Errors: as ProductOf; RESOURCE_EXHAUSTED where
  // they do not fit; UNIMPLEMENTED for kStrided where experts' rows differ.
  static absl::StatusOr<LtGroupedProduct> Create(const GroupedGemm& op,
                                                 NumberFormat format,
                                                 GroupedRoute route,
                                                 LtProducts& products,
                                                 CudaContext& context);
  LtGroupedProduct(LtGroupedProduct&&) noexcept;
  LtGroupedProduct& operator=(LtGroupedProduct&&) noexcept;
  ~LtGroupedProduct();

  // May be captured: side streams are forked from `stream` and joined to it.
  absl::Status Enqueue(const void* a, const void* b, void* c,
                       cudaStream_t stream, const LtScales& scales = {}) const;
  int64_t workspace_bytes() const;
  std::optional<double> executed_flops() const;

 private:
  class Impl;
  explicit LtGroupedProduct(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_LT_PRODUCT_H_
