#include "worker/device/cuda/cuda_moe_block.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_router.h"
#include "worker/device/cuda/device_rows.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/device/cuda/moe_block_products.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

// Each operand has its own part of a case's seed.
constexpr uint64_t kSeedsOfCase = 8;

class Block final : public CudaMoeBlock {
 public:
  Block(RoutedBlock block, const std::string& dtype, NumberFormat format,
        GroupedRoute route, CudaContext& context)
      : block_(std::move(block)),
        op_(block_.op),
        most_allowed_(AllowedError(dtype)),
        format_(format),
        route_(route),
        context_(context),
        activation_({.rows = block_.rows(),
                     .width = op_.expert_width,
                     .pitch = block_.fan_width()}) {}

  absl::Status Create(uint64_t seed) {
    MOEPLAN_ASSIGN_OR_RETURN(
        MoeBlockProducts products,
        MoeBlockProducts::Create(op_, format_, route_, context_));
    products_.emplace(std::move(products));
    const Routing routing = {.tokens = op_.tokens,
                             .experts = block_.experts(),
                             .experts_per_token = op_.experts_per_token,
                             .d_model = op_.d_model};
    MOEPLAN_ASSIGN_OR_RETURN(CudaRouter router,
                             CudaRouter::Create(routing, format_, context_));
    router_.emplace(std::move(router));
    // Which experts a token goes to is given, so that rows are as asked.
    MOEPLAN_RETURN_IF_ERROR(router_->Force(block_.choices));
    MOEPLAN_RETURN_IF_ERROR(Allocate());
    MOEPLAN_RETURN_IF_ERROR(Fill(seed));
    // Backward needs what forward left.
    if (op_.backward) MOEPLAN_RETURN_IF_ERROR(Forward(context_.stream()));
    return PoisonOutputs();
  }

  std::string backend() const override { return std::string(NameOf(route_)); }

  absl::Status Enqueue(cudaStream_t stream) override {
    return op_.backward ? Backward(stream) : Forward(stream);
  }

  absl::Status PoisonOutputs() override {
    if (op_.backward) return PoisonAll(written_backward_);
    MOEPLAN_RETURN_IF_ERROR(router_->Poison());
    return PoisonAll(written_forward_);
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckMoeBlock(block_, most_allowed_, Reader());
  }

  int64_t bytes() const override {
    int64_t sum = router_->bytes() + products_->workspace_bytes();
    for (const auto* operands :
         {&read_, &written_forward_, &written_backward_}) {
      for (const Operand* operand : *operands) sum += operand->bytes();
    }
    return sum;
  }

  std::optional<double> executed_flops() const override {
    return products_->executed_flops();
  }

  const RoutedBlock& block() const override { return block_; }

  ArrayReader<MoeArray> Reader() const override {
    return [this](MoeArray array, const ArrayRows& rows) {
      return DownloadedRows(context_, format_, ArrayOf(array).data(), rows);
    };
  }

 private:
  absl::Status Allocate() {
    const int64_t tokens = op_.tokens * op_.d_model;
    const int64_t logits = op_.tokens * block_.experts();
    const int64_t router = op_.d_model * block_.experts();
    const int64_t up = router * block_.fan_width();
    const int64_t down = router * op_.expert_width;
    const int64_t rows = block_.rows() * op_.d_model;
    const int64_t hidden = block_.rows() * block_.fan_width();
    const int64_t active = block_.rows() * op_.expert_width;
    const auto allocate = [this](int64_t count, Operand& to) -> absl::Status {
      MOEPLAN_ASSIGN_OR_RETURN(to, Operand::Allocate(context_, format_, count));
      return absl::OkStatus();
    };
    MOEPLAN_ASSIGN_OR_RETURN(
        logits_, Operand::Allocate(context_, NumberFormat::kF32, logits));
    std::vector<std::pair<int64_t, Operand*>> all = {
        {tokens, &x_},      {router, &router_weights_}, {up, &up_},
        {down, &down_},     {rows, &rows_in_},          {hidden, &hidden_},
        {active, &active_}, {rows, &rows_out_},         {tokens, &out_}};
    if (op_.backward) {
      all.insert(all.end(), {{tokens, &d_out_},
                             {rows, &d_rows_out_},
                             {active, &d_active_},
                             {hidden, &d_hidden_},
                             {rows, &d_rows_in_},
                             {logits, &d_logits_},
                             {tokens, &d_x_},
                             {router, &d_router_},
                             {up, &d_up_},
                             {down, &d_down_}});
    }
    for (const auto& [count, operand] : all) {
      MOEPLAN_RETURN_IF_ERROR(allocate(count, *operand));
    }
    return absl::OkStatus();
  }

  absl::Status Fill(uint64_t seed) {
    seed *= kSeedsOfCase;
    const double by_d = 1 / std::sqrt(static_cast<double>(op_.d_model));
    const double by_width =
        1 / std::sqrt(static_cast<double>(op_.expert_width));
    MOEPLAN_RETURN_IF_ERROR(x_.FillNormal(1, seed));
    MOEPLAN_RETURN_IF_ERROR(router_weights_.FillNormal(by_d, seed + 1));
    MOEPLAN_RETURN_IF_ERROR(up_.FillNormal(by_d, seed + 2));
    MOEPLAN_RETURN_IF_ERROR(down_.FillNormal(by_width, seed + 3));
    return d_out_.FillNormal(1, seed + 4);
  }

  static absl::Status PoisonAll(const std::vector<Operand*>& operands) {
    for (Operand* operand : operands) {
      MOEPLAN_RETURN_IF_ERROR(operand->Poison());
    }
    return absl::OkStatus();
  }

  // `from` plus this many columns; null for a plain expert's gate.
  void* ColumnOf(const Operand& from, int64_t column) const {
    return static_cast<char*>(from.data()) + column * BytesOf(format_);
  }
  void* UpOf(const Operand& hidden) const {
    return op_.gated ? ColumnOf(hidden, op_.expert_width) : nullptr;
  }

  absl::Status Forward(cudaStream_t stream) {
    MOEPLAN_RETURN_IF_ERROR(products_->Logits(x_.data(), router_weights_.data(),
                                              logits_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(router_->SoftmaxAndTopK(logits_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(router_->BuildIndex(stream));
    MOEPLAN_RETURN_IF_ERROR(
        router_->Permute(x_.data(), rows_in_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(products_->up().Enqueue(rows_in_.data(), up_.data(),
                                                    hidden_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(context_.ToStatus(
        context_.kernels().Activation(format_, activation_, hidden_.data(),
                                      UpOf(hidden_), active_.data(), stream),
        "Activation"));
    MOEPLAN_RETURN_IF_ERROR(products_->down().Enqueue(
        active_.data(), down_.data(), rows_out_.data(), stream));
    return router_->Combine(rows_out_.data(), out_.data(), stream);
  }

  absl::Status Backward(cudaStream_t stream) {
    MOEPLAN_RETURN_IF_ERROR(router_->CombineBackward(
        d_out_.data(), rows_out_.data(), d_rows_out_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(products_->down_rows().Enqueue(
        d_rows_out_.data(), down_.data(), d_active_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(products_->down_weights().Enqueue(
        active_.data(), d_rows_out_.data(), d_down_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(context_.ToStatus(
        context_.kernels().ActivationBackward(
            format_, activation_, hidden_.data(), UpOf(hidden_),
            d_active_.data(), d_hidden_.data(), UpOf(d_hidden_), stream),
        "ActivationBackward"));
    MOEPLAN_RETURN_IF_ERROR(products_->up_rows().Enqueue(
        d_hidden_.data(), up_.data(), d_rows_in_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(products_->up_weights().Enqueue(
        rows_in_.data(), d_hidden_.data(), d_up_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(router_->SoftmaxBackward(d_logits_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(products_->DX(
        d_logits_.data(), router_weights_.data(), d_x_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(products_->DRouter(x_.data(), d_logits_.data(),
                                               d_router_.data(), stream));
    return router_->PermuteBackward(d_rows_in_.data(), true, d_x_.data(),
                                    stream);
  }

  const Operand& ArrayOf(MoeArray array) const {
    switch (array) {
      case MoeArray::kX:
        return x_;
      case MoeArray::kRouter:
        return router_weights_;
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

  const RoutedBlock block_;
  const MoeBlock& op_;
  const double most_allowed_;
  const NumberFormat format_;
  const GroupedRoute route_;
  CudaContext& context_;
  const ActivationSize activation_;
  std::optional<MoeBlockProducts> products_;
  std::optional<CudaRouter> router_;
  Operand x_, router_weights_, up_, down_, d_out_;
  Operand logits_, rows_in_, hidden_, active_, rows_out_, out_;
  Operand d_rows_out_, d_active_, d_hidden_, d_rows_in_, d_logits_;
  Operand d_x_, d_router_, d_up_, d_down_;
  const std::vector<Operand*> read_ = {&x_, &router_weights_, &up_, &down_,
                                       &d_out_};
  const std::vector<Operand*> written_forward_ = {
      &logits_, &rows_in_, &hidden_, &active_, &rows_out_, &out_};
  const std::vector<Operand*> written_backward_ = {
      &d_rows_out_, &d_active_, &d_hidden_, &d_rows_in_, &d_logits_,
      &d_x_,        &d_router_, &d_up_,     &d_down_};
};

}  // namespace

absl::StatusOr<std::unique_ptr<CudaMoeBlock>> CreateCudaMoeBlock(
    const Case& one, CudaContext& context) {
  MOEPLAN_ASSIGN_OR_RETURN(const NumberFormat format,
                           NumberFormatOf(one.dtype));
  MOEPLAN_ASSIGN_OR_RETURN(const GroupedRoute route,
                           GroupedRouteOf(one.backend));
  if (route == GroupedRoute::kDense) {
    return absl::UnimplementedError(
        absl::StrCat(NameOf(route),
                     " multiplies all rows by one expert's matrix, and so is "
                     "no way to run a block"));
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      RoutedBlock routed,
      RoutedBlockOf(std::get<MoeBlock>(one.operation), one.seed));
  auto block = std::make_unique<Block>(std::move(routed), one.dtype, format,
                                       route, context);
  MOEPLAN_RETURN_IF_ERROR(block->Create(one.seed));
  return block;
}

MadeCudaOperation MakeCudaMoeBlock(const Case& one, CudaContext& context) {
  MOEPLAN_ASSIGN_OR_RETURN(std::unique_ptr<CudaMoeBlock> block,
                           CreateCudaMoeBlock(one, context));
  return std::unique_ptr<CudaOperation>(std::move(block));
}

}  // namespace moeplan::worker
