#ifndef MOEPLAN_SERVER_CONVERT_EVIDENCE_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_EVIDENCE_CONVERT_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <vector>

#include "core/calibration/communication.h"
#include "core/law/coefficient_set.h"
#include "core/law/extrapolation.h"
#include "core/plan/predict.h"
#include "moeplan/v1/evidence.pb.h"

namespace moeplan::server {

void ExtrapolationsToWire(
    const std::vector<Extrapolation>& extrapolations,
    google::protobuf::RepeatedPtrField<v1::Extrapolation>* wire);

void LossIntervalToWire(const LossInterval& interval, v1::LossInterval* wire);

void AddWarning(v1::WarningCode code, std::string message,
                google::protobuf::RepeatedPtrField<v1::Warning>* wire);

void AddAssumption(const Assumption& assumption,
                   google::protobuf::RepeatedPtrField<v1::Assumption>* wire);

// The first caveat of `set` in its own words, and how many more it has: the set
// itself carries them all.
void AddSetCaveat(const CoefficientSet& set,
                  google::protobuf::RepeatedPtrField<v1::Warning>* wire);

// The set, and the version of this server.
void ProvenanceToWire(const CoefficientSet& set, v1::Provenance* wire);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_EVIDENCE_CONVERT_H_
