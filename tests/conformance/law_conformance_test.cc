// What every law family and every published set must hold (reference, section
// 6: P1, P12; design, decision 3). A new family or set is tested without a line
// here, except for its reference shape in law_subject.h.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/law/coefficient_set.h"
#include "core/law/extrapolation.h"
#include "core/law/law_registry.h"
#include "core/law/published_sets.h"
#include "tests/conformance/law_subject.h"
#include "tests/testing/two_minima_law.h"

namespace moeplan {
namespace {

using testing::AnyPoint;
using testing::CountMinimaAlongBudget;
using testing::LegalExpansionRate;
using testing::LegalGranularity;
using testing::LogUniform;

constexpr int kPoints = 500;

bool Uses(const CoefficientSet& set, LawVariable variable) {
  const auto& used = set.law().variables;
  return std::find(used.begin(), used.end(), variable) != used.end();
}

std::string NameOf(
    const ::testing::TestParamInfo<std::shared_ptr<const CoefficientSet>>&
        info) {
  std::string name = info.param->id();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class LawConformance
    : public ::testing::TestWithParam<std::shared_ptr<const CoefficientSet>> {
 protected:
  const CoefficientSet& set() const { return *GetParam(); }
  Rng rng_{20250210};
};

TEST_P(LawConformance, LossIsFiniteAndAboveTheIrreducibleLoss) {
  for (int i = 0; i < kPoints; ++i) {
    const LawPoint<double> point = AnyPoint(set(), rng_);
    const double loss = set().Loss(point);
    ASSERT_TRUE(std::isfinite(loss)) << point.params;
    EXPECT_GT(loss, set().IrreducibleLoss());
  }
}

TEST_P(LawConformance, P1LossFallsWithEveryVariableThatMustLowerIt) {
  for (int i = 0; i < kPoints; ++i) {
    const LawPoint<double> point = AnyPoint(set(), rng_);
    const double loss = set().Loss(point);
    LawPoint<double> more = point;
    more.params *= 1.01;
    EXPECT_LT(set().Loss(more), loss) << "N " << point.params;
    more = point;
    more.training_tokens *= 1.01;
    EXPECT_LT(set().Loss(more), loss) << "D " << point.training_tokens;
    if (!Uses(set(), LawVariable::kGranularity)) continue;
    more = point;
    more.granularity *= 1.01;
    EXPECT_LT(set().Loss(more), loss) << "G " << point.granularity;
  }
}

TEST_P(LawConformance, VariablesThatAreNotDeclaredPlayNoPart) {
  for (int i = 0; i < 50; ++i) {
    const LawPoint<double> point = AnyPoint(set(), rng_);
    LawPoint<double> other = point;
    if (!Uses(set(), LawVariable::kExpansionRate)) other.expansion_rate *= 7;
    if (!Uses(set(), LawVariable::kGranularity)) other.granularity *= 3;
    EXPECT_EQ(set().Loss(point), set().Loss(other));
  }
  EXPECT_TRUE(Uses(set(), LawVariable::kParams));
  EXPECT_TRUE(Uses(set(), LawVariable::kTrainingTokens));
}

TEST_P(LawConformance, P12CoefficientGradientMatchesCentralDifferences) {
  const std::vector<double> values(set().values().begin(),
                                   set().values().end());
  std::vector<double> gradient(values.size());
  for (int i = 0; i < 100; ++i) {
    LawPoint<double> point = AnyPoint(set(), rng_);
    point.params = LogUniform(rng_, 1e7, 1e12);
    point.training_tokens = LogUniform(rng_, 1e8, 1e13);
    const double loss =
        set().family().LossAndGradient(values, point, absl::MakeSpan(gradient));
    EXPECT_NEAR(loss, set().Loss(point), 1e-14 * loss);
    for (size_t j = 0; j < values.size(); ++j) {
      const double step = 1e-5 * std::abs(values[j]);
      std::vector<double> moved = values;
      moved[j] = values[j] + step;
      const double above = set().family().Loss(moved, point);
      moved[j] = values[j] - step;
      const double below = set().family().Loss(moved, point);
      const double expected = (above - below) / (2 * step);
      // The rounding of the two losses bounds what a difference can show.
      const double rounding = 1e-15 * loss / step;
      EXPECT_NEAR(gradient[j], expected, 1e-6 * std::abs(expected) + rounding)
          << set().law().coefficients[j].name;
    }
  }
}

TEST_P(LawConformance, P12InputGradientMatchesCentralDifferences) {
  using Number = Dual<kLawInputCount>;
  const auto loss_at = [this](const double* in) {
    return set().Loss({in[0], in[1], in[2], in[3]});
  };
  for (int i = 0; i < 100; ++i) {
    const LawPoint<double> point = {
        LogUniform(rng_, 1e7, 1e12), LogUniform(rng_, 1e8, 1e13),
        LegalExpansionRate(set(), rng_), LegalGranularity(set(), rng_)};
    double in[] = {point.params, point.training_tokens, point.expansion_rate,
                   point.granularity};
    const Number loss = set().family().Loss(
        set().values(), LawPoint<Number>{Number(in[0], 0), Number(in[1], 1),
                                         Number(in[2], 2), Number(in[3], 3)});
    EXPECT_EQ(loss.a, set().Loss(point));
    for (int j = 0; j < kLawInputCount; ++j) {
      const double at = in[j];
      const double step = 1e-5 * at;
      in[j] = at + step;
      const double above = loss_at(in);
      in[j] = at - step;
      const double below = loss_at(in);
      in[j] = at;
      const double expected = (above - below) / (2 * step);
      EXPECT_NEAR(loss.v[j], expected,
                  1e-6 * std::abs(expected) + 1e-15 * loss.a / step)
          << j;
    }
    const Dual<1> along = set().family().Loss(
        set().values(), LawPoint<Dual<1>>{Dual<1>(in[0], 0), Dual<1>(in[1]),
                                          Dual<1>(in[2]), Dual<1>(in[3])});
    EXPECT_EQ(along.a, loss.a);
    EXPECT_DOUBLE_EQ(along.v[0], loss.v[0]);
  }
}

TEST_P(LawConformance, LossTendsToTheIrreducibleLossAndStaysFinite) {
  const double e = LegalExpansionRate(set(), rng_);
  const double g = LegalGranularity(set(), rng_);
  EXPECT_NEAR(set().Loss({1e250, 1e250, e, g}), set().IrreducibleLoss(), 1e-12);
  EXPECT_TRUE(std::isfinite(set().Loss({1, 1, e, g})));
  EXPECT_TRUE(std::isfinite(set().Loss({1e300, 1e300, 1e300, 1e300})));
  // Infinitely many experts, infinitely fine ones: the laws saturate.
  const LawPoint<double> many = {1e9, 1e11, 1e200, 1e200};
  const LawPoint<double> more = {1e9, 1e11, 1e250, 1e250};
  EXPECT_NEAR(set().Loss(many), set().Loss(more), 1e-12);
}

TEST_P(LawConformance, DeclaredUnimodalityHoldsAlongRandomBudgets) {
  ASSERT_TRUE(set().law().unimodal_along_budget)
      << "no published family has two minima";
  for (int i = 0; i < 60; ++i) {
    const double e = LegalExpansionRate(set(), rng_);
    const double g = LegalGranularity(set(), rng_);
    const double flops = LogUniform(rng_, 1e15, 1e28);
    // Up to half of what serving a model of width 64 would cost.
    const double dearest =
        flops / set().Scale(64.0, e, g, {}).serve_flops_per_token;
    const double served =
        i % 2 == 0 ? 0 : dearest * LogUniform(rng_, 1e-9, 0.5);
    EXPECT_EQ(CountMinimaAlongBudget(set(), e, g, flops, served), 1)
        << "E " << e << " G " << g << " F " << flops << " served " << served;
  }
}

TEST_P(LawConformance, ScaleRisesWithWidthAndItsDerivativesAreRight) {
  for (int i = 0; i < 100; ++i) {
    const double e = LegalExpansionRate(set(), rng_);
    const double g = LegalGranularity(set(), rng_);
    const double d = LogUniform(rng_, 1, 1e6);
    const ReferenceModel<double> at = set().Scale(d, e, g, {});
    const ReferenceModel<double> next = set().Scale(d * (1 + 1e-6), e, g, {});
    const ReferenceModel<double> last = set().Scale(d * (1 - 1e-6), e, g, {});
    const ReferenceModel<Dual<1>> dual = set().Scale(Dual<1>(d, 0), e, g, {});
    const auto expect = [&](double ReferenceModel<double>::*count,
                            const Dual<1>& with_slope, bool may_be_zero) {
      EXPECT_EQ(with_slope.a, at.*count);
      if (may_be_zero && at.*count == 0) return;
      EXPECT_GT(next.*count, at.*count);
      const double slope = (next.*count - last.*count) / (2e-6 * d);
      EXPECT_NEAR(with_slope.v[0] / slope, 1, 1e-6);
    };
    using Model = ReferenceModel<double>;
    expect(&Model::block_count, dual.block_count, false);
    expect(&Model::law_params, dual.law_params, false);
    expect(&Model::active_params, dual.active_params, false);
    expect(&Model::total_params, dual.total_params, false);
    expect(&Model::router_params, dual.router_params, true);
    expect(&Model::train_flops_per_token, dual.train_flops_per_token, false);
    expect(&Model::routing_train_flops_per_token,
           dual.routing_train_flops_per_token, true);
    expect(&Model::serve_flops_per_token, dual.serve_flops_per_token, false);
    expect(&Model::kv_cache_elements_per_token,
           dual.kv_cache_elements_per_token, false);
  }
}

TEST_P(LawConformance, UnitsOfTheReferenceModelAreConsistent) {
  const double e = LegalExpansionRate(set(), rng_);
  const double g = LegalGranularity(set(), rng_);
  AccountingOptions options;
  const ReferenceModel<double> model = set().Scale(2048.0, e, g, options);
  EXPECT_EQ(set().spec().convention.loss_unit, LossUnit::kNatsPerToken);
  EXPECT_EQ(model.d_model, 2048);
  EXPECT_EQ(model.block_count, 32);
  EXPECT_EQ(model.kv_cache_elements_per_token, 2 * 32 * 2048.0);
  EXPECT_GE(model.total_params, model.active_params);
  EXPECT_DOUBLE_EQ(
      model.train_flops_per_token - model.routing_train_flops_per_token,
      6 * model.active_params);
  EXPECT_DOUBLE_EQ(model.serve_flops_per_token, 2 * model.active_params);
  EXPECT_NEAR(set().ActiveParams(model.law_params, e, g) / model.active_params,
              1, 1e-13);
  EXPECT_NEAR(set().LawParams(model.active_params, e, g) / model.law_params, 1,
              1e-13);
  EXPECT_EQ(model.law_params, set().law().params_are_total
                                  ? model.total_params
                                  : model.active_params);
  // Property P11: every FLOP figure is linear in the constants.
  options.train_flops_per_active_param *= 3;
  options.serve_flops_per_active_param *= 3;
  options.routing_flops_per_router_param *= 3;
  const ReferenceModel<double> thrice = set().Scale(2048.0, e, g, options);
  EXPECT_DOUBLE_EQ(thrice.train_flops_per_token,
                   3 * model.train_flops_per_token);
  EXPECT_DOUBLE_EQ(thrice.serve_flops_per_token,
                   3 * model.serve_flops_per_token);
}

TEST_P(LawConformance, ShapeOfTheReferenceModelStandsWhereScaleSays) {
  const ParamConvention& convention = set().spec().convention;
  // Scale neglects norms and biases, a shape has them: 2 n d + d of 12 n d^2.
  const double tolerance = convention.counts_norms ? 1e-3 : 1e-12;
  for (const int64_t d_model : {512, 1024, 4096}) {
    const auto e = static_cast<int64_t>(
        set().FixedValue(LawVariable::kExpansionRate).value_or(8));
    const auto g =
        static_cast<int64_t>(Uses(set(), LawVariable::kGranularity) ? 4 : 1);
    const auto shape = set().ReferenceShape(d_model, e, g);
    ASSERT_TRUE(shape.ok()) << shape.status();
    const auto placed = set().PointFromShape(*shape, 1e10, {});
    ASSERT_TRUE(placed.ok()) << placed.status();
    const ReferenceModel<double> model =
        set().Scale(static_cast<double>(d_model), static_cast<double>(e),
                    static_cast<double>(g), {});
    EXPECT_NEAR(placed->point.params / model.law_params, 1, tolerance);
    EXPECT_NEAR(placed->active_params / model.active_params, 1, tolerance);
    EXPECT_NEAR(placed->total_params / model.total_params, 1, tolerance);
    EXPECT_NEAR(placed->train_flops_per_token / model.train_flops_per_token, 1,
                tolerance);
    EXPECT_EQ(placed->point.training_tokens, 1e10);
    EXPECT_EQ(placed->point.expansion_rate, e);
    EXPECT_EQ(placed->point.granularity, g);
    EXPECT_TRUE(set().CheckFixedVariables(placed->point).ok());
    EXPECT_TRUE(placed->caveats.empty()) << placed->caveats.front();
  }
}

TEST_P(LawConformance, SetCarriesItsEvidence) {
  const CoefficientSetSpec& spec = set().spec();
  EXPECT_TRUE(spec.published);
  EXPECT_FALSE(spec.source.empty());
  EXPECT_FALSE(spec.caveats.empty());
  EXPECT_FALSE(spec.domain.empty());
  EXPECT_EQ(set().checksum().size(), 16u);
  for (size_t i = 0; i < spec.coefficients.size(); ++i) {
    EXPECT_EQ(spec.coefficients[i].name, set().law().coefficients[i].name);
    EXPECT_EQ(spec.coefficients[i].value, set().values()[i]);
  }
  // Its own box is inside, ten times beyond is outside.
  for (const DomainBox& box : spec.domain) {
    LawPoint<double> point = {1, 1, box.expansion_rate.value_or(1), 1};
    for (const VariableRange& range : box.ranges) {
      if (range.variable == LawVariable::kParams) point.params = range.high;
      if (range.variable == LawVariable::kTrainingTokens) {
        point.training_tokens = 10 * range.high;
      }
    }
    bool flagged = false;
    for (const Extrapolation& found : FindExtrapolations(set(), point)) {
      EXPECT_NE(found.variable, LawVariable::kParams);
      if (found.variable != LawVariable::kTrainingTokens) continue;
      flagged = true;
      EXPECT_NEAR(found.decades, 1, 1e-12);
    }
    EXPECT_TRUE(flagged);
  }
}

INSTANTIATE_TEST_SUITE_P(PublishedSets, LawConformance,
                         ::testing::ValuesIn(PublishedSets()), NameOf);

// The suite can tell: the made-up family with two minima has two.
TEST(LawConformanceSuite, SeesASecondMinimum) {
  EXPECT_EQ(CountMinimaAlongBudget(*testing::TwoMinimaSet(), 1, 1, 1e20, 0), 2);
  EXPECT_EQ(CountMinimaAlongBudget(*testing::TwoMinimaSet(), 1, 1, 1e22, 0), 1);
}

}  // namespace
}  // namespace moeplan
