#ifndef MOEPLAN_WORKER_DEVICE_CUDA_COUNTERS_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_COUNTERS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/cupti_calls.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// Names of what is counted for operands of this format on a chip such as
// "GH100": of f32 the instructions of multiply-adds, additions and
// multiplications, of others the operations of tensor cores and, of bf16 on
// Hopper, those among them that a group of warps asks for together (hgmma);
// then bytes read from and written to memory.
std::vector<const char*> CounterMetrics(NumberFormat format,
                                        const std::string& chip);

// Passes that the metrics take on a chip such as "GH100"; needs no device.
// Errors: INVALID_ARGUMENT the chip or a metric is not known; those of
// LoadCuptiCalls.
absl::StatusOr<int64_t> CounterPasses(const CuptiCalls& calls,
                                      const std::string& chip,
                                      const std::vector<const char*>& metrics);

// What work executed, as the device's counters saw it.
struct CounterReading {
  // Of f32: FLOPs, a multiply-add being two. Of others: in the counter's own
  // unit, which is confirmed with a product of known size.
  double operations = 0;
  // Those of them by hgmma; absent where the chip does not tell.
  std::optional<double> hgmma_operations;
  double moved_bytes = 0;
};

// Counts by CUPTI's range profiler. While it counts, work is replayed and
// slowed down: never while measuring time.
class Counters {
 public:
  Counters(const CuptiCalls& calls, int device_index)
      : calls_(calls), device_index_(device_index) {}

  // Counts what `run` gives to the device, which waits for its end; it is
  // called once for each pass. Errors: PERMISSION_DENIED counters are for
  // administrators (CUPTI's code 35); UNIMPLEMENTED the device has none for us,
  // such as a virtual (40), a confidential (41) or a partitioned one (43), or
  // the chip lacks a metric; INTERNAL otherwise; those of `run`.
  absl::StatusOr<CounterReading> Count(
      NumberFormat format, const std::function<absl::Status()>& run);

 private:
  absl::Status Prepare();

  const CuptiCalls calls_;
  const int device_index_;
  std::string chip_;  // empty until prepared
  std::vector<uint8_t> availability_;
  CUcontext context_ = nullptr;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_COUNTERS_H_
