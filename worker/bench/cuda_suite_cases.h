#ifndef MOEPLAN_WORKER_BENCH_CUDA_SUITE_CASES_H_
#define MOEPLAN_WORKER_BENCH_CUDA_SUITE_CASES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "worker/bench/case.h"
#include "worker/bench/suite_cases.h"

namespace moeplan::worker {

// The cases of one number format at the sizes of accelerators, none with more
// than 16 GiB of operands. What a suite adds follows what the smaller one
// holds, and the cases that targets are decided by stand first, so that running
// out of time costs the least. In bf16, the format of training: experts from
// width 64 and d_model 256, at which scaling laws were fitted, to 14336 and
// 7168; 1 to 8192 rows per expert; every routing; the ways to run grouped
// products beside each other (lt_streams, which plans are made with, is the
// device's choice); blocks; attention in training, prefill and decoding;
// routing with experts, choices and d_model varied each alone; memory-bound
// operations to 4 GiB. In fp8 the dense and grouped products of these, except
// strided ones and those of which a row is no multiple of 16 elements. In other
// formats only the ceilings, and the dense
// products and memory-bound operations of `smoke`. Names may repeat.
std::vector<Case> CudaCasesOf(SuiteScope scope, const std::string& dtype,
                              uint64_t seed);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_CUDA_SUITE_CASES_H_
