#include "client/cli/commands/plan_command.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/error_report.h"
#include "client/cli/hardware_flags.h"
#include "client/cli/invocation.h"
#include "client/cli/other_sets.h"
#include "client/cli/output/json_text.h"
#include "client/cli/plan_csv.h"
#include "client/cli/plan_flags.h"
#include "client/cli/quantity_option.h"
#include "client/cli/session.h"
#include "client/cli/text/evidence_text.h"
#include "client/cli/text/plan_text.h"
#include "client/cli/text/verdict_text.h"

namespace moeplan::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  moeplan plan --compute 1e22
  moeplan plan --compute 1e22 --memory 80GiB --kv-tokens 16k
  moeplan plan --compute 1e23 --served-tokens 2T --available-tokens 5T
  moeplan plan --target-loss 2.1 --memory 24GB
  moeplan plan --compute 1e22 --memory-as-dense 7B --kv-tokens 32k
  moeplan plan --calibration my-h200 --wall-hours 720 --devices 8
  moeplan plan --calibration my-h200 --wall-hours 720 --devices 64 \
      --goodput 0.9 --expert-parallel 8 --devices-per-node 8 \
      --intra-node-rate 400GB --inter-node-rate 50GB --overlap 0.3
  moeplan plan --calibration my-h200 --wall-hours 720 --served-tokens 100B
  moeplan plan --set fine-grained-2024-e64-fine --compute 1e20 --json
)";

struct PlanCommand {
  PlanFlags flags;
  HardwareFlags hardware;
  bool other_sets = true;
};

void PrintText(const Session& session, const PlanCommand& command,
               const v1::OptimalConfigResponse& response, Io& io) {
  Page page(io);
  if (response.has_plan()) {
    PrintPlan(command.flags.request, response, page);
  } else {
    PrintInfeasible(command.flags.request, response.infeasible(), page);
  }
  // Times are those of one law's models; others would be other plans.
  if (command.other_sets && !command.flags.request.budget().has_hardware()) {
    PrintPlansOfOtherSets(session.client(), command.flags.request,
                          response.provenance().coefficient_set(), page);
  }
  PrintAssumptions(response.assumptions(), page);
  PrintWarnings(response.warnings(), response.provenance(), page);
  PrintProvenance(response.provenance(), page);
}

ExitCode Run(PlanCommand& command, const CommonOptions& options, Io& io) {
  absl::Status status = FinishPlanFlags(command.flags);
  if (status.ok()) {
    status = FinishHardwareFlags(command.hardware, command.flags.request);
  }
  if (!status.ok()) return ReportUsageError(status.message(), options, io);
  const auto session = Session::Open(options);
  if (!session.ok()) return ReportError(session.status(), options, io);
  const absl::Status resolved =
      ResolveDenseMemory((*session)->client(), command.flags);
  if (!resolved.ok()) return ReportError(resolved, options, io);
  const absl::StatusOr<v1::OptimalConfigResponse> response =
      (*session)->client().OptimalConfig(command.flags.request);
  if (!response.ok()) return ReportError(response.status(), options, io);
  switch (options.format) {
    case OutputFormat::kJson:
      io.out << ToJson(*response);
      break;
    case OutputFormat::kCsv:
      WritePlanCsv({{PlanCsvAxis(), *response}}, io.out);
      break;
    case OutputFormat::kText:
      PrintText(**session, command, *response, io);
      break;
  }
  return response->has_plan() ? kAnswered : kAnsweredNo;
}

}  // namespace

void AddPlanCommand(CLI::App& root, Invocation& invocation) {
  const auto command = std::make_shared<PlanCommand>();
  CLI::App* plan =
      root.add_subcommand("plan", "The best model for a budget, under limits");
  AddPlanFlags(*plan, command->flags, PlanFlagSet());
  AddHardwareFlags(*plan, command->hardware);
  AddWholeQuantity(
      *plan, "--alternatives", QuantityKind::kCount,
      [command](int64_t count) {
        command->flags.request.set_alternative_count(
            static_cast<int32_t>(std::min<int64_t>(count, INT32_MAX)));
      },
      "How many other pairs of expansion rate and granularity to give "
      "(default: 3)")
      ->group("Law and answer");
  plan->add_flag_callback(
          "--no-other-sets", [command] { command->other_sets = false; },
          "Leave out what other coefficient sets say (text only)")
      ->group("Law and answer");
  AddCommonOptions(*plan, invocation.options);
  plan->footer(kExamples);
  plan->callback([command, &invocation] {
    invocation.run = [command, &invocation](Io& io) {
      return Run(*command, invocation.options, io);
    };
  });
}

}  // namespace moeplan::cli
