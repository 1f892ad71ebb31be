// The only file that includes cuDNN's frontend, whose headers take half a
// minute to compile.
#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_attention.h"
#include "worker/device/cuda/cudnn_runtime.h"

#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define dlopen moeplan::worker::OpenCudnnLibrary
#define dlsym moeplan::worker::FindCudnnFunction
#include <cudnn_frontend.h>
#undef dlopen
#undef dlsym

namespace cudnn_frontend {

// The frontend finds cuDNN's functions in it.
void* cudnn_dlhandle = nullptr;

}  // namespace cudnn_frontend

namespace moeplan::worker {
namespace {

namespace fe = cudnn_frontend;

enum Uid : int64_t {
  kQueries = 1,
  kKeys,
  kValues,
  kOut,
  kStats,
  kOutGradient,
  kQueryGradient,
  kKeyGradient,
  kValueGradient,
};

using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

// Of a message that goes on to list every engine that was tried.
std::string Sentence(const std::string& message) {
  if (absl::StrContains(message, "libnvrtc")) {
    return "it compiles its kernels with libnvrtc.so.13, which the loader does "
           "not find (LD_LIBRARY_PATH)";
  }
  return message.substr(0, message.find('\n'));
}

// The frontend answers with codes of its own and throws where a function is
// missing.
template <typename Call>
absl::Status Guard(absl::StatusCode code, const char* what, const Call& call) {
  try {
    fe::error_t error = call();
    if (error.is_good()) return absl::OkStatus();
    return {code,
            absl::StrCat("cuDNN, ", what, ": ", Sentence(error.get_message()))};
  } catch (const std::exception& error) {
    return {code, absl::StrCat("cuDNN, ", what, ": ", error.what())};
  }
}

bool Decodes(const AttentionCore& op) {
  return op.query_tokens == 1 && !op.backward;
}

// A query that decodes sees its last `window` keys, which lie together: they
// are all the keys that its graph knows, so that no mask is needed.
int64_t KeysOf(const AttentionCore& op) {
  return Decodes(op) && op.window > 0 ? std::min(op.window, op.context_tokens)
                                      : op.context_tokens;
}

absl::Status LoadCudnn(CudaContext& context) {
  MOEPLAN_ASSIGN_OR_RETURN(fe::cudnn_dlhandle, OpenCudnn(context));
  return absl::OkStatus();
}

class CudnnPlan final : public AttentionPlan {
 public:
  CudnnPlan(const AttentionCore& op, AttentionPass pass, cudnnHandle_t handle)
      : op_(op), pass_(pass), handle_(handle) {
    graph_.set_io_data_type(fe::DataType_t::BFLOAT16)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
  }

  absl::Status Create() {
    return Guard(absl::StatusCode::kUnimplemented, "building an attention",
                 [&]() -> fe::error_t {
                   Describe();
                   fe::error_t error =
                       graph_.build(handle_, {fe::HeurMode_t::A});
                   if (error.is_bad()) return error;
                   return graph_.get_workspace_size(workspace_bytes_);
                 });
  }

  absl::Status Enqueue(const AttentionOperands& operands, void* workspace,
                       cudaStream_t stream) override {
    // The first key that is seen of each head.
    const int64_t hidden = op_.context_tokens - KeysOf(op_);
    std::unordered_map<int64_t, void*> pointers = {
        {kQueries, const_cast<void*>(operands.queries)},
        {kKeys, Skip(operands.keys, hidden * op_.key_dim)},
        {kValues, Skip(operands.values, hidden * op_.value_dim)},
        {kOut, operands.out}};
    if (pass_ != AttentionPass::kForward) pointers[kStats] = operands.stats;
    if (pass_ == AttentionPass::kBackward) {
      pointers[kOutGradient] = const_cast<void*>(operands.d_out);
      pointers[kQueryGradient] = operands.d_queries;
      pointers[kKeyGradient] = operands.d_keys;
      pointers[kValueGradient] = operands.d_values;
    }
    return Guard(
        absl::StatusCode::kInternal, "running an attention",
        [&]() -> fe::error_t {
          if (fe::detail::set_stream(handle_, stream) != CUDNN_STATUS_SUCCESS) {
            return {fe::error_code_t::CUDNN_BACKEND_API_FAILED,
                    "cudnnSetStream failed"};
          }
          return graph_.execute(handle_, pointers, workspace);
        });
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }

  // Whether the frontend finds the graph well made, which it says without a
  // handle.
  absl::Status Validate() {
    return Guard(absl::StatusCode::kUnimplemented, "describing an attention",
                 [&]() -> fe::error_t {
                   Describe();
                   return graph_.validate();
                 });
  }

 private:
  static void* Skip(const void* data, int64_t numbers) {
    constexpr int64_t kBytes = 2;
    return const_cast<uint8_t*>(static_cast<const uint8_t*>(data)) +
           numbers * kBytes;
  }

  // Rows of each head lie `stored` apart, of which `rows` belong to the graph.
  Tensor Input(Uid uid, int64_t heads, int64_t rows, int64_t stored,
               int64_t width) {
    return graph_.tensor(
        Shape(fe::graph::Tensor_attributes(), uid, heads, rows, stored, width));
  }
  fe::graph::Tensor_attributes& Shape(fe::graph::Tensor_attributes&& tensor,
                                      Uid uid, int64_t heads, int64_t rows,
                                      int64_t stored, int64_t width) {
    return Shape(tensor, uid, heads, rows, stored, width);
  }
  fe::graph::Tensor_attributes& Shape(fe::graph::Tensor_attributes& tensor,
                                      Uid uid, int64_t heads, int64_t rows,
                                      int64_t stored, int64_t width) {
    return tensor.set_uid(uid)
        .set_dim({op_.sequences, heads, rows, width})
        .set_stride({heads * stored * width, stored * width, width, 1});
  }
  void Output(const Tensor& tensor, Uid uid, int64_t heads, int64_t rows,
              int64_t stored, int64_t width) {
    Shape(*tensor, uid, heads, rows, stored, width).set_output(true);
  }

  template <typename Attributes>
  void SetMask(Attributes& attributes) const {
    attributes.set_attn_scale(1 / std::sqrt(static_cast<float>(op_.key_dim)));
    if (Decodes(op_)) return;
    // The last query sees all keys.
    attributes
        .set_diagonal_alignment(op_.query_tokens == op_.context_tokens
                                    ? fe::DiagonalAlignment_t::TOP_LEFT
                                    : fe::DiagonalAlignment_t::BOTTOM_RIGHT)
        .set_diagonal_band_right_bound(0);
    if (op_.window > 0 && op_.window < op_.context_tokens) {
      // Both count the query's own key.
      attributes.set_diagonal_band_left_bound(static_cast<int>(op_.window));
    }
  }

  void Describe() {
    const int64_t queries = op_.query_tokens;
    const int64_t keys = KeysOf(op_);
    const int64_t stored = op_.context_tokens;
    const Tensor q = Input(kQueries, op_.heads, queries, queries, op_.key_dim);
    const Tensor k = Input(kKeys, op_.kv_heads, keys, stored, op_.key_dim);
    const Tensor v = Input(kValues, op_.kv_heads, keys, stored, op_.value_dim);
    if (pass_ == AttentionPass::kBackward) {
      DescribeBackward(q, k, v);
      return;
    }
    fe::graph::SDPA_attributes attributes;
    attributes.set_name("attention")
        .set_generate_stats(pass_ == AttentionPass::kForwardWithStats);
    SetMask(attributes);
    const auto [out, stats] = graph_.sdpa(q, k, v, attributes);
    Output(out, kOut, op_.heads, queries, queries, op_.value_dim);
    if (pass_ == AttentionPass::kForwardWithStats) {
      Output(stats, kStats, op_.heads, queries, queries, 1);
      stats->set_data_type(fe::DataType_t::FLOAT);
    }
  }

  void DescribeBackward(const Tensor& q, const Tensor& k, const Tensor& v) {
    const int64_t queries = op_.query_tokens;
    const int64_t keys = KeysOf(op_);
    const int64_t stored = op_.context_tokens;
    const Tensor out = Input(kOut, op_.heads, queries, queries, op_.value_dim);
    const Tensor d_out =
        Input(kOutGradient, op_.heads, queries, queries, op_.value_dim);
    const Tensor stats = Input(kStats, op_.heads, queries, queries, 1);
    stats->set_data_type(fe::DataType_t::FLOAT);
    fe::graph::SDPA_backward_attributes attributes;
    attributes.set_name("attention_backward");
    SetMask(attributes);
    const auto [d_q, d_k, d_v] =
        graph_.sdpa_backward(q, k, v, out, d_out, stats, attributes);
    Output(d_q, kQueryGradient, op_.heads, queries, queries, op_.key_dim);
    Output(d_k, kKeyGradient, op_.kv_heads, keys, stored, op_.key_dim);
    Output(d_v, kValueGradient, op_.kv_heads, keys, stored, op_.value_dim);
  }

  const AttentionCore op_;
  const AttentionPass pass_;
  const cudnnHandle_t handle_;
  fe::graph::Graph graph_;
  int64_t workspace_bytes_ = 0;
};

std::string Key(const AttentionCore& op, AttentionPass pass) {
  return absl::StrCat(DescribeOperation(op), " ", static_cast<int>(pass));
}

class Cudnn final : public AttentionLibrary {
 public:
  std::string name() const override { return "cudnn.sdpa"; }

  absl::StatusOr<std::shared_ptr<AttentionPlan>> PlanOf(
      const AttentionCore& op, AttentionPass pass,
      CudaContext& context) override {
    MOEPLAN_RETURN_IF_ERROR(Start(context));
    std::weak_ptr<AttentionPlan>& known = plans_[Key(op, pass)];
    if (auto plan = known.lock(); plan != nullptr) return plan;
    auto plan = std::make_shared<CudnnPlan>(op, pass, handle_);
    MOEPLAN_RETURN_IF_ERROR(plan->Create());
    known = plan;
    return plan;
  }

 private:
  absl::Status Start(CudaContext& context) {
    MOEPLAN_RETURN_IF_ERROR(LoadCudnn(context));
    if (handle_ != nullptr) return absl::OkStatus();
    return Guard(
        absl::StatusCode::kUnimplemented, "starting", [&]() -> fe::error_t {
          const cudnnStatus_t status = fe::detail::create_handle(&handle_);
          if (status == CUDNN_STATUS_SUCCESS) return {};
          handle_ = nullptr;
          return {fe::error_code_t::HANDLE_ERROR,
                  absl::StrCat("cudnnCreate answers ", status)};
        });
  }

  cudnnHandle_t handle_ = nullptr;
  std::map<std::string, std::weak_ptr<AttentionPlan>> plans_;
};

}  // namespace

absl::Status ValidateCudnnAttention(const AttentionCore& op, AttentionPass pass,
                                    CudaContext& context) {
  MOEPLAN_RETURN_IF_ERROR(LoadCudnn(context));
  return CudnnPlan(op, pass, nullptr).Validate();
}

AttentionLibrary& CudnnAttention() {
  // Never destroyed: cuDNN may be gone by then.
  static auto* library = new Cudnn();
  return *library;
}

}  // namespace moeplan::worker
