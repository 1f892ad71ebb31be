#ifndef MOEPLAN_WORKER_BENCH_SUITE_CASES_H_
#define MOEPLAN_WORKER_BENCH_SUITE_CASES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "worker/bench/case.h"

namespace moeplan::worker {

// How much of the sweep a suite takes; each holds the one before.
enum class SuiteScope { kSmoke, kStandard, kFull };

// The cases of one number format at sizes that a CPU runs in milliseconds:
// ceilings, products, grouped products in all passes and routings, attention in
// training, prefill and decoding, routing, memory-bound operations and whole
// blocks. Names may repeat.
std::vector<Case> CpuCasesOf(SuiteScope scope, const std::string& dtype,
                             uint64_t seed);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_SUITE_CASES_H_
