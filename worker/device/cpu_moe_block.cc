#include "worker/device/cpu_moe_block.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/bench/routing.h"
#include "worker/device/buffer.h"
#include "worker/device/grouped_product.h"
#include "worker/device/loops.h"
#include "worker/device/numerics.h"
#include "worker/device/routing_loops.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kSampledTokens = 6;
// A block with fewer token-choices times weights is compared as a whole.
constexpr double kMostComparedWhole = 3e6;

// The matrix products of a block.
template <typename T>
struct BlockProducts {
  const Product* logits = nullptr;
  const Product* d_x = nullptr;
  const Product* d_router = nullptr;
  GroupedProduct<T> up, down;
  GroupedProduct<T> up_input, up_weight, down_input, down_weight;

  absl::Status Create(const MoeBlock& op, const CpuTools& tools) {
    const int64_t experts = static_cast<int64_t>(op.rows_per_expert.size());
    const int64_t fan = op.gated ? 2 : 1;
    constexpr NumberFormat kFormat = FormatOf<T>();
    // Logits stay in 32 bits, as frameworks keep them.
    MOEPLAN_ASSIGN_OR_RETURN(logits,
                             tools.ProductOf({.m = op.tokens,
                                              .n = experts,
                                              .k = op.d_model,
                                              .in = kFormat,
                                              .out = NumberFormat::kF32}));
    const auto grouped = [&](int64_t in, int64_t out, GemmPass pass) {
      return GroupedGemm{.rows_per_expert = op.rows_per_expert,
                         .in_width = in,
                         .out_width = out,
                         .pass = pass};
    };
    const int64_t d = op.d_model;
    const int64_t wide = fan * op.expert_width;
    const int64_t width = op.expert_width;
    MOEPLAN_RETURN_IF_ERROR(
        up.Create(grouped(d, wide, GemmPass::kForward), tools));
    MOEPLAN_RETURN_IF_ERROR(
        down.Create(grouped(width, d, GemmPass::kForward), tools));
    if (!op.backward) return absl::OkStatus();
    MOEPLAN_ASSIGN_OR_RETURN(d_x, tools.ProductOf({.m = op.tokens,
                                                   .n = d,
                                                   .k = experts,
                                                   .transposed_b = true,
                                                   .in = kFormat,
                                                   .out = kFormat}));
    MOEPLAN_ASSIGN_OR_RETURN(d_router, tools.ProductOf({.m = d,
                                                        .n = experts,
                                                        .k = op.tokens,
                                                        .transposed_a = true,
                                                        .in = kFormat,
                                                        .out = kFormat}));
    MOEPLAN_RETURN_IF_ERROR(
        up_input.Create(grouped(d, wide, GemmPass::kInputGradient), tools));
    MOEPLAN_RETURN_IF_ERROR(
        up_weight.Create(grouped(d, wide, GemmPass::kWeightGradient), tools));
    MOEPLAN_RETURN_IF_ERROR(
        down_input.Create(grouped(width, d, GemmPass::kInputGradient), tools));
    return down_weight.Create(grouped(width, d, GemmPass::kWeightGradient),
                              tools);
  }
};

template <typename T>
class Block final : public CpuMoeBlock {
 public:
  Block(const MoeBlock& op, BlockProducts<T> products, double most_allowed,
        uint64_t seed)
      : op_(op),
        products_(std::move(products)),
        most_allowed_(most_allowed),
        experts_(static_cast<int64_t>(op.rows_per_expert.size())),
        rows_(op.tokens * op.experts_per_token),
        wide_((op.gated ? 2 : 1) * op.expert_width),
        choices_(AssignExperts(op.rows_per_expert, op.tokens,
                               op.experts_per_token, seed)),
        routing_({.tokens = op.tokens,
                  .experts = experts_,
                  .experts_per_token = op.experts_per_token,
                  .d_model = op.d_model}),
        x_(op.tokens * op.d_model),
        router_(op.d_model * experts_),
        up_(experts_ * op.d_model * wide_),
        down_(experts_ * op.expert_width * op.d_model),
        logits_(op.tokens * experts_),
        rows_in_(rows_ * op.d_model),
        hidden_(rows_ * wide_),
        active_(rows_ * op.expert_width),
        rows_out_(rows_ * op.d_model),
        out_(op.tokens * op.d_model),
        d_out_(IfBackward(op.tokens * op.d_model)),
        d_rows_out_(IfBackward(rows_ * op.d_model)),
        d_active_(IfBackward(rows_ * op.expert_width)),
        d_hidden_(IfBackward(rows_ * wide_)),
        d_rows_in_(IfBackward(rows_ * op.d_model)),
        d_logits_(IfBackward(op.tokens * experts_)),
        d_x_(IfBackward(op.tokens * op.d_model)),
        d_router_(IfBackward(op.d_model * experts_)),
        d_up_(IfBackward(experts_ * op.d_model * wide_)),
        d_down_(IfBackward(experts_ * op.expert_width * op.d_model)) {
    RandomValues values(seed);
    const double by_d = 1 / std::sqrt(static_cast<double>(op.d_model));
    values.Fill(x_, 1);
    values.Fill(router_, by_d);
    values.Fill(up_, by_d);
    values.Fill(down_, 1 / std::sqrt(static_cast<double>(op.expert_width)));
    values.Fill(d_out_, 1);
    Poison(out_);
    // Backward needs what forward left.
    if (op.backward) Forward();
    PoisonOutputs();
  }

  std::string backend() const override {
    return absl::StrCat("onednn_loop.", products_.up.implementation());
  }

  void Run() override {
    if (op_.backward) {
      Backward();
    } else {
      Forward();
    }
  }

  void PoisonOutputs() override {
    if (!op_.backward) Poison(out_);
    Poison(d_x_);
    Poison(d_router_);
    Poison(d_up_);
    Poison(d_down_);
  }

  int64_t bytes() const override {
    return x_.bytes() + router_.bytes() + up_.bytes() + down_.bytes() +
           logits_.bytes() + rows_in_.bytes() + hidden_.bytes() +
           active_.bytes() + rows_out_.bytes() + out_.bytes() + d_out_.bytes() +
           d_rows_out_.bytes() + d_active_.bytes() + d_hidden_.bytes() +
           d_rows_in_.bytes() + d_logits_.bytes() + d_x_.bytes() +
           d_router_.bytes() + d_up_.bytes() + d_down_.bytes() +
           routing_.bytes();
  }

  MoeOperands Operands() const override {
    return {.x = Values(x_),
            .router = Values(router_),
            .up = Values(up_),
            .down = Values(down_),
            .d_out = Values(d_out_),
            .choices = choices_};
  }

  MoeResults Results() const override {
    return {.out = Values(out_),
            .d_x = Values(d_x_),
            .d_router = Values(d_router_),
            .d_up = Values(d_up_),
            .d_down = Values(d_down_)};
  }

  NumericsCheck Check() const override {
    const double work = static_cast<double>(rows_) *
                        static_cast<double>(op_.d_model * op_.expert_width);
    const bool whole = work <= kMostComparedWhole;
    const std::vector<int64_t> tokens =
        SampledIndices(op_.tokens, whole ? op_.tokens : kSampledTokens);
    const MoeResults want = ReferenceMoeBlock(op_, Operands(), tokens);
    Comparison comparison(most_allowed_);
    if (op_.backward) {
      CompareTokens("input_gradient", d_x_, want.d_x, tokens, comparison);
      if (whole) {
        CompareAll("router_gradient", d_router_, want.d_router, comparison);
        CompareAll("up_gradient", d_up_, want.d_up, comparison);
        CompareAll("down_gradient", d_down_, want.d_down, comparison);
      } else {
        CheckOneExpert(comparison);
      }
    } else {
      CompareTokens("output", out_, want.out, tokens, comparison);
    }
    return comparison.Finish();
  }

 private:
  int64_t IfBackward(int64_t size) const { return op_.backward ? size : 0; }

  static std::vector<double> Values(const Buffer<T>& buffer) {
    std::vector<double> values(buffer.size());
    for (size_t i = 0; i < values.size(); ++i) values[i] = ToFloat(buffer[i]);
    return values;
  }

  void Forward() {
    products_.logits->Run(x_.data(), router_.data(), logits_.data());
    routing_.SoftmaxAndTopK(logits_.data());
    // Which experts a token goes to is given, so that rows are as asked.
    routing_.Force(choices_);
    routing_.BuildIndex();
    routing_.Permute(x_.data(), rows_in_.data());
    products_.up.Run(rows_in_.data(), up_.data(), hidden_.data());
    for (int64_t row = 0; row < rows_; ++row) {
      const T* h = hidden_.data() + row * wide_;
      T* a = active_.data() + row * op_.expert_width;
      if (op_.gated) {
        loops::GatedForward(h, h + op_.expert_width, a, op_.expert_width);
      } else {
        loops::SiluForward(h, a, op_.expert_width);
      }
    }
    products_.down.Run(active_.data(), down_.data(), rows_out_.data());
    routing_.Combine(rows_out_.data(), out_.data());
  }

  void Backward() {
    routing_.CombineBackward(d_out_.data(), rows_out_.data(),
                             d_rows_out_.data());
    products_.down_input.Run(d_rows_out_.data(), down_.data(),
                             d_active_.data());
    products_.down_weight.Run(active_.data(), d_rows_out_.data(),
                              d_down_.data());
    const int64_t width = op_.expert_width;
    for (int64_t row = 0; row < rows_; ++row) {
      const T* h = hidden_.data() + row * wide_;
      const T* d_a = d_active_.data() + row * width;
      T* d_h = d_hidden_.data() + row * wide_;
      if (op_.gated) {
        loops::GatedBackward(h, h + width, d_a, d_h, d_h + width, width);
      } else {
        loops::SiluBackward(h, d_a, d_h, width);
      }
    }
    products_.up_input.Run(d_hidden_.data(), up_.data(), d_rows_in_.data());
    products_.up_weight.Run(rows_in_.data(), d_hidden_.data(), d_up_.data());
    routing_.SoftmaxBackward(d_logits_.data());
    products_.d_x->Run(d_logits_.data(), router_.data(), d_x_.data());
    products_.d_router->Run(x_.data(), d_logits_.data(), d_router_.data());
    routing_.PermuteBackward(d_rows_in_.data(), true, d_x_.data());
  }

  void CompareTokens(const char* name, const Buffer<T>& got,
                     const std::vector<double>& want,
                     const std::vector<int64_t>& tokens,
                     Comparison& comparison) const {
    comparison.Begin(name);
    const size_t d = static_cast<size_t>(op_.d_model);
    for (const int64_t token : tokens) {
      for (size_t i = 0; i < d; ++i) {
        const size_t at = static_cast<size_t>(token) * d + i;
        comparison.Add(ToFloat(got[at]), want[at]);
      }
    }
  }

  static void CompareAll(const char* name, const Buffer<T>& got,
                         const std::vector<double>& want,
                         Comparison& comparison) {
    comparison.Begin(name);
    for (size_t i = 0; i < want.size(); ++i) {
      comparison.Add(ToFloat(got[i]), want[i]);
    }
  }

  // The gradients of the weights of the expert with the fewest rows, which need
  // its tokens only.
  void CheckOneExpert(Comparison& comparison) const {
    size_t fewest = 0;
    for (size_t e = 0; e < op_.rows_per_expert.size(); ++e) {
      const int64_t rows = op_.rows_per_expert[e];
      const int64_t least = op_.rows_per_expert[fewest];
      if (rows > 0 && (least == 0 || rows < least)) fewest = e;
    }
    std::vector<int64_t> tokens;
    MoeBlock alone = op_;
    alone.experts_per_token = 1;
    MoeOperands operands = Operands();
    std::vector<int32_t> only;
    for (size_t i = 0; i < choices_.size(); ++i) {
      if (choices_[i] == static_cast<int32_t>(fewest)) {
        tokens.push_back(static_cast<int64_t>(i) / op_.experts_per_token);
      }
    }
    operands.choices.assign(static_cast<size_t>(op_.tokens),
                            static_cast<int32_t>(fewest));
    const MoeResults want = ReferenceMoeBlock(alone, operands, tokens);
    CompareExpert("up_gradient", d_up_, want.d_up, fewest, comparison);
    CompareExpert("down_gradient", d_down_, want.d_down, fewest, comparison);
  }

  void CompareExpert(const char* name, const Buffer<T>& got,
                     const std::vector<double>& want, size_t expert,
                     Comparison& comparison) const {
    comparison.Begin(name);
    const size_t size = want.size() / op_.rows_per_expert.size();
    for (size_t i = expert * size; i < (expert + 1) * size; ++i) {
      comparison.Add(ToFloat(got[i]), want[i]);
    }
  }

  const MoeBlock op_;
  const BlockProducts<T> products_;
  const double most_allowed_;
  const int64_t experts_, rows_, wide_;
  const std::vector<int32_t> choices_;
  RoutingLoops<T> routing_;
  Buffer<T> x_, router_, up_, down_;
  Buffer<float> logits_;
  Buffer<T> rows_in_, hidden_, active_, rows_out_, out_;
  Buffer<T> d_out_, d_rows_out_, d_active_, d_hidden_, d_rows_in_, d_logits_;
  Buffer<T> d_x_, d_router_, d_up_, d_down_;
};

template <typename T>
absl::StatusOr<std::unique_ptr<CpuMoeBlock>> Make(const MoeBlock& op,
                                                  const std::string& dtype,
                                                  const CpuTools& tools,
                                                  uint64_t seed) {
  BlockProducts<T> products;
  MOEPLAN_RETURN_IF_ERROR(products.Create(op, tools));
  return std::make_unique<Block<T>>(op, std::move(products),
                                    AllowedError(dtype), seed);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CpuMoeBlock>> MakeCpuMoeBlock(
    const MoeBlock& op, const std::string& dtype, const CpuTools& tools,
    uint64_t seed) {
  return dtype == "f32" ? Make<float>(op, dtype, tools, seed)
                        : Make<Bf16>(op, dtype, tools, seed);
}

MadeOperation MakeMoeBlock(const Case& one, const CpuTools& tools,
                           uint64_t seed) {
  const MoeBlock& op = std::get<MoeBlock>(one.operation);
  int64_t rows = 0;
  for (const int64_t each : op.rows_per_expert) {
    rows += each;
    if (each > op.tokens) rows = -1;
    if (rows < 0) break;
  }
  if (rows != op.tokens * op.experts_per_token) {
    return absl::UnimplementedError(
        "rows_per_expert must sum to tokens * experts_per_token, and no expert "
        "may have more rows than there are tokens");
  }
  MOEPLAN_ASSIGN_OR_RETURN(std::unique_ptr<CpuMoeBlock> block,
                           MakeCpuMoeBlock(op, one.dtype, tools, seed));
  return std::unique_ptr<CpuOperation>(std::move(block));
}

}  // namespace moeplan::worker
