#ifndef MOEPLAN_WORKER_DEVICE_CUDA_LT_CALLS_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_LT_CALLS_H_

#include <cublasLt.h>

#include "absl/status/statusor.h"

namespace moeplan::worker {

// The calls of cuBLASLt that the worker makes. Tests fill this table with
// products in the host's memory.
struct LtCalls {
  decltype(&cublasLtGetVersion) get_version = nullptr;
  decltype(&cublasLtGetStatusName) get_status_name = nullptr;
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) config_get = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
};

// Those of libcublasLt.so.13, or of libcublasLt.so, which is loaded once and
// never closed. Loads on a machine without a driver too.
// Errors: NOT_FOUND neither can be loaded, or one lacks a call.
absl::StatusOr<LtCalls> LoadLtCalls();

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_LT_CALLS_H_
