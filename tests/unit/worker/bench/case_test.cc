#include "worker/bench/case.h"

#include <gtest/gtest.h>

#include <vector>

namespace moeplan::worker {
namespace {

Case Grouped(std::vector<int64_t> rows, std::string routing, uint64_t seed) {
  return {.operation = GroupedGemm{.rows_per_expert = std::move(rows),
                                   .in_width = 8,
                                   .out_width = 16},
          .dtype = "f32",
          .routing = std::move(routing),
          .seed = seed};
}

TEST(CaseTest, NamesTellDtypeRoutingAndSeedApart) {
  EXPECT_EQ(NameOf({.operation = Gemm{.m = 1, .n = 2, .k = 3}, .dtype = "f32"}),
            "gemm_m1_n2_k3_f32");
  EXPECT_EQ(NameOf(Grouped({3, 1}, "zipf", 7)),
            "grouped_gemm_forward_e2_rows4_max3_in8_out16_f32_zipf_s7");
}

TEST(CaseTest, SuiteHashChangesWithEverythingThatIsMeasured) {
  const std::string hash = SuiteHash({Grouped({3, 1, 0}, "zipf", 7)});
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(hash, SuiteHash({Grouped({3, 1, 0}, "zipf", 7)}));
  // The same name, other rows.
  EXPECT_NE(hash, SuiteHash({Grouped({3, 0, 1}, "zipf", 7)}));
  EXPECT_NE(hash, SuiteHash({Grouped({3, 1, 0}, "zipf", 8)}));
  Case ceiling = Grouped({3, 1, 0}, "zipf", 7);
  ceiling.is_ceiling = true;
  EXPECT_NE(hash, SuiteHash({ceiling}));
  EXPECT_NE(hash, SuiteHash({}));
}

}  // namespace
}  // namespace moeplan::worker
