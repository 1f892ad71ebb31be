#include "client/cli/text/verdict_text.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/output/table.h"
#include "client/cli/text/evidence_text.h"
#include "client/cli/text/words.h"
#include "core/base/quantity.h"

namespace moeplan::cli {

std::string ConstraintValueText(const v1::OptimalConfigRequest& request,
                                v1::Constraint constraint, double value) {
  switch (constraint) {
    case v1::CONSTRAINT_COMPUTE_BUDGET:
    case v1::CONSTRAINT_SERVING_FLOPS_LIMIT:
      return absl::StrCat(FlopsText(value), " FLOPs");
    case v1::CONSTRAINT_MEMORY_LIMIT:
      switch (request.memory_limit().limit_case()) {
        case v1::MemoryLimit::kTotalParams:
          return absl::StrCat(ParamsText(value), " parameters");
        case v1::MemoryLimit::kElements:
          return absl::StrCat(ParamsText(value), " elements");
        default:
          return BytesText(value);
      }
    case v1::CONSTRAINT_AVAILABLE_TRAINING_TOKENS:
    case v1::CONSTRAINT_SERVED_TOKENS:
      return absl::StrCat(TokensText(value), " tokens");
    case v1::CONSTRAINT_TARGET_LOSS:
      return LossText(value);
    case v1::CONSTRAINT_WALL_DURATION:
    case v1::CONSTRAINT_OUTPUT_TOKEN_SECONDS:
      return absl::StrCat(FormatNumber(value, 4), " s");
    case v1::CONSTRAINT_DEVICE_MEMORY:
      return BytesText(value);
    default:
      return PlainText(value);
  }
}

void PrintInfeasible(const v1::OptimalConfigRequest& request,
                     const v1::Infeasible& infeasible, Page& page) {
  page.Heading("No model fits these limits");
  if (infeasible.relaxations().empty()) page.Sentence(infeasible.message());
  std::vector<std::string> texts;
  for (const v1::Relaxation& relaxation : infeasible.relaxations()) {
    const std::string name = ConstraintName(relaxation.constraint());
    const char* about = relaxation.unattained_limit() ? "just beyond " : "";
    if (relaxation.has_not_fixable_alone()) {
      texts.push_back(absl::StrCat(
          "No other value of ", name,
          " alone would do: ", relaxation.not_fixable_alone().reason()));
      continue;
    }
    const bool smallest =
        relaxation.remedy_case() == v1::Relaxation::kSmallestValue;
    texts.push_back(absl::StrCat(
        "With ", name, smallest ? " raised to " : " lowered to ", about,
        ConstraintValueText(request, relaxation.constraint(),
                            smallest ? relaxation.smallest_value()
                                     : relaxation.largest_value()),
        ", and all else as it is, there is one."));
  }
  page.Bullets(texts);
}

namespace {

std::string VerdictText(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_NEAR_OPTIMAL:
      return "Near-optimal";
    case v1::VERDICT_SUBOPTIMAL:
      return "Suboptimal";
    default:
      return "No verdict";
  }
}

std::vector<std::string> CandidateRow(const char* name,
                                      const v1::PlanPoint& point) {
  return {name,
          PlainText(point.shape().expansion_rate()),
          PlainText(point.shape().granularity()),
          ParamsText(point.shape().active_params()),
          ParamsText(point.shape().total_params()),
          TokensText(point.training_tokens()),
          FlopsText(point.flops().train_flops()),
          LossText(point.loss())};
}

void PrintCandidate(const v1::Evaluation& evaluation, Page& page) {
  Table table({{"", Align::kLeft},
               {"E"},
               {"G"},
               {"active"},
               {"total"},
               {"tokens"},
               {"train FLOPs"},
               {"loss"}});
  table.AddRow(CandidateRow("candidate", evaluation.candidate()));
  if (evaluation.has_optimum()) {
    table.AddRow(CandidateRow(evaluation.has_wasted_device_hours()
                                  ? "best for these hours"
                                  : "best for these FLOPs",
                              evaluation.optimum()));
  }
  page.Print(table);
}

std::vector<std::string> FigureTexts(const v1::OptimalConfigRequest& request,
                                     const v1::Evaluation& evaluation) {
  std::vector<std::string> texts;
  if (evaluation.has_loss_gap()) {
    texts.push_back(absl::StrCat(
        "Loss gap: ", absl::StrFormat("%+.4f", evaluation.loss_gap()),
        " nats per token against the optimum (equal within ",
        FormatShortest(request.loss_tolerance() > 0 ? request.loss_tolerance()
                                                    : 1e-3),
        ")."));
  }
  if (evaluation.has_wasted_device_hours()) {
    texts.push_back(absl::StrCat(
        "The candidate takes ",
        FormatCount(evaluation.candidate().device_hours(), 3),
        " device-hours, ",
        FormatNumber(evaluation.compute_to_same_loss_ratio(), 3),
        " times what its loss needs: ",
        FormatCount(evaluation.wasted_device_hours(), 3), " are wasted."));
  } else if (evaluation.has_compute_to_same_loss_ratio()) {
    texts.push_back(absl::StrCat(
        "The candidate takes ",
        FormatNumber(evaluation.compute_to_same_loss_ratio(), 3),
        " times the compute that its loss needs: ",
        FlopsText(evaluation.wasted_flops()), " FLOPs are wasted."));
  }
  if (evaluation.has_affordable_training_tokens()) {
    texts.push_back(
        absl::StrCat("The device time of the budget buys ",
                     TokensText(evaluation.affordable_training_tokens()),
                     " tokens of its training."));
  }
  for (const int constraint : evaluation.violated_constraints()) {
    texts.push_back(absl::StrCat(
        "The candidate itself breaks ",
        ConstraintName(static_cast<v1::Constraint>(constraint)), "."));
  }
  return texts;
}

}  // namespace

void PrintEvaluation(const v1::OptimalConfigRequest& request,
                     const v1::OptimalConfigResponse& response, Page& page) {
  const v1::Evaluation& evaluation = response.evaluation();
  page.Heading(absl::StrCat(VerdictText(evaluation.verdict()), ", by ",
                            SetIdOf(response.provenance().coefficient_set())));
  page.Sentence(AsSentence(evaluation.reason()));
  PrintCandidate(evaluation, page);
  page.Bullets(FigureTexts(request, evaluation));
  if (!evaluation.caveats().empty()) {
    page.Heading("About this comparison");
    std::vector<std::string> texts;
    for (const std::string& caveat : evaluation.caveats()) {
      texts.push_back(AsSentence(caveat));
    }
    page.Bullets(texts);
  }
  PrintExtrapolations(evaluation.candidate().extrapolations(), "the candidate",
                      page);
}

}  // namespace moeplan::cli
