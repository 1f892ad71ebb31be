#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_LT_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_LT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "worker/device/cuda/lt_calls.h"

namespace moeplan::worker {

// cuBLASLt in the host's memory: column-major products by plain loops, exactly
// as descriptors and layouts say, at once and in order. Setters accept what the
// real ones accept; heuristic and product refuse what those refuse, in e4m3
// what Hopper's refuse. One at a
// time, since the library's functions carry no state of the caller's, and
// beside a FakeCuda.
class FakeLt {
 public:
  // An algorithm that the heuristic offers where its limits hold.
  struct Candidate {
    uint32_t tile = CUBLASLT_MATMUL_TILE_128x128;
    // Splits of unequal depth lose the remainder, as in the real bug.
    int32_t splits = 1;
    size_t workspace_bytes = 0;
    size_t needed_alignment = 1;  // of all operands
    cublasStatus_t state = CUBLAS_STATUS_SUCCESS;
  };
  // A product as it ran; sizes are cuBLASLt's, column-major.
  struct Product {
    uint64_t m = 0, n = 0, k = 0;
    int32_t batch = 1;
    bool has_fast_sums = false;
    cudaStream_t stream = nullptr;
    void* workspace = nullptr;
  };

  FakeLt();
  ~FakeLt();
  FakeLt(const FakeLt&) = delete;
  FakeLt& operator=(const FakeLt&) = delete;

  const LtCalls& calls() const { return calls_; }

  size_t version = 130100;
  std::vector<Candidate> candidates = {Candidate{}};
  cublasStatus_t create_status = CUBLAS_STATUS_SUCCESS;
  cublasStatus_t heuristic_status = CUBLAS_STATUS_SUCCESS;
  cublasStatus_t product_status = CUBLAS_STATUS_SUCCESS;
  bool doubles_last_element = false;
  bool leaves_last_element = false;

  int heuristics = 0;             // that were asked for
  int live_objects = 0;           // handles, descriptors, layouts, preferences
  std::vector<Product> products;  // that ran

 private:
  LtCalls calls_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_LT_H_
