#include "worker/device/cpu_info.h"

#include <gtest/gtest.h>

namespace moeplan::worker {
namespace {

constexpr char kText[] =
    "processor\t: 0\n"
    "model name\t: Made Up 9000: Server\n"
    "flags\t\t: fpu avx512f avx512_bf16\n"
    "\n"
    "processor\t: 1\n"
    "model name\t: Another\n"
    "flags\t\t: fpu\n";

TEST(CpuInfoTest, TakesTheFirstProcessors) {
  CpuInfo info;
  ParseCpuInfo(kText, info);
  EXPECT_EQ(info.product, "Made Up 9000: Server");
  EXPECT_EQ(info.flags,
            (std::set<std::string>{"avx512_bf16", "avx512f", "fpu"}));
  EXPECT_TRUE(info.has_bf16());
}

TEST(CpuInfoTest, ATextWithoutThemLeavesThemEmpty) {
  CpuInfo info;
  ParseCpuInfo("nothing: here\nno colon\n", info);
  EXPECT_TRUE(info.product.empty());
  EXPECT_FALSE(info.has_bf16());
}

TEST(CpuInfoTest, ClockIsThatOfAProcessor) {
  EXPECT_GT(MeasureClockHertz(), 2e8);
  EXPECT_LT(MeasureClockHertz(), 1e10);
}

}  // namespace
}  // namespace moeplan::worker
