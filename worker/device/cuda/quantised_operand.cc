#include "worker/device/cuda/quantised_operand.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/kernels/kernels.h"

namespace moeplan::worker {
namespace {

// A NaN in e4m3, and four of them in a float.
constexpr int kNanByte = 0xff;

}  // namespace

absl::StatusOr<QuantisedOperand> QuantisedOperand::Create(CudaContext& context,
                                                          int64_t count) {
  QuantisedOperand made;
  MOEPLAN_RETURN_IF_ERROR(made.Allocate(context, count, count));
  return made;
}

absl::StatusOr<QuantisedOperand> QuantisedOperand::CreateTransposed(
    CudaContext& context, const std::vector<int64_t>& rows, int64_t width) {
  std::vector<TransposedPiece> pieces;
  int64_t from = 0;
  int64_t to = 0;
  for (const int64_t count : rows) {
    const int64_t pitch = UpToE4m3Step(count);
    for (int64_t at = 0; at < pitch; at += kTransposedRows) {
      pieces.push_back({.from = from + at,
                        .to = to + at,
                        .pitch = pitch,
                        .rows = static_cast<int32_t>(
                            std::min<int64_t>(kTransposedRows, count - at)),
                        .padded_rows = static_cast<int32_t>(
                            std::min<int64_t>(kTransposedRows, pitch - at))});
    }
    from += count;
    to += pitch * width;
  }
  QuantisedOperand made;
  MOEPLAN_RETURN_IF_ERROR(made.Allocate(context, from * width, to));
  made.width_ = width;
  made.piece_count_ = static_cast<int64_t>(pieces.size());
  if (pieces.empty()) return made;
  const auto bytes =
      static_cast<int64_t>(pieces.size() * sizeof(TransposedPiece));
  MOEPLAN_ASSIGN_OR_RETURN(made.pieces_, context.Allocate(bytes));
  MOEPLAN_RETURN_IF_ERROR(
      context.Upload(pieces.data(), bytes, made.pieces_.data()));
  return made;
}

absl::Status QuantisedOperand::Allocate(CudaContext& context, int64_t count,
                                        int64_t bytes) {
  context_ = &context;
  count_ = count;
  MOEPLAN_ASSIGN_OR_RETURN(data_, context.Allocate(bytes));
  MOEPLAN_ASSIGN_OR_RETURN(scalars_, context.Allocate(2 * sizeof(float)));
  return absl::OkStatus();
}

absl::Status QuantisedOperand::Enqueue(const void* from,
                                       cudaStream_t stream) const {
  auto* scale = scalars_.as<float>();
  float* most = scale + 1;
  Kernels& kernels = context_->kernels();
  MOEPLAN_RETURN_IF_ERROR(context_->ToStatus(
      context_->calls().memset_async(most, 0, sizeof(float), stream),
      "cudaMemsetAsync"));
  MOEPLAN_RETURN_IF_ERROR(
      context_->ToStatus(kernels.AbsMax(from, count_, most, stream), "AbsMax"));
  if (width_ == 0) {
    return context_->ToStatus(
        kernels.Quantise(from, count_, most, data_.data(), scale, stream),
        "Quantise");
  }
  return context_->ToStatus(
      kernels.QuantiseTransposed(from, width_, pieces_.as<TransposedPiece>(),
                                 piece_count_, most, data_.data(), scale,
                                 stream),
      "QuantiseTransposed");
}

absl::Status QuantisedOperand::Poison() {
  for (const DeviceBuffer* each : {&data_, &scalars_}) {
    if (each->bytes() == 0) continue;
    MOEPLAN_RETURN_IF_ERROR(context_->ToStatus(
        context_->calls().memset_async(each->data(), kNanByte,
                                       static_cast<size_t>(each->bytes()),
                                       context_->stream()),
        "cudaMemsetAsync"));
  }
  return absl::OkStatus();
}

}  // namespace moeplan::worker
