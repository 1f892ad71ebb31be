#ifndef MOEPLAN_WORKER_BENCH_CASE_LIST_H_
#define MOEPLAN_WORKER_BENCH_CASE_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/calibration/operation.h"
#include "worker/bench/case.h"
#include "worker/bench/routing.h"

namespace moeplan::worker {

// The experts of one layer under one batch.
struct ExpertShape {
  int64_t experts = 0;
  int64_t tokens = 0;
  int64_t experts_per_token = 0;
  int64_t d_model = 0;
  int64_t width = 0;
  RoutingPattern pattern = RoutingPattern::kBalanced;
};

// A dense product.
struct ProductShape {
  int64_t m, n, k;
};

// As AttentionCore; values have the size of keys unless value_dim is given.
struct AttentionShape {
  int64_t sequences, query_tokens, context_tokens, window, heads, kv_heads, dim;
  int64_t value_dim = 0;
};

// Collects the cases of one number format, of which a suite keeps each name
// once.
class CaseList {
 public:
  CaseList(std::string dtype, uint64_t seed);

  void Add(Operation operation, bool is_ceiling = false);
  void AddProduct(const ProductShape& shape);

  // One projection of gated experts, the first (up: gate and up together) or
  // the second (down), by `backend`.
  void AddGrouped(const ExpertShape& shape, GemmPass pass, bool up,
                  const std::string& backend = "");
  // All passes, of `both` projections or of one in turn.
  void AddExperts(const ExpertShape& shape, bool both);

  void AddBlockPass(const ExpertShape& shape, bool gated, bool backward,
                    const std::string& backend = "");
  // Forward and backward of each.
  void AddBlock(const ExpertShape& shape, bool gated,
                const std::string& backend = "");
  void AddRouting(int64_t tokens, int64_t experts, int64_t choices,
                  int64_t d_model);

  void AddAttention(const AttentionShape& shape, bool backward);

  std::vector<Case> Take();

 private:
  std::vector<int64_t> Rows(const ExpertShape& shape) const;
  void AddRouted(Operation operation, RoutingPattern pattern);

  const std::string dtype_;
  const uint64_t seed_;
  std::vector<Case> cases_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_CASE_LIST_H_
