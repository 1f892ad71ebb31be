#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_LT_PRODUCT_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_LT_PRODUCT_H_

#include <cublasLt.h>

#include <cstdint>

#include "tests/testing/cuda/fake_lt.h"

namespace moeplan::worker {

// What FakeLt's descriptors and layouts are, and the product they describe.

struct FakeDesc {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F;
  cublasOperation_t transpose_a = CUBLAS_OP_N;
  cublasOperation_t transpose_b = CUBLAS_OP_N;
  const float* scale_a = nullptr;
  const float* scale_b = nullptr;
  int8_t fast_sums = 0;
};

struct FakeLayout {
  cudaDataType_t type = CUDA_R_32F;
  uint64_t rows = 0;
  uint64_t columns = 0;
  int64_t ld = 0;
  int32_t batch = 1;
  int64_t stride = 0;
};

struct FakeProblem {
  uint64_t m = 0, n = 0, k = 0;
  const FakeDesc* desc = nullptr;
  const FakeLayout* a = nullptr;
  const FakeLayout* b = nullptr;
  const FakeLayout* c = nullptr;

  uint64_t Fingerprint() const {
    uint64_t hash = 1469598103934665603u;
    for (const uint64_t each :
         {m, n, k, static_cast<uint64_t>(desc->transpose_a),
          static_cast<uint64_t>(desc->transpose_b),
          static_cast<uint64_t>(a->type), static_cast<uint64_t>(c->type),
          static_cast<uint64_t>(a->ld), static_cast<uint64_t>(b->ld),
          static_cast<uint64_t>(c->ld), static_cast<uint64_t>(a->batch)}) {
      hash = (hash ^ each) * 1099511628211u;
    }
    return hash;
  }
};

// Whether Hopper multiplies such operands in e4m3: both lie along k, and rows
// in memory are multiples of 16 elements.
bool HasKernelInE4m3(const FakeProblem& problem);

struct FakeOperands {
  float alpha = 0;
  float beta = 0;
  const void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;
  void* d = nullptr;
};

// D = alpha A B + beta C of one product of a batch, over the first `depth` of
// k, with the faults of `fake`.
void Multiply(const FakeProblem& problem, const FakeOperands& on,
              uint64_t depth, int32_t batch, const FakeLt& fake);

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_LT_PRODUCT_H_
