#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/attention_check.h"
#include "worker/device/attention_products.h"
#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/loops.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

// Layout: queries and outputs [sequence][head][query][dim], keys and values
// [sequence][kv head][key][dim], so that the heads that share keys lie
// together; a cache of keys to decode from is [sequence][kv head][dim][key].
template <typename T>
class AttentionOperation final : public CpuOperation {
 public:
  AttentionOperation(const AttentionCore& op, double most_allowed,
                     AttentionProducts<T> products, uint64_t seed)
      : op_(op),
        most_allowed_(most_allowed),
        products_(std::move(products)),
        group_(op.heads / op.kv_heads),
        queries_(Rows(op.heads) * op.query_tokens * op.key_dim),
        keys_(Rows(op.kv_heads) * op.context_tokens * op.key_dim),
        values_(Rows(op.kv_heads) * op.context_tokens * op.value_dim),
        out_(Rows(op.heads) * op.query_tokens * op.value_dim),
        d_out_(op.backward ? static_cast<int64_t>(out_.size()) : 0),
        d_queries_(op.backward ? static_cast<int64_t>(queries_.size()) : 0),
        d_keys_(op.backward ? static_cast<int64_t>(keys_.size()) : 0),
        d_values_(op.backward ? static_cast<int64_t>(values_.size()) : 0) {
    RandomValues random(seed);
    random.Fill(queries_, 1);
    random.Fill(keys_, 1);
    random.Fill(values_, 1);
    random.Fill(d_out_, 1);
    Poison(out_);
    // Backward needs forward's output.
    if (op.backward) Forward();
    PoisonOutputs();
  }

  std::string backend() const override {
    return Decodes()
               ? "loops.decode_attention"
               : absl::StrCat("onednn_blocks.", products_.implementation());
  }

  void Run() override {
    if (op_.backward) {
      Backward();
    } else {
      Forward();
    }
  }

  void PoisonOutputs() override {
    if (!op_.backward) Poison(out_);
    Poison(d_queries_);
    Poison(d_keys_);
    Poison(d_values_);
  }

  int64_t bytes() const override {
    return queries_.bytes() + keys_.bytes() + values_.bytes() + out_.bytes() +
           d_out_.bytes() + d_queries_.bytes() + d_keys_.bytes() +
           d_values_.bytes() + products_.bytes();
  }

  NumericsCheck Check() const override {
    // Reading the host's memory does not fail.
    return *CheckAttention(op_, most_allowed_,
                           [this](AttentionArray array, const ArrayRows& rows) {
                             return Read(array, rows);
                           });
  }

 private:
  int64_t Rows(int64_t heads) const { return op_.sequences * heads; }
  bool Decodes() const { return op_.query_tokens == 1 && !op_.backward; }

  // Of head h of all sequences; heads of one sequence share keys by groups.
  int64_t KvHead(int64_t head) const { return head / group_; }

  AttentionHead<T> HeadOf(int64_t head) {
    const int64_t q = head * op_.query_tokens;
    const int64_t kv = KvHead(head) * op_.context_tokens;
    AttentionHead<T> slice;
    slice.queries = queries_.data() + q * op_.key_dim;
    slice.keys = keys_.data() + kv * op_.key_dim;
    slice.values = values_.data() + kv * op_.value_dim;
    slice.out = out_.data() + q * op_.value_dim;
    if (!op_.backward) return slice;
    slice.d_out = d_out_.data() + q * op_.value_dim;
    slice.d_queries = d_queries_.data() + q * op_.key_dim;
    slice.d_keys = d_keys_.data() + kv * op_.key_dim;
    slice.d_values = d_values_.data() + kv * op_.value_dim;
    slice.accumulates = head % group_ != 0;
    return slice;
  }

  void Forward() {
    if (Decodes()) {
      Decode();
      return;
    }
    for (int64_t head = 0; head < Rows(op_.heads); ++head) {
      products_.Forward(HeadOf(head));
    }
  }

  void Backward() {
    for (int64_t head = 0; head < Rows(op_.heads); ++head) {
      products_.Backward(HeadOf(head));
    }
  }

  // One query a head: every key and value is read once for the heads that share
  // them.
  void Decode() {
    const auto [begin, end] = KeysSeen(op_, 0);
    const int64_t count = end - begin;
    decode_queries_.resize(static_cast<size_t>(group_ * op_.key_dim));
    decode_scores_.resize(static_cast<size_t>(group_ * count));
    decode_probabilities_.resize(decode_scores_.size());
    decode_out_.resize(static_cast<size_t>(group_ * op_.value_dim));
    const float scale = 1.0f / std::sqrt(static_cast<float>(op_.key_dim));
    for (int64_t kv = 0; kv < Rows(op_.kv_heads); ++kv) {
      const T* queries = queries_.data() + kv * group_ * op_.key_dim;
      for (size_t i = 0; i < decode_queries_.size(); ++i) {
        decode_queries_[i] = ToFloat(queries[i]);
      }
      const int64_t first = kv * op_.context_tokens + begin;
      loops::DecodeScores(
          keys_.data() + kv * op_.context_tokens * op_.key_dim + begin,
          op_.context_tokens, count, op_.key_dim, decode_queries_.data(),
          group_, decode_scores_.data(), count);
      for (int64_t g = 0; g < group_; ++g) {
        const float* row = decode_scores_.data() + g * count;
        loops::Softmax(row, scale, decode_probabilities_.data() + g * count,
                       count);
      }
      loops::DecodeValues(values_.data() + first * op_.value_dim, count,
                          op_.value_dim, decode_probabilities_.data(), group_,
                          count, decode_out_.data());
      T* out = out_.data() + kv * group_ * op_.value_dim;
      for (size_t i = 0; i < decode_out_.size(); ++i) {
        out[i] = FromFloat<T>(decode_out_[i]);
      }
    }
  }

  std::vector<double> Read(AttentionArray array, const ArrayRows& rows) const {
    switch (array) {
      case AttentionArray::kQueries:
        return RowsOf(queries_.data(), rows);
      case AttentionArray::kKeys:
        return Decodes() ? ReadCache(rows) : RowsOf(keys_.data(), rows);
      case AttentionArray::kValues:
        return RowsOf(values_.data(), rows);
      case AttentionArray::kOut:
        return RowsOf(out_.data(), rows);
      case AttentionArray::kOutGradient:
        return RowsOf(d_out_.data(), rows);
      case AttentionArray::kQueryGradients:
        return RowsOf(d_queries_.data(), rows);
      case AttentionArray::kKeyGradients:
        return RowsOf(d_keys_.data(), rows);
      case AttentionArray::kValueGradients:
        break;
    }
    return RowsOf(d_values_.data(), rows);
  }

  // The keys of a whole head, turned as they are elsewhere.
  std::vector<double> ReadCache(const ArrayRows& head) const {
    std::vector<double> keys;
    for (int64_t row = 0; row < op_.context_tokens; ++row) {
      for (int64_t i = 0; i < op_.key_dim; ++i) {
        keys.push_back(ToFloat(keys_[static_cast<size_t>(
            head.begin + i * op_.context_tokens + row)]));
      }
    }
    return keys;
  }

  const AttentionCore op_;
  const double most_allowed_;
  AttentionProducts<T> products_;
  const int64_t group_;
  Buffer<T> queries_, keys_, values_, out_;
  Buffer<T> d_out_, d_queries_, d_keys_, d_values_;
  std::vector<float> decode_queries_, decode_scores_, decode_probabilities_,
      decode_out_;
};

template <typename T>
MadeOperation Make(const Case& one, const CpuTools& tools, uint64_t seed) {
  const AttentionCore& op = std::get<AttentionCore>(one.operation);
  if (op.heads % op.kv_heads != 0) {
    return absl::UnimplementedError("heads must be a multiple of kv_heads");
  }
  AttentionProducts<T> products(op);
  if (op.query_tokens > 1 || op.backward) {
    MOEPLAN_RETURN_IF_ERROR(products.Create(tools));
  }
  return std::make_unique<AttentionOperation<T>>(op, AllowedError(one.dtype),
                                                 std::move(products), seed);
}

}  // namespace

MadeOperation MakeAttention(const Case& one, const CpuTools& tools,
                            uint64_t seed) {
  return one.dtype == "f32" ? Make<float>(one, tools, seed)
                            : Make<Bf16>(one, tools, seed);
}

}  // namespace moeplan::worker
