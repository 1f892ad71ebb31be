#include "tests/testing/cuda/fake_lt.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/testing/cuda/fake_cuda.h"
#include "tests/testing/cuda/fake_lt_product.h"

namespace moeplan::worker {
namespace {

FakeLt* g_fake = nullptr;

struct FakePreference {
  uint64_t most_workspace = 0;
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t alignments[4] = {256, 256, 256, 256};
};

// What stands in an algorithm's opaque words: it is good for one problem only.
struct FakeAlgorithm {
  FakeLt::Candidate candidate;
  uint64_t problem = 0;
};
static_assert(sizeof(FakeAlgorithm) <= sizeof(cublasLtMatmulAlgo_t));

FakeAlgorithm AlgorithmOf(const cublasLtMatmulAlgo_t* words) {
  FakeAlgorithm fake;
  std::memcpy(static_cast<void*>(&fake), words, sizeof(fake));
  return fake;
}

template <typename Fake, typename Real>
Fake& As(Real real) {
  return *reinterpret_cast<Fake*>(real);
}

template <typename Fake, typename Real>
cublasStatus_t New(Real* real, const Fake& made) {
  *real = reinterpret_cast<Real>(new Fake(made));
  ++g_fake->live_objects;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename Fake, typename Real>
cublasStatus_t Delete(Real real) {
  delete reinterpret_cast<Fake*>(real);
  --g_fake->live_objects;
  return CUBLAS_STATUS_SUCCESS;
}

// A wrong size is all that the real setters see.
template <typename T>
cublasStatus_t Set(T& to, const void* value, size_t bytes) {
  if (bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t SetDesc(cublasLtMatmulDesc_t desc,
                       cublasLtMatmulDescAttributes_t attribute,
                       const void* value, size_t bytes) {
  FakeDesc& fake = As<FakeDesc>(desc);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return Set(fake.transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return Set(fake.transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER:
      return Set(fake.scale_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER:
      return Set(fake.scale_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM:
      return Set(fake.fast_sums, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t SetLayout(cublasLtMatrixLayout_t layout,
                         cublasLtMatrixLayoutAttribute_t attribute,
                         const void* value, size_t bytes) {
  FakeLayout& fake = As<FakeLayout>(layout);
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return Set(fake.batch, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return Set(fake.stride, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t SetPreference(cublasLtMatmulPreference_t preference,
                             cublasLtMatmulPreferenceAttributes_t attribute,
                             const void* value, size_t bytes) {
  FakePreference& fake = As<FakePreference>(preference);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return Set(fake.most_workspace, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return Set(fake.reductions, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return Set(fake.alignments[0], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return Set(fake.alignments[1], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return Set(fake.alignments[2], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return Set(fake.alignments[3], value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

bool IsLegal(const FakeLayout& layout) {
  return layout.rows > 0 && layout.columns > 0 &&
         layout.ld >= static_cast<int64_t>(layout.rows) && layout.batch >= 1 &&
         (layout.batch == 1 || layout.stride > 0);
}

cublasStatus_t Describe(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                        cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                        cublasLtMatrixLayout_t d, FakeProblem& problem) {
  problem.desc = &As<FakeDesc>(desc);
  problem.a = &As<FakeLayout>(a);
  problem.b = &As<FakeLayout>(b);
  problem.c = &As<FakeLayout>(c);
  const bool turns_a = problem.desc->transpose_a == CUBLAS_OP_T;
  const bool turns_b = problem.desc->transpose_b == CUBLAS_OP_T;
  problem.m = turns_a ? problem.a->columns : problem.a->rows;
  problem.k = turns_a ? problem.a->rows : problem.a->columns;
  problem.n = turns_b ? problem.b->rows : problem.b->columns;
  const uint64_t depth_b = turns_b ? problem.b->columns : problem.b->rows;
  if (!IsLegal(*problem.a) || !IsLegal(*problem.b) || !IsLegal(*problem.c) ||
      depth_b != problem.k || problem.c->rows != problem.m ||
      problem.c->columns != problem.n || a == c || c != d ||
      problem.a->batch != problem.b->batch ||
      problem.a->batch != problem.c->batch) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const bool has_kernel =
      problem.desc->compute == CUBLAS_COMPUTE_32F &&
      problem.desc->scale == CUDA_R_32F && problem.a->type == problem.b->type &&
      (problem.a->type != CUDA_R_32F || problem.c->type == CUDA_R_32F) &&
      (problem.a->type != CUDA_R_8F_E4M3 || HasKernelInE4m3(problem));
  return has_kernel ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t Heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                         cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                         cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                         cublasLtMatmulPreference_t preference, int most,
                         cublasLtMatmulHeuristicResult_t found[], int* count) {
  ++g_fake->heuristics;
  *count = 0;
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  // As 13.5.1 does.
  if (FakeCuda::Current().is_capturing()) return CUBLAS_STATUS_INTERNAL_ERROR;
  if (most <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (g_fake->heuristic_status != CUBLAS_STATUS_SUCCESS) {
    return g_fake->heuristic_status;
  }
  FakeProblem problem;
  const cublasStatus_t status = Describe(desc, a, b, c, d, problem);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const FakePreference& limits = As<FakePreference>(preference);
  for (const FakeLt::Candidate& each : g_fake->candidates) {
    const bool is_aligned =
        std::all_of(std::begin(limits.alignments), std::end(limits.alignments),
                    [&](uint32_t at) { return at >= each.needed_alignment; });
    if (!is_aligned || each.workspace_bytes > limits.most_workspace ||
        *count == most) {
      continue;
    }
    cublasLtMatmulHeuristicResult_t& result = found[(*count)++];
    const FakeAlgorithm algorithm = {each, problem.Fingerprint()};
    std::memcpy(&result.algo, &algorithm, sizeof(algorithm));
    result.workspaceSize = each.workspace_bytes;
    result.state = each.state;
  }
  return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t GetConfig(const cublasLtMatmulAlgo_t* algorithm,
                         cublasLtMatmulAlgoConfigAttributes_t attribute,
                         void* value, size_t bytes, size_t* written) {
  const FakeAlgorithm fake = AlgorithmOf(algorithm);
  *written = sizeof(uint32_t);
  if (bytes != sizeof(uint32_t)) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_ALGO_CONFIG_TILE_ID:
      std::memcpy(value, &fake.candidate.tile, bytes);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_ALGO_CONFIG_SPLITK_NUM:
      std::memcpy(value, &fake.candidate.splits, bytes);
      return CUBLAS_STATUS_SUCCESS;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t Matmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                      const void* alpha, const void* a,
                      cublasLtMatrixLayout_t a_layout, const void* b,
                      cublasLtMatrixLayout_t b_layout, const void* beta,
                      const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                      cublasLtMatrixLayout_t d_layout,
                      const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                      size_t workspace_bytes, cudaStream_t stream) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (g_fake->product_status != CUBLAS_STATUS_SUCCESS) {
    return g_fake->product_status;
  }
  FakeProblem problem;
  const cublasStatus_t status =
      Describe(desc, a_layout, b_layout, c_layout, d_layout, problem);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const FakeAlgorithm fake = AlgorithmOf(algorithm);
  if (fake.problem != problem.Fingerprint() ||
      workspace_bytes < fake.candidate.workspace_bytes ||
      (workspace_bytes > 0 && workspace == nullptr)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const FakeDesc& fake_desc = *problem.desc;
  // Neither scales what is not in e4m3, nor is beta safe with it (CUB-9627).
  const bool is_scaled =
      fake_desc.scale_a != nullptr && fake_desc.scale_b != nullptr;
  if (is_scaled != (problem.a->type == CUDA_R_8F_E4M3) ||
      (is_scaled && *static_cast<const float*>(beta) != 0)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (const void* each : {a, b, c, static_cast<const void*>(d)}) {
    if (reinterpret_cast<uintptr_t>(each) % fake.candidate.needed_alignment !=
        0) {
      return CUBLAS_STATUS_EXECUTION_FAILED;
    }
  }
  const uint64_t remainder =
      problem.k % static_cast<uint64_t>(fake.candidate.splits);
  const float scale =
      is_scaled ? *fake_desc.scale_a * *fake_desc.scale_b : 1.0f;
  const FakeOperands operands = {scale * *static_cast<const float*>(alpha),
                                 *static_cast<const float*>(beta),
                                 a,
                                 b,
                                 c,
                                 d};
  for (int32_t i = 0; i < problem.a->batch; ++i) {
    Multiply(problem, operands, problem.k - remainder, i, *g_fake);
  }
  // A workspace that another product uses at the same time would not survive.
  std::fill_n(static_cast<uint8_t*>(workspace), fake.candidate.workspace_bytes,
              uint8_t{0xff});
  g_fake->products.push_back({problem.m, problem.n, problem.k, problem.a->batch,
                              fake_desc.fast_sums != 0, stream, workspace});
  return CUBLAS_STATUS_SUCCESS;
}

LtCalls FakeCalls() {
  LtCalls calls;
  calls.get_version = [] { return g_fake->version; };
  calls.get_status_name = [](cublasStatus_t status) {
    return status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
                                                 : "CUBLAS_STATUS_OTHER";
  };
  // Not from the heap: of a broken device handles are left behind on purpose.
  calls.create = [](cublasLtHandle_t* handle) {
    if (g_fake->create_status != CUBLAS_STATUS_SUCCESS) {
      return g_fake->create_status;
    }
    static int made = 0;
    *handle = reinterpret_cast<cublasLtHandle_t>(&made);
    ++g_fake->live_objects;
    return CUBLAS_STATUS_SUCCESS;
  };
  calls.destroy = [](cublasLtHandle_t) {
    --g_fake->live_objects;
    return CUBLAS_STATUS_SUCCESS;
  };
  calls.desc_create = [](cublasLtMatmulDesc_t* desc,
                         cublasComputeType_t compute, cudaDataType_t scale) {
    return New(desc, FakeDesc{.compute = compute, .scale = scale});
  };
  calls.desc_destroy = [](cublasLtMatmulDesc_t desc) {
    return Delete<FakeDesc>(desc);
  };
  calls.desc_set = SetDesc;
  calls.layout_create = [](cublasLtMatrixLayout_t* layout, cudaDataType type,
                           uint64_t rows, uint64_t columns, int64_t ld) {
    return New(layout, FakeLayout{type, rows, columns, ld});
  };
  calls.layout_destroy = [](cublasLtMatrixLayout_t layout) {
    return Delete<FakeLayout>(layout);
  };
  calls.layout_set = SetLayout;
  calls.preference_create = [](cublasLtMatmulPreference_t* preference) {
    return New(preference, FakePreference{});
  };
  calls.preference_destroy = [](cublasLtMatmulPreference_t preference) {
    return Delete<FakePreference>(preference);
  };
  calls.preference_set = SetPreference;
  calls.heuristic = Heuristic;
  calls.config_get = GetConfig;
  calls.matmul = Matmul;
  return calls;
}

}  // namespace

FakeLt::FakeLt() : calls_(FakeCalls()) {
  if (g_fake != nullptr) abort();
  g_fake = this;
}

FakeLt::~FakeLt() { g_fake = nullptr; }

}  // namespace moeplan::worker
