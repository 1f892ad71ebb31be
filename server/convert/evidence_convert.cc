#include "server/convert/evidence_convert.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/enum_table.h"
#include "server/convert/law_convert.h"
#include "server/convert/resource_name.h"
#include "server/rpc/server_version.h"

namespace moeplan::server {
namespace {

constexpr std::pair<v1::IntervalBasis, IntervalBasis> kIntervalBases[] = {
    {v1::INTERVAL_BASIS_DRAWS, IntervalBasis::kDraws},
    {v1::INTERVAL_BASIS_RESIDUAL, IntervalBasis::kResidual},
    {v1::INTERVAL_BASIS_PUBLISHED, IntervalBasis::kPublished},
};

constexpr std::pair<v1::AssumptionSource, AssumptionSource>
    kAssumptionSources[] = {
        {v1::ASSUMPTION_SOURCE_DEFAULT, AssumptionSource::kDefault},
        {v1::ASSUMPTION_SOURCE_USER, AssumptionSource::kUser},
        {v1::ASSUMPTION_SOURCE_SPEC, AssumptionSource::kSpec},
};

}  // namespace

void ExtrapolationsToWire(
    const std::vector<Extrapolation>& extrapolations,
    google::protobuf::RepeatedPtrField<v1::Extrapolation>* wire) {
  for (const Extrapolation& extrapolation : extrapolations) {
    v1::Extrapolation* one = wire->Add();
    one->set_variable(LawVariableToWire(extrapolation.variable));
    one->set_side(extrapolation.value < extrapolation.nearest_edge
                      ? v1::EXTRAPOLATION_SIDE_BELOW
                      : v1::EXTRAPOLATION_SIDE_ABOVE);
    one->set_edge_value(extrapolation.nearest_edge);
    one->set_value(extrapolation.value);
    one->set_distance_decades(extrapolation.decades);
  }
}

void LossIntervalToWire(const LossInterval& interval, v1::LossInterval* wire) {
  wire->set_lower(interval.low);
  wire->set_upper(interval.high);
  wire->set_level(kIntervalCoverage);
  wire->set_basis(EnumToWire(kIntervalBases, interval.basis));
}

void AddWarning(v1::WarningCode code, std::string message,
                google::protobuf::RepeatedPtrField<v1::Warning>* wire) {
  v1::Warning* warning = wire->Add();
  warning->set_code(code);
  warning->set_message(std::move(message));
}

void AddAssumption(const Assumption& assumption,
                   google::protobuf::RepeatedPtrField<v1::Assumption>* wire) {
  v1::Assumption* one = wire->Add();
  one->set_name(assumption.name);
  one->set_value(assumption.value);
  one->set_unit(assumption.unit);
  one->set_source(EnumToWire(kAssumptionSources, assumption.source));
}

void AddSetCaveat(const CoefficientSet& set,
                  google::protobuf::RepeatedPtrField<v1::Warning>* wire) {
  const std::vector<std::string>& caveats = set.spec().caveats;
  if (caveats.empty()) return;
  std::string text = caveats.front();
  if (caveats.size() > 1) {
    absl::StrAppend(&text, " (", CoefficientSetName(set.id()), " has ",
                    caveats.size() - 1, " more caveats)");
  }
  AddWarning(v1::WARNING_CODE_SET_CAVEAT, std::move(text), wire);
}

void ProvenanceToWire(const CoefficientSet& set, v1::Provenance* wire) {
  wire->set_coefficient_set(CoefficientSetName(set.id()));
  wire->set_coefficient_set_checksum(set.checksum());
  wire->set_server_version(ServerVersion());
}

}  // namespace moeplan::server
