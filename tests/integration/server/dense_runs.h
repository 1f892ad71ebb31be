#ifndef MOEPLAN_TESTS_INTEGRATION_SERVER_DENSE_RUNS_H_
#define MOEPLAN_TESTS_INTEGRATION_SERVER_DENSE_RUNS_H_

#include <cmath>

#include "moeplan/v1/fit_from_runs.pb.h"

namespace moeplan::server {

// Runs of the dense law L = 1.8 + 480 N^-0.35 + 2100 D^-0.37, made up, without
// noise.
inline v1::FitFromRunsRequest DenseRuns() {
  v1::FitFromRunsRequest request;
  for (int i = 0; i < 5; ++i) {
    const double params = 1e8 * std::pow(1.9, i);
    for (int j = 0; j < 5; ++j) {
      const double tokens = 1e9 * std::pow(2.7, j);
      request.mutable_runs()->add_active_params(params);
      request.mutable_runs()->add_training_tokens(tokens);
      request.mutable_runs()->add_loss(1.8 + 480 * std::pow(params, -0.35) +
                                       2100 * std::pow(tokens, -0.37));
    }
  }
  request.mutable_convention()->set_loss_unit(v1::LOSS_UNIT_NATS_PER_TOKEN);
  request.mutable_convention()->set_flop_rule(
      v1::FLOP_RULE_SIX_PER_ACTIVE_PARAM);
  request.add_families("dense");
  request.set_start_count(8);
  return request;
}

// The same as a fit of the joint law that takes minutes: for tests that leave
// it.
inline v1::FitFromRunsRequest MinutesOfRuns() {
  v1::FitFromRunsRequest request = DenseRuns();
  request.set_families(0, "joint");
  for (int i = 0; i < request.runs().loss_size(); ++i) {
    request.mutable_runs()->add_expansion_rate(1 << (i % 4));
  }
  request.set_start_count(10000);
  return request;
}

}  // namespace moeplan::server

#endif  // MOEPLAN_TESTS_INTEGRATION_SERVER_DENSE_RUNS_H_
