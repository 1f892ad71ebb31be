#include "worker/bench/cuda_suite_cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/calibration/measurement.h"
#include "worker/bench/suite.h"

namespace moeplan::worker {
namespace {

using ::testing::IsSupersetOf;

constexpr double kGibi = 1024.0 * 1024.0 * 1024.0;

Suite CudaSuite(const std::string& name,
                std::vector<std::string> dtypes = {"bf16"}) {
  auto suite = MakeSuite(
      {.name = name, .kind = DeviceKind::kCuda, .dtypes = std::move(dtypes)});
  EXPECT_TRUE(suite.ok()) << suite.status();
  return *std::move(suite);
}

std::vector<std::string> NamesOf(const Suite& suite) {
  std::vector<std::string> names;
  for (const Case& one : suite.cases) names.push_back(NameOf(one));
  return names;
}

double Expected(const Suite& suite) {
  double seconds = suite.options.soak_seconds;
  for (const Case& one : suite.cases) {
    // Ceilings are measured twice.
    seconds += (one.is_ceiling ? 2 : 1) * ExpectedSeconds(one, suite.options);
  }
  return seconds;
}

template <typename Op>
std::vector<Op> OperationsOf(const Suite& suite) {
  std::vector<Op> found;
  for (const Case& one : suite.cases) {
    if (const auto* op = std::get_if<Op>(&one.operation)) found.push_back(*op);
  }
  return found;
}

int64_t SumOf(const std::vector<int64_t>& rows) {
  return std::accumulate(rows.begin(), rows.end(), int64_t{0});
}

// Bytes of operands, results and what a backward pass keeps of the forward one.
double OperandBytes(const Operation& operation, double element_bytes) {
  if (const auto* op = std::get_if<GroupedGemm>(&operation)) {
    const double in = static_cast<double>(op->in_width);
    const double out = static_cast<double>(op->out_width);
    return element_bytes *
           (static_cast<double>(SumOf(op->rows_per_expert)) * (in + out) +
            static_cast<double>(op->rows_per_expert.size()) * in * out);
  }
  if (const auto* op = std::get_if<MoeBlock>(&operation)) {
    const double experts = static_cast<double>(op->rows_per_expert.size());
    const double rows = static_cast<double>(SumOf(op->rows_per_expert));
    const double d = static_cast<double>(op->d_model);
    const double n = static_cast<double>(op->expert_width);
    const double forward = 3 * experts * d * n + rows * (2 * d + 3 * n) +
                           2 * static_cast<double>(op->tokens) * d;
    return element_bytes * forward * (op->backward ? 2 : 1);
  }
  if (const auto* op = std::get_if<OptimizerStep>(&operation)) {
    return 16 * static_cast<double>(op->params);
  }
  return CostOf(operation, element_bytes).bytes;
}

TEST(CudaSuiteTest, LargerSuitesHoldTheSmallerOnesInTheirOrder) {
  std::vector<std::string> before;
  for (const char* name : {"smoke", "standard", "full"}) {
    const std::vector<std::string> names = NamesOf(CudaSuite(name));
    EXPECT_GT(names.size(), before.size());
    EXPECT_TRUE(std::equal(before.begin(), before.end(), names.begin()));
    before = names;
  }
}

TEST(CudaSuiteTest, EachIsExpectedToEndInItsTime) {
  const std::pair<const char*, double> kLimits[] = {
      {"smoke", 60}, {"standard", 300}, {"full", 600}};
  for (const auto& [name, limit] : kLimits) {
    const Suite suite = CudaSuite(name);
    EXPECT_LT(Expected(suite), suite.options.most_total_seconds) << name;
    EXPECT_LT(suite.options.most_total_seconds, limit) << name;
    EXPECT_GT(suite.options.most_total_seconds, 0.9 * limit) << name;
  }
}

TEST(CudaSuiteTest, NoCaseHasMoreThan16GiBOfOperands) {
  for (const Case& one : CudaSuite("full", {"bf16", "f32", "fp8"}).cases) {
    EXPECT_LE(OperandBytes(one.operation, ElementBytes(one.dtype)), 16 * kGibi)
        << NameOf(one);
  }
}

TEST(CudaSuiteTest, StandardDecidesTheTargetsOfProducts) {
  const std::vector<std::string> names = NamesOf(CudaSuite("standard"));
  const auto has = [&names](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_TRUE(has("gemm_m8192_n8192_k8192_bf16"));
  EXPECT_TRUE(has("gemm_m4096_n4096_k4096_bf16"));
  EXPECT_TRUE(has("copy_bytes4294967296_bf16"));
  EXPECT_TRUE(has("launch_bf16"));
  // The device's own way beside one dense product, from 16 to 8192 rows per
  // expert.
  for (const int64_t rows : {16, 64, 256, 1024, 4096, 8192}) {
    for (const char* backend : {"", "_lt_dense"}) {
      EXPECT_TRUE(has(absl::StrCat("grouped_gemm_forward_e8_rows", 8 * rows,
                                   "_max", rows, "_in4096_out28672_bf16",
                                   backend, "_balanced_s1")));
      EXPECT_TRUE(has(absl::StrCat("grouped_gemm_forward_e32_rows", 32 * rows,
                                   "_max", rows, "_in7168_out4096_bf16",
                                   backend, "_balanced_s1")));
    }
  }
  // Both passes of the blocks that are judged.
  for (const char* pass : {"forward", "backward"}) {
    for (const char* backend : {"", "_eager"}) {
      EXPECT_TRUE(has(absl::StrCat("moe_block_", pass,
                                   "_t2048_d4096_k2_gated14336_e4_rows4096_"
                                   "max1024_bf16",
                                   backend, "_balanced_s1")));
    }
    EXPECT_TRUE(has(absl::StrCat("moe_block_", pass,
                                 "_t16384_d4096_k2_gated14336_e4_rows32768_"
                                 "max8192_bf16_balanced_s1")));
    EXPECT_TRUE(has(absl::StrCat("moe_block_", pass,
                                 "_t16384_d7168_k4_gated2048_e8_rows65536_"
                                 "max8192_bf16_balanced_s1")));
  }
}

TEST(CudaSuiteTest, TheDevicesChoiceComesBeforeOtherBackends) {
  std::set<std::string> chosen;
  for (const Case& one : CudaSuite("full").cases) {
    Case by_choice = one;
    by_choice.backend = "";
    if (one.backend.empty()) {
      chosen.insert(NameOf(one));
    } else {
      EXPECT_TRUE(chosen.contains(NameOf(by_choice))) << NameOf(one);
    }
  }
}

TEST(CudaSuiteTest, StandardSweepsExpertsFromTheSmallestOfTheLaws) {
  const Suite suite = CudaSuite("standard");
  std::set<int64_t> widths;
  std::set<int64_t> models;
  std::set<int64_t> balanced_rows;
  std::set<std::string> routings;
  std::set<std::string> backends;
  bool has_empty = false;
  bool has_odd = false;
  for (const Case& one : suite.cases) {
    const auto* op = std::get_if<GroupedGemm>(&one.operation);
    if (op == nullptr) continue;
    widths.insert(std::min(op->in_width, op->out_width));
    models.insert(op->in_width);
    routings.insert(one.routing);
    backends.insert(one.backend);
    const auto [least, most] = std::minmax_element(op->rows_per_expert.begin(),
                                                   op->rows_per_expert.end());
    if (*least == *most) balanced_rows.insert(*least);
    has_empty = has_empty || *least == 0;
    has_odd = has_odd || (*least == *most && *least % 2 == 1);
  }
  EXPECT_EQ(*widths.begin(), 64);
  EXPECT_EQ(*models.begin(), 64);
  EXPECT_TRUE(models.contains(256));
  EXPECT_EQ(balanced_rows,
            (std::set<int64_t>{16, 64, 256, 1023, 1024, 4096, 8192}));
  EXPECT_EQ(routings, (std::set<std::string>{"balanced", "holes", "multinomial",
                                             "one_hot", "zipf"}));
  EXPECT_EQ(backends, (std::set<std::string>{"", "eager", "lt_dense",
                                             "lt_one_stream", "lt_strided"}));
  EXPECT_TRUE(has_empty);
  EXPECT_TRUE(has_odd);
}

TEST(CudaSuiteTest, RoutingVariesExpertsChoicesAndModelsEachAlone) {
  std::set<int64_t> experts;
  std::set<int64_t> choices;
  std::set<int64_t> models;
  for (const Routing& op : OperationsOf<Routing>(CudaSuite("standard"))) {
    if (op.tokens != 16384) continue;
    if (op.experts_per_token == 2 && op.d_model == 1024) {
      experts.insert(op.experts);
    }
    if (op.experts == 64 && op.d_model == 1024) {
      choices.insert(op.experts_per_token);
    }
    if (op.experts == 64 && op.experts_per_token == 2) {
      models.insert(op.d_model);
    }
  }
  EXPECT_GE(experts.size(), 4u);
  EXPECT_GE(choices.size(), 4u);
  EXPECT_GE(models.size(), 4u);
}

TEST(CudaSuiteTest, ServingIsMeasuredFromOneRowPerExpert) {
  const Suite suite = CudaSuite("standard");
  int few_rows = 0;
  for (const GroupedGemm& op : OperationsOf<GroupedGemm>(suite)) {
    const double touched = static_cast<double>(
        std::count_if(op.rows_per_expert.begin(), op.rows_per_expert.end(),
                      [](int64_t rows) { return rows > 0; }));
    const double rows = static_cast<double>(SumOf(op.rows_per_expert));
    few_rows += rows / touched < 2 ? 1 : 0;
  }
  EXPECT_GE(few_rows, 3);
  std::set<int64_t> contexts;
  for (const AttentionCore& op : OperationsOf<AttentionCore>(suite)) {
    if (op.query_tokens == 1) contexts.insert(op.context_tokens);
  }
  EXPECT_TRUE(contexts.contains(4096));
  EXPECT_TRUE(contexts.contains(32768));
}

TEST(CudaSuiteTest, MemoryBoundOperationsReachBeyond256MiB) {
  std::set<OperationKind> large;
  for (const Case& one : CudaSuite("standard").cases) {
    const OperationCost cost = CostOf(one.operation, ElementBytes(one.dtype));
    if (cost.flops == 0 && cost.bytes >= kGibi / 4) {
      large.insert(KindOf(one.operation));
    }
  }
  EXPECT_EQ(large,
            (std::set{OperationKind::kRouting, OperationKind::kElementwise,
                      OperationKind::kCrossEntropy, OperationKind::kOptimizer,
                      OperationKind::kCopy}));
}

TEST(CudaSuiteTest, Fp8HasTheProductsThatTensorCoresTake) {
  const Suite smoke = CudaSuite("smoke", {"fp8"});
  EXPECT_TRUE(smoke.cases.front().is_ceiling);
  for (const char* name : {"smoke", "full"}) {
    const Suite suite = CudaSuite(name, {"fp8"});
    EXPECT_LT(Expected(suite), suite.options.most_total_seconds) << name;
    std::set<GemmPass> passes;
    for (const Case& one : suite.cases) {
      if (const auto* op = std::get_if<Gemm>(&one.operation)) {
        EXPECT_EQ(op->n % 16 + op->k % 16, 0) << NameOf(one);
        continue;
      }
      const auto* op = std::get_if<GroupedGemm>(&one.operation);
      ASSERT_NE(op, nullptr) << NameOf(one);
      EXPECT_EQ(op->in_width % 16 + op->out_width % 16, 0) << NameOf(one);
      EXPECT_NE(one.backend, "lt_strided");
      passes.insert(op->pass);
    }
    EXPECT_EQ(passes.size(), 3u);
    const size_t dense = OperationsOf<Gemm>(suite).size();
    EXPECT_GT(dense, 15u);
    EXPECT_GT(suite.cases.size() - dense, 30u);
  }
  // The ways to run grouped products stand beside each other in it too.
  EXPECT_THAT(NamesOf(CudaSuite("standard", {"fp8"})),
              IsSupersetOf({"gemm_m8192_n8192_k8192_fp8",
                            "grouped_gemm_forward_e8_rows65536_max8192_"
                            "in4096_out28672_fp8_balanced_s1",
                            "grouped_gemm_forward_e8_rows65536_max8192_"
                            "in4096_out28672_fp8_lt_dense_balanced_s1"}));
}

TEST(CudaSuiteTest, OtherFormatsHaveWhatATimeModelNeeds) {
  const Suite suite = CudaSuite("standard", {"f32"});
  EXPECT_LT(Expected(suite), 60);
  std::set<OperationKind> kinds;
  for (const Case& one : suite.cases) kinds.insert(KindOf(one.operation));
  EXPECT_TRUE(kinds.contains(OperationKind::kGemm));
  EXPECT_TRUE(kinds.contains(OperationKind::kCopy));
  EXPECT_FALSE(kinds.contains(OperationKind::kGroupedGemm));
}

}  // namespace
}  // namespace moeplan::worker
