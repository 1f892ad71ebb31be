#include "worker/device/cuda/operand.h"

#include "core/base/status_macros.h"
#include "worker/device/cuda/device_rows.h"
#include "worker/kernels/kernels.h"

namespace moeplan::worker {

absl::StatusOr<Operand> Operand::Allocate(CudaContext& context,
                                          NumberFormat format, int64_t count) {
  Operand made;
  made.context_ = &context;
  made.format_ = format;
  made.count_ = count;
  MOEPLAN_ASSIGN_OR_RETURN(made.data_,
                           context.Allocate(count * BytesOf(format)));
  return made;
}

absl::Status Operand::FillNormal(double standard_deviation, uint64_t seed) {
  if (count_ == 0) return absl::OkStatus();
  return context_->ToStatus(
      context_->kernels().FillNormal(format_, data(), count_,
                                     static_cast<float>(standard_deviation),
                                     seed, context_->stream()),
      "FillNormal");
}

absl::Status Operand::Poison() {
  if (count_ == 0) return absl::OkStatus();
  return context_->ToStatus(
      context_->kernels().Poison(format_, data(), count_, context_->stream()),
      "Poison");
}

absl::StatusOr<std::vector<double>> Operand::Download(
    const ArrayRows& rows) const {
  return DownloadedRows(*context_, format_, data(), rows);
}

}  // namespace moeplan::worker
