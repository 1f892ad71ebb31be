#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CASE_COUNTER_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CASE_COUNTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/counters.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// What a run of a case executed.
struct CountedRun {
  std::optional<double> flops;  // absent where it multiplied nothing
  // Of them by hgmma; absent where the chip does not tell or none was needed.
  std::optional<double> hgmma_share;
  int64_t moved_bytes = 0;
};

// Counts runs of cases, as far as the device lets it. What the counter of
// tensor cores counts is confirmed once, with a product of known size.
class CaseCounter {
 public:
  using Maker = std::function<MadeCudaOperation(const Case&, CudaContext&)>;

  // `cupti` is an error where counting was not asked for or is not possible.
  CaseCounter(CudaContext& context, int device_index,
              absl::StatusOr<CuptiCalls> cupti, Maker make_operation);

  // Counts what `enqueue` gives to the context's stream. Absent where that
  // cannot be done; after the first such error it is not tried again.
  std::optional<CountedRun> Count(NumberFormat format,
                                  const std::function<absl::Status()>& enqueue);

  // Why something was not counted; OK where nothing was.
  const absl::Status& status() const { return status_; }

 private:
  absl::StatusOr<CountedRun> TryCount(
      NumberFormat format, const std::function<absl::Status()>& enqueue);
  absl::StatusOr<CounterReading> Read(
      NumberFormat format, const std::function<absl::Status()>& enqueue);
  // FLOPs that one operation of tensor cores stands for, as a product of known
  // size tells.
  absl::StatusOr<double> UnitOf(NumberFormat format);

  CudaContext& context_;
  const Maker make_operation_;
  absl::Status status_;
  std::optional<Counters> counters_;
  std::map<NumberFormat, double> flops_per_operation_;  // confirmed
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CASE_COUNTER_H_
