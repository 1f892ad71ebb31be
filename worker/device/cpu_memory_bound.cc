#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/loops.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kSampledElements = 4096;
constexpr int64_t kLongestNormedRow = 1024;

double Silu(double x) { return x / (1 + std::exp(-x)); }
double SiluSlope(double x) {
  const double s = 1 / (1 + std::exp(-x));
  return s * (1 + x * (1 - s));
}

// The element-wise work of a transformer that reads and writes as asked.
enum class ElementwiseKind {
  kGatedForward,   // reads 2 n (gate, up), writes n
  kGatedBackward,  // reads 3 n (gate, up, gradient), writes 2 n
  kResidualNorm    // reads 2 n (stream, addend), writes 2 n (sum, normed)
};

template <typename T>
class ElementwiseOperation final : public CpuOperation {
 public:
  ElementwiseOperation(ElementwiseKind kind, int64_t count, int64_t row,
                       double most_allowed, uint64_t seed)
      : kind_(kind),
        count_(count),
        row_(row),
        most_allowed_(most_allowed),
        in_((kind == ElementwiseKind::kGatedBackward ? 3 : 2) * count),
        out_((kind == ElementwiseKind::kGatedForward ? 1 : 2) * count) {
    RandomValues values(seed);
    values.Fill(in_, 1);
    Poison(out_);
  }

  std::string backend() const override {
    switch (kind_) {
      case ElementwiseKind::kGatedForward:
        return "loops.gated_forward";
      case ElementwiseKind::kGatedBackward:
        return "loops.gated_backward";
      case ElementwiseKind::kResidualNorm:
        break;
    }
    return "loops.residual_norm";
  }

  void Run() override {
    const T* in = in_.data();
    T* out = out_.data();
    switch (kind_) {
      case ElementwiseKind::kGatedForward:
        loops::GatedForward(in, in + count_, out, count_);
        break;
      case ElementwiseKind::kGatedBackward:
        loops::GatedBackward(in, in + count_, in + 2 * count_, out,
                             out + count_, count_);
        break;
      case ElementwiseKind::kResidualNorm:
        loops::ResidualNorm(in, in + count_, out, out + count_, count_ / row_,
                            row_);
        break;
    }
  }

  void PoisonOutputs() override { Poison(out_); }
  int64_t bytes() const override { return in_.bytes() + out_.bytes(); }

  NumericsCheck Check() const override {
    Comparison comparison(most_allowed_);
    comparison.Begin(backend());
    for (const int64_t i : SampledIndices(count_, kSampledElements)) {
      const double a = In(i);
      const double b = In(count_ + i);
      switch (kind_) {
        case ElementwiseKind::kGatedForward:
          comparison.Add(Out(i), Silu(a) * b);
          break;
        case ElementwiseKind::kGatedBackward: {
          const double d = In(2 * count_ + i);
          comparison.Add(Out(i), d * b * SiluSlope(a));
          comparison.Add(Out(count_ + i), d * Silu(a));
          break;
        }
        case ElementwiseKind::kResidualNorm:
          comparison.Add(Out(i), a + b);
          comparison.Add(Out(count_ + i), (a + b) / RootMeanSquareAt(i));
          break;
      }
    }
    return comparison.Finish();
  }

 private:
  double In(int64_t i) const { return ToFloat(in_[static_cast<size_t>(i)]); }
  double Out(int64_t i) const { return ToFloat(out_[static_cast<size_t>(i)]); }
  double RootMeanSquareAt(int64_t i) const {
    const int64_t start = i / row_ * row_;
    double squares = 0;
    for (int64_t j = start; j < start + row_; ++j) {
      squares += (In(j) + In(count_ + j)) * (In(j) + In(count_ + j));
    }
    return std::sqrt(squares / static_cast<double>(row_) + 1e-6);
  }

  const ElementwiseKind kind_;
  const int64_t count_;
  const int64_t row_;  // of the norm
  const double most_allowed_;
  Buffer<T> in_, out_;
};

class CrossEntropyOperation final : public CpuOperation {
 public:
  CrossEntropyOperation(const CrossEntropy& op, uint64_t seed)
      : op_(op),
        logits_(op.tokens * op.vocabulary_size),
        gradient_(op.tokens * op.vocabulary_size) {
    RandomValues values(seed);
    values.Fill(logits_, 2);
    Rng rng(seed);
    for (int64_t i = 0; i < op.tokens; ++i) {
      targets_.push_back(static_cast<int64_t>(
          rng.UniformIndex(static_cast<uint64_t>(op.vocabulary_size))));
    }
    losses_.resize(targets_.size());
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
    Comparison losses(AllowedError("f32"));
    losses.Begin("loss");
    std::vector<double> exact;
    const auto sampled = SampledIndices(op_.tokens, 8);
    for (const int64_t token : sampled) {
      exact.push_back(LogSum(token));
      losses.Add(
          losses_[static_cast<size_t>(token)],
          exact.back() - Logit(token, targets_[static_cast<size_t>(token)]));
    }
    losses.Begin("gradient");
    for (size_t s = 0; s < sampled.size(); ++s) {
      const int64_t token = sampled[s];
      for (int64_t v = 0; v < op_.vocabulary_size; ++v) {
        const bool is_target = v == targets_[static_cast<size_t>(token)];
        losses.Add(
            gradient_[static_cast<size_t>(token * op_.vocabulary_size + v)],
            std::exp(Logit(token, v) - exact[s]) - (is_target ? 1 : 0));
      }
    }
    return losses.Finish();
  }

 private:
  double Logit(int64_t token, int64_t v) const {
    return logits_[static_cast<size_t>(token * op_.vocabulary_size + v)];
  }
  double LogSum(int64_t token) const {
    double sum = 0;
    for (int64_t v = 0; v < op_.vocabulary_size; ++v) {
      sum += std::exp(Logit(token, v));
    }
    return std::log(sum);
  }

  const CrossEntropy op_;
  Buffer<float> logits_, gradient_;
  std::vector<int64_t> targets_;
  std::vector<float> losses_;
};

class OptimizerOperation final : public CpuOperation {
 public:
  OptimizerOperation(const OptimizerStep& op, uint64_t seed)
      : gradient_(op.params),
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
    step_.correction1 = 1.2f;
    step_.correction2 = 1.1f;
    PoisonOutputs();
  }

  std::string backend() const override { return "loops.adamw"; }

  void Run() override {
    loops::AdamW(step_, gradient_.data(), weights_.data(), moment1_.data(),
                 moment2_.data(), weights_out_.data(),
                 static_cast<int64_t>(gradient_.size()));
  }

  // Weights and moments are overwritten: the reference starts from these.
  void PoisonOutputs() override {
    before_.clear();
    for (const int64_t i : Sampled()) {
      const size_t at = static_cast<size_t>(i);
      before_.push_back({weights_[at], moment1_[at], moment2_[at]});
    }
    Poison(weights_out_);
  }

  int64_t bytes() const override {
    return gradient_.bytes() + weights_.bytes() + moment1_.bytes() +
           moment2_.bytes() + weights_out_.bytes();
  }

  NumericsCheck Check() const override {
    Comparison weights(AllowedError("f32"));
    weights.Begin("weights");
    const auto sampled = Sampled();
    for (size_t s = 0; s < sampled.size(); ++s) {
      const size_t at = static_cast<size_t>(sampled[s]);
      const auto& [weight, moment1, moment2] = before_[s];
      const double g = ToFloat(gradient_[at]);
      const double m = step_.beta1 * moment1 + (1 - step_.beta1) * g;
      const double v = step_.beta2 * moment2 + (1 - step_.beta2) * g * g;
      const double update = m * step_.correction1 /
                            (std::sqrt(v * step_.correction2) + step_.epsilon);
      weights.Add(weights_[at],
                  weight - step_.learning_rate *
                               (update + step_.weight_decay * weight));
      // The copy for the next forward pass is the same to its precision.
      const double copied = ToFloat(weights_out_[at]);
      if (!(std::abs(copied - weights_[at]) <= std::abs(weights_[at]) / 256)) {
        weights.Add(copied, weights_[at]);
      }
    }
    return weights.Finish();
  }

 private:
  struct State {
    double weight, moment1, moment2;
  };
  std::vector<int64_t> Sampled() const {
    return SampledIndices(static_cast<int64_t>(gradient_.size()),
                          kSampledElements);
  }

  Buffer<Bf16> gradient_;
  Buffer<float> weights_, moment1_, moment2_;
  Buffer<Bf16> weights_out_;
  loops::AdamStep step_;
  std::vector<State> before_;
};

class CopyOperation final : public CpuOperation {
 public:
  CopyOperation(const Copy& op, uint64_t seed)
      : from_((op.bytes + 3) / 4), to_((op.bytes + 3) / 4), size_(op.bytes) {
    RandomValues(seed).Fill(from_, 1);
    Poison(to_);
  }

  std::string backend() const override { return "memcpy"; }
  void Run() override {
    std::memcpy(to_.data(), from_.data(), static_cast<size_t>(size_));
  }
  void PoisonOutputs() override { Poison(to_); }
  int64_t bytes() const override { return from_.bytes() + to_.bytes(); }
  NumericsCheck Check() const override {
    Comparison comparison(0);
    comparison.Begin("copy");
    const bool same =
        std::memcmp(to_.data(), from_.data(), static_cast<size_t>(size_)) == 0;
    comparison.Add(same ? 1 : 0, 1);
    return comparison.Finish();
  }

 private:
  Buffer<float> from_, to_;
  const int64_t size_;
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

// The longest row that divides `count` and that a layer could have.
int64_t NormedRow(int64_t count) {
  int64_t row = 1;
  while (row < kLongestNormedRow && count % (2 * row) == 0) row *= 2;
  return row;
}

template <typename T>
MadeOperation MakeElementwise(const Elementwise& op, const std::string& dtype,
                              uint64_t seed) {
  const double allowed = AllowedError(dtype);
  const int64_t read = op.elements_read;
  const int64_t written = op.elements_written;
  if (read == 2 * written) {
    return std::make_unique<ElementwiseOperation<T>>(
        ElementwiseKind::kGatedForward, written, 1, allowed, seed);
  }
  if (2 * read == 3 * written && written % 2 == 0) {
    return std::make_unique<ElementwiseOperation<T>>(
        ElementwiseKind::kGatedBackward, written / 2, 1, allowed, seed);
  }
  if (read == written && written % 2 == 0) {
    return std::make_unique<ElementwiseOperation<T>>(
        ElementwiseKind::kResidualNorm, written / 2, NormedRow(written / 2),
        allowed, seed);
  }
  return absl::UnimplementedError(
      "element-wise work reads 2, 1.5 or (with even counts) as many elements "
      "as it writes");
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
