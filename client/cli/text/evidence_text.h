#ifndef MOEPLAN_CLIENT_CLI_TEXT_EVIDENCE_TEXT_H_
#define MOEPLAN_CLIENT_CLI_TEXT_EVIDENCE_TEXT_H_

#include <string>

#include "client/cli/text/page.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "moeplan/v1/evidence.pb.h"

namespace moeplan::cli {

using Extrapolations = google::protobuf::RepeatedPtrField<v1::Extrapolation>;
using Warnings = google::protobuf::RepeatedPtrField<v1::Warning>;

// The farthest that a point lies outside the data; 0 inside.
double LargestDistanceDecades(const Extrapolations& extrapolations);

// "inside", or the farthest variable: "16x above (training tokens)".
std::string ExtrapolationSummary(const Extrapolations& extrapolations);

// Where `subject` ("the answer") lies outside the runs behind the law, in plain
// words; says so as well when it lies inside.
void PrintExtrapolations(const Extrapolations& extrapolations,
                         const std::string& subject, Page& page);

// "90 % of outcomes between 2.105 and 2.121 (residual error of the fit)".
std::string IntervalText(const v1::LossInterval& interval);

// Notes to the answer. What other sections tell is left out, and the caveats of
// the set, the same with every answer, are pointed to.
void PrintWarnings(const Warnings& warnings, const v1::Provenance& provenance,
                   Page& page);

// The numbers that were not measured, with who says each.
void PrintAssumptions(
    const google::protobuf::RepeatedPtrField<v1::Assumption>& assumptions,
    Page& page);

// Which set, version and checksum answered.
void PrintProvenance(const v1::Provenance& provenance, Page& page);

}  // namespace moeplan::cli

#endif  // MOEPLAN_CLIENT_CLI_TEXT_EVIDENCE_TEXT_H_
