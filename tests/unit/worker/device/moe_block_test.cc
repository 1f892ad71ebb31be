// The backward pass of a MoE block against finite differences: of the reference
// in doubles, and of what the CPU device computes against both.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "worker/bench/routing.h"
#include "worker/device/cpu_device.h"
#include "worker/device/cpu_moe_block.h"
#include "worker/device/moe_reference.h"

namespace moeplan::worker {
namespace {

constexpr double kStep = 1e-5;

MoeBlock TinyBlock(bool gated) {
  return {.tokens = 5,
          .d_model = 6,
          .experts_per_token = 2,
          .expert_width = 4,
          .gated = gated,
          .rows_per_expert = DrawRows(RoutingPattern::kZipf, 5, 4, 2, 3),
          .backward = true};
}

std::vector<int64_t> AllTokens(const MoeBlock& op) {
  std::vector<int64_t> tokens(static_cast<size_t>(op.tokens));
  std::iota(tokens.begin(), tokens.end(), int64_t{0});
  return tokens;
}

double Loss(const MoeBlock& op, const MoeOperands& operands) {
  const auto out = ReferenceMoeBlock(op, operands, AllTokens(op)).out;
  return std::inner_product(out.begin(), out.end(), operands.d_out.begin(),
                            0.0);
}

// The gradient of the loss by each value of one operand, which is moved and put
// back.
std::vector<double> Differences(const MoeBlock& op, MoeOperands& operands,
                                std::vector<double> MoeOperands::*operand) {
  MoeBlock forward = op;
  forward.backward = false;
  std::vector<double> gradient;
  for (double& value : operands.*operand) {
    const double kept = value;
    value = kept + kStep;
    const double above = Loss(forward, operands);
    value = kept - kStep;
    gradient.push_back((above - Loss(forward, operands)) / (2 * kStep));
    value = kept;
  }
  return gradient;
}

double RelativeError(const std::vector<double>& got,
                     const std::vector<double>& want) {
  double difference = 0;
  double norm = 0;
  EXPECT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  return std::sqrt(difference / norm);
}

class MoeBlockTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    CpuDevice device({.threads = 1, .most_rotated_bytes = 1});
    if (device.tools().dnnl == nullptr) GTEST_SKIP() << "no oneDNN here";
    auto block = MakeCpuMoeBlock(op_, "f32", device.tools(), 7);
    ASSERT_TRUE(block.ok()) << block.status();
    (*block)->PoisonOutputs();
    (*block)->Run();
    operands_ = (*block)->Operands();
    results_ = (*block)->Results();
  }

  void ExpectGradients(const MoeResults& results, double most_error) {
    EXPECT_LT(RelativeError(results.d_x,
                            Differences(op_, operands_, &MoeOperands::x)),
              most_error);
    EXPECT_LT(RelativeError(results.d_router,
                            Differences(op_, operands_, &MoeOperands::router)),
              most_error);
    EXPECT_LT(RelativeError(results.d_up,
                            Differences(op_, operands_, &MoeOperands::up)),
              most_error);
    EXPECT_LT(RelativeError(results.d_down,
                            Differences(op_, operands_, &MoeOperands::down)),
              most_error);
  }

  const MoeBlock op_ = TinyBlock(GetParam());
  MoeOperands operands_;
  MoeResults results_;
};

TEST_P(MoeBlockTest, ReferencesBackwardEqualsFiniteDifferences) {
  ExpectGradients(ReferenceMoeBlock(op_, operands_, AllTokens(op_)), 1e-8);
}

TEST_P(MoeBlockTest, DevicesBackwardEqualsFiniteDifferences) {
  ExpectGradients(results_, 1e-5);
}

TEST_P(MoeBlockTest, ForwardEqualsTheReference) {
  EXPECT_LT(
      RelativeError(results_.out,
                    ReferenceMoeBlock(op_, operands_, AllTokens(op_)).out),
      1e-5);
}

TEST_P(MoeBlockTest, ChoicesHaveTheRowsAskedFor) {
  std::vector<int64_t> rows(op_.rows_per_expert.size(), 0);
  for (const int32_t e : operands_.choices) ++rows[static_cast<size_t>(e)];
  EXPECT_EQ(rows, op_.rows_per_expert);
}

INSTANTIATE_TEST_SUITE_P(GatedAndPlain, MoeBlockTest, testing::Bool());

}  // namespace
}  // namespace moeplan::worker
