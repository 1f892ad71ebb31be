#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/device/expert_products.h"

namespace moeplan::worker {
namespace {

constexpr std::pair<GroupedRoute, absl::string_view> kRoutes[] = {
    {GroupedRoute::kStreams, "lt_streams"},
    {GroupedRoute::kOneStream, "lt_one_stream"},
    {GroupedRoute::kStrided, "lt_strided"},
    {GroupedRoute::kDense, "lt_dense"}};

// One call of cuBLASLt, or the zeroing that stands in its place.
struct Step {
  const LtProduct* product = nullptr;  // null: zeroes
  int64_t a_offset = 0;                // bytes
  int64_t b_offset = 0;
  int64_t c_offset = 0;
  int64_t zeroed_bytes = 0;
  int stream = 0;
};

NumberFormat ResultFormat(NumberFormat format) {
  return format == NumberFormat::kE4m3 ? NumberFormat::kBf16 : format;
}

LtProductSpec SpecOf(const ExpertProduct& one, NumberFormat format,
                     GemmPass pass) {
  LtProductSpec spec = {.m = one.m,
                        .n = one.n,
                        .k = one.k,
                        .transposed_a = one.transposed_a,
                        .transposed_b = one.transposed_b,
                        .in = format,
                        .out = ResultFormat(format)};
  if (format == NumberFormat::kE4m3) {
    spec.transposed_a = false;
    spec.transposed_b = true;
    spec.fast_sums = pass == GemmPass::kForward;
  }
  return spec;
}

const uint8_t* At(const void* data, int64_t offset) {
  return static_cast<const uint8_t*>(data) + offset;
}
uint8_t* At(void* data, int64_t offset) {
  return static_cast<uint8_t*>(data) + offset;
}

}  // namespace

absl::string_view NameOf(GroupedRoute route) {
  for (const auto& [each, name] : kRoutes) {
    if (each == route) return name;
  }
  return "";
}

absl::StatusOr<GroupedRoute> GroupedRouteOf(absl::string_view name) {
  if (name.empty()) return GroupedRoute::kStreams;
  for (const auto& [route, each] : kRoutes) {
    if (each == name) return route;
  }
  return absl::UnimplementedError(
      absl::StrCat("CUDA runs products of experts by lt_streams, "
                   "lt_one_stream, lt_strided or lt_dense, not by ",
                   name));
}

class LtGroupedProduct::Impl {
 public:
  Impl(GroupedGemm op, NumberFormat format, GroupedRoute route,
       CudaContext& context)
      : op_(std::move(op)), format_(format), context_(context) {
    if (route == GroupedRoute::kDense) op_.rows_per_expert = {RowsOf(op_)};
    if (format == NumberFormat::kE4m3 &&
        op_.pass == GemmPass::kWeightGradient) {
      for (int64_t& rows : op_.rows_per_expert) rows = UpToE4m3Step(rows);
    }
    if (route == GroupedRoute::kStreams) {
      streams_ = std::min(CudaContext::kSideStreams,
                          static_cast<int>(op_.rows_per_expert.size()));
    }
  }

  absl::Status Create(GroupedRoute route, LtProducts& products) {
    MOEPLAN_RETURN_IF_ERROR(route == GroupedRoute::kStrided
                                ? AddBatch(products)
                                : AddExperts(products));
    std::vector<int64_t> bytes(static_cast<size_t>(std::max(streams_, 1)), 0);
    for (const Step& step : steps_) {
      if (step.product == nullptr) continue;
      int64_t& most = bytes[static_cast<size_t>(step.stream)];
      most = std::max(most, step.product->workspace_bytes());
    }
    for (const int64_t each : bytes) {
      DeviceBuffer workspace;
      if (each > 0) {
        MOEPLAN_ASSIGN_OR_RETURN(workspace, context_.Allocate(each));
      }
      workspaces_.push_back(std::move(workspace));
    }
    return absl::OkStatus();
  }

  absl::Status Enqueue(const void* a, const void* b, void* c,
                       cudaStream_t stream, const LtScales& scales) const {
    if (streams_ > 0) {
      MOEPLAN_RETURN_IF_ERROR(context_.Fork(stream, streams_));
    }
    absl::Status status;
    for (const Step& step : steps_) {
      if (!status.ok()) break;
      status = Run(step, a, b, c,
                   streams_ > 0 ? context_.side_stream(step.stream) : stream,
                   scales);
    }
    // Joined after an error too: a capture with open forks cannot end.
    if (streams_ > 0) status.Update(context_.Join(stream, streams_));
    return status;
  }

  int64_t workspace_bytes() const {
    int64_t sum = 0;
    for (const DeviceBuffer& each : workspaces_) sum += each.bytes();
    return sum;
  }

  std::optional<double> executed_flops() const {
    double sum = 0;
    for (const Step& step : steps_) {
      if (step.product == nullptr) continue;
      const auto flops = step.product->executed_flops();
      if (!flops.has_value()) return std::nullopt;
      sum += *flops;
    }
    return sum;
  }

 private:
  // Expert i runs on stream i modulo their number, as in Transformer Engine.
  absl::Status AddExperts(LtProducts& products) {
    const int64_t bytes = BytesOf(format_);
    const int64_t result_bytes = BytesOf(ResultFormat(format_));
    int index = 0;
    for (const ExpertProduct& one : ExpertProducts(op_)) {
      Step step = {.a_offset = one.a_offset * bytes,
                   .b_offset = one.b_offset * bytes,
                   .c_offset = one.c_offset * result_bytes,
                   .stream = index++ % std::max(streams_, 1)};
      if (one.m == 0) continue;
      if (one.k == 0) {
        step.zeroed_bytes = one.m * one.n * result_bytes;
      } else {
        MOEPLAN_ASSIGN_OR_RETURN(
            step.product, products.ProductOf(SpecOf(one, format_, op_.pass)));
      }
      steps_.push_back(step);
    }
    return absl::OkStatus();
  }

  absl::Status AddBatch(LtProducts& products) {
    const std::vector<ExpertProduct> experts = ExpertProducts(op_);
    for (const int64_t rows : op_.rows_per_expert) {
      if (rows != op_.rows_per_expert.front() || rows == 0) {
        return absl::UnimplementedError(
            "lt_strided needs experts that all have the same number of rows");
      }
    }
    LtProductSpec spec = SpecOf(experts.front(), format_, op_.pass);
    spec.batch = static_cast<int64_t>(experts.size());
    Step step;
    MOEPLAN_ASSIGN_OR_RETURN(step.product, products.ProductOf(spec));
    steps_.push_back(step);
    return absl::OkStatus();
  }

  absl::Status Run(const Step& step, const void* a, const void* b, void* c,
                   cudaStream_t stream, const LtScales& scales) const {
    if (step.product == nullptr) {
      return context_.ToStatus(
          context_.calls().memset_async(At(c, step.c_offset), 0,
                                        static_cast<size_t>(step.zeroed_bytes),
                                        stream),
          "cudaMemsetAsync");
    }
    return step.product->Enqueue(
        At(a, step.a_offset), At(b, step.b_offset), At(c, step.c_offset),
        workspaces_[static_cast<size_t>(step.stream)].data(), stream, scales);
  }

  GroupedGemm op_;
  const NumberFormat format_;
  CudaContext& context_;
  int streams_ = 0;  // forked; 0: all on the caller's
  std::vector<Step> steps_;
  std::vector<DeviceBuffer> workspaces_;  // one for each stream
};

absl::StatusOr<LtGroupedProduct> LtGroupedProduct::Create(
    const GroupedGemm& op, NumberFormat format, GroupedRoute route,
    LtProducts& products, CudaContext& context) {
  auto impl = std::make_unique<Impl>(op, format, route, context);
  MOEPLAN_RETURN_IF_ERROR(impl->Create(route, products));
  return LtGroupedProduct(std::move(impl));
}

LtGroupedProduct::LtGroupedProduct(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
LtGroupedProduct::LtGroupedProduct(LtGroupedProduct&&) noexcept = default;
LtGroupedProduct& LtGroupedProduct::operator=(LtGroupedProduct&&) noexcept =
    default;
LtGroupedProduct::~LtGroupedProduct() = default;

absl::Status LtGroupedProduct::Enqueue(const void* a, const void* b, void* c,
                                       cudaStream_t stream,
                                       const LtScales& scales) const {
  return impl_->Enqueue(a, b, c, stream, scales);
}
int64_t LtGroupedProduct::workspace_bytes() const {
  return impl_->workspace_bytes();
}
std::optional<double> LtGroupedProduct::executed_flops() const {
  return impl_->executed_flops();
}

}  // namespace moeplan::worker
