#include "server/services/predict_handler.h"

#include "core/base/status_macros.h"
#include "core/plan/predict.h"
#include "server/convert/predict_convert.h"
#include "server/rpc/status.h"
#include "server/services/core_errors.h"

namespace moeplan::server {

CallClass ClassOfPredict(const v1::PredictRequest& request) {
  // About 0.5 us a point of columns and 5 us a shape, conversion included.
  // Intervals may take a thousand draws each.
  constexpr int kInlinePoints = 128;
  constexpr int kInlineShapes = 16;
  const bool small =
      request.point_columns().training_tokens_size() <= kInlinePoints &&
      request.shape_points().points_size() <= kInlineShapes;
  return small && !request.include_intervals() ? CallClass::kInline
                                               : CallClass::kSearch;
}

absl::Status HandlePredict(const ServiceEnvironment& environment,
                           CallContext& call, const v1::PredictRequest& request,
                           v1::PredictResponse* response) {
  MOEPLAN_ASSIGN_OR_RETURN(const PredictQuery query, PredictFromWire(request));
  const auto snapshot = environment.catalog->snapshot();
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const CoefficientSet> set,
      snapshot->Find(query.set_id.empty() ? environment.default_sets.predict
                                          : query.set_id));
  const absl::StatusOr<PlacedPoints> placed = PlacePoints(*set, query);
  if (!placed.ok()) return ExplainCoreError(placed.status(), set->id());
  const absl::StatusOr<std::vector<Prediction>> predictions =
      Predict(*set, placed->points, query.options, &call.interrupter());
  if (!predictions.ok()) {
    return ExplainCoreError(predictions.status(), set->id());
  }
  PredictionsToWire(*set, query, *placed, *predictions, response);
  if (environment.answer_observer != nullptr) {
    environment.answer_observer->OnPredict(*response);
  }
  return absl::OkStatus();
}

}  // namespace moeplan::server
