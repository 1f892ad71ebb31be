#include "worker/device/cuda/lt_product.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_calls.h"
#include "worker/device/cuda/lt_tile.h"

namespace moeplan::worker {
namespace {

// What cudaMalloc and CudaContext::Allocate align to.
constexpr int64_t kMostAlignment = 256;
constexpr int kCandidates = 8;

using Desc = std::unique_ptr<cublasLtMatmulDescOpaque_t,
                             decltype(LtCalls::desc_destroy)>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t,
                               decltype(LtCalls::layout_destroy)>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                                   decltype(LtCalls::preference_destroy)>;

// What Transformer Engine gives a product: more serves nobody.
uint64_t MostWorkspaceBytes(const CudaContext& context) {
  constexpr uint64_t kMebi = 1 << 20;
  return (context.compute_capability() >= 90 ? 32 : 4) * kMebi;
}

absl::Status ToStatus(const CudaContext& context, cublasStatus_t status,
                      absl::string_view call) {
  if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
  const std::string text =
      absl::StrCat(call, ": ", context.lt()->get_status_name(status));
  switch (status) {
    case CUBLAS_STATUS_ALLOC_FAILED:
      return absl::ResourceExhaustedError(text);
    case CUBLAS_STATUS_NOT_SUPPORTED:
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return absl::UnimplementedError(text);
    default: {
      // A lost device or an error of memory stands behind it.
      const cudaError_t error = context.calls().get_last_error();
      return error == cudaSuccess ? absl::InternalError(text)
                                  : context.ToStatus(error, call);
    }
  }
}

// An operand as it is stored: `rows` lie behind each other.
struct Stored {
  int64_t rows = 0;
  int64_t columns = 0;
  NumberFormat format = NumberFormat::kBf16;

  int64_t row_bytes() const { return columns * BytesOf(format); }
  // That of every row, and so of every expert's first one.
  int64_t alignment() const {
    return std::min(kMostAlignment, row_bytes() & -row_bytes());
  }
};

Stored StoredA(const LtProductSpec& spec) {
  return spec.transposed_a ? Stored{spec.k, spec.m, spec.in}
                           : Stored{spec.m, spec.k, spec.in};
}
Stored StoredB(const LtProductSpec& spec) {
  return spec.transposed_b ? Stored{spec.n, spec.k, spec.in}
                           : Stored{spec.k, spec.n, spec.in};
}
Stored StoredC(const LtProductSpec& spec) { return {spec.m, spec.n, spec.out}; }

std::string Describe(const LtProductSpec& spec) {
  const auto name = [](NumberFormat format) {
    return format == NumberFormat::kF32 ? "f32" : "bf16";
  };
  return absl::StrCat("m ", spec.m, ", n ", spec.n, ", k ", spec.k, ", ",
                      name(spec.in), " to ", name(spec.out));
}

// cuBLASLt's setters accept nearly everything, so that sizes are checked here.
absl::Status Validate(const LtProductSpec& spec, size_t version) {
  if (spec.m < 1 || spec.n < 1 || spec.k < 1 || spec.batch < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("sizes of a product must be positive: ", Describe(spec)));
  }
  if (spec.in == NumberFormat::kF32 && spec.out == NumberFormat::kBf16) {
    return absl::UnimplementedError(
        "cuBLASLt has no product of f32 operands with a bf16 result");
  }
  // Before 13.3 rows of 2 GiB give wrong results (CUB-9572).
  for (const Stored& operand : {StoredA(spec), StoredB(spec), StoredC(spec)}) {
    if (version < 130300 && operand.row_bytes() > INT32_MAX) {
      return absl::UnimplementedError(absl::StrCat(
          "cuBLASLt before 13.3 computes rows of 2 GiB and more wrongly: ",
          Describe(spec)));
    }
  }
  return absl::OkStatus();
}

// Row-major C = A B is column-major C' = B' A', and a row-major matrix is, as
// it lies, its column-major transpose: cuBLASLt's A is ours B, its rows are our
// columns, and nothing is copied.
class MadeProduct final : public LtProduct {
 public:
  MadeProduct(const LtProductSpec& spec, CudaContext& context,
              cublasLtHandle_t handle)
      : spec_(spec),
        context_(context),
        lt_(*context.lt()),
        handle_(handle),
        desc_(nullptr, lt_.desc_destroy),
        a_(nullptr, lt_.layout_destroy),
        b_(nullptr, lt_.layout_destroy),
        c_(nullptr, lt_.layout_destroy) {}

  absl::Status Create() {
    cublasLtMatmulDesc_t desc = nullptr;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(
        context_, lt_.desc_create(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "cublasLtMatmulDescCreate"));
    desc_.reset(desc);
    MOEPLAN_RETURN_IF_ERROR(
        SetTranspose(CUBLASLT_MATMUL_DESC_TRANSA, spec_.transposed_b));
    MOEPLAN_RETURN_IF_ERROR(
        SetTranspose(CUBLASLT_MATMUL_DESC_TRANSB, spec_.transposed_a));
    MOEPLAN_RETURN_IF_ERROR(CreateLayout(StoredA(spec_), a_));
    MOEPLAN_RETURN_IF_ERROR(CreateLayout(StoredB(spec_), b_));
    MOEPLAN_RETURN_IF_ERROR(CreateLayout(StoredC(spec_), c_));
    return ChooseAlgorithm();
  }

  absl::Status Enqueue(const void* a, const void* b, void* c, void* workspace,
                       cudaStream_t stream) const override {
    // Before 13.2 cuBLASLt does not check what its algorithm relies on.
    if (!IsAligned(a, StoredA(spec_)) || !IsAligned(b, StoredB(spec_)) ||
        !IsAligned(c, StoredC(spec_))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an operand is not aligned as its rows are: ", Describe(spec_)));
    }
    const float one = 1;
    const float zero = 0;
    return ToStatus(
        context_,
        lt_.matmul(handle_, desc_.get(), &one, b, b_.get(), a, a_.get(), &zero,
                   c, c_.get(), c, c_.get(), &algorithm_, workspace,
                   static_cast<size_t>(workspace_bytes_), stream),
        "cublasLtMatmul");
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  std::optional<double> executed_flops() const override {
    return executed_flops_;
  }

 private:
  static bool IsAligned(const void* data, const Stored& operand) {
    return reinterpret_cast<uintptr_t>(data) %
               static_cast<uintptr_t>(operand.alignment()) ==
           0;
  }

  absl::Status SetTranspose(cublasLtMatmulDescAttributes_t attribute,
                            bool transposed) {
    const cublasOperation_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    return ToStatus(
        context_,
        lt_.desc_set(desc_.get(), attribute, &operation, sizeof(operation)),
        "cublasLtMatmulDescSetAttribute");
  }

  absl::Status CreateLayout(const Stored& operand, Layout& layout) {
    const cudaDataType_t type =
        operand.format == NumberFormat::kF32 ? CUDA_R_32F : CUDA_R_16BF;
    cublasLtMatrixLayout_t made = nullptr;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(
        context_,
        lt_.layout_create(&made, type, static_cast<uint64_t>(operand.columns),
                          static_cast<uint64_t>(operand.rows), operand.columns),
        "cublasLtMatrixLayoutCreate"));
    layout.reset(made);
    if (spec_.batch == 1) return absl::OkStatus();
    const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute,
                         const auto& value) {
      return ToStatus(context_,
                      lt_.layout_set(made, attribute, &value, sizeof(value)),
                      "cublasLtMatrixLayoutSetAttribute");
    };
    MOEPLAN_RETURN_IF_ERROR(set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                static_cast<int32_t>(spec_.batch)));
    const int64_t stride = operand.rows * operand.columns;
    return set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride);
  }

  absl::Status SetPreferences(cublasLtMatmulPreference_t preference) {
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute,
                         const auto& value) {
      return ToStatus(
          context_,
          lt_.preference_set(preference, attribute, &value, sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
    };
    const auto align = [&](cublasLtMatmulPreferenceAttributes_t attribute,
                           const Stored& operand) {
      return set(attribute, static_cast<uint32_t>(operand.alignment()));
    };
    MOEPLAN_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                MostWorkspaceBytes(context_)));
    // Sums of split products stay in 32 bits.
    MOEPLAN_RETURN_IF_ERROR(
        set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_INPLACE |
                                  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)));
    MOEPLAN_RETURN_IF_ERROR(
        align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, StoredB(spec_)));
    MOEPLAN_RETURN_IF_ERROR(
        align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, StoredA(spec_)));
    MOEPLAN_RETURN_IF_ERROR(
        align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, StoredC(spec_)));
    return align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, StoredC(spec_));
  }

  absl::Status ChooseAlgorithm() {
    cublasLtMatmulPreference_t made = nullptr;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(context_, lt_.preference_create(&made),
                                     "cublasLtMatmulPreferenceCreate"));
    const Preference preference(made, lt_.preference_destroy);
    MOEPLAN_RETURN_IF_ERROR(SetPreferences(made));
    cublasLtMatmulHeuristicResult_t found[kCandidates] = {};
    int count = 0;
    const cublasStatus_t status =
        lt_.heuristic(handle_, desc_.get(), b_.get(), a_.get(), c_.get(),
                      c_.get(), made, kCandidates, found, &count);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) {
      MOEPLAN_RETURN_IF_ERROR(
          ToStatus(context_, status, "cublasLtMatmulAlgoGetHeuristic"));
      for (int i = 0; i < count; ++i) {
        if (found[i].state == CUBLAS_STATUS_SUCCESS &&
            IsAdmissible(found[i].algo)) {
          Take(found[i]);
          return absl::OkStatus();
        }
      }
    }
    // 13.5.1 to 13.6.0 may have none for an expert with one row.
    return absl::UnimplementedError(
        absl::StrCat("cuBLASLt ", lt_.get_version(),
                     " has no algorithm for the product ", Describe(spec_)));
  }

  // Splits of unequal depth are computed wrongly by some algorithms of 12.6.3
  // to 13.7.0 (release notes, 6580689), and the depth of a weight gradient is
  // any number of rows.
  bool IsAdmissible(const cublasLtMatmulAlgo_t& algorithm) const {
    const int32_t splits =
        Config<int32_t>(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, 1);
    return splits <= 1 || spec_.k % splits == 0;
  }

  void Take(const cublasLtMatmulHeuristicResult_t& found) {
    algorithm_ = found.algo;
    workspace_bytes_ = static_cast<int64_t>(found.workspaceSize);
    const auto tile =
        TileOf(Config<uint32_t>(algorithm_, CUBLASLT_ALGO_CONFIG_TILE_ID, 0));
    if (!tile.has_value()) return;
    const auto padded = [](int64_t size, int64_t step) {
      const int64_t tiles = (size + step - 1) / step;
      return static_cast<double>(tiles * step);
    };
    executed_flops_ = 2 * padded(spec_.n, tile->rows) *
                      padded(spec_.m, tile->columns) *
                      static_cast<double>(spec_.k * spec_.batch);
  }

  template <typename T>
  T Config(const cublasLtMatmulAlgo_t& algorithm,
           cublasLtMatmulAlgoConfigAttributes_t attribute, T otherwise) const {
    T value = otherwise;
    size_t written = 0;
    return lt_.config_get(&algorithm, attribute, &value, sizeof(value),
                          &written) == CUBLAS_STATUS_SUCCESS
               ? value
               : otherwise;
  }

  const LtProductSpec spec_;
  CudaContext& context_;
  const LtCalls& lt_;
  const cublasLtHandle_t handle_;
  Desc desc_;
  Layout a_, b_, c_;
  cublasLtMatmulAlgo_t algorithm_ = {};
  int64_t workspace_bytes_ = 0;
  std::optional<double> executed_flops_;
};

}  // namespace

class LtProducts::Impl {
 public:
  explicit Impl(CudaContext& context) : context_(context) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    products_.clear();
    // On a broken device this may never return.
    if (handle_ != nullptr && context_.broken().ok()) {
      context_.lt()->destroy(handle_);
    }
  }

  absl::StatusOr<const LtProduct*> ProductOf(const LtProductSpec& spec) {
    if (const auto found = products_.find(spec); found != products_.end()) {
      return found->second.get();
    }
    const LtCalls* lt = context_.lt();
    if (lt == nullptr) {
      return absl::UnimplementedError(context_.lt_status().message());
    }
    MOEPLAN_RETURN_IF_ERROR(Validate(spec, lt->get_version()));
    if (handle_ == nullptr) {
      MOEPLAN_RETURN_IF_ERROR(
          ToStatus(context_, lt->create(&handle_), "cublasLtCreate"));
    }
    auto made = std::make_unique<MadeProduct>(spec, context_, handle_);
    MOEPLAN_RETURN_IF_ERROR(made->Create());
    return (products_[spec] = std::move(made)).get();
  }

 private:
  CudaContext& context_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<LtProductSpec, std::unique_ptr<LtProduct>> products_;
};

LtProducts::LtProducts(CudaContext& context)
    : impl_(std::make_unique<Impl>(context)) {}
LtProducts::~LtProducts() = default;

absl::StatusOr<const LtProduct*> LtProducts::ProductOf(
    const LtProductSpec& spec) {
  return impl_->ProductOf(spec);
}

}  // namespace moeplan::worker
