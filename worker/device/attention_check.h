#ifndef MOEPLAN_WORKER_DEVICE_ATTENTION_CHECK_H_
#define MOEPLAN_WORKER_DEVICE_ATTENTION_CHECK_H_

#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/array_reader.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// What an attention reads and writes: queries, the output and their gradients
// [sequence][head][query][dim], keys and values [sequence][kv head][key][dim].
enum class AttentionArray {
  kQueries,
  kKeys,
  kValues,
  kOut,
  kOutGradient,  // this and the following: backward only
  kQueryGradients,
  kKeyGradients,
  kValueGradients,
};

// Compares what an attention computed with a reference in doubles, for the
// first and the last head of keys and, forward, one between. Forward: sampled
// queries. Backward: all gradients where a head takes at most 2^26
// multiply-adds, else those of the last queries, of the keys that only they
// see, and of some queries before them. Errors: those of `read`, which is asked
// for all of a head at once.
absl::StatusOr<NumericsCheck> CheckAttention(
    const AttentionCore& op, double most_allowed,
    const ArrayReader<AttentionArray>& read);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_ATTENTION_CHECK_H_
