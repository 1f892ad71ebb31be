#include <utility>
#include <vector>

#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/numerics.h"
#include "worker/device/routing_check.h"
#include "worker/device/routing_loops.h"

namespace moeplan::worker {
namespace {

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
    // Reading the host's memory does not fail.
    return *CheckRouting(op_, most_allowed_,
                         [this](RoutingArray array, const ArrayRows& rows) {
                           return Read(array, rows);
                         });
  }

 private:
  std::vector<double> Read(RoutingArray array, const ArrayRows& rows) const {
    switch (array) {
      case RoutingArray::kLogits:
        return RowsOf(logits_.data(), rows);
      case RoutingArray::kTokensIn:
        return RowsOf(tokens_in_.data(), rows);
      case RoutingArray::kRows:
        return RowsOf(rows_.data(), rows);
      case RoutingArray::kRowsOut:
        return RowsOf(rows_out_.data(), rows);
      case RoutingArray::kTokensOut:
        return RowsOf(tokens_out_.data(), rows);
      case RoutingArray::kLogitGradients:
        return RowsOf(logits_out_.data(), rows);
      case RoutingArray::kExperts:
        return RowsOf(loops_.experts().data(), rows);
      case RoutingArray::kSlots:
        return RowsOf(loops_.slots().data(), rows);
      case RoutingArray::kWeights:
        break;
    }
    return RowsOf(loops_.weights().data(), rows);
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
