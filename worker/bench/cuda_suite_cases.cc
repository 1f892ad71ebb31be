#include "worker/bench/cuda_suite_cases.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "worker/bench/case_list.h"
#include "worker/bench/routing.h"

namespace moeplan::worker {
namespace {

using enum SuiteScope;
using enum GemmPass;
using enum RoutingPattern;

constexpr int64_t kMebi = int64_t{1} << 20;

// Each table says with which suite a line begins; larger ones hold it too.

// The experts of models, as many as one device holds.
struct ExpertModel {
  SuiteScope from;
  int64_t experts, experts_per_token, d_model, width;
  int64_t most_rows;  // per expert; more would not fit or decides nothing
};
constexpr ExpertModel kModels[] = {
    {kStandard, 8, 2, 4096, 14336, 8192},  // Mixtral 8x7B
    {kStandard, 32, 8, 7168, 2048, 8192},  // DeepSeek-V3, an eighth of it
    {kStandard, 64, 8, 2048, 768, 4096},   // Qwen3-30B-A3B, half of it
    {kSmoke, 64, 8, 1024, 256, 4096},
    {kSmoke, 64, 8, 1024, 128, 4096},
    {kSmoke, 64, 8, 512, 128, 4096},
    {kSmoke, 64, 16, 256, 64, 4096}};  // the smallest of arXiv 2402.07871
// Those whose products are large enough for targets.
constexpr int kLargeModels = 2;

// Grouped products of every model, at these rows per expert.
struct GroupedSweep {
  SuiteScope from;
  GemmPass pass;
  bool up;
  RoutingPattern pattern;
  std::vector<int64_t> rows;
  int models = std::ssize(kModels);  // so many of them, from the first
};
const std::vector<GroupedSweep>& GroupedSweeps() {
  static const auto& sweeps = *new std::vector<GroupedSweep>{
      {kSmoke, kForward, true, kBalanced, {16, 64, 256, 1024}},
      {kSmoke, kForward, false, kMultinomial, {256}},
      {kSmoke, kForward, true, kZipf, {256}},
      {kSmoke, kInputGradient, true, kBalanced, {64, 1024}},
      {kSmoke, kWeightGradient, true, kBalanced, {64, 1024}},
      {kSmoke, kWeightGradient, false, kMultinomial, {256}},
      {kStandard, kForward, true, kBalanced, {4096, 8192}},
      {kStandard, kForward, true, kBalanced, {1023}},  // not aligned
      {kStandard, kForward, true, kZipf, {1024}},
      {kStandard, kForward, true, kHoles, {256}, 4},
      {kStandard, kForward, true, kOneHot, {256}, 4},
      {kStandard, kInputGradient, true, kBalanced, {4096}},
      {kStandard, kWeightGradient, true, kBalanced, {4096}},
      {kStandard, kWeightGradient, true, kZipf, {1024}, 4},
      {kFull, kForward, true, kBalanced, {255}},
      {kFull, kForward, false, kBalanced, {1024}},
      {kFull, kForward, true, kMultinomial, {64, 1024}},
      {kFull, kForward, true, kZipf, {4096}},
      {kFull, kForward, false, kDirichlet, {256}},
      {kFull, kInputGradient, false, kBalanced, {256, 1023}},
      {kFull, kInputGradient, true, kZipf, {1024}},
      {kFull, kInputGradient, false, kZipf, {256}},
      {kFull, kWeightGradient, false, kBalanced, {256}},
      {kFull, kWeightGradient, true, kHoles, {1023}},
      {kFull, kWeightGradient, true, kZipfHalf, {1024}}};
  return sweeps;
}

// Serving: few rows per expert, weights read for each of them.
constexpr ExpertModel kServingModels[] = {
    {kSmoke, 64, 8, 1024, 256, 64},
    {kStandard, 8, 2, 4096, 14336, 64},
    {kStandard, 64, 8, 7168, 2048, 64},  // DeepSeek-V3, a quarter of it
    {kStandard, 128, 8, 2048, 768, 64}};

constexpr ExpertShape kStandardBlocks[] = {
    // 8192 and 1024 rows per expert, by which blocks are judged.
    {4, 16384, 2, 4096, 14336, kBalanced}, {8, 16384, 4, 7168, 2048, kBalanced},
    {4, 2048, 2, 4096, 14336, kBalanced},  {8, 2048, 4, 7168, 2048, kBalanced},
    {4, 2048, 2, 4096, 14336, kZipf},      {8, 2048, 4, 7168, 2048, kZipf}};

// Projections, few rows as in decoding, routers (8 to 256 wide) with both
// gradients, logits, and sizes that are multiples of nothing.
struct Product {
  SuiteScope from;
  ProductShape shape;
};
constexpr Product kProducts[] = {
    {kSmoke, {1, 4096, 4096}},         {kSmoke, {8, 4096, 4096}},
    {kSmoke, {16, 4096, 4096}},        {kSmoke, {64, 4096, 4096}},
    {kSmoke, {256, 4096, 4096}},       {kSmoke, {1024, 4096, 4096}},
    {kSmoke, {4096, 1024, 1024}},      {kSmoke, {16384, 256, 256}},
    {kSmoke, {16384, 768, 256}},       {kSmoke, {16384, 1024, 256}},
    {kSmoke, {8192, 1024, 512}},       {kSmoke, {8192, 512, 1024}},
    {kSmoke, {4096, 2048, 2048}},      {kSmoke, {2048, 2048, 2048}},
    {kSmoke, {1024, 1024, 1024}},      {kSmoke, {512, 512, 512}},
    {kSmoke, {255, 1000, 1000}},       {kSmoke, {1023, 1024, 1024}},
    {kSmoke, {4096, 8, 1024}},         {kSmoke, {4096, 64, 1024}},
    {kSmoke, {4096, 1024, 64}},        {kSmoke, {1024, 64, 4096}},
    {kStandard, {8192, 4096, 4096}},   {kStandard, {8192, 6144, 4096}},
    {kStandard, {8192, 4096, 14336}},  {kFull, {8192, 28672, 4096}},
    {kFull, {8192, 7168, 7168}},       {kFull, {8192, 7168, 2048}},
    {kStandard, {128, 4096, 4096}},    {kFull, {512, 4096, 4096}},
    {kStandard, {2048, 4096, 4096}},   {kStandard, {16384, 4096, 4096}},
    {kFull, {1, 28672, 4096}},         {kFull, {64, 28672, 4096}},
    {kFull, {4, 7168, 7168}},          {kStandard, {32, 7168, 7168}},
    {kStandard, {8191, 4096, 4096}},   {kFull, {4097, 4096, 4096}},
    {kStandard, {1024, 1001, 1003}},   {kFull, {4096, 32000, 1024}},
    {kStandard, {8192, 128256, 4096}}, {kStandard, {8192, 8, 4096}},
    {kStandard, {16384, 256, 7168}},   {kStandard, {16384, 64, 2048}},
    {kStandard, {16384, 32, 1024}},    {kStandard, {7168, 256, 16384}},
    {kFull, {16384, 7168, 256}},       {kFull, {1, 512, 512}},
    {kFull, {16, 512, 512}},           {kFull, {256, 512, 512}},
    {kFull, {4096, 512, 512}},         {kFull, {65536, 512, 512}},
    {kFull, {1, 1024, 4096}},          {kFull, {16, 1024, 4096}},
    {kFull, {256, 1024, 4096}},        {kFull, {4096, 1024, 4096}},
    {kFull, {16384, 1024, 4096}},      {kFull, {1, 4096, 1024}},
    {kFull, {64, 4096, 1024}},         {kFull, {1000, 4096, 1024}},
    {kFull, {16384, 4096, 1024}},      {kFull, {32, 8192, 8192}},
    {kFull, {128, 8192, 8192}},        {kFull, {2048, 8192, 8192}},
    {kFull, {2049, 2048, 8192}},       {kFull, {333, 777, 2048}},
    {kFull, {16384, 50257, 768}}};

struct Attention {
  SuiteScope from;
  bool trains;  // then backward too
  AttentionShape shape;
};
constexpr Attention kAttentions[] = {
    {kSmoke, true, {4, 512, 512, 0, 4, 4, 64}},
    {kSmoke, true, {2, 1024, 1024, 0, 8, 8, 64}},
    {kSmoke, true, {1, 2048, 2048, 0, 16, 4, 64}},
    {kSmoke, true, {8, 256, 256, 0, 4, 4, 64}},
    {kSmoke, true, {2, 1024, 1024, 0, 8, 2, 128}},
    {kSmoke, true, {1, 4096, 4096, 0, 4, 1, 128}},
    {kSmoke, true, {1, 2048, 2048, 512, 8, 8, 128}},
    {kSmoke, true, {4, 1024, 1024, 0, 12, 12, 64}},
    {kSmoke, false, {16, 1, 1024, 0, 32, 8, 128}},
    {kSmoke, false, {64, 1, 4096, 0, 8, 1, 128}},
    {kSmoke, false, {4, 1, 8192, 0, 32, 32, 128}},
    {kSmoke, false, {8, 1, 4096, 0, 8, 8, 64}},
    {kSmoke, false, {1, 512, 4096, 0, 16, 4, 128}},
    {kStandard, true, {1, 8192, 8192, 0, 32, 8, 128}},
    {kStandard, true, {2, 4096, 4096, 0, 32, 8, 128}},
    {kFull, true, {4, 2048, 2048, 0, 32, 32, 128}},
    {kStandard, true, {1, 8192, 8192, 4096, 32, 8, 128}},
    {kFull, true, {16, 512, 512, 0, 16, 16, 64}},
    {kFull, true, {1, 16384, 16384, 0, 8, 2, 128}},
    // Latent attention, whose values are smaller than its keys.
    {kStandard, true, {1, 4096, 4096, 0, 128, 128, 192, 128}},
    {kStandard, false, {1, 1, 4096, 0, 32, 8, 128}},
    {kStandard, false, {16, 1, 4096, 0, 32, 8, 128}},
    {kStandard, false, {64, 1, 4096, 0, 32, 8, 128}},
    {kStandard, false, {256, 1, 4096, 0, 32, 8, 128}},
    {kFull, false, {1, 1, 32768, 0, 32, 8, 128}},
    {kStandard, false, {16, 1, 32768, 0, 32, 8, 128}},
    {kStandard, false, {64, 1, 32768, 0, 32, 8, 128}},
    {kStandard, false, {16, 1, 32768, 0, 32, 32, 128}},
    {kStandard, false, {1, 2048, 32768, 0, 32, 8, 128}},
    {kFull, true, {8, 2048, 2048, 0, 8, 8, 64}},
    {kFull, true, {2, 8192, 8192, 1024, 16, 16, 64}},
    {kFull, true, {32, 256, 256, 0, 12, 4, 128}},
    {kFull, false, {4, 1, 4096, 0, 32, 8, 128}},
    {kFull, false, {4, 1, 32768, 0, 32, 4, 128}},
    {kFull, false, {256, 1, 1024, 0, 32, 8, 128}},
    {kFull, false, {16, 1, 4096, 1024, 32, 4, 128}}};

// Experts, choices and d_model each vary while the others stand, else their
// costs could not be told apart.
struct RoutingShape {
  SuiteScope from;
  int64_t tokens, experts, experts_per_token, d_model;
};
constexpr RoutingShape kRoutings[] = {
    {kSmoke, 4096, 8, 2, 1024},       {kSmoke, 4096, 64, 2, 1024},
    {kSmoke, 4096, 256, 2, 1024},     {kSmoke, 4096, 64, 1, 1024},
    {kSmoke, 4096, 64, 8, 1024},      {kSmoke, 4096, 64, 2, 256},
    {kSmoke, 4096, 64, 2, 4096},      {kSmoke, 1024, 64, 2, 1024},
    {kSmoke, 16384, 64, 2, 1024},     {kStandard, 16384, 8, 2, 1024},
    {kFull, 16384, 16, 2, 1024},      {kStandard, 16384, 32, 2, 1024},
    {kFull, 16384, 128, 2, 1024},     {kStandard, 16384, 256, 2, 1024},
    {kStandard, 16384, 64, 1, 1024},  {kStandard, 16384, 64, 4, 1024},
    {kStandard, 16384, 64, 8, 1024},  {kStandard, 16384, 64, 2, 256},
    {kStandard, 16384, 64, 2, 4096},  {kStandard, 16384, 64, 2, 7168},
    {kStandard, 16384, 256, 8, 7168}, {kStandard, 65536, 64, 2, 1024},
    {kFull, 256, 64, 8, 2048},        {kFull, 16384, 64, 16, 256},
    {kFull, 16383, 96, 3, 1536},      {kFull, 65536, 8, 2, 4096},
    {kFull, 64, 256, 8, 7168},        {kFull, 16384, 512, 8, 512}};

struct Logits {
  SuiteScope from;
  int64_t tokens, vocabulary_size;
};
constexpr Logits kLogits[] = {
    {kSmoke, 256, 4096},      {kSmoke, 1024, 8192},
    {kSmoke, 1024, 32000},    {kSmoke, 512, 50257},
    {kSmoke, 2048, 4096},     {kSmoke, 4096, 8192},
    {kSmoke, 128, 128256},    {kSmoke, 4096, 1024},
    {kStandard, 8192, 32000}, {kStandard, 4096, 129280},
    {kStandard, 8191, 50257}};

struct Elements {
  SuiteScope from;
  int log2;
};
constexpr Elements kElements[] = {
    {kSmoke, 16}, {kSmoke, 18}, {kSmoke, 19},    {kSmoke, 20},
    {kSmoke, 21}, {kSmoke, 22}, {kSmoke, 24},    {kSmoke, 26},
    {kFull, 23},  {kFull, 25},  {kStandard, 27}, {kStandard, 28}};

ExpertShape ShapeOf(const ExpertModel& model, int64_t rows,
                    RoutingPattern pattern) {
  return {model.experts,
          rows * model.experts / model.experts_per_token,
          model.experts_per_token,
          model.d_model,
          model.width,
          pattern};
}

void AddCeilings(SuiteScope level, CaseList& cases) {
  if (level == kSmoke) {
    cases.Add(Gemm{.m = 4096, .n = 4096, .k = 4096}, true);
    cases.Add(Copy{.bytes = 1024 * kMebi}, true);
    cases.Add(Launch{});
  } else if (level == kStandard) {
    cases.Add(Gemm{.m = 8192, .n = 8192, .k = 8192}, true);
    cases.Add(Copy{.bytes = 4096 * kMebi}, true);
  }
}

// Grouped products by the other ways to run them, also without a graph; the
// first way is in GroupedSweeps.
void AddBackends(SuiteScope level, CaseList& cases) {
  if (level != kStandard) return;
  for (int i = 0; i < std::ssize(kModels); ++i) {
    const ExpertModel& model = kModels[i];
    const ExpertShape few = ShapeOf(model, 64, kBalanced);
    const ExpertShape many = ShapeOf(model, 1024, kBalanced);
    cases.AddGrouped(few, kForward, true, "lt_one_stream");
    cases.AddGrouped(many, kForward, true, "lt_one_stream");
    cases.AddGrouped(many, kForward, true, "lt_strided");
    if (i >= kLargeModels) continue;
    cases.AddGrouped(few, kForward, true, "eager");
    cases.AddGrouped(ShapeOf(model, 1024, kZipf), kForward, true,
                     "lt_one_stream");
    cases.AddGrouped(many, kInputGradient, true, "lt_dense");
    cases.AddGrouped(many, kWeightGradient, true, "lt_dense");
    for (const int64_t rows : {16, 64, 256, 1024, 4096, 8192}) {
      cases.AddGrouped(ShapeOf(model, rows, kBalanced), kForward, true,
                       "lt_dense");
    }
  }
}

void AddGroupedProducts(SuiteScope level, CaseList& cases) {
  for (const GroupedSweep& sweep : GroupedSweeps()) {
    for (int i = 0; i < sweep.models; ++i) {
      const ExpertModel& model = kModels[i];
      if (std::max(sweep.from, model.from) != level) continue;
      for (const int64_t rows : sweep.rows) {
        if (rows > model.most_rows) continue;
        cases.AddGrouped(ShapeOf(model, rows, sweep.pattern), sweep.pass,
                         sweep.up);
      }
    }
  }
}

void AddServing(SuiteScope level, CaseList& cases) {
  for (const ExpertModel& model : kServingModels) {
    if (std::max(model.from, kStandard) == level) {
      for (const int64_t rows : {4, 64}) {
        cases.AddBlockPass(ShapeOf(model, rows, kMultinomial), true, false);
      }
    }
    for (const int64_t rows : {1, 4, 16, 64}) {
      if (model.from == level) {
        cases.AddGrouped(ShapeOf(model, rows, kMultinomial), kForward, true);
      }
      if (level == kFull) {
        cases.AddGrouped(ShapeOf(model, rows, kBalanced), kForward, false);
      }
    }
  }
}

void AddBlocks(SuiteScope level, CaseList& cases) {
  if (level == kStandard) {
    for (const ExpertShape& shape : kStandardBlocks) {
      cases.AddBlock(shape, true);
    }
    cases.AddBlock(kStandardBlocks[0], false);
    cases.AddBlock(kStandardBlocks[2], true, "eager");
    cases.AddBlock(kStandardBlocks[3], true, "eager");
  }
  for (int i = kLargeModels; i < std::ssize(kModels); ++i) {
    const ExpertModel& model = kModels[i];
    if (model.from == level) {
      cases.AddBlock(ShapeOf(model, 256, kBalanced), true);
    }
    if (level == kStandard) {
      cases.AddBlock(ShapeOf(model, 1024, kBalanced), true);
    } else if (level == kFull) {
      cases.AddBlock(ShapeOf(model, 1024, kZipf), true);
      cases.AddBlock(ShapeOf(model, 4096, kBalanced), true);
      cases.AddBlock(ShapeOf(model, 256, kMultinomial), true);
    }
  }
}

void AddProducts(SuiteScope level, CaseList& cases) {
  for (const auto& [from, shape] : kProducts) {
    if (from == level) cases.AddProduct(shape);
  }
}

void AddAttentions(SuiteScope level, CaseList& cases) {
  for (const auto& [from, trains, shape] : kAttentions) {
    if (from != level) continue;
    cases.AddAttention(shape, false);
    if (trains) cases.AddAttention(shape, true);
  }
}

void AddRoutings(SuiteScope level, CaseList& cases) {
  for (const RoutingShape& shape : kRoutings) {
    if (shape.from != level) continue;
    cases.AddRouting(shape.tokens, shape.experts, shape.experts_per_token,
                     shape.d_model);
  }
}

void AddMemoryBound(SuiteScope level, CaseList& cases) {
  for (const auto& [from, log2] : kElements) {
    if (from != level) continue;
    const int64_t elements = int64_t{1} << log2;
    // Gated activations, their backward, and norms with the residual sum.
    cases.Add(Elementwise{.elements_read = 2 * elements,
                          .elements_written = elements});
    if (log2 >= 22) {
      cases.Add(Elementwise{.elements_read = 3 * elements,
                            .elements_written = 2 * elements});
    }
    cases.Add(
        Elementwise{.elements_read = elements, .elements_written = elements});
    cases.Add(OptimizerStep{.params = elements});
    cases.Add(Copy{.bytes = 4 * elements});
  }
  for (const auto& [from, tokens, vocabulary] : kLogits) {
    if (from != level) continue;
    cases.Add(CrossEntropy{.tokens = tokens, .vocabulary_size = vocabulary});
  }
}

}  // namespace

std::vector<Case> CudaCasesOf(SuiteScope scope, const std::string& dtype,
                              uint64_t seed) {
  CaseList cases(dtype, seed);
  for (const SuiteScope level : {kSmoke, kStandard, kFull}) {
    if (level > scope) break;
    AddCeilings(level, cases);
    const bool is_training_format = dtype == "bf16" || dtype == "fp8";
    if (is_training_format) {
      AddBlocks(level, cases);
      // Of one operation by several backends, the device's choice comes first.
      AddGroupedProducts(level, cases);
      AddBackends(level, cases);
      AddRoutings(level, cases);
      AddServing(level, cases);
      AddAttentions(level, cases);
    }
    if (is_training_format || level == kSmoke) {
      AddMemoryBound(level, cases);
      AddProducts(level, cases);
    }
  }
  std::vector<Case> taken = cases.Take();
  if (dtype == "fp8") {
    std::erase_if(taken, [](const Case& one) { return !RunsInFp8(one); });
  }
  return taken;
}

}  // namespace moeplan::worker
