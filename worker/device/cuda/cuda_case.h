#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CASE_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CASE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/device/cuda/case_counter.h"
#include "worker/device/cuda/clock_meter.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/cuda_graph.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/cuda_timer.h"
#include "worker/device/cuda/device_monitor.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// What a device's cases measure with; outlives them.
struct CudaInstruments {
  CudaContext& context;
  CudaTimer& timer;
  ClockMeter& clocks;
  DeviceMonitor& monitor;
  CaseCounter& counter;
  int64_t samples = 0;
  int64_t late_samples = 0;  // the host was not quick enough
};

// One case with as many sets of operands as it takes to leave the cache, which
// runs go through in turn. Runs that are timed together are one captured graph,
// unless the operation is eager: then they are enqueued behind the spinning, so
// that the difference between the two is the device's and not the host's.
class CudaCase final : public PreparedCase {
 public:
  // One operation at least, all of the same case, whose operands have this
  // format; `peak_bytes` is what the first one took.
  CudaCase(CudaInstruments& instruments, NumberFormat format,
           std::vector<std::unique_ptr<CudaOperation>> operations,
           int64_t peak_bytes)
      : instruments_(instruments),
        format_(format),
        operations_(std::move(operations)),
        peak_bytes_(peak_bytes) {}

  std::string backend() const override;
  // Runs without a graph: what a first run loads is loaded then.
  absl::StatusOr<NumericsCheck> CheckNumerics() override;
  absl::StatusOr<Sample> Time(int64_t runs) override;
  std::optional<int64_t> peak_memory_bytes() const override {
    return peak_bytes_;
  }
  std::optional<int64_t> device_memory_bytes() const override {
    return device_bytes_;
  }
  void Count() override;
  // Counted, or else what the operation knows of itself.
  std::optional<double> executed_flops() const override;
  std::optional<int64_t> counted_moved_bytes() const override;
  std::optional<double> hgmma_share() const override;

 private:
  // Sets of operands.
  int64_t set_count() const { return static_cast<int64_t>(operations_.size()); }
  absl::Status EnqueueNext();
  absl::Status Enqueue(int64_t runs);
  // Of one set and of everything on the device that is no set of operands.
  std::optional<int64_t> DeviceBytes() const;
  // The graph of `runs` runs that begins at the sets whose turn it is.
  absl::StatusOr<const CudaGraph*> NextGraph(int64_t runs);

  CudaInstruments& instruments_;
  const NumberFormat format_;
  // Graphs hold pointers into operations: they go first.
  std::vector<std::unique_ptr<CudaOperation>> operations_;
  const int64_t peak_bytes_;
  std::optional<int64_t> device_bytes_;
  std::optional<CountedRun> counted_;
  int64_t graph_runs_ = 0;               // runs in each of graphs_
  std::map<int64_t, CudaGraph> graphs_;  // by the set they begin at
  int64_t next_set_ = 0;
  bool has_started_ = false;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CASE_H_
