#include <algorithm>
#include <cstdlib>

#include "tests/testing/cuda/fake_cuda.h"

namespace moeplan::worker {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

}  // namespace

void FakeCuda::DeleteHandles() {
  for (Stream* stream : streams_) delete stream;
  for (Event* event : events_) delete event;
  for (Graph* graph : graphs_) delete graph;
}

bool FakeCuda::IsStream(cudaStream_t stream) const {
  return streams_.contains(reinterpret_cast<Stream*>(stream));
}

void FakeCuda::AddWork(cudaStream_t handle, double seconds) {
  auto* stream = reinterpret_cast<Stream*>(handle);
  if (!streams_.contains(stream)) std::abort();
  if (stream->is_captured) {
    capture_->has_work = true;
    stream->free_at_seconds += seconds;
    return;
  }
  stream->free_at_seconds = std::max(stream->free_at_seconds, now_seconds_) +
                            (hangs ? kForever : seconds);
}

double FakeCuda::device_done_seconds() const {
  double done = 0;
  for (const Stream* stream : streams_) {
    done = std::max(done, stream->free_at_seconds);
  }
  return done;
}

// The functions of the table, as CUDA declares them.
struct FakeStreamCalls {
  using Stream = FakeCuda::Stream;
  using Event = FakeCuda::Event;
  using Graph = FakeCuda::Graph;

  static FakeCuda& Fake() { return FakeCuda::Current(); }
  static Stream* Of(cudaStream_t stream) {
    auto* const own = reinterpret_cast<Stream*>(stream);
    return Fake().streams_.contains(own) ? own : nullptr;
  }
  static Event* Of(cudaEvent_t event) {
    auto* const own = reinterpret_cast<Event*>(event);
    return Fake().events_.contains(own) ? own : nullptr;
  }

  template <typename Handle>
  static Handle NewGraph(double seconds) {
    auto* const graph = new Graph{seconds};
    Fake().graphs_.insert(graph);
    return reinterpret_cast<Handle>(graph);
  }
  template <typename Handle>
  static cudaError_t DeleteGraph(Handle handle) {
    auto* const graph = reinterpret_cast<Graph*>(handle);
    if (Fake().graphs_.erase(graph) == 0) return cudaErrorInvalidValue;
    delete graph;
    return Fake().Enter();
  }

  static cudaError_t StreamCreate(cudaStream_t* stream, unsigned, int) {
    const cudaError_t error = Fake().EnterUncaptured();
    if (error != cudaSuccess) return error;
    auto* const own = new Stream;
    Fake().streams_.insert(own);
    *stream = reinterpret_cast<cudaStream_t>(own);
    return cudaSuccess;
  }
  static cudaError_t StreamDestroy(cudaStream_t stream) {
    if (Of(stream) == nullptr) return cudaErrorInvalidResourceHandle;
    Fake().streams_.erase(Of(stream));
    delete reinterpret_cast<Stream*>(stream);
    return Fake().Enter();
  }
  static cudaError_t StreamWaitEvent(cudaStream_t handle, cudaEvent_t event,
                                     unsigned) {
    FakeCuda& fake = Fake();
    Stream* const stream = Of(handle);
    const Event* const waited = Of(event);
    if (stream == nullptr || waited == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    if (waited->captured_stream != nullptr && fake.capture_ != nullptr) {
      if (!stream->is_captured) {
        fake.capture_->free_at_before[stream] = stream->free_at_seconds;
        stream->is_captured = true;
        stream->is_unjoined = true;
        stream->free_at_seconds = waited->done_at_seconds;
      }
      waited->captured_stream->is_unjoined = false;
    }
    stream->free_at_seconds =
        std::max(stream->free_at_seconds, waited->done_at_seconds);
    return fake.Enter();
  }
  static cudaError_t StreamBeginCapture(cudaStream_t handle,
                                        cudaStreamCaptureMode) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.EnterUncaptured();
    if (error != cudaSuccess) return error;
    Stream* const stream = Of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    fake.capture_ = std::make_unique<FakeCuda::Capture>();
    fake.capture_->origin = stream;
    fake.capture_->start_seconds = stream->free_at_seconds;
    fake.capture_->free_at_before[stream] = stream->free_at_seconds;
    stream->is_captured = true;
    ++fake.captures_;
    return cudaSuccess;
  }
  static cudaError_t StreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
    FakeCuda& fake = Fake();
    if (fake.capture_ == nullptr || fake.capture_->origin != Of(handle)) {
      return fake.last_error_ = cudaErrorIllegalState;
    }
    const auto capture = std::move(fake.capture_);
    double seconds = capture->origin->free_at_seconds - capture->start_seconds;
    if (!capture->has_work) seconds = fake.graph_seconds;
    bool is_unjoined = false;
    for (const auto& [stream, free_at] : capture->free_at_before) {
      is_unjoined = is_unjoined || stream->is_unjoined;
      *stream = Stream{.free_at_seconds = free_at};
    }
    for (Event* event : fake.events_) event->captured_stream = nullptr;
    *graph = nullptr;
    if (capture->is_invalid) {
      return fake.last_error_ = cudaErrorStreamCaptureInvalidated;
    }
    if (is_unjoined) return fake.last_error_ = cudaErrorStreamCaptureUnjoined;
    *graph = NewGraph<cudaGraph_t>(seconds);
    return fake.Enter();
  }
  static cudaError_t GraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                      unsigned long long) {
    *exec = NewGraph<cudaGraphExec_t>(reinterpret_cast<Graph*>(graph)->seconds);
    return Fake().Enter();
  }
  static cudaError_t GraphUpload(cudaGraphExec_t, cudaStream_t) {
    return Fake().Enter();
  }
  static cudaError_t GraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.Enter();
    if (error != cudaSuccess) return error;
    if (Of(stream) == nullptr) return cudaErrorInvalidResourceHandle;
    fake.AddWork(stream, reinterpret_cast<Graph*>(exec)->seconds);
    if (++fake.graph_launches_ >= fake.breaking_graph_) {
      fake.Break(fake.breaking_error_);  // seen by who waits
    }
    return cudaSuccess;
  }
  static cudaError_t GraphExecDestroy(cudaGraphExec_t exec) {
    return DeleteGraph(exec);
  }
  static cudaError_t GraphDestroy(cudaGraph_t graph) {
    return DeleteGraph(graph);
  }

  static cudaError_t EventCreate(cudaEvent_t* event, unsigned flags) {
    const cudaError_t error = Fake().Enter();
    if (error != cudaSuccess) return error;
    auto* const own = new Event;
    own->has_timing = (flags & cudaEventDisableTiming) == 0;
    Fake().events_.insert(own);
    *event = reinterpret_cast<cudaEvent_t>(own);
    return cudaSuccess;
  }
  static cudaError_t EventRecord(cudaEvent_t handle, cudaStream_t stream) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.Enter();
    if (error != cudaSuccess) return error;
    Event* const event = Of(handle);
    if (event == nullptr || Of(stream) == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    if (Of(stream)->is_captured) {
      event->captured_stream = Of(stream);
      event->done_at_seconds = Of(stream)->free_at_seconds;
    } else {
      event->captured_stream = nullptr;
      event->done_at_seconds =
          std::max(Of(stream)->free_at_seconds, fake.now_seconds_);
    }
    return cudaSuccess;
  }
  static cudaError_t EventQuery(cudaEvent_t handle) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.EnterUncaptured();
    if (error != cudaSuccess) return error;
    const Event* const event = Of(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (event->done_at_seconds <= fake.now_seconds_) return cudaSuccess;
    // Who asks again finds the time gone on.
    fake.now_seconds_ = event->done_at_seconds == kForever
                            ? fake.now_seconds_ + 1
                            : event->done_at_seconds;
    return cudaErrorNotReady;
  }
  static cudaError_t EventElapsedTime(float* milliseconds, cudaEvent_t start,
                                      cudaEvent_t stop) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.EnterUncaptured();
    if (error != cudaSuccess) return error;
    if (Of(start) == nullptr || Of(stop) == nullptr || !Of(start)->has_timing ||
        !Of(stop)->has_timing) {
      return fake.last_error_ = cudaErrorInvalidResourceHandle;
    }
    if (Of(stop)->done_at_seconds > fake.now_seconds_) return cudaErrorNotReady;
    *milliseconds = static_cast<float>(
        1e3 * (Of(stop)->done_at_seconds - Of(start)->done_at_seconds));
    return cudaSuccess;
  }
  static cudaError_t EventDestroy(cudaEvent_t event) {
    if (Of(event) == nullptr) return cudaErrorInvalidResourceHandle;
    Fake().events_.erase(Of(event));
    delete reinterpret_cast<Event*>(event);
    return Fake().Enter();
  }
};

void FakeCuda::FillStreamCalls(CudaCalls& calls) {
  using Own = FakeStreamCalls;
  calls.stream_create_with_priority = &Own::StreamCreate;
  calls.stream_destroy = &Own::StreamDestroy;
  calls.stream_wait_event = &Own::StreamWaitEvent;
  calls.stream_begin_capture = &Own::StreamBeginCapture;
  calls.stream_end_capture = &Own::StreamEndCapture;
  calls.graph_instantiate = &Own::GraphInstantiate;
  calls.graph_upload = &Own::GraphUpload;
  calls.graph_launch = &Own::GraphLaunch;
  calls.graph_exec_destroy = &Own::GraphExecDestroy;
  calls.graph_destroy = &Own::GraphDestroy;
  calls.event_create_with_flags = &Own::EventCreate;
  calls.event_record = &Own::EventRecord;
  calls.event_query = &Own::EventQuery;
  calls.event_elapsed_time = &Own::EventElapsedTime;
  calls.event_destroy = &Own::EventDestroy;
}

}  // namespace moeplan::worker
