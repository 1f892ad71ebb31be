#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/device_rows.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/memory_bound_check.h"
#include "worker/device/numerics.h"
#include "worker/kernels/kernels.h"

namespace moeplan::worker {
namespace {

constexpr NumberFormat kF32 = NumberFormat::kF32;
constexpr NumberFormat kBf16 = NumberFormat::kBf16;
constexpr char kCopyBackend[] = "kernels.copy";
constexpr char kMemcpyBackend[] = "memcpy";
// Each operand has its own part of a case's seed.
constexpr uint64_t kSeedsOfCase = 4;

class CudaElementwise final : public CudaOperation {
 public:
  CudaElementwise(const ElementwiseWork& work, const std::string& dtype,
                  NumberFormat format, CudaContext& context)
      : work_(work),
        most_allowed_(AllowedError(dtype)),
        format_(format),
        context_(context) {}

  absl::Status Create(uint64_t seed) {
    MOEPLAN_ASSIGN_OR_RETURN(
        in_, Operand::Allocate(context_, format_, work_.elements_in()));
    MOEPLAN_ASSIGN_OR_RETURN(
        out_, Operand::Allocate(context_, format_, work_.elements_out()));
    MOEPLAN_RETURN_IF_ERROR(in_.FillNormal(1, seed * kSeedsOfCase));
    return PoisonOutputs();
  }

  std::string backend() const override {
    return absl::StrCat("kernels.", work_.name());
  }

  absl::Status Enqueue(cudaStream_t stream) override {
    Kernels& kernels = context_.kernels();
    const ActivationSize flat = {.rows = 1, .width = work_.count};
    switch (work_.kind) {
      case ElementwiseKind::kGatedForward:
        return context_.ToStatus(
            kernels.Activation(format_, flat, Part(in_, 0), Part(in_, 1),
                               out_.data(), stream),
            "Activation");
      case ElementwiseKind::kGatedBackward:
        return context_.ToStatus(
            kernels.ActivationBackward(format_, flat, Part(in_, 0),
                                       Part(in_, 1), Part(in_, 2),
                                       Part(out_, 0), Part(out_, 1), stream),
            "ActivationBackward");
      case ElementwiseKind::kResidualNorm:
        break;
    }
    return context_.ToStatus(
        kernels.ResidualNorm(format_, work_.count / work_.row, work_.row,
                             Part(in_, 0), Part(in_, 1), Part(out_, 0),
                             Part(out_, 1), stream),
        "ResidualNorm");
  }

  absl::Status PoisonOutputs() override { return out_.Poison(); }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckElementwise(
        work_, most_allowed_,
        [this](ElementwiseArray array, const ArrayRows& rows) {
          const Operand& from = array == ElementwiseArray::kIn ? in_ : out_;
          return DownloadedRows(context_, format_, from.data(), rows);
        });
  }

  int64_t bytes() const override { return in_.bytes() + out_.bytes(); }

 private:
  // The nth of the arrays that lie one after the other.
  void* Part(const Operand& operand, int64_t n) const {
    return static_cast<char*>(operand.data()) +
           n * work_.count * BytesOf(format_);
  }

  const ElementwiseWork work_;
  const double most_allowed_;
  const NumberFormat format_;
  CudaContext& context_;
  Operand in_, out_;
};

class CudaCrossEntropy final : public CudaOperation {
 public:
  CudaCrossEntropy(const CrossEntropy& op, CudaContext& context)
      : op_(op), context_(context) {}

  absl::Status Create(uint64_t seed) {
    const int64_t logits = op_.tokens * op_.vocabulary_size;
    MOEPLAN_ASSIGN_OR_RETURN(logits_,
                             Operand::Allocate(context_, kF32, logits));
    MOEPLAN_ASSIGN_OR_RETURN(gradient_,
                             Operand::Allocate(context_, kF32, logits));
    MOEPLAN_ASSIGN_OR_RETURN(losses_,
                             Operand::Allocate(context_, kF32, op_.tokens));
    const std::vector<int32_t> targets = DrawTargets(op_, seed);
    const auto bytes = static_cast<int64_t>(targets.size() * sizeof(int32_t));
    MOEPLAN_ASSIGN_OR_RETURN(targets_, context_.Allocate(bytes));
    MOEPLAN_RETURN_IF_ERROR(
        context_.Upload(targets.data(), bytes, targets_.data()));
    MOEPLAN_RETURN_IF_ERROR(logits_.FillNormal(2, seed * kSeedsOfCase));
    return PoisonOutputs();
  }

  std::string backend() const override { return "kernels.cross_entropy"; }

  absl::Status Enqueue(cudaStream_t stream) override {
    return context_.ToStatus(
        context_.kernels().CrossEntropy(
            op_.tokens, op_.vocabulary_size,
            static_cast<const float*>(logits_.data()), targets_.as<int32_t>(),
            static_cast<float*>(losses_.data()),
            static_cast<float*>(gradient_.data()), stream),
        "CrossEntropy");
  }

  absl::Status PoisonOutputs() override {
    MOEPLAN_RETURN_IF_ERROR(losses_.Poison());
    return gradient_.Poison();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckCrossEntropy(
        op_, [this](CrossEntropyArray array, const ArrayRows& rows) {
          switch (array) {
            case CrossEntropyArray::kLogits:
              return DownloadedRows<float>(context_, logits_.data(), rows);
            case CrossEntropyArray::kTargets:
              return DownloadedRows<int32_t>(context_, targets_.data(), rows);
            case CrossEntropyArray::kLosses:
              return DownloadedRows<float>(context_, losses_.data(), rows);
            case CrossEntropyArray::kGradient:
              break;
          }
          return DownloadedRows<float>(context_, gradient_.data(), rows);
        });
  }

  int64_t bytes() const override {
    return logits_.bytes() + gradient_.bytes() + losses_.bytes() +
           targets_.bytes();
  }

 private:
  const CrossEntropy op_;
  CudaContext& context_;
  Operand logits_, gradient_, losses_;
  DeviceBuffer targets_;
};

class CudaOptimizer final : public CudaOperation {
 public:
  CudaOptimizer(const OptimizerStep& op, CudaContext& context)
      : op_(op), context_(context) {}

  absl::Status Create(uint64_t seed) {
    const auto allocate = [this](NumberFormat format) {
      return Operand::Allocate(context_, format, op_.params);
    };
    MOEPLAN_ASSIGN_OR_RETURN(gradient_, allocate(kBf16));
    MOEPLAN_ASSIGN_OR_RETURN(weights_, allocate(kF32));
    MOEPLAN_ASSIGN_OR_RETURN(moment1_, allocate(kF32));
    MOEPLAN_ASSIGN_OR_RETURN(moment2_, allocate(kF32));
    MOEPLAN_ASSIGN_OR_RETURN(weights_out_, allocate(kBf16));
    seed *= kSeedsOfCase;
    MOEPLAN_RETURN_IF_ERROR(weights_.FillNormal(0.02, seed));
    MOEPLAN_RETURN_IF_ERROR(moment1_.FillNormal(1e-2, seed + 1));
    MOEPLAN_RETURN_IF_ERROR(moment2_.FillNormal(1e-2, seed + 2));
    MOEPLAN_RETURN_IF_ERROR(gradient_.FillNormal(1e-2, seed + 3));
    // Second moments are mean squares: a step that keeps nothing of what was
    // there makes them the gradient's.
    const AdamStep first = {
        .learning_rate = 0, .beta1 = 0, .beta2 = 0, .weight_decay = 0};
    MOEPLAN_RETURN_IF_ERROR(Run(first, context_.stream()));
    MOEPLAN_RETURN_IF_ERROR(moment1_.FillNormal(1e-2, seed + 1));
    return PoisonOutputs();
  }

  std::string backend() const override { return "kernels.adamw"; }

  absl::Status Enqueue(cudaStream_t stream) override {
    return Run(step_, stream);
  }

  // Weights and moments are overwritten: the reference starts from these.
  absl::Status PoisonOutputs() override {
    MOEPLAN_ASSIGN_OR_RETURN(before_, SampledState(op_, Reader()));
    return weights_out_.Poison();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckOptimizer(op_, step_, before_, Reader());
  }

  int64_t bytes() const override {
    return gradient_.bytes() + weights_.bytes() + moment1_.bytes() +
           moment2_.bytes() + weights_out_.bytes();
  }

 private:
  absl::Status Run(const AdamStep& step, cudaStream_t stream) {
    return context_.ToStatus(
        context_.kernels().AdamW(step, gradient_.data(),
                                 static_cast<float*>(weights_.data()),
                                 static_cast<float*>(moment1_.data()),
                                 static_cast<float*>(moment2_.data()),
                                 weights_out_.data(), op_.params, stream),
        "AdamW");
  }

  ArrayReader<OptimizerArray> Reader() const {
    return [this](OptimizerArray array, const ArrayRows& rows) {
      switch (array) {
        case OptimizerArray::kGradient:
          return DownloadedRows<Bf16>(context_, gradient_.data(), rows);
        case OptimizerArray::kWeights:
          return DownloadedRows<float>(context_, weights_.data(), rows);
        case OptimizerArray::kMoment1:
          return DownloadedRows<float>(context_, moment1_.data(), rows);
        case OptimizerArray::kMoment2:
          return DownloadedRows<float>(context_, moment2_.data(), rows);
        case OptimizerArray::kWeightsOut:
          break;
      }
      return DownloadedRows<Bf16>(context_, weights_out_.data(), rows);
    };
  }

  const OptimizerStep op_;
  const AdamStep step_ = MeasuredAdamStep();
  CudaContext& context_;
  Operand gradient_, weights_, moment1_, moment2_, weights_out_;
  OptimizerState before_;
};

class CudaCopy final : public CudaOperation {
 public:
  CudaCopy(const Copy& op, bool by_kernel, CudaContext& context)
      : op_(op), by_kernel_(by_kernel), context_(context) {}

  absl::Status Create(uint64_t seed) {
    const int64_t floats = (op_.bytes + 3) / 4;
    MOEPLAN_ASSIGN_OR_RETURN(from_, Operand::Allocate(context_, kF32, floats));
    MOEPLAN_ASSIGN_OR_RETURN(to_, Operand::Allocate(context_, kF32, floats));
    MOEPLAN_RETURN_IF_ERROR(from_.FillNormal(1, seed * kSeedsOfCase));
    return PoisonOutputs();
  }

  std::string backend() const override {
    return by_kernel_ ? kCopyBackend : kMemcpyBackend;
  }

  absl::Status Enqueue(cudaStream_t stream) override {
    if (by_kernel_) {
      return context_.ToStatus(
          context_.kernels().Copy(from_.data(), to_.data(), op_.bytes, stream),
          "Copy");
    }
    return context_.ToStatus(
        context_.calls().memcpy_async(to_.data(), from_.data(),
                                      static_cast<size_t>(op_.bytes),
                                      cudaMemcpyDeviceToDevice, stream),
        "cudaMemcpyAsync");
  }

  absl::Status PoisonOutputs() override { return to_.Poison(); }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckCopy(op_, [this](CopyArray array, const ArrayRows& rows) {
      const Operand& from = array == CopyArray::kFrom ? from_ : to_;
      return DownloadedRows<uint8_t>(context_, from.data(), rows);
    });
  }

  int64_t bytes() const override { return from_.bytes() + to_.bytes(); }

 private:
  const Copy op_;
  const bool by_kernel_;
  CudaContext& context_;
  Operand from_, to_;
};

class CudaLaunch final : public CudaOperation {
 public:
  explicit CudaLaunch(CudaContext& context) : context_(context) {}

  absl::Status Create() {
    MOEPLAN_ASSIGN_OR_RETURN(out_, Operand::Allocate(context_, kF32, 1));
    return PoisonOutputs();
  }

  std::string backend() const override { return "kernels.one_element"; }

  absl::Status Enqueue(cudaStream_t stream) override {
    return context_.ToStatus(
        context_.kernels().WriteOne(static_cast<float*>(out_.data()), stream),
        "WriteOne");
  }

  absl::Status PoisonOutputs() override { return out_.Poison(); }

  absl::StatusOr<NumericsCheck> Check() override {
    MOEPLAN_ASSIGN_OR_RETURN(
        const auto out,
        DownloadedRows<float>(context_, out_.data(), {.width = 1}));
    Comparison comparison(0);
    comparison.Begin("one");
    comparison.Add(out[0], 1);
    return comparison.Finish();
  }

  int64_t bytes() const override { return out_.bytes(); }

 private:
  CudaContext& context_;
  Operand out_;
};

template <typename Made, typename... Seed>
MadeCudaOperation Create(std::unique_ptr<Made> made, Seed... seed) {
  MOEPLAN_RETURN_IF_ERROR(made->Create(seed...));
  return made;
}

}  // namespace

MadeCudaOperation MakeCudaMemoryBound(const Case& one, CudaContext& context) {
  MOEPLAN_ASSIGN_OR_RETURN(const NumberFormat format,
                           NumberFormatOf(one.dtype));
  if (const auto* copy = std::get_if<Copy>(&one.operation)) {
    if (one.backend.empty() || one.backend == kCopyBackend ||
        one.backend == kMemcpyBackend) {
      const bool by_kernel = one.backend != kMemcpyBackend;
      return Create(std::make_unique<CudaCopy>(*copy, by_kernel, context),
                    one.seed);
    }
  }
  if (!one.backend.empty()) {
    return absl::UnimplementedError(absl::StrCat(
        "CUDA runs this by kernels of its own, not by \"", one.backend, "\""));
  }
  if (const auto* elementwise = std::get_if<Elementwise>(&one.operation)) {
    MOEPLAN_ASSIGN_OR_RETURN(const ElementwiseWork work,
                             ElementwiseWorkOf(*elementwise));
    return Create(
        std::make_unique<CudaElementwise>(work, one.dtype, format, context),
        one.seed);
  }
  if (const auto* loss = std::get_if<CrossEntropy>(&one.operation)) {
    return Create(std::make_unique<CudaCrossEntropy>(*loss, context), one.seed);
  }
  if (const auto* step = std::get_if<OptimizerStep>(&one.operation)) {
    return Create(std::make_unique<CudaOptimizer>(*step, context), one.seed);
  }
  return Create(std::make_unique<CudaLaunch>(context));
}

}  // namespace moeplan::worker
