#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/testing/cuda/lt_fixture.h"
#include "worker/device/cuda/lt_product.h"

namespace moeplan::worker {
namespace {

using ::testing::ElementsAre;

constexpr GemmPass kPasses[] = {GemmPass::kForward, GemmPass::kInputGradient,
                                GemmPass::kWeightGradient};

// Operands of all experts by their meaning; the one that a pass computes is
// filled with NaN.
struct Experts {
  GroupedGemm op;
  NumberFormat format = NumberFormat::kBf16;
  std::vector<double> in, out, weights;  // as they were rounded
  DeviceBuffer in_data, out_data, weight_data;

  DeviceBuffer& result() {
    switch (op.pass) {
      case GemmPass::kForward:
        return out_data;
      case GemmPass::kInputGradient:
        return in_data;
      default:
        return weight_data;
    }
  }
  const void* a() const {
    return op.pass == GemmPass::kInputGradient ? out_data.data()
                                               : in_data.data();
  }
  const void* b() const {
    return op.pass == GemmPass::kWeightGradient ? out_data.data()
                                                : weight_data.data();
  }
};

class LtGroupedProductTest : public LtTest {
 protected:
  Experts MakeExperts(GroupedGemm op, NumberFormat format) {
    Experts made;
    made.op = std::move(op);
    made.format = format;
    int64_t rows = 0;
    for (const int64_t each : made.op.rows_per_expert) rows += each;
    const auto experts = static_cast<int64_t>(made.op.rows_per_expert.size());
    made.in = Fill(format, rows * made.op.in_width, 1, made.in_data);
    made.out = Fill(format, rows * made.op.out_width, 2, made.out_data);
    made.weights = Fill(format, experts * made.op.in_width * made.op.out_width,
                        3, made.weight_data);
    Poison(made);
    return made;
  }

  static void Poison(Experts& experts) {
    std::memset(experts.result().data(), 0xff,
                static_cast<size_t>(experts.result().bytes()));
  }

  absl::Status Run(Experts& experts, GroupedRoute route) {
    LtProducts products(*context_);
    auto product = LtGroupedProduct::Create(experts.op, experts.format, route,
                                            products, *context_);
    if (!product.ok()) return product.status();
    Poison(experts);
    return product->Enqueue(experts.a(), experts.b(), experts.result().data(),
                            context_->stream());
  }

  // The whole result against plain loops over what the pass means.
  static void ExpectRight(Experts& x) {
    const int64_t in = x.op.in_width;
    const int64_t out = x.op.out_width;
    const auto at = [](const std::vector<double>& values, int64_t i) {
      return values[static_cast<size_t>(i)];
    };
    int64_t start = 0;
    for (size_t e = 0; e < x.op.rows_per_expert.size(); ++e) {
      const int64_t rows = x.op.rows_per_expert[e];
      const int64_t weight = static_cast<int64_t>(e) * in * out;
      const auto expect = [&](int64_t index, double want) {
        ASSERT_NEAR(At(x.result(), x.format, index), want,
                    (x.format == NumberFormat::kF32 ? 1e-4 : 0.02) *
                        (1 + std::abs(want)));
      };
      for (int64_t r = start; r < start + rows; ++r) {
        for (int64_t j = 0; j < out && x.op.pass == GemmPass::kForward; ++j) {
          double want = 0;
          for (int64_t i = 0; i < in; ++i) {
            want += at(x.in, r * in + i) * at(x.weights, weight + i * out + j);
          }
          expect(r * out + j, want);
        }
        for (int64_t i = 0; i < in && x.op.pass == GemmPass::kInputGradient;
             ++i) {
          double want = 0;
          for (int64_t j = 0; j < out; ++j) {
            want +=
                at(x.out, r * out + j) * at(x.weights, weight + i * out + j);
          }
          expect(r * in + i, want);
        }
      }
      for (int64_t i = 0; i < in && x.op.pass == GemmPass::kWeightGradient;
           ++i) {
        for (int64_t j = 0; j < out; ++j) {
          double want = 0;
          for (int64_t r = start; r < start + rows; ++r) {
            want += at(x.in, r * in + i) * at(x.out, r * out + j);
          }
          expect(weight + i * out + j, want);
        }
      }
      start += rows;
    }
  }

  static std::vector<uint8_t> Bytes(Experts& experts) {
    const auto* data = experts.result().as<uint8_t>();
    return {data, data + experts.result().bytes()};
  }
};

// Empty experts first, in the middle and last; one hot; one row; odd; equal.
const std::vector<int64_t> kRows[] = {{0, 5, 0, 7, 0}, {0, 0, 24, 0},
                                      {1, 1, 1},       {9, 17, 3, 1, 2, 11},
                                      {8, 8, 8, 8},    {13}};

TEST_F(LtGroupedProductTest, EveryPassIsRightForAllRowsOfExperts) {
  for (const GemmPass pass : kPasses) {
    for (const auto& rows : kRows) {
      for (const NumberFormat format :
           {NumberFormat::kF32, NumberFormat::kBf16}) {
        Experts experts = MakeExperts({.rows_per_expert = rows,
                                       .in_width = 8,
                                       .out_width = 24,
                                       .pass = pass},
                                      format);
        ASSERT_TRUE(Run(experts, GroupedRoute::kStreams).ok());
        ExpectRight(experts);
        const auto forked = Bytes(experts);
        ASSERT_TRUE(Run(experts, GroupedRoute::kOneStream).ok());
        EXPECT_EQ(Bytes(experts), forked);
      }
    }
  }
}

TEST_F(LtGroupedProductTest, OneBatchIsRightWhereRowsAreEqual) {
  for (const GemmPass pass : kPasses) {
    for (const auto& rows : kRows) {
      Experts experts = MakeExperts({.rows_per_expert = rows,
                                     .in_width = 6,
                                     .out_width = 5,
                                     .pass = pass},
                                    NumberFormat::kF32);
      const absl::Status status = Run(experts, GroupedRoute::kStrided);
      if (rows.front() != 0 &&
          std::all_of(rows.begin(), rows.end(),
                      [&](int64_t each) { return each == rows.front(); })) {
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_EQ(lt_.products.back().batch, static_cast<int32_t>(rows.size()));
        ExpectRight(experts);
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
      }
    }
  }
}

TEST_F(LtGroupedProductTest, TheDenseRouteIsOneProductByTheFirstMatrix) {
  for (const GemmPass pass : kPasses) {
    Experts experts = MakeExperts({.rows_per_expert = {3, 0, 4},
                                   .in_width = 8,
                                   .out_width = 8,
                                   .pass = pass},
                                  NumberFormat::kF32);
    lt_.products.clear();
    ASSERT_TRUE(Run(experts, GroupedRoute::kDense).ok());
    EXPECT_EQ(lt_.products.size(), 1u);
    experts.op.rows_per_expert = {7};
    ExpectRight(experts);
  }
}

TEST_F(LtGroupedProductTest, ExpertsTakeTurnsOnStreamsWithTheirOwnWorkspaces) {
  lt_.candidates = {{.workspace_bytes = 512}};
  Experts experts = MakeExperts(
      {.rows_per_expert = {2, 2, 0, 2, 2, 2}, .in_width = 8, .out_width = 8},
      NumberFormat::kBf16);
  LtProducts products(*context_);
  auto product = LtGroupedProduct::Create(
      experts.op, experts.format, GroupedRoute::kStreams, products, *context_);
  ASSERT_TRUE(product.ok());
  // Of the third stream's only expert nothing runs.
  EXPECT_EQ(product->workspace_bytes(), 3 * 512);
  ASSERT_TRUE(product
                  ->Enqueue(experts.a(), experts.b(), experts.result().data(),
                            context_->stream())
                  .ok());
  std::vector<cudaStream_t> streams;
  for (const auto& each : lt_.products) streams.push_back(each.stream);
  EXPECT_THAT(streams,
              ElementsAre(context_->side_stream(0), context_->side_stream(1),
                          context_->side_stream(3), context_->side_stream(0),
                          context_->side_stream(1)));
  for (const auto& one : lt_.products) {
    for (const auto& other : lt_.products) {
      EXPECT_EQ(one.workspace == other.workspace, one.stream == other.stream);
    }
  }
  EXPECT_EQ(lt_.heuristics, 1);  // all experts have one size
}

TEST_F(LtGroupedProductTest, MayBeCapturedAlsoWhereAProductFails) {
  const CudaCalls& calls = context_->calls();
  Experts experts = MakeExperts({.rows_per_expert = {2, 0, 3},
                                 .in_width = 8,
                                 .out_width = 8,
                                 .pass = GemmPass::kWeightGradient},
                                NumberFormat::kBf16);
  LtProducts products(*context_);
  auto product = LtGroupedProduct::Create(
      experts.op, experts.format, GroupedRoute::kStreams, products, *context_);
  ASSERT_TRUE(product.ok());
  for (const cublasStatus_t status :
       {CUBLAS_STATUS_SUCCESS, CUBLAS_STATUS_INTERNAL_ERROR}) {
    lt_.product_status = status;
    ASSERT_EQ(calls.stream_begin_capture(context_->stream(),
                                         cudaStreamCaptureModeThreadLocal),
              cudaSuccess);
    EXPECT_EQ(product
                  ->Enqueue(experts.a(), experts.b(), experts.result().data(),
                            context_->stream())
                  .ok(),
              status == CUBLAS_STATUS_SUCCESS);
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(calls.stream_end_capture(context_->stream(), &graph),
              cudaSuccess);
    calls.graph_destroy(graph);
  }
}

TEST_F(LtGroupedProductTest, ExecutedFlopsAreThoseOfAllExpertsThatHaveRows) {
  lt_.candidates = {{.tile = CUBLASLT_MATMUL_TILE_64x32}};
  LtProducts products(*context_);
  const GroupedGemm op = {
      .rows_per_expert = {33, 0, 1}, .in_width = 10, .out_width = 64};
  const auto flops = [&](GroupedRoute route) {
    return LtGroupedProduct::Create(op, NumberFormat::kBf16, route, products,
                                    *context_)
        ->executed_flops();
  };
  EXPECT_EQ(flops(GroupedRoute::kStreams), 2.0 * 10 * 64 * (64 + 32));
  EXPECT_EQ(flops(GroupedRoute::kDense), 2.0 * 10 * 64 * 64);
  lt_.candidates = {{.tile = 0}};
  LtProducts others(*context_);
  EXPECT_EQ(LtGroupedProduct::Create(op, NumberFormat::kBf16,
                                     GroupedRoute::kStreams, others, *context_)
                ->executed_flops(),
            std::nullopt);
}

TEST_F(LtGroupedProductTest, WorkspacesThatDoNotFitAreOutOfMemory) {
  lt_.candidates = {{.workspace_bytes = 512}};
  cuda_.FailAllocationsFrom(1);
  LtProducts products(*context_);
  EXPECT_EQ(
      LtGroupedProduct::Create(
          {.rows_per_expert = {1}, .in_width = 8, .out_width = 8},
          NumberFormat::kBf16, GroupedRoute::kStreams, products, *context_)
          .status()
          .code(),
      absl::StatusCode::kResourceExhausted);
}

TEST(GroupedRouteTest, NamesAreReadBack) {
  for (const GroupedRoute route :
       {GroupedRoute::kStreams, GroupedRoute::kOneStream,
        GroupedRoute::kStrided, GroupedRoute::kDense}) {
    EXPECT_EQ(*GroupedRouteOf(NameOf(route)), route);
  }
  EXPECT_EQ(*GroupedRouteOf(""), GroupedRoute::kStreams);
  EXPECT_EQ(GroupedRouteOf("cutlass").status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace moeplan::worker
