#include "tests/integration/valid_requests.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace moeplan::testing {
namespace {

constexpr char kPlanner[] = "PlannerService";
constexpr char kSets[] = "CoefficientSetService";
constexpr grpc::StatusCode kUnserved = grpc::StatusCode::UNIMPLEMENTED;

// A mixture of experts; `attention` is one of the attention parts.
std::string MoeShape(const std::string& attention) {
  return absl::StrCat(
      "d_model: 2048 vocabulary_size: 50257 tied_embeddings: false "
      "layer_groups { layer_count: 24 ",
      attention,
      " moe { routed_experts: 16 experts_per_token: 2 expert_width: 1024 "
      "        gated: true biased: false router_biased: false } } "
      "label: \"made up\" norm_kind: NORM_KIND_RMS norms_per_layer: 2");
}

std::string DenseShape() {
  return "d_model: 2048 vocabulary_size: 50257 tied_embeddings: true "
         "layer_groups { layer_count: 24 "
         "  gqa { heads: 16 head_dim: 128 } dense { width: 8192 gated: false "
         "        biased: true } } ";
}

constexpr char kGqa[] =
    "gqa { heads: 16 kv_heads: 4 head_dim: 128 qkv_biased: true "
    "output_biased: false qk_norm: QK_NORM_PER_HEAD sinks: true } "
    "attention_window: 4096";
constexpr char kMla[] =
    "mla { heads: 16 query_latent_rank: 1536 kv_latent_rank: 512 "
    "rope_head_dim: 64 nope_head_dim: 128 value_head_dim: 128 "
    "latent_norms: true }";
constexpr char kLinear[] = "linear { state_elements: 262144 params: 16777216 }";

// What is not served yet of a request for a plan.
constexpr char kTrainingSetup[] =
    "sequence_tokens: 4096 global_batch_tokens: 4194304 "
    "optimizer: OPTIMIZER_ADAMW recomputation: RECOMPUTATION_FULL "
    "device_memory_bytes: 85899345920 "
    "interconnect { devices_per_node: 8 intra_node_bytes_per_second: 4.5e11 "
    "  inter_node_bytes_per_second: 5e10 latency_seconds: 1e-5 "
    "  overlap_share: 0.5 } ";

ValidRequest Plan(const std::string& text,
                  grpc::StatusCode code = grpc::StatusCode::OK) {
  return {kPlanner, "OptimalConfig", text, code};
}

// 18 runs on the dense law of Chinchilla's authors, one in six groups each.
std::string RunTable() {
  std::string columns[7];
  int row = 0;
  for (const double params : {1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9}) {
    for (const double tokens : {2e9, 8e9, 3.2e10}) {
      const char* comma = row == 0 ? "" : ", ";
      const double loss = 1.8172 + 482.01 / std::pow(params, 0.3478) +
                          2085.43 / std::pow(tokens, 0.3658);
      absl::StrAppend(&columns[0], comma, params);
      absl::StrAppend(&columns[1], comma, params * 2);
      absl::StrAppend(&columns[2], comma, tokens);
      absl::StrAppend(&columns[3], comma, "1");
      absl::StrAppend(&columns[4], comma, loss * (row % 2 ? 1.002 : 0.998));
      absl::StrAppend(&columns[5], comma, "\"group ", row / 3, "\"");
      absl::StrAppend(&columns[6], comma, "\"run ", row, "\"");
      ++row;
    }
  }
  return absl::StrCat(
      "runs { active_params: [", columns[0], "] total_params: [", columns[1],
      "] training_tokens: [", columns[2], "] expansion_rate: [", columns[3],
      "] granularity: [", columns[3], "] loss: [", columns[4], "] weight: [",
      columns[3], "] group: [", columns[5], "] tag: [", columns[6], "] } ",
      "convention { loss_unit: LOSS_UNIT_NATS_PER_TOKEN "
      "flop_rule: FLOP_RULE_SIX_PER_ACTIVE_PARAM } families: \"dense\" ");
}

ValidRequest Fit(const std::string& text) {
  return {kPlanner, "FitFromRuns",
          absl::StrCat(RunTable(), "start_count: 1 ", text)};
}

constexpr char kDenseSet[] =
    "display_name: \"mine\" family: \"dense\" "
    "convention { counts_embedding: true counts_unembedding: true "
    "  counts_router: false counts_norms: true counts_biases: true "
    "  vocabulary_size: 32000 tied_embeddings: true "
    "  loss_unit: LOSS_UNIT_NATS_PER_TOKEN "
    "  flop_rule: FLOP_RULE_SIX_PER_ACTIVE_PARAM } "
    "coefficients { name: \"a\" value: 482.01 standard_error: 12 lower: 450 "
    "               upper: 500 } "
    "coefficients { name: \"alpha\" value: 0.3478 } "
    "coefficients { name: \"b\" value: 2085.43 } "
    "coefficients { name: \"beta\" value: 0.3658 } "
    "coefficients { name: \"c\" value: 1.8172 standard_error: 0.01 "
    "               lower: 1.7 upper: 1.9 } "
    "domain { ranges { variable: LAW_VARIABLE_PARAMS low: 1e7 high: 1e10 } "
    "  ranges { variable: LAW_VARIABLE_TRAINING_TOKENS low: 1e9 high: 1e12 } } "
    "residual_error { train_rmse: 0.01 held_out_rmse: 0.02 of_log_loss: true "
    "                 source: \"table 1\" } "
    "draws { values: [482, 0.3478, 2085, 0.3658, 1.8] } "
    "draws { values: [480, 0.3480, 2080, 0.3660, 1.81] } "
    "source: \"made up\" caveats: \"made up\" caveats: \"and small\" "
    "name: \"coefficientSets/of-no-account\" published: true "
    "checksum: \"0123456789abcdef\" create_time { seconds: 1 } ";

}  // namespace

std::vector<ValidRequest> ValidPredictRequests() {
  const auto predict = [](const std::string& text) {
    return ValidRequest{kPlanner, "Predict", text};
  };
  const auto shape = [&](const std::string& attention) {
    return predict(absl::StrCat(
        "coefficient_set: \"coefficientSets/joint-2025\" shape_points { "
        "points { shape { ",
        MoeShape(attention), " } training_tokens: 1e12 } }"));
  };
  return {
      predict("coefficient_set: \"coefficientSets/joint-2025\" "
              "point_columns { law_params: [1e9, 2e9, 3e9] "
              "training_tokens: [1e11, 2e11, 4e11] expansion_rate: [1, 8, 32] "
              "granularity: [1, 1, 1] } include_intervals: true "
              "include_gradients: true"),
      predict("coefficient_set: \"coefficientSets/fine-grained-2024-e64\" "
              "point_columns { active_params: [1e9, 2e9] "
              "training_tokens: [1e11, 2e11] expansion_rate: [64, 64] "
              "granularity: [1, 16] }"),
      shape(kGqa),
      shape(kMla),
      shape(kLinear),
      shape("none { }"),
      predict(absl::StrCat(
          "shape_points { points { shape { ", DenseShape(),
          "multi_token_prediction { layer_count: 1 gqa { heads: 16 head_dim: "
          "128 } dense { width: 8192 } } } training_tokens: 1e12 } "
          "points { shape { d_model: 1024 vocabulary_size: 50257 "
          "layer_groups { layer_count: 12 gqa { heads: 8 head_dim: 128 } "
          "moe { routed_experts: 64 experts_per_token: 1 expert_width: 4096 "
          "shared_experts: 1 shared_expert_width: 4096 "
          "dense_residual_width: 1024 } } } training_tokens: 1e11 } }")),
  };
}

constexpr char kLeastLoss[] =
    "objective: OBJECTIVE_LEAST_LOSS budget { train_flops: 1e22 } ";

// By the calibration of RequestForKeptCalibration; a small memory limit keeps
// the search short.
ValidRequest HardwareRequest() {
  return Plan(
      "objective: OBJECTIVE_LEAST_LOSS memory_limit { bytes: 100000000 } "
      "budget { hardware { "
      "  options { calibration: \"calibrations/kept\" device_count: 8 "
      "            price_per_hour: 2.5 label: \"eight\" } "
      "  options { selector { product: \"fake\" dtype: \"bf16\" } "
      "            device_count: 64 } "
      "  wall_duration { seconds: 86400 nanos: 5 } goodput: 0.9 } } "
      "search_space { expansion_rates: [1, 8] } "
      "training_setup { sequence_tokens: 1024 global_batch_tokens: 65536 "
      "  optimizer: OPTIMIZER_ADAMW "
      "  recomputation: RECOMPUTATION_SELECTIVE }");
}

// With a layout, a network, a candidate and serving; one option, of the devices
// of the layout.
ValidRequest WholeHardwareRequest() {
  return Plan(
      "objective: OBJECTIVE_LEAST_LOSS memory_limit { bytes: 100000000 } "
      "budget { hardware { "
      "  options { calibration: \"calibrations/kept\" device_count: 8 } "
      "  wall_duration { seconds: 864000 } goodput: 0.9 } } "
      "search_space { expansion_rates: [1, 8] } "
      "candidate { point { active_params: 1e7 expansion_rate: 8 "
      "  granularity: 1 } training_tokens: 1e9 } "
      "serving_demand { prefill_tokens: 1e3 decode_tokens: 1e3 "
      "  coupling: SERVING_COUPLING_IN_BUDGET concurrent_sequences: 2 "
      "  context_tokens: 128 max_seconds_per_output_token: 1e3 } "
      "training_setup { sequence_tokens: 1024 global_batch_tokens: 65536 "
      "  optimizer: OPTIMIZER_ADAMW recomputation: RECOMPUTATION_SELECTIVE "
      "  fixed_layout { data_parallel: 4 tensor_parallel: 1 "
      "    pipeline_parallel: 2 expert_parallel: 4 micro_batch_sequences: 2 "
      "    stages_per_device: 1 } "
      "  interconnect { devices_per_node: 4 intra_node_bytes_per_second: 1e11 "
      "    inter_node_bytes_per_second: 1e10 latency_seconds: 1e-5 "
      "    overlap_share: 0.5 expert_imbalance: 1.5 "
      "    dispatch_bytes_per_element: 1 one_copy_per_device: true "
      "    source: ASSUMPTION_SOURCE_SPEC } }");
}

std::vector<ValidRequest> ServedOptimalConfigRequests() {
  return {
      Plan(absl::StrCat(
          kLeastLoss,
          "coefficient_set: \"coefficientSets/joint-2025\" "
          "dense_coefficient_set: \"coefficientSets/chinchilla-2024-besiroglu\""
          " memory_limit { bytes: 85899345920 } "
          "serving_memory { kv_cache_tokens: 16384 bytes_per_weight: 2 "
          "                 bytes_per_cache_element: 1 } "
          "token_supply { available_training_tokens: 1e13 max_epochs: 1 } "
          "serving_demand { prefill_tokens: 1e11 decode_tokens: 1e11 "
          "                 coupling: SERVING_COUPLING_IN_BUDGET } "
          "search_space { expansion_rates: [1, 8, 32] granularities: 1 "
          "  smallest_shape { d_model: 128 block_count: 2 } } "
          "loss_tolerance: 1e-3 alternative_count: 3 include_cells: true "
          "candidate { point { active_params: 1e9 expansion_rate: 8 "
          "  granularity: 1 } training_tokens: 1e12 } "
          "max_extrapolation_decades: 1 pareto_point_count: 5")),
      Plan(absl::StrCat(
          kLeastLoss,
          "coefficient_set: \"coefficientSets/fine-grained-2024-e64\" "
          "search_space { granularities: [1, 4, 16] any_shape: true "
          "  routing_flops_per_router_param: 14 }")),
      Plan(absl::StrCat(kLeastLoss,
                        "memory_limit { total_params: 4e10 } "
                        "serving_demand { decode_tokens: 1e11 "
                        "coupling: SERVING_COUPLING_IN_BUDGET "
                        "concurrent_sequences: 16 "
                        "context_tokens: 4096 }")),
      Plan(absl::StrCat(kLeastLoss, "memory_limit { elements: 4e10 }")),
      Plan(absl::StrCat(kLeastLoss,
                        "memory_limit { as_dense_model { active_params: 7e9 } "
                        "} serving_memory { kv_cache_tokens: 16384 }")),
      Plan(absl::StrCat(kLeastLoss,
                        "memory_limit { as_dense_model { d_model: 4096 } }")),
      Plan(absl::StrCat(kLeastLoss, "memory_limit { as_dense_model { shape { ",
                        DenseShape(), " } } } candidate { shape { ",
                        MoeShape(kGqa), " } training_tokens: 1e12 }")),
      Plan("objective: OBJECTIVE_LEAST_COMPUTE target_loss: 2.3 "
           "budget { train_flops: 1e24 }"),
      Plan("objective: OBJECTIVE_LEAST_SERVING_MEMORY target_loss: 2.3 "
           "budget { train_flops: 1e24 } "
           "token_supply { available_training_tokens: 1e13 }"),
      HardwareRequest(),
      WholeHardwareRequest(),
  };
}

std::vector<ValidRequest> UnservedOptimalConfigRequests() {
  return {
      Plan("objective: OBJECTIVE_LEAST_TOTAL_COST target_loss: 2.3", kUnserved),
      Plan(absl::StrCat(kLeastLoss, "training_setup { ", kTrainingSetup,
                        "fixed_layout { data_parallel: 8 tensor_parallel: 1 "
                        "pipeline_parallel: 1 expert_parallel: 8 "
                        "micro_batch_sequences: 1 } }"),
           kUnserved),
      Plan(absl::StrCat(kLeastLoss, "training_setup { ", kTrainingSetup,
                        "layout_search { max_tensor_parallel: 8 "
                        "max_pipeline_parallel: 4 max_expert_parallel: 8 } }"),
           kUnserved),
      Plan(absl::StrCat(kLeastLoss,
                        "search_space { realisable: true shape_rules { "
                        "head_dim: 128 width_multiple: 128 min_layer_count: 4 "
                        "max_layer_count: 100 query_heads_per_kv_head: 4 "
                        "shared_experts: 1 dense_first_layer_count: 1 "
                        "max_routed_experts: 256 } }"),
           kUnserved),
      Plan(absl::StrCat(kLeastLoss,
                        "token_supply { available_training_tokens: 1e12 "
                        "max_epochs: 4 repetition_transform: "
                        "\"muennighoff_2023\" }"),
           kUnserved),
      Plan(absl::StrCat(
               kLeastLoss,
               "serving_demand { decode_tokens: 1e11 cost_weight: 2 "
               "coupling: SERVING_COUPLING_WEIGHTED_COST activation_bits: 8 "
               "hardware { calibration: \"calibrations/h200\" device_count: 8 "
               "} }"),
           kUnserved),
      Plan(absl::StrCat(kLeastLoss,
                        "serving_demand { decode_tokens: 1e11 "
                        "serving_flops_limit: 1e22 "
                        "coupling: SERVING_COUPLING_LIMIT }"),
           kUnserved),
  };
}

std::vector<ValidRequest> ValidOptimalConfigRequests() {
  std::vector<ValidRequest> requests = ServedOptimalConfigRequests();
  for (ValidRequest& unserved : UnservedOptimalConfigRequests()) {
    requests.push_back(std::move(unserved));
  }
  return requests;
}

std::vector<ValidRequest> ValidFitFromRunsRequests() {
  return {
      Fit("bootstrap_draw_count: 2 interval_level: 0.8 seed: 7 "
          "display_name: \"mine\" run_source: \"made up\" "
          "loss_function { huber_delta: 1e-3 raw_loss_residuals: false } "
          "fixed_coefficients { name: \"c\" value: 1.8172 } "
          "bootstrap_by_group: true include_fitted_losses: true "
          "hold_out { lowest_loss_run_count: 2 }"),
      Fit("hold_out { lowest_loss_share: 0.2 } "
          "initial_coefficients { name: \"a\" value: 400 } "
          "initial_coefficients { name: \"alpha\" value: 0.3 } "
          "initial_coefficients { name: \"b\" value: 2000 } "
          "initial_coefficients { name: \"beta\" value: 0.3 } "
          "initial_coefficients { name: \"c\" value: 1.7 }"),
      Fit("hold_out { groups { groups: \"group 0\" groups: \"group 3\" } }"),
      Fit("hold_out { at_least { variable: LAW_VARIABLE_TRAINING_TOKENS "
          "threshold: 3e10 } }"),
      Fit("hold_out { largest_values { variable: LAW_VARIABLE_PARAMS "
          "value_count: 1 } }"),
      Fit("hold_out { random_share: 0.2 }"),
  };
}

std::vector<ValidRequest> ValidSetRequests() {
  const auto sets = [](const std::string& rpc, const std::string& text,
                       grpc::StatusCode code = grpc::StatusCode::OK) {
    return ValidRequest{kSets, rpc, text, code};
  };
  return {
      sets("GetCoefficientSet",
           "name: \"coefficientSets/joint-2025\" include_draws: true"),
      sets("ListCoefficientSets",
           "page_size: 3 family: \"joint\" published_only: true"),
      sets("CreateCoefficientSet",
           absl::StrCat("coefficient_set_id: \"mine\" coefficient_set { ",
                        kDenseSet, " }")),
      sets("CreateCoefficientSet",
           absl::StrCat(
               "coefficient_set_id: \"mine\" coefficient_set { "
               "family: \"dense\" source: \"made up\" "
               "convention { loss_unit: LOSS_UNIT_NATS_PER_TOKEN "
               "  flop_rule: FLOP_RULE_SIX_PER_ACTIVE_PARAM } "
               "coefficients { name: \"c\" value: 1.8172 } "
               "coefficients { name: \"a\" value: 482.01 } "
               "coefficients { name: \"alpha\" value: 0.3478 } "
               "coefficients { name: \"b\" value: 2085.43 } "
               "coefficients { name: \"beta\" value: 0.3658 } "
               "fixed_variables { variable: LAW_VARIABLE_TRAINING_TOKENS "
               "  value: 1e11 reason: \"all runs were equally long\" } "
               "domain { expansion_rate: 1 ranges { variable: "
               "LAW_VARIABLE_PARAMS low: 1e7 high: 1e10 } } }")),
      sets("DeleteCoefficientSet", "name: \"coefficientSets/no-such-set\"",
           grpc::StatusCode::NOT_FOUND),
      {kPlanner, "GetServerInfo", ""},
  };
}

std::vector<ValidRequest> ValidRequests() {
  std::vector<ValidRequest> all = ValidPredictRequests();
  for (const auto& part :
       {ValidOptimalConfigRequests(), ValidFitFromRunsRequests(),
        ValidSetRequests(), ValidCalibrationRequests()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace moeplan::testing
