#include "client/cli/text/evidence_text.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/text/words.h"
#include "core/base/quantity.h"

namespace moeplan::cli {
namespace {

std::string SourceText(v1::AssumptionSource source) {
  switch (source) {
    case v1::ASSUMPTION_SOURCE_USER:
      return "user";
    case v1::ASSUMPTION_SOURCE_SPEC:
      return "spec";
    default:
      return "default";
  }
}

constexpr size_t kShownChecksumDigits = 12;

std::string BasisText(v1::IntervalBasis basis) {
  switch (basis) {
    case v1::INTERVAL_BASIS_DRAWS:
      return "bootstrap draws of the coefficients";
    case v1::INTERVAL_BASIS_PUBLISHED:
      return "published intervals";
    case v1::INTERVAL_BASIS_GAUSS_NEWTON:
      return "asymptotic, from the fit";
    case v1::INTERVAL_BASIS_RESIDUAL:
      return "residual error of the fit; inside the data only";
    default:
      return "basis unknown";
  }
}

// "11.6 times the largest in the data"
std::string FactorText(const v1::Extrapolation& extrapolation) {
  const bool above = extrapolation.side() == v1::EXTRAPOLATION_SIDE_ABOVE;
  const double factor =
      above ? extrapolation.value() / extrapolation.edge_value()
            : extrapolation.edge_value() / extrapolation.value();
  return absl::StrCat(FormatNumber(factor, 2), above ? "x above" : "x below");
}

std::string OutsideText(const v1::Extrapolation& extrapolation) {
  const bool above = extrapolation.side() == v1::EXTRAPOLATION_SIDE_ABOVE;
  return absl::StrCat(
      VariableName(extrapolation.variable()), " ",
      VariableText(extrapolation.variable(), extrapolation.value()), ": ",
      FactorText(extrapolation), " the ", above ? "largest" : "smallest",
      " in the data, ",
      VariableText(extrapolation.variable(), extrapolation.edge_value()));
}

}  // namespace

double LargestDistanceDecades(const Extrapolations& extrapolations) {
  double largest = 0;
  for (const v1::Extrapolation& extrapolation : extrapolations) {
    largest = std::max(largest, extrapolation.distance_decades());
  }
  return largest;
}

std::string ExtrapolationSummary(const Extrapolations& extrapolations) {
  const v1::Extrapolation* farthest = nullptr;
  for (const v1::Extrapolation& extrapolation : extrapolations) {
    if (farthest == nullptr ||
        extrapolation.distance_decades() > farthest->distance_decades()) {
      farthest = &extrapolation;
    }
  }
  if (farthest == nullptr) return "inside";
  return absl::StrCat(FactorText(*farthest), " (",
                      VariableName(farthest->variable()), ")");
}

void PrintExtrapolations(const Extrapolations& extrapolations,
                         const std::string& subject, Page& page) {
  if (extrapolations.empty()) {
    page.Sentence(AsSentence(
        subject + " lies inside the data that the law was fitted on"));
    return;
  }
  page.Caution(absl::StrCat(
      "Extrapolated: ", subject,
      " lies outside the runs that the law was "
      "fitted on, so that its last digits rest on the formula alone."));
  std::vector<std::string> texts;
  for (const v1::Extrapolation& extrapolation : extrapolations) {
    texts.push_back(OutsideText(extrapolation));
  }
  page.Bullets(texts);
}

std::string IntervalText(const v1::LossInterval& interval) {
  return absl::StrCat(LossText(interval.lower()), " to ",
                      LossText(interval.upper()), " at ",
                      PlainText(100 * interval.level()), " % (",
                      BasisText(interval.basis()), ")");
}

void PrintWarnings(const Warnings& warnings, const v1::Provenance& provenance,
                   Page& page) {
  std::vector<std::string> texts;
  bool has_caveats = false;
  for (const v1::Warning& warning : warnings) {
    switch (warning.code()) {
      case v1::WARNING_CODE_EXTRAPOLATED:
      case v1::WARNING_CODE_TOKENS_PER_PARAM_BEYOND_DATA:
        break;  // PrintExtrapolations says it
      case v1::WARNING_CODE_SET_CAVEAT:
        has_caveats = true;
        break;
      default:
        texts.push_back(AsSentence(warning.message()));
    }
  }
  if (has_caveats) {
    const std::string set = SetIdOf(provenance.coefficient_set());
    texts.push_back(absl::StrCat(set, " comes with caveats: `moeplan sets get ",
                                 set, "` lists them"));
  }
  if (texts.empty()) return;
  page.Heading("Notes");
  page.Bullets(texts);
}

void PrintAssumptions(
    const google::protobuf::RepeatedPtrField<v1::Assumption>& assumptions,
    Page& page) {
  if (assumptions.empty()) return;
  page.Heading("Assumed, not measured");
  std::vector<std::string> texts;
  for (const v1::Assumption& each : assumptions) {
    texts.push_back(absl::StrCat(each.name(), " = ",
                                 FormatShortest(each.value()),
                                 each.unit().empty() ? "" : " ", each.unit(),
                                 " (", SourceText(each.source()), ")"));
  }
  page.Bullets(texts);
}

void PrintProvenance(const v1::Provenance& provenance, Page& page) {
  std::string text = absl::StrCat(
      "Set ", SetIdOf(provenance.coefficient_set()), ", checksum ",
      provenance.coefficient_set_checksum().substr(0, kShownChecksumDigits));
  if (!provenance.dense_coefficient_set().empty() &&
      provenance.dense_coefficient_set() != provenance.coefficient_set()) {
    absl::StrAppend(&text, "; dense set ",
                    SetIdOf(provenance.dense_coefficient_set()), ", checksum ",
                    provenance.dense_coefficient_set_checksum().substr(
                        0, kShownChecksumDigits));
  }
  absl::StrAppend(&text, "; moeplan ", provenance.server_version(), ".");
  page.Footer(text);
}

}  // namespace moeplan::cli
