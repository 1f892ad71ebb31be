#include "worker/device/cuda/lt_calls.h"

#include <dlfcn.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace moeplan::worker {
namespace {

template <typename Function>
void Find(void* library, const char* name, Function& function,
          absl::Status& status) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) {
    status.Update(absl::NotFoundError(
        absl::StrCat("libcublasLt has no ", name, ": it is too old")));
  }
}

}  // namespace

absl::StatusOr<LtCalls> LoadLtCalls() {
  void* library = dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    library = dlopen("libcublasLt.so", RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    return absl::NotFoundError(absl::StrCat(
        "cuBLASLt cannot be loaded, so no matrix product is measured: ",
        dlerror()));
  }
  LtCalls calls;
  absl::Status status;
  const auto find = [&](const char* name, auto& function) {
    Find(library, name, function, status);
  };
  find("cublasLtGetVersion", calls.get_version);
  find("cublasLtGetStatusName", calls.get_status_name);
  find("cublasLtCreate", calls.create);
  find("cublasLtDestroy", calls.destroy);
  find("cublasLtMatmulDescCreate", calls.desc_create);
  find("cublasLtMatmulDescDestroy", calls.desc_destroy);
  find("cublasLtMatmulDescSetAttribute", calls.desc_set);
  find("cublasLtMatrixLayoutCreate", calls.layout_create);
  find("cublasLtMatrixLayoutDestroy", calls.layout_destroy);
  find("cublasLtMatrixLayoutSetAttribute", calls.layout_set);
  find("cublasLtMatmulPreferenceCreate", calls.preference_create);
  find("cublasLtMatmulPreferenceDestroy", calls.preference_destroy);
  find("cublasLtMatmulPreferenceSetAttribute", calls.preference_set);
  find("cublasLtMatmulAlgoGetHeuristic", calls.heuristic);
  find("cublasLtMatmulAlgoConfigGetAttribute", calls.config_get);
  find("cublasLtMatmul", calls.matmul);
  if (!status.ok()) return status;
  return calls;
}

}  // namespace moeplan::worker
