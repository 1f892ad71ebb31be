// Evaluations of the published sets against reference values computed in double
// precision: tests/golden/law_evaluation.tsv. Every row also says which
// variables lie outside the runs behind the set.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/law/extrapolation.h"
#include "core/law/published_sets.h"
#include "tests/testing/steps.h"
#include "tests/testing/table_file.h"

namespace moeplan {
namespace {

using testing::ReadTable;
using testing::TableRow;

double Number(const TableRow& row, const std::string& column) {
  double value = 0;
  EXPECT_TRUE(absl::SimpleAtod(row.at(column), &value)) << column;
  return value;
}

double DigitsAgreed(double got, double expected) {
  return got == expected
             ? 16
             : std::min(16.0, -std::log10(std::abs(got / expected - 1)));
}

// Hoffmann et al. 2022, parametric fit with the digits of the TeX source; not
// shipped, because its fit is known to be bad (arXiv 2404.10102).
std::shared_ptr<const CoefficientSet> HoffmannFullDigits() {
  CoefficientSetSpec spec =
      FindPublishedSet("chinchilla-2024-besiroglu")->spec();
  spec.id = "hoffmann-2022-full-digits";
  const double values[] = {406.4, 0.3392, 410.7, 0.2849, 1.6934};
  for (size_t i = 0; i < spec.coefficients.size(); ++i) {
    spec.coefficients[i].value = values[i];
  }
  return CoefficientSet::Create(std::move(spec)).value();
}

std::shared_ptr<const CoefficientSet> SetNamed(const std::string& id) {
  return id == "hoffmann-2022-full-digits" ? HoffmannFullDigits()
                                           : FindPublishedSet(id);
}

TEST(LawEvaluationGolden, EveryRowAgreesAndFlagsWhatLiesOutside) {
  const auto rows = ReadTable("tests/golden/law_evaluation.tsv", '\t');
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 18u);
  for (const TableRow& row : *rows) {
    SCOPED_TRACE(row.at("id"));
    const auto set = SetNamed(row.at("set"));
    ASSERT_NE(set, nullptr);
    const LawPoint<double> point = {
        Number(row, "params"), Number(row, "training_tokens"),
        Number(row, "expansion_rate"), Number(row, "granularity")};
    const double expected = Number(row, "expected_loss");
    const double loss = set->Loss(point);
    std::printf("%-6s %-30s loss %.15g, %.1f digits\n", row.at("id").c_str(),
                row.at("set").c_str(), loss, DigitsAgreed(loss, expected));
    EXPECT_NEAR(loss, expected, Number(row, "tolerance") * expected);
    EXPECT_TRUE(set->CheckFixedVariables(point).ok());

    std::vector<std::string> outside;
    for (const Extrapolation& found : FindExtrapolations(*set, point)) {
      outside.push_back(LawVariableName(found.variable));
      EXPECT_GT(found.decades, 0);
    }
    EXPECT_EQ(outside.empty() ? "-" : absl::StrJoin(outside, ","),
              row.at("outside"));
  }
}

// Rows of Table 3 of arXiv 2402.07871: width, depth, D in units of 1e9, G.
struct FineGrainedRuns {
  double d_model;
  std::vector<double> billions;
  double block_count;
  double most_granularity;
};

TEST(LawEvaluationGolden, A15SumOverThe78RunsOfTheFineGrainedPaper) {
  const FineGrainedRuns table[] = {
      {256, {16, 33, 66}, 4, 16}, {384, {16, 33, 66}, 4, 16},
      {512, {16, 33, 66}, 4, 16}, {512, {130}, 4, 4},
      {512, {16, 33}, 8, 16},     {512, {66}, 8, 8},
      {640, {16, 33}, 10, 16},    {640, {66}, 10, 4},
      {768, {33}, 12, 4}};
  const auto set = FindPublishedSet("fine-grained-2024-e64");
  int runs = 0;
  double sum = 0;
  for (const FineGrainedRuns& row : table) {
    const double total =
        row.d_model * row.d_model * (8 * 64 + 4) * row.block_count;
    for (const double billion : row.billions) {
      for (const double g : testing::FactorSteps(
               1, std::nextafter(row.most_granularity, 1e300), 2)) {
        const LawPoint<double> point = {total, billion * 1e9, 64, g};
        sum += set->Loss(point);
        EXPECT_TRUE(FindExtrapolations(*set, point).empty());
        ++runs;
      }
    }
  }
  EXPECT_EQ(runs, 78);
  EXPECT_NEAR(sum, 253.8350904569, 253.8 * 1e-10);
  std::printf("A15 sum %.13g, %.1f digits\n", sum,
              DigitsAgreed(sum, 253.8350904569));
}

double Tokens(const std::string& text) {
  double value = 0;
  EXPECT_TRUE(absl::SimpleAtod(text.substr(0, text.size() - 1), &value));
  return std::round(value * (text.back() == 'M' ? 1e6 : 1e9));
}

TEST(LawEvaluationGolden, B10SumOverThe270RunsOfTheJointPaper) {
  const auto rows = ReadTable("tests/golden/joint_moe_run_design.csv", ',');
  ASSERT_TRUE(rows.ok()) << rows.status();
  const auto set = FindPublishedSet("joint-2025");
  int runs = 0;
  double sum = 0;
  double lowest = 1e9;
  double highest = 0;
  for (const TableRow& row : *rows) {
    const double d = Number(row, "d_model");
    const double n = Number(row, "n_blocks");
    const double active = 2 * d * 50257 + 13 * n * d * d;
    for (const auto part : absl::StrSplit(row.at("D_list"), ' ')) {
      const LawPoint<double> point = {active, Tokens(std::string(part)),
                                      Number(row, "E"), 1};
      const double loss = set->Loss(point);
      sum += loss;
      lowest = std::min(lowest, loss);
      highest = std::max(highest, loss);
      EXPECT_TRUE(FindExtrapolations(*set, point).empty())
          << row.at("d_model") << " " << part;
      ++runs;
    }
  }
  EXPECT_EQ(runs, 270);
  EXPECT_NEAR(sum, 787.33991275624, 787.3 * 1e-10);
  EXPECT_NEAR(lowest, 2.39678904056, 2.4e-9);
  EXPECT_NEAR(highest, 3.53370006677, 3.5e-9);
  std::printf("B10 sum %.14g, %.1f digits\n", sum,
              DigitsAgreed(sum, 787.33991275624));
}

}  // namespace
}  // namespace moeplan
