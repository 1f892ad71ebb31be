#ifndef MOEPLAN_WORKER_BENCH_RUNNER_OPTIONS_H_
#define MOEPLAN_WORKER_BENCH_RUNNER_OPTIONS_H_

#include <limits>

#include "core/base/interrupter.h"
#include "worker/bench/samples.h"

namespace moeplan::worker {

// What a machine of which nothing is known yet is taken for, so that it can be
// said how long a suite will take.
struct AssumedMachine {
  double flops_per_second = 30e9;  // in bf16
  double f32_flops_per_second = 30e9;
  double bytes_per_second = 6e9;
  // Of each case: filling operands, the reference, creating kernels.
  double prepare_seconds = 0.06;
};

struct RunnerOptions {
  StoppingRule rule;
  double warm_up_seconds = 0.2;  // of each case, before its first sample
  double soak_seconds = 2;       // of the first ceiling, once, before all
  // Before each sample; 0 in the sustained regime.
  double idle_seconds = 0;
  // Runs of shorter operations are timed together.
  double least_sample_seconds = 50e-6;
  // Each case is measured again, after all others, until its two shortest
  // medians agree within `round_agreement`; the shortest counts. On a shared
  // machine others come and go, and only add to a time. 1: once.
  int most_rounds = 1;
  double round_agreement = 0.03;
  // Cases that would start later are skipped; those of a resumed run are not
  // counted.
  double most_total_seconds = std::numeric_limits<double>::infinity();
  AssumedMachine assumed;  // by default a core
  const Interrupter* interrupter = nullptr;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_RUNNER_OPTIONS_H_
