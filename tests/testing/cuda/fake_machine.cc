#include "tests/testing/cuda/fake_machine.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "tests/testing/cuda/host_kernels.h"

namespace moeplan::worker {
namespace {

constexpr float kResult = 42;

// A copy holds what it reads and what it writes.
int64_t BytesOf(const Case& one) {
  const auto* copy = std::get_if<Copy>(&one.operation);
  return copy != nullptr ? 2 * copy->bytes : 1 << 20;
}

class FakeOperation final : public CudaOperation {
 public:
  FakeOperation(FakeMachine& machine, CudaContext& context, DeviceBuffer data,
                int set, double flops)
      : machine_(machine),
        context_(context),
        data_(std::move(data)),
        set_(set),
        flops_(flops) {}

  std::string backend() const override { return "fake"; }

  absl::Status Enqueue(cudaStream_t stream) override {
    machine_.enqueued.push_back(set_);
    if (machine_.waits_while_enqueuing) MOEPLAN_RETURN_IF_ERROR(Wait());
    MOEPLAN_RETURN_IF_ERROR(
        context_.ToStatus(machine_.enqueue_error, "the launch"));
    machine_.cuda.Advance(machine_.enqueue_seconds);
    machine_.cuda.AddWork(stream, machine_.run_seconds);
    machine_.CountRun(flops_);
    *data_.as<float>() = machine_.computes_wrongly ? -kResult : kResult;
    return absl::OkStatus();
  }

  absl::Status PoisonOutputs() override {
    *data_.as<float>() = std::numeric_limits<float>::quiet_NaN();
    return absl::OkStatus();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    float got = 0;
    MOEPLAN_RETURN_IF_ERROR(context_.Download(data_.data(), sizeof(got), &got));
    return NumericsCheck{.relative_error = std::abs(got / kResult - 1),
                         .most_allowed = 1e-5,
                         .output = "out"};
  }

  int64_t bytes() const override { return data_.bytes(); }

 private:
  // As a fault: an operation must not.
  absl::Status Wait() {
    return machine_.cuda.is_capturing() ? context_.Wait() : absl::OkStatus();
  }

  FakeMachine& machine_;
  CudaContext& context_;
  DeviceBuffer data_;
  const int set_;
  const double flops_;
};

}  // namespace

void FakeMachine::CountRun(double flops) {
  const double operations = flops / flops_per_operation;
  cupti.counters["sm__ops_path_tensor_src_bf16_dst_fp32.sum"] += operations;
  cupti.counters["sm__ops_path_tensor_op_hgmma_src_bf16_dst_fp32.sum"] +=
      hgmma_share * operations;
  cupti.counters["dram__bytes_read.sum"] += 1000;
  cupti.counters["dram__bytes_write.sum"] += 24;
}

absl::StatusOr<std::unique_ptr<CudaDevice>> FakeMachine::Open() {
  CudaParts parts = {
      .calls = FakeCuda::calls(),
      .kernels = HostKernels(),
      .clock_kernels = clock_kernels,
      .lt_status = absl::NotFoundError("no cuBLASLt"),
      .nvml = absl::NotFoundError("no NVML"),
      .cupti = absl::FailedPreconditionError("not asked for"),
      .make_operation = {},
      .library_versions =
          [](CudaContext&) { return std::vector<std::string>{"a library 1"}; },
      .now_seconds = [this] { return cuda.now_seconds(); }};
  if (has_nvml) parts.nvml = nvml.calls;
  if (has_cupti) parts.cupti = cupti.calls;
  parts.make_operation = [this](const Case& one,
                                CudaContext& context) -> MadeCudaOperation {
    if (before_operation) before_operation(one);
    MOEPLAN_ASSIGN_OR_RETURN(DeviceBuffer data, context.Allocate(BytesOf(one)));
    made.push_back(one);
    auto operation = std::make_unique<FakeOperation>(
        *this, context, std::move(data), static_cast<int>(one.seed),
        CostOf(one.operation, 2).flops);
    if (one.backend == kEagerBackend) operation->RunEagerly();
    return operation;
  };
  return CudaDevice::Open(0, std::move(parts));
}

}  // namespace moeplan::worker
