#ifndef MOEPLAN_CORE_LAW_LAW_FAMILY_IMPL_H_
#define MOEPLAN_CORE_LAW_LAW_FAMILY_IMPL_H_

// Turns a law, written once as templates, into a LawFamily. Included by the
// file of each family only.
//
// struct Law {
//   static constexpr int kCoefficientCount;
//   static constexpr bool kCountsTotalParams;  // N is total_params
//   static LawDescriptor Descriptor();
//   template <typename C, typename P>          // double or Dual<n>
//   static LawScalar<C, P> Loss(const C* coefficients, const LawPoint<P>&);
//   static double IrreducibleLoss(const double* coefficients);
//   template <typename T>                      // the blocks of n layers
//   static BlockCounts<T> CountBlocks(const T& d_model, const T& block_count,
//                                     double expansion_rate,
//                                     double granularity);
//   // That model as a shape, with any heads and vocabulary.
//   static absl::StatusOr<ModelShape> ReferenceShape(
//       int64_t d_model, int64_t block_count, int64_t expansion_rate,
//       int64_t granularity);
//   static void CheckCoefficients(const double* coefficients,
//                                 absl::Span<const double> expansion_rates,
//                                 const FieldPath&, Violations&);
//   static void AddCaveats(const ModelShape&, const ShapePoint&,
//                          std::vector<std::string>& caveats);
// };

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/arch/law_conventions.h"
#include "core/base/violations.h"
#include "core/law/law_family.h"
#include "core/law/reference_scale.h"
#include "core/law/shape_point.h"

namespace moeplan {

// The number type of a loss: the derivatives are those of the coefficients (C)
// or those of the inputs (P), never both.
template <typename C, typename P>
using LawScalar = std::conditional_t<std::is_same_v<C, double>, P, C>;

// base^exponent for base > 0.
template <typename Base, typename Exponent>
LawScalar<Base, Exponent> PowerOf(const Base& base, const Exponent& exponent) {
  using std::exp;
  using std::log;
  return exp(exponent * log(base));
}

template <typename Law>
class LawFamilyFor final : public LawFamily {
 public:
  static constexpr int kCoefficientCount = Law::kCoefficientCount;

  LawFamilyFor() : descriptor_(Describe()) {}

  const LawDescriptor& descriptor() const override { return descriptor_; }

  double Loss(absl::Span<const double> coefficients,
              const LawPoint<double>& point) const override {
    return Law::template Loss<double, double>(coefficients.data(), point);
  }
  Dual<1> Loss(absl::Span<const double> coefficients,
               const LawPoint<Dual<1>>& point) const override {
    return Law::template Loss<double, Dual<1>>(coefficients.data(), point);
  }
  Dual<kLawInputCount> Loss(
      absl::Span<const double> coefficients,
      const LawPoint<Dual<kLawInputCount>>& point) const override {
    return Law::template Loss<double, Dual<kLawInputCount>>(coefficients.data(),
                                                            point);
  }

  double LossAndGradient(absl::Span<const double> coefficients,
                         const LawPoint<double>& point,
                         absl::Span<double> gradient) const override {
    using Number = Dual<kCoefficientCount>;
    std::array<Number, kCoefficientCount> lifted;
    for (int i = 0; i < kCoefficientCount; ++i) {
      lifted[static_cast<size_t>(i)] =
          Number(coefficients[static_cast<size_t>(i)], i);
    }
    const Number loss =
        Law::template Loss<Number, double>(lifted.data(), point);
    for (int i = 0; i < kCoefficientCount; ++i) {
      gradient[static_cast<size_t>(i)] = loss.v[i];
    }
    return loss.a;
  }

  double IrreducibleLoss(absl::Span<const double> coefficients) const override {
    return Law::IrreducibleLoss(coefficients.data());
  }

  ReferenceModel<double> Scale(
      const ParamConvention& convention, double d_model, double expansion_rate,
      double granularity, const AccountingOptions& options) const override {
    return ScaleOf(convention, d_model, expansion_rate, granularity, options);
  }
  ReferenceModel<Dual<1>> Scale(
      const ParamConvention& convention, const Dual<1>& d_model,
      double expansion_rate, double granularity,
      const AccountingOptions& options) const override {
    return ScaleOf(convention, d_model, expansion_rate, granularity, options);
  }

  absl::StatusOr<ModelShape> ReferenceShape(
      const ParamConvention& convention, int64_t d_model,
      int64_t expansion_rate, int64_t granularity) const override {
    const int64_t width_per_block = static_cast<int64_t>(kWidthPerBlock);
    if (d_model < width_per_block || d_model % width_per_block != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("d_model must be a multiple of ", width_per_block,
                       "; got ", d_model));
    }
    absl::StatusOr<ModelShape> shape = Law::ReferenceShape(
        d_model, d_model / width_per_block, expansion_rate, granularity);
    if (!shape.ok()) return shape;
    ModelShapeSpec spec = shape->spec();
    spec.vocabulary_size = convention.vocabulary_size;
    spec.tied_embeddings = convention.tied_embeddings;
    const int64_t heads = d_model / width_per_block;
    spec.layer_groups[0].attention = GqaAttention{
        .heads = heads, .kv_heads = heads, .head_dim = width_per_block};
    return ModelShape::Create(std::move(spec));
  }

  double ActiveParams(const ParamConvention& convention, double law_params,
                      double expansion_rate,
                      double granularity) const override {
    return Converted(convention, law_params, expansion_rate, granularity,
                     &ReferenceModel<double>::law_params,
                     &ReferenceModel<double>::active_params);
  }
  double LawParams(const ParamConvention& convention, double active_params,
                   double expansion_rate, double granularity) const override {
    return Converted(convention, active_params, expansion_rate, granularity,
                     &ReferenceModel<double>::active_params,
                     &ReferenceModel<double>::law_params);
  }

  void CheckCoefficients(absl::Span<const double> coefficients,
                         absl::Span<const double> expansion_rates,
                         const FieldPath& field,
                         Violations& violations) const override {
    Law::CheckCoefficients(coefficients.data(), expansion_rates, field,
                           violations);
  }

  absl::StatusOr<ShapePoint> PointFromShape(
      const ParamConvention& convention, const ModelShape& shape,
      double training_tokens, const AccountingOptions& options) const override {
    absl::StatusOr<ShapePoint> placed = PlaceShape(
        convention, shape, training_tokens, options, Law::kCountsTotalParams);
    if (placed.ok()) Law::AddCaveats(shape, *placed, placed->caveats);
    return placed;
  }

 private:
  static LawDescriptor Describe() {
    LawDescriptor descriptor = Law::Descriptor();
    descriptor.params_are_total = Law::kCountsTotalParams;
    return descriptor;
  }

  template <typename T>
  static ReferenceModel<T> ScaleOf(const ParamConvention& convention,
                                   const T& d_model, double expansion_rate,
                                   double granularity,
                                   const AccountingOptions& options) {
    const T block_count = d_model / kWidthPerBlock;
    return MakeReferenceModel(
        convention, d_model, block_count,
        Law::template CountBlocks<T>(d_model, block_count, expansion_rate,
                                     granularity),
        Law::kCountsTotalParams, options);
  }

  // The count `to` of the reference model whose count `from` is `value`.
  static double Converted(const ParamConvention& convention, double value,
                          double expansion_rate, double granularity,
                          double ReferenceModel<double>::*from,
                          double ReferenceModel<double>::*to) {
    if (!Law::kCountsTotalParams) return value;
    const auto model = [&](double d_model) {
      return ScaleOf(convention, d_model, expansion_rate, granularity, {});
    };
    // The blocks alone are a fixed multiple of each other at every width.
    const bool blocks_only =
        CountedEmbeddingRows(convention) == 0 && !convention.counts_router;
    if (blocks_only) {
      const ReferenceModel<double> unit = model(kWidthPerBlock);
      return value * (unit.*to / unit.*from);
    }
    // The logarithm of a sum of powers of d is convex and rising in log d, so
    // that Newton's method converges from any start.
    double log_d = std::log(kWidthPerBlock);
    for (int i = 0; i < 100; ++i) {
      const ReferenceModel<Dual<1>> at =
          ScaleOf(convention, Dual<1>(std::exp(log_d), 0), expansion_rate,
                  granularity, {});
      const Dual<1> count = from == &ReferenceModel<double>::law_params
                                ? at.law_params
                                : at.active_params;
      const double slope = count.v[0] * std::exp(log_d) / count.a;
      const double step = std::log(value / count.a) / slope;
      log_d += step;
      if (!(std::abs(step) > 4 * std::numeric_limits<double>::epsilon() *
                                 std::max(1.0, std::abs(log_d)))) {
        break;
      }
    }
    return model(std::exp(log_d)).*to;
  }

  const LawDescriptor descriptor_;
};

}  // namespace moeplan

#endif  // MOEPLAN_CORE_LAW_LAW_FAMILY_IMPL_H_
