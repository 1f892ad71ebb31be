#include "tests/testing/cuda/fake_lt_product.h"

#include <utility>

#include "tests/testing/cuda/e4m3.h"
#include "worker/device/bf16.h"

namespace moeplan::worker {
namespace {

float Read(const void* data, cudaDataType_t type, uint64_t at) {
  switch (type) {
    case CUDA_R_32F:
      return static_cast<const float*>(data)[at];
    case CUDA_R_8F_E4M3:
      return FromE4m3(static_cast<const uint8_t*>(data)[at]);
    default:
      return ToFloat(static_cast<const Bf16*>(data)[at]);
  }
}

void Write(void* data, cudaDataType_t type, uint64_t at, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = value;
  } else {
    static_cast<Bf16*>(data)[at] = FromFloat<Bf16>(value);
  }
}

// Element (i, j) of a column-major matrix of a batch, or of its transpose.
uint64_t IndexOf(const FakeLayout& layout, cublasOperation_t operation,
                 uint64_t i, uint64_t j, int32_t batch) {
  if (operation == CUBLAS_OP_T) std::swap(i, j);
  return static_cast<uint64_t>(batch) * static_cast<uint64_t>(layout.stride) +
         j * static_cast<uint64_t>(layout.ld) + i;
}

}  // namespace

bool HasKernelInE4m3(const FakeProblem& problem) {
  return problem.desc->transpose_a == CUBLAS_OP_T &&
         problem.desc->transpose_b == CUBLAS_OP_N && problem.m % 16 == 0 &&
         problem.k % 16 == 0 && problem.a->ld % 16 == 0 &&
         problem.b->ld % 16 == 0 && problem.c->ld % 16 == 0;
}

void Multiply(const FakeProblem& problem, const FakeOperands& on,
              uint64_t depth, int32_t batch, const FakeLt& fake) {
  for (uint64_t j = 0; j < problem.n; ++j) {
    for (uint64_t i = 0; i < problem.m; ++i) {
      float sum = 0;
      for (uint64_t p = 0; p < depth; ++p) {
        sum +=
            Read(on.a, problem.a->type,
                 IndexOf(*problem.a, problem.desc->transpose_a, i, p, batch)) *
            Read(on.b, problem.b->type,
                 IndexOf(*problem.b, problem.desc->transpose_b, p, j, batch));
      }
      const uint64_t at = IndexOf(*problem.c, CUBLAS_OP_N, i, j, batch);
      float out = on.alpha * sum;
      // beta = 0 does not read C, which may hold NaN.
      if (on.beta != 0) out += on.beta * Read(on.c, problem.c->type, at);
      const bool is_last = i == problem.m - 1 && j == problem.n - 1;
      if (is_last && fake.leaves_last_element) continue;
      if (is_last && fake.doubles_last_element) out = 2 * out + 1;
      Write(on.d, problem.c->type, at, out);
    }
  }
}

}  // namespace moeplan::worker
