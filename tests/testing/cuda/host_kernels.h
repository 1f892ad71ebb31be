#ifndef MOEPLAN_TESTS_TESTING_CUDA_HOST_KERNELS_H_
#define MOEPLAN_TESTS_TESTING_CUDA_HOST_KERNELS_H_

#include <memory>
#include <string>

#include "worker/kernels/kernels.h"

namespace moeplan::worker {

// Kernels over the host's memory, for tests: loops over the row functions that
// the device's kernels call. They run at once, whatever the stream.
Kernels& HostKernels();

// The same, but the last element of the output of this name is wrong:
// "copy", "one", "probabilities", "experts", "slots" (the first and the last
// are exchanged), "weights", "permuted", "combined", "d_rows",
// "weight_gradients", "d_logits", "active", "d_gate", "d_up", "sum", "normed",
// "losses", "gradient", "adam_weights", "moment1", "moment2", "weights_out",
// "quantised", "transposed" (in both the code, not the number), "scale".
std::unique_ptr<Kernels> HostKernelsWithFault(const std::string& output);

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_HOST_KERNELS_H_
