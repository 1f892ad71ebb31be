#ifndef MOEPLAN_WORKER_DEVICE_CPU_OPERATION_H_
#define MOEPLAN_WORKER_DEVICE_CPU_OPERATION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/bench/case.h"
#include "worker/device/device.h"
#include "worker/device/dnnl.h"

namespace moeplan::worker {

// One operation with one set of operands in the CPU's memory.
class CpuOperation {
 public:
  virtual ~CpuOperation() = default;

  virtual std::string backend() const = 0;
  virtual void Run() = 0;
  // Overwrites all outputs with NaN, and keeps what Check needs of inputs that
  // Run overwrites.
  virtual void PoisonOutputs() = 0;
  // Compares what one Run after PoisonOutputs computed.
  virtual NumericsCheck Check() const = 0;
  // Of all operands, results and intermediate values.
  virtual int64_t bytes() const = 0;
};

// What operations run with.
struct CpuTools {
  Dnnl* dnnl = nullptr;      // null where it could not be loaded
  absl::Status dnnl_status;  // and why
  absl::StatusOr<const Product*> ProductOf(const ProductSpec& spec) const {
    if (dnnl == nullptr) {
      return absl::UnimplementedError(dnnl_status.message());
    }
    return dnnl->ProductOf(spec);
  }
};

using MadeOperation = absl::StatusOr<std::unique_ptr<CpuOperation>>;

// One function for each group of operations, each in its own file; `seed` makes
// the data. Errors: UNIMPLEMENTED; std::bad_alloc passes through.
MadeOperation MakeProduct(const Case& one, const CpuTools& tools,
                          uint64_t seed);  // Gemm, GroupedGemm
MadeOperation MakeAttention(const Case& one, const CpuTools& tools,
                            uint64_t seed);
MadeOperation MakeRouting(const Case& one, uint64_t seed);
// Elementwise, CrossEntropy, OptimizerStep, Copy, Launch.
MadeOperation MakeMemoryBound(const Case& one, const CpuTools& tools,
                              uint64_t seed);
MadeOperation MakeMoeBlock(const Case& one, const CpuTools& tools,
                           uint64_t seed);

template <typename T>
constexpr NumberFormat FormatOf() {
  return sizeof(T) == sizeof(float) ? NumberFormat::kF32 : NumberFormat::kBf16;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CPU_OPERATION_H_
