#include "client/cli/commands/evaluate_command.h"

#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/error_report.h"
#include "client/cli/hardware_flags.h"
#include "client/cli/invocation.h"
#include "client/cli/model_file.h"
#include "client/cli/output/csv_writer.h"
#include "client/cli/output/json_text.h"
#include "client/cli/plan_flags.h"
#include "client/cli/quantity_option.h"
#include "client/cli/session.h"
#include "client/cli/text/evidence_text.h"
#include "client/cli/text/verdict_text.h"
#include "client/cli/text/words.h"
#include "core/base/status_macros.h"

namespace moeplan::cli {
namespace {

constexpr char kCandidate[] = "Candidate";

constexpr char kExamples[] = R"(Examples:
  moeplan evaluate --active-params 1B --tokens 20B --expansion-rate 8
  moeplan evaluate -N 7B -D 2T -E 1 --memory 80GiB --max-extrapolation 2
  moeplan evaluate --model shape.json --tokens 2T --json
  moeplan evaluate -N 400M -D 8B -E 8 --check || echo "not the best use"
  moeplan evaluate -N 400M -E 8 --calibration my-h200 --wall-hours 24

The candidate is compared with the best model at its own training FLOPs, or with
--calibration at its own device-hours, and under the given limits. The exit code
is 0 for every verdict, unless --check.
)";

struct EvaluateCommand {
  PlanFlags flags;
  HardwareFlags hardware;
  std::string model_file;
  bool check = false;
};

void WriteEvaluationCsv(const v1::OptimalConfigResponse& response,
                        std::ostream& out) {
  const v1::Evaluation& evaluation = response.evaluation();
  const auto number = [](bool present, double value) {
    return present ? CsvNumber(value) : std::string();
  };
  CsvWriter csv(out);
  csv.WriteRow({"coefficient_set", "verdict", "candidate_loss", "optimum_loss",
                "loss_gap", "compute_to_same_loss_ratio", "wasted_flops",
                "wasted_device_hours", "train_flops", "extrapolation_decades"});
  csv.WriteRow(
      {SetIdOf(response.provenance().coefficient_set()),
       v1::Verdict_Name(evaluation.verdict()),
       CsvNumber(evaluation.candidate().loss()),
       number(evaluation.has_optimum(), evaluation.optimum().loss()),
       number(evaluation.has_loss_gap(), evaluation.loss_gap()),
       number(evaluation.has_compute_to_same_loss_ratio(),
              evaluation.compute_to_same_loss_ratio()),
       number(evaluation.has_wasted_flops(), evaluation.wasted_flops()),
       number(evaluation.has_wasted_device_hours(),
              evaluation.wasted_device_hours()),
       CsvNumber(evaluation.candidate().flops().train_flops()),
       CsvNumber(
           LargestDistanceDecades(evaluation.candidate().extrapolations()))});
}

void PrintText(const EvaluateCommand& command,
               const v1::OptimalConfigResponse& response, Io& io) {
  Page page(io);
  PrintEvaluation(command.flags.request, response, page);
  PrintAssumptions(response.assumptions(), page);
  PrintWarnings(response.warnings(), response.provenance(), page);
  PrintProvenance(response.provenance(), page);
}

absl::Status FinishCandidate(EvaluateCommand& command) {
  v1::Candidate& candidate = *command.flags.request.mutable_candidate();
  if (!command.model_file.empty()) {
    const absl::StatusOr<v1::ModelShape> shape =
        ReadModelFile(command.model_file);
    if (!shape.ok()) return shape.status();
    *candidate.mutable_shape() = *shape;
  } else if (candidate.point().active_params() == 0) {
    return absl::InvalidArgumentError(
        "the candidate's size is missing: --active-params or --model, such as "
        "--active-params 1B");
  }
  MOEPLAN_RETURN_IF_ERROR(FinishPlanFlags(command.flags));
  MOEPLAN_RETURN_IF_ERROR(
      FinishHardwareFlags(command.hardware, command.flags.request));
  if (candidate.training_tokens() == 0 &&
      command.hardware.calibrations.empty()) {
    return absl::InvalidArgumentError(
        "--tokens is missing, what the candidate is to be trained on, such as "
        "--tokens 20B");
  }
  return absl::OkStatus();
}

ExitCode Run(EvaluateCommand& command, const CommonOptions& options, Io& io) {
  const absl::Status status = FinishCandidate(command);
  if (!status.ok()) return ReportUsageError(status.message(), options, io);
  const auto session = Session::Open(options);
  if (!session.ok()) return ReportError(session.status(), options, io);
  const absl::StatusOr<v1::OptimalConfigResponse> response =
      (*session)->client().OptimalConfig(command.flags.request);
  if (!response.ok()) return ReportError(response.status(), options, io);
  switch (options.format) {
    case OutputFormat::kJson:
      io.out << ToJson(*response);
      break;
    case OutputFormat::kCsv:
      WriteEvaluationCsv(*response, io.out);
      break;
    case OutputFormat::kText:
      PrintText(command, *response, io);
      break;
  }
  const bool suboptimal =
      response->evaluation().verdict() == v1::VERDICT_SUBOPTIMAL;
  return command.check && suboptimal ? kAnsweredNo : kAnswered;
}

void AddCandidateOptions(CLI::App& evaluate, EvaluateCommand& command) {
  v1::OptimalConfigRequest& request = command.flags.request;
  auto* params = AddQuantity(
      evaluate, "--active-params,-N", QuantityKind::kParams,
      [&request](double value) {
        request.mutable_candidate()->mutable_point()->set_active_params(value);
      },
      "Parameters that touch one token, as the set counts them");
  auto* expansion = AddQuantity(
      evaluate, "--expansion-rate,-E", QuantityKind::kCount,
      [&request](double value) {
        request.mutable_candidate()->mutable_point()->set_expansion_rate(value);
      },
      "Its expansion rate (default: the set's only one, else 1, dense)");
  auto* granularity = AddQuantity(
      evaluate, "--granularity,-G", QuantityKind::kCount,
      [&request](double value) {
        request.mutable_candidate()->mutable_point()->set_granularity(value);
      },
      "Its granularity (default: 1)");
  auto* tokens = AddQuantity(
      evaluate, "--tokens,-D", QuantityKind::kTokens,
      [&request](double value) {
        request.mutable_candidate()->set_training_tokens(value);
      },
      "Tokens that it is to be trained on (default with --calibration: what "
      "its hours buy)");
  auto* model = evaluate
                    .add_option("--model", command.model_file,
                                "A model from a JSON file (ModelShape) instead")
                    ->type_name("FILE");
  for (CLI::Option* option : {params, expansion, granularity, tokens, model}) {
    option->group(kCandidate);
  }
  for (CLI::Option* option : {params, expansion, granularity}) {
    option->excludes(model);
  }
  AddQuantity(
      evaluate, "--max-extrapolation", QuantityKind::kCount,
      [&request](double value) {
        request.set_max_extrapolation_decades(value);
      },
      "Decades outside the law's data up to which a verdict is given "
      "(default: 0)")
      ->group(kCandidate);
  evaluate
      .add_flag("--check", command.check,
                "Exit with 1 when the candidate is suboptimal")
      ->group(kCandidate);
}

}  // namespace

void AddEvaluateCommand(CLI::App& root, Invocation& invocation) {
  const auto command = std::make_shared<EvaluateCommand>();
  CLI::App* evaluate = root.add_subcommand(
      "evaluate", "A verdict on a model that somebody means to train");
  AddCandidateOptions(*evaluate, *command);
  AddPlanFlags(*evaluate, command->flags,
               {.compute = false, .objective = false, .short_names = false});
  AddHardwareFlags(*evaluate, command->hardware);
  AddCommonOptions(*evaluate, invocation.options);
  evaluate->footer(kExamples);
  evaluate->callback([command, &invocation] {
    invocation.run = [command, &invocation](Io& io) {
      return Run(*command, invocation.options, io);
    };
  });
}

}  // namespace moeplan::cli
