#include "worker/device/attention_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/status_macros.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kSampledQueries = 4;
constexpr int64_t kMostMultiplyAdds = int64_t{1} << 26;

// One head of keys and values of one sequence with the heads of queries that
// share it, row-major: [query head][query][dim] and [key][dim].
struct SharedHeads {
  std::vector<double> queries, keys, values, out;
  std::vector<double> d_out, d_queries, d_keys, d_values;
};

absl::StatusOr<SharedHeads> ReadHeads(const AttentionCore& op, int64_t kv_head,
                                      const ArrayReader<AttentionArray>& read) {
  const int64_t queries = op.heads / op.kv_heads * op.query_tokens;
  const int64_t keys = op.context_tokens;
  const auto head = [&](AttentionArray array, int64_t rows, int64_t dim) {
    const int64_t size = rows * dim;
    return read(array, {.begin = kv_head * size, .width = size, .pitch = size});
  };
  using enum AttentionArray;
  SharedHeads heads;
  MOEPLAN_ASSIGN_OR_RETURN(heads.queries, head(kQueries, queries, op.key_dim));
  MOEPLAN_ASSIGN_OR_RETURN(heads.keys, head(kKeys, keys, op.key_dim));
  MOEPLAN_ASSIGN_OR_RETURN(heads.values, head(kValues, keys, op.value_dim));
  if (!op.backward) {
    MOEPLAN_ASSIGN_OR_RETURN(heads.out, head(kOut, queries, op.value_dim));
    return heads;
  }
  MOEPLAN_ASSIGN_OR_RETURN(heads.d_out,
                           head(kOutGradient, queries, op.value_dim));
  MOEPLAN_ASSIGN_OR_RETURN(heads.d_queries,
                           head(kQueryGradients, queries, op.key_dim));
  MOEPLAN_ASSIGN_OR_RETURN(heads.d_keys, head(kKeyGradients, keys, op.key_dim));
  MOEPLAN_ASSIGN_OR_RETURN(heads.d_values,
                           head(kValueGradients, keys, op.value_dim));
  return heads;
}

// Reads the operands of one head of queries.
class HeadReference {
 public:
  HeadReference(const AttentionCore& op, const SharedHeads& heads, int64_t head)
      : op_(op), heads_(heads), head_(head) {}

  static double At(const std::vector<double>& values, int64_t row,
                   int64_t width, int64_t i) {
    return values[static_cast<size_t>(row * width + i)];
  }

  // Of a query among those of all heads that share the keys.
  int64_t RowOf(int64_t query) const {
    return head_ * op_.query_tokens + query;
  }

  // emit(i, value) takes the output's elements; returns the probabilities.
  template <typename Emit>
  std::vector<double> Forward(int64_t query, const Emit& emit) const {
    return ReferenceAttentionRow(
        op_, query,
        [&](int64_t i) {
          return At(heads_.queries, RowOf(query), op_.key_dim, i);
        },
        [&](int64_t row, int64_t i) {
          return At(heads_.keys, row, op_.key_dim, i);
        },
        [&](int64_t row, int64_t i) {
          return At(heads_.values, row, op_.value_dim, i);
        },
        emit);
  }

  // Returns the query's gradient and adds to those of keys and values.
  std::vector<double> Backward(int64_t query, std::vector<double>& d_keys,
                               std::vector<double>& d_values) const {
    const double scale = 1 / std::sqrt(static_cast<double>(op_.key_dim));
    const int64_t at = RowOf(query);
    double mean = 0;
    const auto p = Forward(query, [&](int64_t i, double out) {
      mean += out * At(heads_.d_out, at, op_.value_dim, i);
    });
    const int64_t begin = KeysSeen(op_, query).first;
    std::vector<double> d_query(static_cast<size_t>(op_.key_dim), 0.0);
    for (size_t s = 0; s < p.size(); ++s) {
      const int64_t row = begin + static_cast<int64_t>(s);
      double d_p = 0;
      for (int64_t i = 0; i < op_.value_dim; ++i) {
        const double d = At(heads_.d_out, at, op_.value_dim, i);
        d_p += d * At(heads_.values, row, op_.value_dim, i);
        d_values[static_cast<size_t>(row * op_.value_dim + i)] += p[s] * d;
      }
      const double d_score = scale * p[s] * (d_p - mean);
      for (int64_t i = 0; i < op_.key_dim; ++i) {
        d_query[static_cast<size_t>(i)] +=
            d_score * At(heads_.keys, row, op_.key_dim, i);
        d_keys[static_cast<size_t>(row * op_.key_dim + i)] +=
            d_score * At(heads_.queries, at, op_.key_dim, i);
      }
    }
    return d_query;
  }

 private:
  const AttentionCore& op_;
  const SharedHeads& heads_;
  const int64_t head_;
};

// Elements from `from` on.
void Compare(const char* name, const std::vector<double>& got, int64_t from,
             const std::vector<double>& want, Comparison& comparison) {
  comparison.Begin(name);
  for (auto i = static_cast<size_t>(from); i < want.size(); ++i) {
    comparison.Add(got[i], want[i]);
  }
}

void CompareForward(const AttentionCore& op, const SharedHeads& heads,
                    Comparison& comparison) {
  comparison.Begin("output");
  for (int64_t head = 0; head < op.heads / op.kv_heads; ++head) {
    const HeadReference reference(op, heads, head);
    for (const int64_t q : SampledIndices(op.query_tokens, kSampledQueries)) {
      reference.Forward(q, [&](int64_t i, double want) {
        comparison.Add(
            HeadReference::At(heads.out, reference.RowOf(q), op.value_dim, i),
            want);
      });
    }
  }
}

void CompareBackward(const AttentionCore& op, const SharedHeads& heads,
                     Comparison& comparison) {
  const int64_t group = op.heads / op.kv_heads;
  const int64_t each_query =
      group * op.context_tokens * (op.key_dim + op.value_dim);
  const int64_t last =
      std::clamp<int64_t>(kMostMultiplyAdds / each_query, 1, op.query_tokens);
  const int64_t first = op.query_tokens - last;
  std::vector<double> d_keys(heads.keys.size(), 0.0);
  std::vector<double> d_values(heads.values.size(), 0.0);
  std::vector<double> unused_keys = d_keys;
  std::vector<double> unused_values = d_values;
  comparison.Begin("query_gradient");
  for (int64_t head = 0; head < group; ++head) {
    const HeadReference reference(op, heads, head);
    const auto compare = [&](int64_t q, std::vector<double>& to_keys,
                             std::vector<double>& to_values) {
      const auto want = reference.Backward(q, to_keys, to_values);
      for (int64_t i = 0; i < op.key_dim; ++i) {
        comparison.Add(HeadReference::At(heads.d_queries, reference.RowOf(q),
                                         op.key_dim, i),
                       want[static_cast<size_t>(i)]);
      }
    };
    for (int64_t q = first; q < op.query_tokens; ++q) {
      compare(q, d_keys, d_values);
    }
    for (const int64_t q : SampledIndices(first, kSampledQueries)) {
      compare(q, unused_keys, unused_values);
    }
  }
  // Each later key is seen by no query before `first`.
  const int64_t key = first == 0 ? 0 : op.context_tokens - last;
  Compare("key_gradient", heads.d_keys, key * op.key_dim, d_keys, comparison);
  Compare("value_gradient", heads.d_values, key * op.value_dim, d_values,
          comparison);
}

}  // namespace

absl::StatusOr<NumericsCheck> CheckAttention(
    const AttentionCore& op, double most_allowed,
    const ArrayReader<AttentionArray>& read) {
  Comparison comparison(most_allowed);
  for (const int64_t kv_head :
       SampledIndices(op.sequences * op.kv_heads, op.backward ? 2 : 3)) {
    MOEPLAN_ASSIGN_OR_RETURN(const SharedHeads heads,
                             ReadHeads(op, kv_head, read));
    if (op.backward) {
      CompareBackward(op, heads, comparison);
    } else {
      CompareForward(op, heads, comparison);
    }
  }
  return comparison.Finish();
}

}  // namespace moeplan::worker
