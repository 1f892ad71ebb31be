#include <cmath>
#include <utility>
#include <vector>

#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/numerics.h"
#include "worker/device/routing_loops.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kSampledTokens = 64;

template <typename T>
class RoutingOperation final : public CpuOperation {
 public:
  RoutingOperation(const Routing& op, double most_allowed, uint64_t seed)
      : op_(op),
        most_allowed_(most_allowed),
        loops_(op),
        logits_(op.tokens * op.experts),
        tokens_in_(op.tokens * op.d_model),
        rows_(op.tokens * op.experts_per_token * op.d_model),
        rows_out_(op.tokens * op.experts_per_token * op.d_model),
        tokens_out_(op.tokens * op.d_model),
        logits_out_(op.tokens * op.experts) {
    RandomValues values(seed);
    values.Fill(logits_, 1);
    values.Fill(tokens_in_, 1);
    values.Fill(rows_, 1);
    // Backward starts from what forward chose.
    loops_.SoftmaxAndTopK(logits_.data());
    loops_.BuildIndex();
    PoisonOutputs();
  }

  std::string backend() const override { return "loops.routing"; }

  void Run() override {
    if (op_.backward) {
      // tokens_in_ is the gradient of the output; rows_ what experts computed,
      // and the gradient that comes back from them.
      loops_.CombineBackward(tokens_in_.data(), rows_.data(), rows_out_.data());
      loops_.SoftmaxBackward(logits_out_.data());
      loops_.PermuteBackward(rows_.data(), false, tokens_out_.data());
      return;
    }
    loops_.SoftmaxAndTopK(logits_.data());
    loops_.BuildIndex();
    loops_.Permute(tokens_in_.data(), rows_out_.data());
    loops_.Combine(rows_.data(), tokens_out_.data());
  }

  void PoisonOutputs() override {
    Poison(rows_out_);
    Poison(tokens_out_);
    Poison(logits_out_);
    if (!op_.backward) loops_.PoisonState();
  }

  int64_t bytes() const override {
    return loops_.bytes() + logits_.bytes() + tokens_in_.bytes() +
           rows_.bytes() + rows_out_.bytes() + tokens_out_.bytes() +
           logits_out_.bytes();
  }

  NumericsCheck Check() const override {
    Comparison comparison(most_allowed_);
    comparison.Begin("rows");
    for (const int64_t token : Sampled()) CheckRows(token, comparison);
    comparison.Begin("tokens");
    for (const int64_t token : Sampled()) CheckTokens(token, comparison);
    comparison.Begin(op_.backward ? "logit_gradient" : "choice");
    for (const int64_t token : Sampled()) {
      if (op_.backward) {
        CheckLogitGradient(token, comparison);
      } else {
        CheckChoice(token, comparison);
      }
    }
    return comparison.Finish();
  }

 private:
  std::vector<int64_t> Sampled() const {
    return SampledIndices(op_.tokens, kSampledTokens);
  }
  template <typename Values>
  double At(const Values& values, int64_t row, int64_t width, int64_t i) const {
    return ToFloat(values[static_cast<size_t>(row * width + i)]);
  }
  size_t Choice(int64_t token, int64_t j) const {
    return static_cast<size_t>(token * op_.experts_per_token + j);
  }
  // Softmax of the token's logits, in doubles.
  std::vector<double> Probabilities(int64_t token) const {
    std::vector<double> p;
    double sum = 0;
    for (int64_t e = 0; e < op_.experts; ++e) {
      p.push_back(std::exp(At(logits_, token, op_.experts, e)));
      sum += p.back();
    }
    for (double& each : p) each /= sum;
    return p;
  }
  double WeightOf(int64_t token, int64_t j) const {
    const size_t e = static_cast<size_t>(loops_.experts()[Choice(token, j)]);
    return Probabilities(token)[e];
  }

  void CheckRows(int64_t token, Comparison& comparison) const {
    for (int64_t j = 0; j < op_.experts_per_token; ++j) {
      const int64_t slot = loops_.slots()[Choice(token, j)];
      const double weight = op_.backward ? WeightOf(token, j) : 1;
      for (int64_t i = 0; i < op_.d_model; ++i) {
        comparison.Add(At(rows_out_, slot, op_.d_model, i),
                       weight * At(tokens_in_, token, op_.d_model, i));
      }
    }
  }

  void CheckTokens(int64_t token, Comparison& comparison) const {
    std::vector<double> sums(static_cast<size_t>(op_.d_model), 0.0);
    for (int64_t j = 0; j < op_.experts_per_token; ++j) {
      const int64_t slot = loops_.slots()[Choice(token, j)];
      const double weight = op_.backward ? 1 : WeightOf(token, j);
      for (int64_t i = 0; i < op_.d_model; ++i) {
        sums[static_cast<size_t>(i)] +=
            weight * At(rows_, slot, op_.d_model, i);
      }
    }
    for (int64_t i = 0; i < op_.d_model; ++i) {
      comparison.Add(At(tokens_out_, token, op_.d_model, i),
                     sums[static_cast<size_t>(i)]);
    }
  }

  // The chosen experts are the most probable ones, in order.
  void CheckChoice(int64_t token, Comparison& comparison) const {
    std::vector<double> sorted = Probabilities(token);
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (int64_t j = 0; j < op_.experts_per_token; ++j) {
      comparison.Add(loops_.weights()[Choice(token, j)],
                     sorted[static_cast<size_t>(j)]);
    }
  }

  void CheckLogitGradient(int64_t token, Comparison& comparison) const {
    const std::vector<double> p = Probabilities(token);
    std::vector<double> gradient(p.size(), 0.0);
    double mean = 0;
    for (int64_t j = 0; j < op_.experts_per_token; ++j) {
      const size_t choice = Choice(token, j);
      double dot = 0;
      for (int64_t i = 0; i < op_.d_model; ++i) {
        dot += At(rows_, loops_.slots()[choice], op_.d_model, i) *
               At(tokens_in_, token, op_.d_model, i);
      }
      const size_t e = static_cast<size_t>(loops_.experts()[choice]);
      gradient[e] = dot;
      mean += p[e] * dot;
    }
    for (size_t e = 0; e < p.size(); ++e) {
      comparison.Add(
          At(logits_out_, token, op_.experts, static_cast<int64_t>(e)),
          p[e] * (gradient[e] - mean));
    }
  }

  const Routing op_;
  const double most_allowed_;
  RoutingLoops<T> loops_;
  Buffer<float> logits_;
  Buffer<T> tokens_in_, rows_, rows_out_, tokens_out_, logits_out_;
};

}  // namespace

MadeOperation MakeRouting(const Case& one, uint64_t seed) {
  const Routing& op = std::get<Routing>(one.operation);
  const double allowed = AllowedError(one.dtype);
  if (one.dtype == "f32") {
    return std::make_unique<RoutingOperation<float>>(op, allowed, seed);
  }
  return std::make_unique<RoutingOperation<Bf16>>(op, allowed, seed);
}

}  // namespace moeplan::worker
