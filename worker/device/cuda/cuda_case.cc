#include "worker/device/cuda/cuda_case.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {

std::string CudaCase::backend() const {
  const CudaOperation& first = *operations_.front();
  return first.is_eager() ? absl::StrCat(first.backend(), ".", kEagerBackend)
                          : first.backend();
}

absl::StatusOr<NumericsCheck> CudaCase::CheckNumerics() {
  CudaOperation& first = *operations_.front();
  MOEPLAN_RETURN_IF_ERROR(first.PoisonOutputs());
  MOEPLAN_RETURN_IF_ERROR(first.Enqueue(instruments_.context.stream()));
  MOEPLAN_RETURN_IF_ERROR(instruments_.context.Wait());
  device_bytes_ = DeviceBytes();
  return first.Check();
}

std::optional<int64_t> CudaCase::DeviceBytes() const {
  const CudaContext& context = instruments_.context;
  size_t free = 0;
  size_t total = 0;
  if (context.calls().mem_get_info(&free, &total) != cudaSuccess) {
    return std::nullopt;
  }
  return static_cast<int64_t>(total - free) - context.allocated_bytes() +
         peak_bytes_;
}

absl::Status CudaCase::EnqueueNext() {
  CudaOperation& operation = *operations_[static_cast<size_t>(next_set_)];
  next_set_ = (next_set_ + 1) % set_count();
  return operation.Enqueue(instruments_.context.stream());
}

absl::Status CudaCase::Enqueue(int64_t runs) {
  for (int64_t i = 0; i < runs; ++i) MOEPLAN_RETURN_IF_ERROR(EnqueueNext());
  return absl::OkStatus();
}

absl::StatusOr<const CudaGraph*> CudaCase::NextGraph(int64_t runs) {
  if (graph_runs_ != runs) {
    graphs_.clear();
    graph_runs_ = runs;
    next_set_ = 0;
  }
  // Graphs begin at every `runs`th set, so that there are few of them, and
  // those that would run past the last set are left out: the sets that remain
  // still exceed the cache.
  if (next_set_ + runs > set_count()) next_set_ = 0;
  const int64_t begin = next_set_;
  auto graph = graphs_.find(begin);
  if (graph == graphs_.end()) {
    MOEPLAN_ASSIGN_OR_RETURN(
        CudaGraph captured,
        CudaGraph::Capture(instruments_.context,
                           [this, runs] { return Enqueue(runs); }));
    graph = graphs_.emplace(begin, std::move(captured)).first;
  }
  next_set_ = runs >= set_count() ? 0 : begin + runs;
  return &graph->second;
}

absl::StatusOr<Sample> CudaCase::Time(int64_t runs) {
  if (!std::exchange(has_started_, true)) {
    instruments_.clocks.Restart();
    instruments_.monitor.Restart();
  }
  const CudaGraph* graph = nullptr;
  if (!operations_.front()->is_eager()) {
    MOEPLAN_ASSIGN_OR_RETURN(graph, NextGraph(runs));
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      const CudaTimer::Reading reading, instruments_.timer.Time([&] {
        return graph == nullptr ? Enqueue(runs) : graph->Launch();
      }));
  const double now = instruments_.context.NowSeconds();
  MOEPLAN_RETURN_IF_ERROR(instruments_.clocks.Look(now));
  Sample sample = {.seconds = reading.seconds / static_cast<double>(runs),
                   .fault = instruments_.monitor.Look(now)};
  ++instruments_.samples;
  if (reading.is_host_late) {
    ++instruments_.late_samples;
    if (sample.fault == SampleFault::kNone) {
      sample.fault = SampleFault::kContended;
    }
  }
  return sample;
}

void CudaCase::Count() {
  counted_ =
      instruments_.counter.Count(format_, [this] { return EnqueueNext(); });
}

std::optional<int64_t> CudaCase::counted_moved_bytes() const {
  if (!counted_.has_value()) return std::nullopt;
  return counted_->moved_bytes;
}

std::optional<double> CudaCase::hgmma_share() const {
  if (!counted_.has_value()) return std::nullopt;
  return counted_->hgmma_share;
}

std::optional<double> CudaCase::executed_flops() const {
  if (counted_.has_value() && counted_->flops.has_value()) {
    return counted_->flops;
  }
  return operations_.front()->executed_flops();
}

}  // namespace moeplan::worker
