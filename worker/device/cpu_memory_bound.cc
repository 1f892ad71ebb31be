#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/loops.h"
#include "worker/device/memory_bound_check.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

template <typename T>
class ElementwiseOperation final : public CpuOperation {
 public:
  ElementwiseOperation(const ElementwiseWork& work, double most_allowed,
                       uint64_t seed)
      : work_(work),
        most_allowed_(most_allowed),
        in_(work.elements_in()),
        out_(work.elements_out()) {
    RandomValues values(seed);
    values.Fill(in_, 1);
    Poison(out_);
  }

  std::string backend() const override {
    return absl::StrCat("loops.", work_.name());
  }

  void Run() override {
    const int64_t count = work_.count;
    const T* in = in_.data();
    T* out = out_.data();
    switch (work_.kind) {
      case ElementwiseKind::kGatedForward:
        loops::GatedForward(in, in + count, out, count);
        break;
      case ElementwiseKind::kGatedBackward:
        loops::GatedBackward(in, in + count, in + 2 * count, out, out + count,
                             count);
        break;
      case ElementwiseKind::kResidualNorm:
        loops::ResidualNorm(in, in + count, out, out + count, count / work_.row,
                            work_.row);
        break;
    }
  }

  void PoisonOutputs() override { Poison(out_); }
  int64_t bytes() const override { return in_.bytes() + out_.bytes(); }

  NumericsCheck Check() const override {
    return *CheckElementwise(
        work_, most_allowed_,
        [this](ElementwiseArray array, const ArrayRows& rows) {
          return array == ElementwiseArray::kIn ? RowsOf(in_.data(), rows)
                                                : RowsOf(out_.data(), rows);
        });
  }

 private:
  const ElementwiseWork work_;
  const double most_allowed_;
  Buffer<T> in_, out_;
};

class CrossEntropyOperation final : public CpuOperation {
 public:
  CrossEntropyOperation(const CrossEntropy& op, uint64_t seed)
      : op_(op),
        logits_(op.tokens * op.vocabulary_size),
        gradient_(op.tokens * op.vocabulary_size),
        targets_(DrawTargets(op, seed)),
        losses_(targets_.size()) {
    RandomValues values(seed);
    values.Fill(logits_, 2);
    Poison(gradient_);
  }

  std::string backend() const override { return "loops.cross_entropy"; }

  void Run() override {
    for (size_t i = 0; i < targets_.size(); ++i) {
      const int64_t at = static_cast<int64_t>(i) * op_.vocabulary_size;
      losses_[i] =
          loops::CrossEntropy(logits_.data() + at, targets_[i],
                              gradient_.data() + at, op_.vocabulary_size);
    }
  }

  void PoisonOutputs() override {
    Poison(gradient_);
    losses_.assign(losses_.size(), std::nanf(""));
  }
  int64_t bytes() const override { return logits_.bytes() + gradient_.bytes(); }

  NumericsCheck Check() const override {
    return *CheckCrossEntropy(
        op_, [this](CrossEntropyArray array, const ArrayRows& rows) {
          switch (array) {
            case CrossEntropyArray::kLogits:
              return RowsOf(logits_.data(), rows);
            case CrossEntropyArray::kTargets:
              return RowsOf(targets_.data(), rows);
            case CrossEntropyArray::kLosses:
              return RowsOf(losses_.data(), rows);
            case CrossEntropyArray::kGradient:
              break;
          }
          return RowsOf(gradient_.data(), rows);
        });
  }

 private:
  const CrossEntropy op_;
  Buffer<float> logits_, gradient_;
  const std::vector<int32_t> targets_;
  std::vector<float> losses_;
};

class OptimizerOperation final : public CpuOperation {
 public:
  OptimizerOperation(const OptimizerStep& op, uint64_t seed)
      : op_(op),
        gradient_(op.params),
        weights_(op.params),
        moment1_(op.params),
        moment2_(op.params),
        weights_out_(op.params) {
    RandomValues values(seed);
    values.Fill(gradient_, 1e-2);
    values.Fill(weights_, 0.02);
    values.Fill(moment1_, 1e-2);
    values.Fill(moment2_, 1e-2);
    for (size_t i = 0; i < moment2_.size(); ++i) {
      moment2_[i] = std::abs(moment2_[i]);
    }
    PoisonOutputs();
  }

  std::string backend() const override { return "loops.adamw"; }

  void Run() override {
    loops::AdamW(step_, gradient_.data(), weights_.data(), moment1_.data(),
                 moment2_.data(), weights_out_.data(), op_.params);
  }

  // Weights and moments are overwritten: the reference starts from these.
  void PoisonOutputs() override {
    before_ = *SampledState(op_, Reader());
    Poison(weights_out_);
  }

  int64_t bytes() const override {
    return gradient_.bytes() + weights_.bytes() + moment1_.bytes() +
           moment2_.bytes() + weights_out_.bytes();
  }

  NumericsCheck Check() const override {
    return *CheckOptimizer(op_, step_, before_, Reader());
  }

 private:
  ArrayReader<OptimizerArray> Reader() const {
    return [this](OptimizerArray array, const ArrayRows& rows) {
      switch (array) {
        case OptimizerArray::kGradient:
          return RowsOf(gradient_.data(), rows);
        case OptimizerArray::kWeights:
          return RowsOf(weights_.data(), rows);
        case OptimizerArray::kMoment1:
          return RowsOf(moment1_.data(), rows);
        case OptimizerArray::kMoment2:
          return RowsOf(moment2_.data(), rows);
        case OptimizerArray::kWeightsOut:
          break;
      }
      return RowsOf(weights_out_.data(), rows);
    };
  }

  const OptimizerStep op_;
  const AdamStep step_ = MeasuredAdamStep();
  Buffer<Bf16> gradient_;
  Buffer<float> weights_, moment1_, moment2_;
  Buffer<Bf16> weights_out_;
  OptimizerState before_;
};

class CopyOperation final : public CpuOperation {
 public:
  CopyOperation(const Copy& op, uint64_t seed)
      : op_(op), from_((op.bytes + 3) / 4), to_((op.bytes + 3) / 4) {
    RandomValues(seed).Fill(from_, 1);
    Poison(to_);
  }

  std::string backend() const override { return "memcpy"; }
  void Run() override {
    std::memcpy(to_.data(), from_.data(), static_cast<size_t>(op_.bytes));
  }
  void PoisonOutputs() override { Poison(to_); }
  int64_t bytes() const override { return from_.bytes() + to_.bytes(); }
  NumericsCheck Check() const override {
    return *CheckCopy(op_, [this](CopyArray array, const ArrayRows& rows) {
      const Buffer<float>& buffer = array == CopyArray::kFrom ? from_ : to_;
      return RowsOf(reinterpret_cast<const unsigned char*>(buffer.data()),
                    rows);
    });
  }

 private:
  const Copy op_;
  Buffer<float> from_, to_;
};

// What calling the library costs: a product of one element. Without the library
// no launch is measured.
class LaunchOperation final : public CpuOperation {
 public:
  explicit LaunchOperation(const Product* product) : product_(product) {}
  std::string backend() const override { return "onednn.one_element"; }
  void Run() override { product_->Run(&a_, &b_, &c_); }
  void PoisonOutputs() override { c_ = std::nanf(""); }
  int64_t bytes() const override { return 12; }
  NumericsCheck Check() const override {
    Comparison comparison(AllowedError("f32"));
    comparison.Begin("product");
    comparison.Add(c_, 1.5 * 2.5);
    return comparison.Finish();
  }

 private:
  const Product* const product_;
  float a_ = 1.5f;
  float b_ = 2.5f;
  float c_ = 0;
};

template <typename T>
MadeOperation MakeElementwise(const Elementwise& op, const std::string& dtype,
                              uint64_t seed) {
  MOEPLAN_ASSIGN_OR_RETURN(const ElementwiseWork work, ElementwiseWorkOf(op));
  return std::make_unique<ElementwiseOperation<T>>(work, AllowedError(dtype),
                                                   seed);
}

}  // namespace

MadeOperation MakeMemoryBound(const Case& one, const CpuTools& tools,
                              uint64_t seed) {
  if (const auto* elementwise = std::get_if<Elementwise>(&one.operation)) {
    return one.dtype == "f32"
               ? MakeElementwise<float>(*elementwise, one.dtype, seed)
               : MakeElementwise<Bf16>(*elementwise, one.dtype, seed);
  }
  if (const auto* loss = std::get_if<CrossEntropy>(&one.operation)) {
    return std::make_unique<CrossEntropyOperation>(*loss, seed);
  }
  if (const auto* step = std::get_if<OptimizerStep>(&one.operation)) {
    return std::make_unique<OptimizerOperation>(*step, seed);
  }
  if (const auto* copy = std::get_if<Copy>(&one.operation)) {
    return std::make_unique<CopyOperation>(*copy, seed);
  }
  const auto product = tools.ProductOf({.m = 1, .n = 1, .k = 1});
  if (!product.ok()) return product.status();
  return std::make_unique<LaunchOperation>(*product);
}

}  // namespace moeplan::worker
