#include "worker/device/cuda/case_counter.h"

#include <utility>

#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

// A multiple of every tile, so that nothing is padded.
constexpr int64_t kKnownSize = 4096;

}  // namespace

CaseCounter::CaseCounter(CudaContext& context, int device_index,
                         absl::StatusOr<CuptiCalls> cupti, Maker make_operation)
    : context_(context),
      make_operation_(std::move(make_operation)),
      status_(cupti.status()) {
  if (cupti.ok()) counters_.emplace(*cupti, device_index);
}

std::optional<CountedRun> CaseCounter::Count(
    NumberFormat format, const std::function<absl::Status()>& enqueue) {
  if (!status_.ok()) return std::nullopt;
  auto counted = TryCount(format, enqueue);
  if (!counted.ok()) {
    status_ = counted.status();
    return std::nullopt;
  }
  return *counted;
}

absl::StatusOr<CounterReading> CaseCounter::Read(
    NumberFormat format, const std::function<absl::Status()>& enqueue) {
  return counters_->Count(format, [this, &enqueue] {
    MOEPLAN_RETURN_IF_ERROR(enqueue());
    return context_.Wait();
  });
}

absl::StatusOr<double> CaseCounter::UnitOf(NumberFormat format) {
  if (format == NumberFormat::kF32) return 1;  // instructions are counted
  const auto confirmed = flops_per_operation_.find(format);
  if (confirmed != flops_per_operation_.end()) return confirmed->second;
  const Case known = {
      .operation = Gemm{.m = kKnownSize, .n = kKnownSize, .k = kKnownSize},
      .dtype = format == NumberFormat::kBf16 ? "bf16" : "fp8"};
  MOEPLAN_ASSIGN_OR_RETURN(const auto product,
                           make_operation_(known, context_));
  MOEPLAN_ASSIGN_OR_RETURN(const CounterReading reading, Read(format, [&] {
                             return product->Enqueue(context_.stream());
                           }));
  if (reading.operations <= 0) {
    return absl::InternalError(
        "the counter of tensor cores saw nothing of a product");
  }
  return flops_per_operation_[format] =
             CostOf(known.operation, ElementBytes(known.dtype)).flops /
             reading.operations;
}

absl::StatusOr<CountedRun> CaseCounter::TryCount(
    NumberFormat format, const std::function<absl::Status()>& enqueue) {
  MOEPLAN_ASSIGN_OR_RETURN(const double unit, UnitOf(format));
  MOEPLAN_ASSIGN_OR_RETURN(const CounterReading reading, Read(format, enqueue));
  CountedRun counted;
  if (reading.operations > 0) {
    counted.flops = unit * reading.operations;
    if (reading.hgmma_operations.has_value()) {
      counted.hgmma_share = *reading.hgmma_operations / reading.operations;
    }
  }
  counted.moved_bytes = static_cast<int64_t>(reading.moved_bytes);
  return counted;
}

}  // namespace moeplan::worker
