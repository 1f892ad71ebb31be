#include "client/cli/plan_flags.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/quantity_option.h"
#include "client/cli/text/words.h"
#include "client/cpp/planner_client.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"

namespace moeplan::cli {
namespace {

constexpr char kBudget[] = "Budget";
constexpr char kMemory[] = "Memory of the served model";
constexpr char kTokens[] = "Tokens";
constexpr char kServing[] = "Serving";
constexpr char kSearch[] = "Search space";
constexpr char kLaw[] = "Law and answer";
constexpr double kBitsPerByte = 8;

void AddCompute(CLI::App& command, v1::OptimalConfigRequest& request) {
  AddQuantity(
      command, "--compute,-F", QuantityKind::kFlops,
      [&request](double flops) {
        request.mutable_budget()->set_train_flops(flops);
      },
      "FLOPs that may be spent, such as 1e22 or 10ZFLOP")
      ->group(kBudget);
}

void AddObjective(CLI::App& command, v1::OptimalConfigRequest& request) {
  AddQuantity(
      command, "--target-loss", QuantityKind::kCount,
      [&request](double loss) {
        request.set_target_loss(loss);
        if (request.objective() == v1::OBJECTIVE_UNSPECIFIED) {
          request.set_objective(v1::OBJECTIVE_LEAST_COMPUTE);
        }
      },
      "Reach this loss instead, with least compute unless --minimize says "
      "other")
      ->group(kBudget);
  const std::map<std::string, v1::Objective> objectives = {
      {"loss", v1::OBJECTIVE_LEAST_LOSS},
      {"compute", v1::OBJECTIVE_LEAST_COMPUTE},
      {"memory", v1::OBJECTIVE_LEAST_SERVING_MEMORY}};
  command
      .add_option_function<std::string>(
          "--minimize",
          [&request, objectives](const std::string& name) {
            request.set_objective(objectives.at(name));
          },
          "What is to be least: loss (within --compute), or compute or memory "
          "for a --target-loss")
      ->check(CLI::IsMember(objectives))
      ->type_name("loss|compute|memory")
      ->group(kBudget);
}

void AddMemoryLimits(CLI::App& command, PlanFlags& flags) {
  v1::OptimalConfigRequest& request = flags.request;
  auto* bytes = AddWholeQuantity(
      command, "--memory,-M", QuantityKind::kBytes,
      [&request](int64_t value) {
        request.mutable_memory_limit()->set_bytes(value);
      },
      "Weights and KV cache together, such as 80GiB (2^30 bytes) or 80GB "
      "(1e9 bytes)");
  auto* params = AddQuantity(
      command, "--memory-params", QuantityKind::kParams,
      [&request](double value) {
        request.mutable_memory_limit()->set_total_params(value);
      },
      "Total parameters, cache left out, such as 40B");
  auto* elements = AddQuantity(
      command, "--memory-elements", QuantityKind::kCount,
      [&request](double value) {
        request.mutable_memory_limit()->set_elements(value);
      },
      "Elements of weights and KV cache together, such as 40B");
  auto* as_dense =
      command
          .add_option_function<std::string>(
              "--memory-as-dense",
              [&flags](const std::string& text) {
                auto* model = flags.request.mutable_memory_limit()
                                  ->mutable_as_dense_model();
                if (text == "optimal") {
                  flags.memory_as_optimal_dense = true;
                  return;
                }
                const absl::StatusOr<double> size =
                    ParseQuantity(text, QuantityKind::kParams);
                if (!size.ok()) {
                  throw CLI::ValidationError(
                      "--memory-as-dense",
                      std::string(size.status().message()) +
                          "; or \"optimal\", the best dense model for the "
                          "budget");
                }
                model->set_active_params(*size);
              },
              "What a dense model of this size takes with its own KV cache, "
              "such "
              "as 7B, or \"optimal\": the best dense model for the budget")
          ->type_name("PARAMS|optimal");
  for (CLI::Option* option : {bytes, params, elements, as_dense}) {
    option->group(kMemory);
    for (CLI::Option* other : {bytes, params, elements, as_dense}) {
      if (option != other) option->excludes(other);
    }
  }
}

void AddMemoryDetails(CLI::App& command, v1::OptimalConfigRequest& request) {
  AddQuantity(
      command, "--kv-tokens", QuantityKind::kTokens,
      [&request](double value) {
        request.mutable_serving_memory()->set_kv_cache_tokens(value);
      },
      "Tokens held in the KV cache, over all sequences at once, such as 16k")
      ->group(kMemory);
  AddQuantity(
      command, "--weight-bits", QuantityKind::kCount,
      [&request](double bits) {
        request.mutable_serving_memory()->set_bytes_per_weight(bits /
                                                               kBitsPerByte);
      },
      "Bits per weight (default: 16)")
      ->type_name("BITS")
      ->group(kMemory);
  AddQuantity(
      command, "--kv-bits", QuantityKind::kCount,
      [&request](double bits) {
        request.mutable_serving_memory()->set_bytes_per_cache_element(
            bits / kBitsPerByte);
      },
      "Bits per element of the KV cache (default: 16)")
      ->type_name("BITS")
      ->group(kMemory);
}

void AddTokens(CLI::App& command, v1::OptimalConfigRequest& request) {
  AddQuantity(
      command, "--available-tokens", QuantityKind::kTokens,
      [&request](double tokens) {
        request.mutable_token_supply()->set_available_training_tokens(tokens);
      },
      "Unique tokens that there are to train on, such as 2.5T")
      ->group(kTokens);
}

void AddServing(CLI::App& command, v1::OptimalConfigRequest& request) {
  const auto demand = [&request] {
    request.mutable_serving_demand()->set_coupling(
        v1::SERVING_COUPLING_IN_BUDGET);
    return request.mutable_serving_demand();
  };
  AddQuantity(
      command, "--served-tokens", QuantityKind::kTokens,
      [demand](double tokens) { demand()->set_decode_tokens(tokens); },
      "Tokens generated over the model's lifetime; their FLOPs, or with "
      "--calibration their hours, come out of the same budget")
      ->group(kServing);
  AddQuantity(
      command, "--prefill-tokens", QuantityKind::kTokens,
      [demand](double tokens) { demand()->set_prefill_tokens(tokens); },
      "Prompt tokens read over the model's lifetime")
      ->group(kServing);
  AddWholeQuantity(
      command, "--context-tokens", QuantityKind::kTokens,
      [demand](int64_t tokens) { demand()->set_context_tokens(tokens); },
      "Tokens of a served sequence, prompt and answer (default with "
      "--calibration: 2048)")
      ->group(kServing);
  AddWholeQuantity(
      command, "--concurrent-sequences", QuantityKind::kCount,
      [demand](int64_t count) { demand()->set_concurrent_sequences(count); },
      "Sequences served at once; with --calibration the most on one device "
      "(default: as many as it holds)")
      ->group(kServing);
  AddQuantity(
      command, "--max-output-seconds", QuantityKind::kCount,
      [demand](double seconds) {
        demand()->set_max_seconds_per_output_token(seconds);
      },
      "Longest time between two output tokens, with --calibration (default: "
      "any)")
      ->type_name("SECONDS")
      ->group(kServing);
}

void AddSmallestShape(CLI::App& command, v1::OptimalConfigRequest& request) {
  auto* width = AddQuantity(
      command, "--smallest-width", QuantityKind::kCount,
      [&request](double value) {
        v1::SearchSpace& space = *request.mutable_search_space();
        if (value == 0) space.set_any_shape(true);
        if (value != 0) space.mutable_smallest_shape()->set_d_model(value);
      },
      "Smallest d_model (default: 64); 0 is --any-shape");
  auto* depth = AddQuantity(
      command, "--smallest-depth", QuantityKind::kCount,
      [&request](double value) {
        v1::SearchSpace& space = *request.mutable_search_space();
        if (value == 0) space.set_any_shape(true);
        if (value != 0) space.mutable_smallest_shape()->set_block_count(value);
      },
      "Smallest number of blocks (default: 1); 0 is --any-shape");
  auto* any = command.add_flag_callback(
      "--any-shape",
      [&request] { request.mutable_search_space()->set_any_shape(true); },
      "The papers' pure optima, however narrow");
  for (CLI::Option* option : {width, depth, any}) option->group(kSearch);
}

void AddSearchSpace(CLI::App& command, v1::OptimalConfigRequest& request,
                    bool short_names) {
  AddQuantities(
      command, short_names ? "--expansion-rates,-E" : "--expansion-rates",
      QuantityKind::kCount,
      [&request](const std::vector<double>& values) {
        request.mutable_search_space()->mutable_expansion_rates()->Assign(
            values.begin(), values.end());
      },
      "Expansion rates to choose from; with granularity 1 the numbers of "
      "experts; 1 is dense (default: 1,2,4,8,16,32 where the law has them)")
      ->group(kSearch);
  AddQuantities(
      command, short_names ? "--granularities,-G" : "--granularities",
      QuantityKind::kCount,
      [&request](const std::vector<double>& values) {
        request.mutable_search_space()->mutable_granularities()->Assign(
            values.begin(), values.end());
      },
      "Granularities to choose from (default: powers of two to 256 where the "
      "law has them)")
      ->group(kSearch);
  AddQuantity(
      command, "--routing-flops", QuantityKind::kCount,
      [&request](double value) {
        request.mutable_search_space()->set_routing_flops_per_router_param(
            value);
      },
      "FLOPs of routing per router parameter and token, for laws that count "
      "it (default: 14)")
      ->group(kSearch);
  AddSmallestShape(command, request);
}

void AddLawAndAnswer(CLI::App& command, v1::OptimalConfigRequest& request) {
  command
      .add_option_function<std::string>(
          "--set,-s",
          [&request](const std::string& id) {
            request.set_coefficient_set(SetNameOf(id));
          },
          "Coefficient set to answer from (default: the server's; see `moeplan "
          "sets list`)")
      ->type_name("ID")
      ->group(kLaw);
  command
      .add_option_function<std::string>(
          "--dense-set",
          [&request](const std::string& id) {
            request.set_dense_coefficient_set(SetNameOf(id));
          },
          "Set of the dense baseline (default: the one that belongs to --set)")
      ->type_name("ID")
      ->group(kLaw);
  AddQuantity(
      command, "--loss-tolerance", QuantityKind::kCount,
      [&request](double value) { request.set_loss_tolerance(value); },
      "Losses closer than this count as equal (default: 0.001)")
      ->group(kLaw);
  command
      .add_flag_callback(
          "--strict", [&request] { request.set_strict(true); },
          "Refuse to answer outside the data of the law")
      ->group(kLaw);
}

}  // namespace

void AddPlanFlags(CLI::App& command, PlanFlags& flags, const PlanFlagSet& set) {
  if (set.compute) AddCompute(command, flags.request);
  if (set.objective) AddObjective(command, flags.request);
  if (set.memory_limit) AddMemoryLimits(command, flags);
  AddMemoryDetails(command, flags.request);
  AddTokens(command, flags.request);
  AddServing(command, flags.request);
  AddSearchSpace(command, flags.request, set.short_names);
  AddLawAndAnswer(command, flags.request);
}

absl::Status FinishPlanFlags(PlanFlags& flags) {
  v1::OptimalConfigRequest& request = flags.request;
  if (request.objective() == v1::OBJECTIVE_UNSPECIFIED) {
    request.set_objective(v1::OBJECTIVE_LEAST_LOSS);
  }
  const bool least_loss = request.objective() == v1::OBJECTIVE_LEAST_LOSS;
  if (least_loss && request.target_loss() != 0) {
    return absl::InvalidArgumentError(
        "--target-loss does not go with --minimize loss; use --minimize "
        "compute or --minimize memory");
  }
  if (!least_loss && request.target_loss() == 0) {
    return absl::InvalidArgumentError(
        "--minimize compute or memory needs the loss to reach, such as "
        "--target-loss 2.1");
  }
  if (flags.memory_as_optimal_dense && !request.has_budget()) {
    return absl::InvalidArgumentError(
        "--memory-as-dense optimal needs a budget, such as --compute 1e22");
  }
  return absl::OkStatus();
}

absl::Status ResolveDenseMemory(const client::PlannerClient& client,
                                PlanFlags& flags) {
  if (!flags.memory_as_optimal_dense) return absl::OkStatus();
  v1::OptimalConfigRequest request;
  request.set_objective(v1::OBJECTIVE_LEAST_LOSS);
  request.set_coefficient_set(flags.request.dense_coefficient_set().empty()
                                  ? flags.request.coefficient_set()
                                  : flags.request.dense_coefficient_set());
  *request.mutable_budget() = flags.request.budget();
  request.mutable_search_space()->add_expansion_rates(1);
  MOEPLAN_ASSIGN_OR_RETURN(const v1::OptimalConfigResponse response,
                           client.OptimalConfig(request));
  if (!response.has_plan()) {
    return absl::FailedPreconditionError(
        "--memory-as-dense optimal: no dense model fits the budget");
  }
  flags.request.mutable_memory_limit()
      ->mutable_as_dense_model()
      ->set_active_params(response.plan().optimum().shape().active_params());
  return absl::OkStatus();
}

}  // namespace moeplan::cli
