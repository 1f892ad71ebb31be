#include "client/cli/text/plan_text.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/output/table.h"
#include "client/cli/text/evidence_text.h"
#include "client/cli/text/verdict_text.h"
#include "client/cli/text/words.h"
#include "core/base/quantity.h"

namespace moeplan::cli {
namespace {

std::string HoursText(double hours) { return FormatNumber(hours, 3); }

std::string HardwareText(const v1::OptimalConfigRequest& request) {
  const v1::HardwareBudget& budget = request.budget().hardware();
  return absl::StrCat(
      "Best model for ",
      HoursText(static_cast<double>(budget.wall_duration().seconds()) / 3600),
      " h on ", budget.options(0).device_count(),
      budget.options(0).device_count() == 1 ? " device" : " devices");
}

std::string ObjectiveText(const v1::OptimalConfigRequest& request) {
  switch (request.objective()) {
    case v1::OBJECTIVE_LEAST_COMPUTE:
      return absl::StrCat("Least compute for a loss of ",
                          FormatShortest(request.target_loss()));
    case v1::OBJECTIVE_LEAST_SERVING_MEMORY:
      return absl::StrCat("Least serving memory for a loss of ",
                          FormatShortest(request.target_loss()));
    default:
      if (request.budget().has_hardware()) return HardwareText(request);
      return absl::StrCat("Best model for ",
                          FlopsText(request.budget().train_flops()), " FLOPs");
  }
}

std::string LossRemark(const v1::Plan& plan) {
  if (!plan.has_loss_interval()) return "nats per token";
  return absl::StrCat("nats per token; ", IntervalText(plan.loss_interval()));
}

std::string ComputeRemark(const v1::Plan& plan) {
  const v1::FlopBreakdown& flops = plan.optimum().flops();
  std::vector<std::string> parts;
  if (flops.train_routing_flops() > 0) {
    parts.push_back(absl::StrCat(
        PercentText(flops.train_routing_flops() / flops.train_flops()),
        " of it routing"));
  }
  if (flops.serving_flops() > 0) {
    parts.push_back(
        absl::StrCat("besides ", FlopsText(flops.serving_flops()), " serving"));
  }
  if (plan.budget_left_flops() > 0) {
    parts.push_back(absl::StrCat(FlopsText(plan.budget_left_flops()),
                                 " of the budget left over"));
  }
  return JoinWords(parts);
}

std::string LimitText(const v1::OptimalConfigRequest& request) {
  if (!request.has_memory_limit()) return "no limit";
  const v1::MemoryLimit& limit = request.memory_limit();
  switch (limit.limit_case()) {
    case v1::MemoryLimit::kTotalParams:
      return absl::StrCat("limit ", ParamsText(limit.total_params()),
                          " parameters");
    case v1::MemoryLimit::kElements:
      return absl::StrCat("limit ", ParamsText(limit.elements()), " elements");
    case v1::MemoryLimit::kBytes:
      return absl::StrCat("limit ",
                          BytesText(static_cast<double>(limit.bytes())));
    case v1::MemoryLimit::kAsDenseModel:
      return absl::StrCat("limit: what a dense model of ",
                          ParamsText(limit.as_dense_model().active_params()),
                          " takes with its own cache");
    default:
      return "";
  }
}

std::string MemoryRemark(const v1::OptimalConfigRequest& request,
                         const v1::MemoryBreakdown& memory) {
  if (memory.kv_cache_bytes() <= 0) {
    return absl::StrCat("weights alone; ", LimitText(request));
  }
  return absl::StrCat(BytesText(static_cast<double>(memory.weight_bytes())),
                      " weights and ",
                      BytesText(static_cast<double>(memory.kv_cache_bytes())),
                      " KV cache; ", LimitText(request));
}

std::string DeviceHoursRemark(const v1::PlanPoint& point) {
  std::vector<std::string> parts;
  if (point.has_device_hours_lower()) {
    parts.push_back(absl::StrCat(HoursText(point.device_hours_lower()), " to ",
                                 HoursText(point.device_hours_upper()),
                                 " with the time model's own error"));
  }
  if (point.has_price()) {
    parts.push_back(absl::StrCat("price ", HoursText(point.price())));
  }
  return JoinWords(parts);
}

// The machines that were compared, best first.
void PrintHardware(const v1::OptimalConfigResponse& response, Page& page) {
  page.Heading("Machines, best first");
  Table table({{"calibration", Align::kLeft},
               {"E"},
               {"G"},
               {"active"},
               {"tokens"},
               {"loss"},
               {"device-hours"}});
  for (const v1::HardwareOutcome& outcome : response.hardware_outcomes()) {
    if (!outcome.has_plan()) {
      table.AddRow(
          {outcome.calibration(), "-", "-", "-", "-", "no model fits", "-"});
      continue;
    }
    const v1::PlanPoint& point = outcome.plan().optimum();
    table.AddRow({outcome.calibration(),
                  PlainText(point.shape().expansion_rate()),
                  PlainText(point.shape().granularity()),
                  ParamsText(point.shape().active_params()),
                  TokensText(point.training_tokens()), LossText(point.loss()),
                  HoursText(point.device_hours())});
  }
  page.Print(table);
}

void PrintFacts(const v1::OptimalConfigRequest& request, const v1::Plan& plan,
                Page& page) {
  const v1::PlanPoint& point = plan.optimum();
  const v1::PlanShape& shape = point.shape();
  std::vector<Fact> facts = {
      {"expansion rate", PlainText(shape.expansion_rate()), ExpertsText(shape)},
      {"active parameters", ParamsText(shape.active_params()), ""},
      {"total parameters", ParamsText(shape.total_params()), ""},
      {"training tokens", TokensText(point.training_tokens()),
       absl::StrCat(PlainText(point.tokens_per_param()),
                    " per active parameter")},
      {"predicted loss", LossText(point.loss()), LossRemark(plan)},
      {"training FLOPs", FlopsText(point.flops().train_flops()),
       ComputeRemark(plan)},
      {"serving memory",
       BytesText(static_cast<double>(point.memory().serving_bytes())),
       MemoryRemark(request, point.memory())}};
  if (shape.has_model_shape()) {
    facts.push_back(
        {"width x depth",
         absl::StrFormat("%.0f x %.0f", shape.d_model(), shape.block_count()),
         "whole blocks: it can be built"});
  } else if (shape.d_model() > 0) {
    facts.push_back(
        {"width x depth",
         absl::StrFormat("%.0f x %.1f", shape.d_model(), shape.block_count()),
         "not yet rounded to a shape that can be built"});
  }
  if (point.has_device_hours()) {
    facts.push_back({"device-hours", HoursText(point.device_hours()),
                     DeviceHoursRemark(point)});
  }
  if (point.has_serving_device_hours()) {
    facts.push_back(
        {"of them serving", HoursText(point.serving_device_hours()),
         absl::StrCat(point.decode_sequences(), " sequences at once, ",
                      FormatNumber(1e3 * point.seconds_per_output_token(), 3),
                      " ms between their tokens")});
  }
  for (const v1::TrainingAdvice& advice : plan.advice()) {
    if (!advice.has_peak_learning_rate()) continue;
    facts.push_back({"peak learning rate",
                     FormatFlops(advice.peak_learning_rate(), 2),
                     advice.basis()});
  }
  page.Facts(facts);
}

// The loss that twice the limit would save.
std::string BindingText(const v1::BindingConstraint& binding) {
  constexpr double kLn2 = 0.6931471805599453;
  std::string name = ConstraintName(binding.constraint());
  if (!binding.has_loss_per_ln_limit()) return name;
  return absl::StrCat(
      name, " (twice as much: loss about ",
      absl::StrFormat("%+.3f", kLn2 * binding.loss_per_ln_limit()), ")");
}

void PrintBinding(const v1::Plan& plan, Page& page) {
  std::vector<std::string> names;
  for (const v1::BindingConstraint& binding : plan.binding_constraints()) {
    names.push_back(BindingText(binding));
  }
  if (names.empty()) return;
  page.Sentence(absl::StrCat("Held by ", JoinWords(names), "."));
}

void PrintFlatRegion(const v1::FlatRegion& region, Page& page) {
  const auto end = [](double params, bool is_limit) {
    return absl::StrCat(ParamsText(params),
                        is_limit ? " (where a limit ends it)" : "");
  };
  page.Sentence(absl::StrCat(
      "Flat region: from ",
      end(region.active_params_low(), region.low_is_limit()), " to ",
      end(region.active_params_high(), region.high_is_limit()),
      " active parameters the loss rises by less than ",
      FormatShortest(region.loss_tolerance()),
      ", which no law can tell: choose freely there."));
}

std::vector<std::string> DenseRow(const char* name,
                                  const v1::PlanPoint& point) {
  return {name,
          ParamsText(point.shape().active_params()),
          ParamsText(point.shape().total_params()),
          TokensText(point.training_tokens()),
          FlopsText(point.flops().train_flops()),
          BytesText(static_cast<double>(point.memory().serving_bytes())),
          LossText(point.loss())};
}

void PrintSaving(const v1::Plan& plan, Page& page) {
  const v1::ComputeSaving& saving = plan.saving();
  std::vector<std::string> texts;
  if (saving.has_dense_flops_for_same_loss()) {
    texts.push_back(absl::StrCat(
        "At the plan's FLOPs: ", PercentText(saving.saving_at_plan_flops()),
        ". For the plan's loss a dense model, free of all limits and of "
        "serving, trains for ",
        FlopsText(saving.dense_flops_for_same_loss()), " FLOPs, ",
        FormatNumber(saving.dense_to_plan_flops_ratio(), 3),
        " times the plan's."));
  } else {
    texts.push_back("At the plan's FLOPs: no dense model reaches this loss.");
  }
  if (saving.has_saving_at_dense_flops()) {
    texts.push_back(absl::StrCat(
        "At the dense model's FLOPs: ",
        PercentText(saving.saving_at_dense_flops()),
        ". For the loss of the best dense model of the same FLOPs, this "
        "expansion rate and granularity, free of all limits, need that much "
        "less (figure 2b of the joint paper)."));
  }
  page.Heading(absl::StrCat("Compute saved over dense, by ",
                            SetIdOf(saving.dense_coefficient_set())));
  page.Bullets(texts);
}

void PrintDenseComparison(const v1::Plan& plan, Page& page) {
  const bool is_dense = plan.optimum().shape().expansion_rate() <= 1;
  if (plan.has_dense_baseline() && !is_dense) {
    page.Heading("MoE against dense, same FLOPs and limits");
    Table table({{"", Align::kLeft},
                 {"active"},
                 {"total"},
                 {"tokens"},
                 {"train FLOPs"},
                 {"memory"},
                 {"loss"}});
    table.AddEmphasizedRow(DenseRow("MoE", plan.optimum()));
    table.AddRow(DenseRow("dense", plan.dense_baseline().point()));
    page.Print(table);
  }
  if (plan.has_dense_baseline() && is_dense) {
    page.Sentence("The best model is dense.");
  }
  if (plan.has_saving() && !is_dense) PrintSaving(plan, page);
}

void PrintPoints(
    const v1::Plan& plan,
    const google::protobuf::RepeatedPtrField<v1::PlanPoint>& points,
    Page& page) {
  Table table({{"E"},
               {"G"},
               {"active"},
               {"total"},
               {"tokens"},
               {"tokens/param"},
               {"loss"},
               {"above best"},
               {"outside the data", Align::kLeft}});
  for (const v1::PlanPoint& point : points) {
    const std::vector<std::string> cells = {
        PlainText(point.shape().expansion_rate()),
        PlainText(point.shape().granularity()),
        ParamsText(point.shape().active_params()),
        ParamsText(point.shape().total_params()),
        TokensText(point.training_tokens()),
        PlainText(point.tokens_per_param()),
        LossText(point.loss()),
        absl::StrFormat("%.4f", point.loss() - plan.optimum().loss()),
        ExtrapolationSummary(point.extrapolations())};
    if (point.shape().expansion_rate() ==
            plan.optimum().shape().expansion_rate() &&
        point.shape().granularity() == plan.optimum().shape().granularity()) {
      table.AddEmphasizedRow(cells);
    } else {
      table.AddRow(cells);
    }
  }
  page.Print(table);
}

}  // namespace

std::string ExpertsText(const v1::PlanShape& shape) {
  if (shape.expansion_rate() <= 1 && shape.granularity() <= 1) return "dense";
  if (shape.granularity() == 1) {
    return absl::StrCat(PlainText(shape.routed_experts()),
                        " experts per layer, 1 per token");
  }
  return absl::StrCat(PlainText(shape.routed_experts()), " experts per layer, ",
                      PlainText(shape.granularity()),
                      " per token: granularity ",
                      PlainText(shape.granularity()));
}

void PrintPlan(const v1::OptimalConfigRequest& request,
               const v1::OptimalConfigResponse& response, Page& page) {
  const v1::Plan& plan = response.plan();
  page.Heading(absl::StrCat(ObjectiveText(request), ", by ",
                            SetIdOf(response.provenance().coefficient_set())));
  PrintFacts(request, plan, page);
  PrintBinding(plan, page);
  if (response.hardware_outcomes_size() > 1) PrintHardware(response, page);
  if (plan.has_flat_region()) PrintFlatRegion(plan.flat_region(), page);
  PrintExtrapolations(plan.optimum().extrapolations(), "the answer", page);
  PrintDenseComparison(plan, page);
  if (plan.best_by_expansion_rate_size() > 1) {
    page.Heading("Best model of each expansion rate");
    PrintPoints(plan, plan.best_by_expansion_rate(), page);
  } else if (!plan.alternatives().empty()) {
    // With several expansion rates the table above has nearly all of them.
    page.Heading("Next best pairs of expansion rate and granularity");
    PrintPoints(plan, plan.alternatives(), page);
  }
}

}  // namespace moeplan::cli
