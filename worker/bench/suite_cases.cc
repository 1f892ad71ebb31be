#include "worker/bench/suite_cases.h"

#include <utility>

#include "worker/bench/case_list.h"
#include "worker/bench/routing.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kMebi = int64_t{1} << 20;

// Training: rows aligned, odd, and none for some experts.
constexpr ExpertShape kSmokeExperts[] = {
    {4, 256, 1, 256, 256, RoutingPattern::kBalanced},
    {8, 512, 2, 256, 256, RoutingPattern::kBalanced},
    {8, 512, 2, 256, 256, RoutingPattern::kZipf},
    {8, 508, 2, 256, 128, RoutingPattern::kBalanced},
    {8, 256, 4, 128, 64, RoutingPattern::kHoles},
    {16, 512, 2, 256, 64, RoutingPattern::kMultinomial},
    {16, 512, 4, 128, 128, RoutingPattern::kZipf},
    {16, 256, 2, 512, 128, RoutingPattern::kBalanced},
    {32, 1024, 2, 128, 64, RoutingPattern::kMultinomial},
    {32, 512, 4, 256, 64, RoutingPattern::kZipf},
    {4, 128, 2, 512, 512, RoutingPattern::kOneHot},
    {8, 129, 1, 512, 256, RoutingPattern::kOneHot},
    {2, 256, 1, 512, 256, RoutingPattern::kBalanced},
    {4, 512, 1, 64, 256, RoutingPattern::kMultinomial},
    {8, 1024, 1, 128, 256, RoutingPattern::kHoles},
    {16, 1024, 1, 64, 128, RoutingPattern::kBalanced}};
// Decoding: few rows per expert.
constexpr ExpertShape kSmokeDecode[] = {
    {8, 8, 1, 256, 256, RoutingPattern::kBalanced},
    {8, 16, 2, 512, 256, RoutingPattern::kBalanced},
    {16, 64, 4, 256, 128, RoutingPattern::kMultinomial},
    {8, 128, 2, 256, 512, RoutingPattern::kBalanced},
    {32, 16, 2, 256, 256, RoutingPattern::kMultinomial},
    {4, 256, 1, 512, 256, RoutingPattern::kBalanced}};
constexpr ExpertShape kStandardExperts[] = {
    {8, 2048, 2, 512, 512, RoutingPattern::kBalanced},
    {8, 2048, 2, 512, 512, RoutingPattern::kMultinomial},
    {8, 2048, 2, 512, 512, RoutingPattern::kZipf},
    {8, 2048, 2, 512, 512, RoutingPattern::kOneHot},
    {16, 2048, 2, 512, 256, RoutingPattern::kBalanced},
    {16, 2000, 2, 512, 256, RoutingPattern::kMultinomial},
    {32, 2048, 4, 512, 128, RoutingPattern::kZipf},
    {32, 4096, 2, 256, 64, RoutingPattern::kBalanced},
    {32, 1024, 1, 1024, 256, RoutingPattern::kMultinomial},
    {4, 1024, 1, 1024, 512, RoutingPattern::kBalanced},
    {16, 1021, 1, 256, 512, RoutingPattern::kHoles},
    {8, 1024, 1, 768, 192, RoutingPattern::kBalanced}};

constexpr ProductShape kSmokeProducts[] = {
    {768, 256, 512},
    {16, 256, 256},
    {64, 256, 256},
    {256, 256, 256},
    {1024, 256, 256},
    {64, 512, 512},
    {256, 1024, 256},
    {256, 256, 1024},
    {128, 512, 1024},
    {33, 512, 256},
    {257, 128, 512},
    {1000, 192, 320},
    {512, 64, 128},
    {1, 512, 512},
    {8, 1024, 256},
    {16, 512, 1024},
    // Routers: logits of 8 and 32 experts, and their gradients.
    {1024, 8, 256},
    {512, 32, 512},
    {512, 256, 32},
    {256, 8, 1024}};
constexpr ProductShape kStandardProducts[] = {
    {2048, 512, 512},  {512, 2048, 512},  {512, 512, 2048}, {2048, 1024, 256},
    {128, 1024, 1024}, {1024, 1024, 512}, {999, 777, 555},  {4, 1024, 1024},
    {32, 1024, 1024},  {4096, 32, 512},   {4096, 16, 256},  {512, 16, 2048}};

constexpr AttentionShape kSmokeTraining[] = {
    {1, 128, 128, 0, 4, 4, 64},   {2, 128, 128, 0, 2, 1, 32},
    {1, 256, 256, 0, 2, 2, 64},   {1, 256, 256, 0, 4, 1, 64},
    {1, 384, 384, 0, 2, 2, 32},   {1, 512, 512, 0, 1, 1, 64},
    {1, 512, 512, 128, 2, 1, 64}, {4, 64, 64, 0, 2, 2, 64},
    {2, 192, 192, 0, 2, 2, 128},  {1, 320, 320, 64, 2, 2, 64},
    {2, 128, 128, 0, 2, 2, 128},  {1, 448, 448, 0, 1, 1, 128},
    {2, 256, 256, 0, 2, 1, 32},   {4, 128, 128, 0, 1, 1, 64},
    {1, 384, 384, 0, 1, 1, 64},   {8, 64, 64, 0, 1, 1, 32}};
// Decoding: keys and values are read from memory.
constexpr AttentionShape kSmokeServing[] = {
    {4, 1, 1024, 0, 4, 4, 64},  {16, 1, 512, 0, 8, 2, 64},
    {2, 1, 4096, 0, 8, 1, 64},  {8, 1, 2048, 256, 4, 1, 64},
    {32, 1, 256, 0, 4, 2, 32},  {1, 128, 512, 0, 2, 2, 64},
    {1, 1, 8192, 0, 4, 2, 64},  {8, 1, 1024, 0, 2, 2, 128},
    {1, 64, 1024, 0, 2, 1, 64}, {16, 1, 1024, 0, 2, 1, 64}};
constexpr AttentionShape kStandardAttention[] = {
    {1, 1024, 1024, 0, 4, 4, 64},   {2, 512, 512, 0, 8, 2, 64},
    {1, 1024, 1024, 256, 4, 2, 64}, {4, 256, 256, 0, 4, 4, 64},
    {2, 768, 768, 0, 2, 1, 64},     {1, 512, 512, 0, 8, 8, 32}};

void AddCeilings(SuiteScope scope, CaseList& cases) {
  const int64_t size = scope == SuiteScope::kSmoke ? 512 : 1536;
  cases.Add(Gemm{.m = size, .n = size, .k = size}, true);
  cases.Add(Copy{.bytes = (scope == SuiteScope::kSmoke ? 16 : 256) * kMebi},
            true);
  cases.Add(Launch{});
}

void AddProducts(SuiteScope scope, CaseList& cases) {
  for (const ProductShape& shape : kSmokeProducts) {
    cases.AddProduct(shape);
  }
  if (scope == SuiteScope::kSmoke) return;
  for (const ProductShape& shape : kStandardProducts) {
    cases.AddProduct(shape);
  }
  if (scope == SuiteScope::kStandard) return;
  for (const int64_t m : {1, 4, 16, 64, 65, 256, 1024, 4096}) {
    for (const int64_t width : {64, 256, 1024}) {
      cases.Add(Gemm{.m = m, .n = width, .k = 512});
      cases.Add(Gemm{.m = m, .n = 512, .k = width});
    }
  }
}

void AddExpertCases(SuiteScope scope, CaseList& cases) {
  const bool both = scope != SuiteScope::kSmoke;
  for (const ExpertShape& shape : kSmokeExperts) cases.AddExperts(shape, both);
  for (const ExpertShape& shape : kSmokeDecode) {
    cases.AddGrouped(shape, GemmPass::kForward, true);
    if (both) cases.AddGrouped(shape, GemmPass::kForward, false);
  }
  cases.AddBlock(kSmokeExperts[0], true);
  cases.AddBlock(kSmokeExperts[4], true);
  cases.AddBlock(kSmokeExperts[5], true);
  cases.AddBlock(kSmokeExperts[7], false);
  if (scope == SuiteScope::kSmoke) return;
  for (const ExpertShape& shape : kStandardExperts) {
    cases.AddExperts(shape, true);
    cases.AddBlock(shape, true);
  }
  if (scope == SuiteScope::kStandard) return;
  for (const int64_t experts : {4, 16, 32}) {
    for (const int64_t width : {64, 192, 512}) {
      for (const RoutingPattern pattern :
           {RoutingPattern::kBalanced, RoutingPattern::kMultinomial,
            RoutingPattern::kZipf, RoutingPattern::kOneHot}) {
        cases.AddExperts({experts, 1024, 2, 512, width, pattern}, true);
        cases.AddBlock({experts, 1024, 2, 512, width, pattern}, true);
      }
    }
  }
}

void AddAttentionCases(SuiteScope scope, CaseList& cases) {
  for (const AttentionShape& shape : kSmokeTraining) {
    cases.AddAttention(shape, false);
    cases.AddAttention(shape, true);
  }
  for (const AttentionShape& shape : kSmokeServing) {
    cases.AddAttention(shape, false);
  }
  if (scope == SuiteScope::kSmoke) return;
  for (const AttentionShape& shape : kStandardAttention) {
    cases.AddAttention(shape, false);
    cases.AddAttention(shape, true);
  }
  if (scope == SuiteScope::kStandard) return;
  for (const int64_t context : {4096, 16384}) {
    for (const int64_t kv_heads : {1, 2, 8}) {
      cases.AddAttention({4, 1, context, 0, 8, kv_heads, 64}, false);
    }
  }
}

void AddMemoryBound(SuiteScope scope, CaseList& cases) {
  const int64_t scale = scope == SuiteScope::kSmoke ? 1 : 4;
  for (const int64_t kilo :
       {16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536}) {
    const int64_t elements = scale * kilo * 1024;
    // Gated activations forward and backward, and norms with the residual sum.
    cases.Add(Elementwise{.elements_read = 2 * elements,
                          .elements_written = elements});
    cases.Add(
        Elementwise{.elements_read = elements, .elements_written = elements});
    if (kilo <= 768) {
      cases.Add(Elementwise{.elements_read = 3 * elements,
                            .elements_written = 2 * elements});
    }
    cases.Add(OptimizerStep{.params = elements / 2});
    cases.Add(Copy{.bytes = scale * kilo * 8192});
  }
  const std::pair<int64_t, int64_t> kLogits[] = {
      {16, 4096},  {32, 8192},  {64, 4096},  {128, 8192},
      {64, 32000}, {256, 1024}, {32, 50257}, {256, 4000}};
  for (const auto& [tokens, vocabulary] : kLogits) {
    cases.Add(
        CrossEntropy{.tokens = scale * tokens, .vocabulary_size = vocabulary});
  }
}

void AddRoutings(SuiteScope scope, CaseList& cases) {
  for (const int64_t experts : {4, 8, 16, 32}) {
    const int64_t choices = experts == 4 ? 1 : (experts == 32 ? 4 : 2);
    cases.AddRouting(256, experts, choices, 512);
    cases.AddRouting(1024, experts, choices, 256);
    cases.AddRouting(2048 / choices, experts, choices, 128);
  }
  cases.AddRouting(513, 16, 4, 192);
  cases.AddRouting(300, 8, 1, 1024);
  cases.AddRouting(768, 32, 2, 256);
  if (scope == SuiteScope::kSmoke) return;
  for (const int64_t tokens : {128, 1024, 4096}) {
    cases.AddRouting(tokens, 8, 2, 1024);
    cases.AddRouting(tokens, 32, 4, 512);
    cases.AddRouting(tokens, 16, 1, 256);
    cases.AddRouting(tokens, 8, 2, 64);
  }
}

}  // namespace

std::vector<Case> CpuCasesOf(SuiteScope scope, const std::string& dtype,
                             uint64_t seed) {
  CaseList cases(dtype, seed);
  AddCeilings(scope, cases);
  AddProducts(scope, cases);
  AddExpertCases(scope, cases);
  AddAttentionCases(scope, cases);
  AddRoutings(scope, cases);
  AddMemoryBound(scope, cases);
  return cases.Take();
}

}  // namespace moeplan::worker
