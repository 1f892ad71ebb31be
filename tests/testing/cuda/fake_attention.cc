#include "tests/testing/cuda/fake_attention.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "worker/device/bf16.h"

namespace moeplan::worker {
namespace {

using Fault = FakeAttention::Fault;

constexpr int64_t kWorkspaceBytes = 1000;

using Matrix = std::vector<std::vector<double>>;

Matrix Zeros(int64_t rows, int64_t columns) {
  return Matrix(static_cast<size_t>(rows),
                std::vector<double>(static_cast<size_t>(columns), 0.0));
}

// The matrix number `index` of those that lie behind each other at `data`.
Matrix Read(const void* data, int64_t index, int64_t rows, int64_t columns) {
  const auto* from = static_cast<const Bf16*>(data) + index * rows * columns;
  Matrix made = Zeros(rows, columns);
  for (auto& row : made) {
    for (double& each : row) each = ToFloat(*from++);
  }
  return made;
}

void Write(const Matrix& from, void* data, int64_t index) {
  auto* to = static_cast<Bf16*>(data) +
             index * static_cast<int64_t>(from.size() * from[0].size());
  for (const auto& row : from) {
    for (const double each : row) {
      *to++ = FromFloat<Bf16>(static_cast<float>(each));
    }
  }
}

// to += scale * a * b, where b may be taken as its transpose.
void AddProduct(const Matrix& a, const Matrix& b, bool transposed_b,
                double scale, Matrix& to) {
  for (size_t i = 0; i < to.size(); ++i) {
    for (size_t j = 0; j < to[i].size(); ++j) {
      double sum = 0;
      for (size_t p = 0; p < a[i].size(); ++p) {
        sum += a[i][p] * (transposed_b ? b[j][p] : b[p][j]);
      }
      to[i][j] += scale * sum;
    }
  }
}

Matrix Transposed(const Matrix& from) {
  Matrix made(from[0].size(), std::vector<double>(from.size()));
  for (size_t i = 0; i < from.size(); ++i) {
    for (size_t j = 0; j < from[i].size(); ++j) made[j][i] = from[i][j];
  }
  return made;
}

class FakePlan final : public AttentionPlan {
 public:
  FakePlan(const AttentionCore& op, AttentionPass pass, Fault fault)
      : op_(op), pass_(pass), fault_(fault) {}

  absl::Status Enqueue(const AttentionOperands& operands, void* workspace,
                       cudaStream_t) override {
    if (fault_ == Fault::kFails) return absl::InternalError("as planted");
    std::memset(workspace, 0xff, kWorkspaceBytes);
    const int64_t group = op_.heads / op_.kv_heads;
    const int64_t kv_heads = op_.sequences * op_.kv_heads;
    for (int64_t kv = 0; kv < kv_heads; ++kv) {
      if (fault_ == Fault::kForgetsLastHead && kv == kv_heads - 1) break;
      keys_ = Read(operands.keys, kv, op_.context_tokens, op_.key_dim);
      values_ = Read(operands.values, kv, op_.context_tokens, op_.value_dim);
      d_keys_ = Zeros(op_.context_tokens, op_.key_dim);
      d_values_ = Zeros(op_.context_tokens, op_.value_dim);
      for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
        if (pass_ == AttentionPass::kBackward) {
          Backward(operands, head);
        } else {
          Forward(operands, head);
        }
      }
      if (pass_ == AttentionPass::kBackward) {
        if (fault_ == Fault::kHalfKeyGradient) {
          for (auto& row : d_keys_) {
            for (double& each : row) each /= 2;
          }
        }
        Write(d_keys_, operands.d_keys, kv);
        Write(d_values_, operands.d_values, kv);
      }
    }
    return absl::OkStatus();
  }

  int64_t workspace_bytes() const override { return kWorkspaceBytes; }

 private:
  double scale() const {
    return 1 / std::sqrt(static_cast<double>(op_.key_dim));
  }

  // Query i stands at key i + context - queries.
  bool Sees(int64_t query, int64_t key) const {
    if (fault_ == Fault::kIgnoresMask) return true;
    const int64_t own = query + op_.context_tokens - op_.query_tokens;
    return key <= own && (op_.window == 0 || key > own - op_.window);
  }

  Matrix Scores(const Matrix& queries) const {
    Matrix scores = Zeros(op_.query_tokens, op_.context_tokens);
    AddProduct(queries, keys_, true, scale(), scores);
    for (int64_t i = 0; i < op_.query_tokens; ++i) {
      for (int64_t j = 0; j < op_.context_tokens; ++j) {
        if (!Sees(i, j)) {
          scores[static_cast<size_t>(i)][static_cast<size_t>(j)] = -HUGE_VAL;
        }
      }
    }
    return scores;
  }

  float* StatsOf(const AttentionOperands& operands, int64_t head) const {
    return static_cast<float*>(operands.stats) + head * op_.query_tokens;
  }

  void Forward(const AttentionOperands& operands, int64_t head) {
    Matrix p =
        Scores(Read(operands.queries, head, op_.query_tokens, op_.key_dim));
    for (size_t i = 0; i < p.size(); ++i) {
      double sum = 0;
      for (double& each : p[i]) sum += each = std::exp(each);
      for (double& each : p[i]) each /= sum;
      if (pass_ == AttentionPass::kForwardWithStats) {
        StatsOf(operands, head)[i] = static_cast<float>(std::log(sum));
      }
    }
    Matrix out = Zeros(op_.query_tokens, op_.value_dim);
    AddProduct(p, values_, false, 1, out);
    Write(out, operands.out, head);
  }

  void Backward(const AttentionOperands& operands, int64_t head) {
    const Matrix queries =
        Read(operands.queries, head, op_.query_tokens, op_.key_dim);
    const Matrix out =
        Read(operands.out, head, op_.query_tokens, op_.value_dim);
    const Matrix d_out =
        Read(operands.d_out, head, op_.query_tokens, op_.value_dim);
    Matrix p = Scores(queries);
    Matrix d_p = Zeros(op_.query_tokens, op_.context_tokens);
    AddProduct(d_out, values_, true, 1, d_p);
    for (size_t i = 0; i < p.size(); ++i) {
      double mean = 0;
      for (size_t c = 0; c < out[i].size(); ++c)
        mean += out[i][c] * d_out[i][c];
      for (size_t j = 0; j < p[i].size(); ++j) {
        p[i][j] = std::exp(p[i][j] - StatsOf(operands, head)[i]);
        d_p[i][j] = p[i][j] * (d_p[i][j] - mean);
      }
    }
    AddProduct(Transposed(p), d_out, false, 1, d_values_);
    AddProduct(Transposed(d_p), queries, false, scale(), d_keys_);
    Matrix d_queries = Zeros(op_.query_tokens, op_.key_dim);
    AddProduct(d_p, keys_, false, scale(), d_queries);
    Write(d_queries, operands.d_queries, head);
  }

  const AttentionCore op_;
  const AttentionPass pass_;
  const Fault fault_;
  Matrix keys_, values_, d_keys_, d_values_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<AttentionPlan>> FakeAttention::PlanOf(
    const AttentionCore& op, AttentionPass pass, CudaContext&) {
  if (fault == Fault::kNoKernel) {
    return absl::UnimplementedError("as planted");
  }
  return std::make_shared<FakePlan>(op, pass, fault);
}

}  // namespace moeplan::worker
