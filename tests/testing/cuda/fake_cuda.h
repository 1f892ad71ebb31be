#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_CUDA_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_CUDA_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "worker/device/cuda/cuda_calls.h"

namespace moeplan::worker {

// A CUDA device in the host's memory, with faults to plant and a clock of its
// own.
//
// Memory is the host's: fakes of kernels and libraries compute on it at once,
// also while a stream is captured, so that launching a graph computes nothing
// anew. What is copied or set must lie within what was allocated.
//
// Time is virtual. Calls of the host take host_call_seconds each; work of
// AddWork takes its time on its stream, one after the other, and starts no
// sooner than it was given. A captured graph takes as long as its critical
// path.
//
// What CUDA forbids while capturing fails here too: to allocate, to free, to
// ask for an event, to copy from or to the host, and to end a capture whose
// forked streams were not joined.
//
// One at a time; it is the one that calls() act on while it lives.
class FakeCuda {
 public:
  // A device as an H200 says of itself.
  FakeCuda();
  ~FakeCuda();
  FakeCuda(const FakeCuda&) = delete;
  FakeCuda& operator=(const FakeCuda&) = delete;

  static const CudaCalls& calls();
  static FakeCuda& Current();

  // ---- the machine; set before it is opened
  int device_count = 1;
  int driver_version = 13000;
  int runtime_version = 13000;
  // What cudaGetDeviceCount returns, the count being left unwritten:
  // cudaErrorInsufficientDriver without driver (with driver_version 0) or with
  // an old one, cudaErrorStubLibrary, cudaErrorNoDevice, ...
  cudaError_t count_error = cudaSuccess;
  cudaDeviceProp properties = {};
  std::string pci_bus_id = "0000:1b:00.0";
  int64_t memory_bytes = int64_t{1} << 40;
  int64_t other_bytes = 0;  // in use beside what was allocated
  double host_call_seconds = 1e-6;
  // A graph none of whose work was given a time takes this long.
  double graph_seconds = 1e-3;

  // ---- faults; may be planted at any time
  // The nth allocation from now on, and all after it, fail: out of memory.
  void FailAllocationsFrom(int64_t nth) { failing_allocation_ = nth; }
  int64_t most_allocation_bytes = std::numeric_limits<int64_t>::max();
  // Every call that needs the device fails with this from now on, as after
  // cudaErrorECCUncorrectable or cudaErrorIllegalAddress.
  void Break(cudaError_t error) { broken_ = error; }
  // ... once the nth graph from now on was launched.
  void BreakAtGraph(int64_t nth, cudaError_t error) {
    breaking_graph_ = graph_launches_ + nth;
    breaking_error_ = error;
  }
  // Work that is given from now on never ends.
  bool hangs = false;
  // What is copied to the host begins with a NaN, in f32 and in bf16.
  bool spoils_downloads = false;

  // ---- time
  double now_seconds() const { return now_seconds_; }
  void Advance(double seconds) { now_seconds_ += seconds; }
  // One piece of work that takes this long on the device; to be called by fakes
  // of kernels and by operations of tests.
  void AddWork(cudaStream_t stream, double seconds);
  // When everything given to the device is done.
  double device_done_seconds() const;

  // ---- what happened
  int64_t allocations() const { return allocations_; }
  int64_t live_allocations() const {
    return static_cast<int64_t>(memory_.size());
  }
  int64_t live_bytes() const { return live_bytes_; }
  int64_t live_streams_and_events() const {
    return static_cast<int64_t>(streams_.size() + events_.size());
  }
  int64_t captures() const { return captures_; }
  int64_t graph_launches() const { return graph_launches_; }
  int64_t live_graphs() const { return static_cast<int64_t>(graphs_.size()); }
  bool is_capturing() const { return capture_ != nullptr; }

 private:
  friend struct FakeMemoryCalls;
  friend struct FakeStreamCalls;
  struct Stream {
    double free_at_seconds = 0;
    bool is_captured = false;
    bool is_unjoined = false;  // forked off the captured stream, not yet joined
  };

  struct Graph {
    double seconds = 0;
  };
  struct Event {
    bool has_timing = true;
    double done_at_seconds = 0;
    Stream* captured_stream = nullptr;  // recorded while it was captured
  };

  // The captured streams go on from where they stood, so that the path to the
  // end of `origin` is the graph's time; then they are set back.
  struct Capture {
    Stream* origin = nullptr;
    double start_seconds = 0;
    bool has_work = false;
    bool is_invalid = false;
    std::map<Stream*, double> free_at_before;
  };

  static void FillMemoryCalls(CudaCalls& calls);
  static void FillStreamCalls(CudaCalls& calls);
  void DeleteHandles();
  bool IsStream(cudaStream_t stream) const;
  // Every call takes host time, and fails on a broken device.
  cudaError_t Enter();
  // ... and is forbidden while capturing.
  cudaError_t EnterUncaptured();
  bool IsDeviceRange(const void* data, size_t bytes) const;
  cudaError_t CheckCopy(void* to, const void* from, size_t bytes,
                        cudaMemcpyKind kind);

  std::map<const std::byte*, int64_t> memory_;  // start and size
  int64_t live_bytes_ = 0;
  int64_t allocations_ = 0;
  int64_t failing_allocation_ = std::numeric_limits<int64_t>::max();
  cudaError_t broken_ = cudaSuccess;
  cudaError_t last_error_ = cudaSuccess;
  int64_t breaking_graph_ = std::numeric_limits<int64_t>::max();
  cudaError_t breaking_error_ = cudaSuccess;
  double now_seconds_ = 1;
  std::set<Stream*> streams_;
  std::set<Event*> events_;
  std::set<Graph*> graphs_;  // captured or instantiated
  std::unique_ptr<Capture> capture_;
  int64_t captures_ = 0;
  int64_t graph_launches_ = 0;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_CUDA_H_
