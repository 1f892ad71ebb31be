#include "worker/device/cpu_moe_block.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/buffer.h"
#include "worker/device/grouped_product.h"
#include "worker/device/loops.h"
#include "worker/device/moe_block_check.h"
#include "worker/device/numerics.h"
#include "worker/device/routing_loops.h"

namespace moeplan::worker {
namespace {

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
  Block(RoutedBlock block, BlockProducts<T> products, double most_allowed,
        uint64_t seed)
      : block_(std::move(block)),
        op_(block_.op),
        products_(std::move(products)),
        most_allowed_(most_allowed),
        experts_(block_.experts()),
        rows_(block_.rows()),
        wide_(block_.fan_width()),
        routing_({.tokens = op_.tokens,
                  .experts = experts_,
                  .experts_per_token = op_.experts_per_token,
                  .d_model = op_.d_model}),
        x_(op_.tokens * op_.d_model),
        router_(op_.d_model * experts_),
        up_(experts_ * op_.d_model * wide_),
        down_(experts_ * op_.expert_width * op_.d_model),
        logits_(op_.tokens * experts_),
        rows_in_(rows_ * op_.d_model),
        hidden_(rows_ * wide_),
        active_(rows_ * op_.expert_width),
        rows_out_(rows_ * op_.d_model),
        out_(op_.tokens * op_.d_model),
        d_out_(IfBackward(op_.tokens * op_.d_model)),
        d_rows_out_(IfBackward(rows_ * op_.d_model)),
        d_active_(IfBackward(rows_ * op_.expert_width)),
        d_hidden_(IfBackward(rows_ * wide_)),
        d_rows_in_(IfBackward(rows_ * op_.d_model)),
        d_logits_(IfBackward(op_.tokens * experts_)),
        d_x_(IfBackward(op_.tokens * op_.d_model)),
        d_router_(IfBackward(op_.d_model * experts_)),
        d_up_(IfBackward(experts_ * op_.d_model * wide_)),
        d_down_(IfBackward(experts_ * op_.expert_width * op_.d_model)) {
    RandomValues values(seed);
    const double by_d = 1 / std::sqrt(static_cast<double>(op_.d_model));
    values.Fill(x_, 1);
    values.Fill(router_, by_d);
    values.Fill(up_, by_d);
    values.Fill(down_, 1 / std::sqrt(static_cast<double>(op_.expert_width)));
    values.Fill(d_out_, 1);
    Poison(out_);
    // Backward needs what forward left.
    if (op_.backward) Forward();
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
    return *ReadMoeOperands(block_, Reader());
  }

  MoeResults Results() const override {
    return *ReadMoeResults(block_, Reader());
  }

  NumericsCheck Check() const override {
    return *CheckMoeBlock(block_, most_allowed_, Reader());
  }

 private:
  int64_t IfBackward(int64_t size) const { return op_.backward ? size : 0; }

  ArrayReader<MoeArray> Reader() const {
    return [this](MoeArray array, const ArrayRows& rows) {
      return RowsOf(ArrayOf(array).data(), rows);
    };
  }

  const Buffer<T>& ArrayOf(MoeArray array) const {
    switch (array) {
      case MoeArray::kX:
        return x_;
      case MoeArray::kRouter:
        return router_;
      case MoeArray::kUp:
        return up_;
      case MoeArray::kDown:
        return down_;
      case MoeArray::kOut:
        return out_;
      case MoeArray::kDOut:
        return d_out_;
      case MoeArray::kActive:
        return active_;
      case MoeArray::kDRows:
        return d_rows_out_;
      case MoeArray::kDHidden:
        return d_hidden_;
      case MoeArray::kDLogits:
        return d_logits_;
      case MoeArray::kDX:
        return d_x_;
      case MoeArray::kDRouter:
        return d_router_;
      case MoeArray::kDUp:
        return d_up_;
      case MoeArray::kDDown:
        break;
    }
    return d_down_;
  }

  void Forward() {
    products_.logits->Run(x_.data(), router_.data(), logits_.data());
    routing_.SoftmaxAndTopK(logits_.data());
    // Which experts a token goes to is given, so that rows are as asked.
    routing_.Force(block_.choices);
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

  const RoutedBlock block_;
  const MoeBlock& op_;
  const BlockProducts<T> products_;
  const double most_allowed_;
  const int64_t experts_, rows_, wide_;
  RoutingLoops<T> routing_;
  Buffer<T> x_, router_, up_, down_;
  Buffer<float> logits_;
  Buffer<T> rows_in_, hidden_, active_, rows_out_, out_;
  Buffer<T> d_out_, d_rows_out_, d_active_, d_hidden_, d_rows_in_, d_logits_;
  Buffer<T> d_x_, d_router_, d_up_, d_down_;
};

template <typename T>
absl::StatusOr<std::unique_ptr<CpuMoeBlock>> Make(RoutedBlock block,
                                                  const std::string& dtype,
                                                  const CpuTools& tools,
                                                  uint64_t seed) {
  BlockProducts<T> products;
  MOEPLAN_RETURN_IF_ERROR(products.Create(block.op, tools));
  return std::make_unique<Block<T>>(std::move(block), std::move(products),
                                    AllowedError(dtype), seed);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CpuMoeBlock>> MakeCpuMoeBlock(
    const MoeBlock& op, const std::string& dtype, const CpuTools& tools,
    uint64_t seed) {
  MOEPLAN_ASSIGN_OR_RETURN(RoutedBlock block, RoutedBlockOf(op, seed));
  return dtype == "f32" ? Make<float>(std::move(block), dtype, tools, seed)
                        : Make<Bf16>(std::move(block), dtype, tools, seed);
}

MadeOperation MakeMoeBlock(const Case& one, const CpuTools& tools,
                           uint64_t seed) {
  MOEPLAN_ASSIGN_OR_RETURN(std::unique_ptr<CpuMoeBlock> block,
                           MakeCpuMoeBlock(std::get<MoeBlock>(one.operation),
                                           one.dtype, tools, seed));
  return std::unique_ptr<CpuOperation>(std::move(block));
}

}  // namespace moeplan::worker
