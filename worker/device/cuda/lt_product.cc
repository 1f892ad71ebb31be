#include "worker/device/cuda/lt_product.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_calls.h"
#include "worker/device/cuda/lt_operands.h"
#include "worker/device/cuda/lt_tile.h"

namespace moeplan::worker {
namespace {

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

cudaDataType_t TypeOf(NumberFormat format) {
  return format == NumberFormat::kF32    ? CUDA_R_32F
         : format == NumberFormat::kBf16 ? CUDA_R_16BF
                                         : CUDA_R_8F_E4M3;
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

  // `any_scale` is a float on the device, so that an algorithm is chosen for
  // operands that have a scale; null where operands have none.
  absl::Status Create(const float* any_scale) {
    cublasLtMatmulDesc_t desc = nullptr;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(
        context_, lt_.desc_create(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "cublasLtMatmulDescCreate"));
    desc_.reset(desc);
    MOEPLAN_RETURN_IF_ERROR(
        SetTranspose(CUBLASLT_MATMUL_DESC_TRANSA, spec_.transposed_b));
    MOEPLAN_RETURN_IF_ERROR(
        SetTranspose(CUBLASLT_MATMUL_DESC_TRANSB, spec_.transposed_a));
    if (spec_.in == NumberFormat::kE4m3) {
      MOEPLAN_RETURN_IF_ERROR(Set(CUBLASLT_MATMUL_DESC_FAST_ACCUM,
                                  static_cast<int8_t>(spec_.fast_sums)));
      MOEPLAN_RETURN_IF_ERROR(SetScales({any_scale, any_scale}));
    }
    MOEPLAN_RETURN_IF_ERROR(CreateLayout(StoredA(spec_), a_));
    MOEPLAN_RETURN_IF_ERROR(CreateLayout(StoredB(spec_), b_));
    MOEPLAN_RETURN_IF_ERROR(CreateLayout(StoredC(spec_), c_));
    return ChooseAlgorithm();
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  std::optional<double> executed_flops() const override {
    return executed_flops_;
  }

 private:
  absl::Status Run(const void* a, const void* b, void* c, void* workspace,
                   cudaStream_t stream, const LtScales& scales) const override {
    // Before 13.2 cuBLASLt does not check what its algorithm relies on.
    if (!IsAligned(a, StoredA(spec_)) || !IsAligned(b, StoredB(spec_)) ||
        !IsAligned(c, StoredC(spec_))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an operand is not aligned as its rows are: ", Describe(spec_)));
    }
    if (spec_.in == NumberFormat::kE4m3) {
      if (scales.a == nullptr || scales.b == nullptr) {
        return absl::InvalidArgumentError("operands in e4m3 have no scales");
      }
      MOEPLAN_RETURN_IF_ERROR(SetScales(scales));
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

  static bool IsAligned(const void* data, const Stored& operand) {
    return reinterpret_cast<uintptr_t>(data) %
               static_cast<uintptr_t>(operand.alignment()) ==
           0;
  }

  absl::Status SetTranspose(cublasLtMatmulDescAttributes_t attribute,
                            bool transposed) {
    return Set(attribute, transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  }

  // cuBLASLt's A is ours B.
  absl::Status SetScales(const LtScales& scales) const {
    MOEPLAN_RETURN_IF_ERROR(
        Set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, scales.b));
    return Set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, scales.a);
  }

  template <typename T>
  absl::Status Set(cublasLtMatmulDescAttributes_t attribute,
                   const T& value) const {
    return ToStatus(context_,
                    lt_.desc_set(desc_.get(), attribute, &value, sizeof(value)),
                    "cublasLtMatmulDescSetAttribute");
  }

  absl::Status CreateLayout(const Stored& operand, Layout& layout) {
    cublasLtMatrixLayout_t made = nullptr;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(
        context_,
        lt_.layout_create(&made, TypeOf(operand.format),
                          static_cast<uint64_t>(operand.columns),
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
    MOEPLAN_RETURN_IF_ERROR(Validate(spec, context_));
    if (handle_ == nullptr) {
      MOEPLAN_RETURN_IF_ERROR(
          ToStatus(context_, lt->create(&handle_), "cublasLtCreate"));
    }
    auto made = std::make_unique<MadeProduct>(spec, context_, handle_);
    if (spec.in == NumberFormat::kE4m3 && any_scale_.data() == nullptr) {
      MOEPLAN_ASSIGN_OR_RETURN(any_scale_, context_.Allocate(sizeof(float)));
    }
    MOEPLAN_RETURN_IF_ERROR(made->Create(any_scale_.as<float>()));
    return (products_[spec] = std::move(made)).get();
  }

 private:
  CudaContext& context_;
  cublasLtHandle_t handle_ = nullptr;
  DeviceBuffer any_scale_;
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
