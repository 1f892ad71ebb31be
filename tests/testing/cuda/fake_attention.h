#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_ATTENTION_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_ATTENTION_H_

#include <memory>
#include <string>

#include "worker/device/cuda/cuda_attention.h"

namespace moeplan::worker {

// Attention in the host's memory by plain loops over whole matrices of scores,
// at once. It writes a workspace and reads stats as a true library does.
class FakeAttention final : public AttentionLibrary {
 public:
  enum class Fault {
    kNone,
    kNoKernel,         // for any plan
    kIgnoresMask,      // every query sees every key
    kForgetsLastHead,  // writes nothing for it
    kHalfKeyGradient,
    kFails,  // when it runs
  };

  std::string name() const override { return "fake.attention"; }
  absl::StatusOr<std::shared_ptr<AttentionPlan>> PlanOf(const AttentionCore& op,
                                                        AttentionPass pass,
                                                        CudaContext&) override;

  Fault fault = Fault::kNone;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_ATTENTION_H_
