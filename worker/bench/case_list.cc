#include "worker/bench/case_list.h"

#include <utility>

namespace moeplan::worker {

CaseList::CaseList(std::string dtype, uint64_t seed)
    : dtype_(std::move(dtype)), seed_(seed) {}

void CaseList::Add(Operation operation, bool is_ceiling) {
  cases_.push_back({.operation = std::move(operation),
                    .dtype = dtype_,
                    .seed = seed_,
                    .is_ceiling = is_ceiling});
}

void CaseList::AddProduct(const ProductShape& shape) {
  Add(Gemm{.m = shape.m, .n = shape.n, .k = shape.k});
}

void CaseList::AddGrouped(const ExpertShape& shape, GemmPass pass, bool up,
                          const std::string& backend) {
  AddRouted(GroupedGemm{.rows_per_expert = Rows(shape),
                        .in_width = up ? shape.d_model : shape.width,
                        .out_width = up ? 2 * shape.width : shape.d_model,
                        .pass = pass},
            shape.pattern);
  cases_.back().backend = backend;
}

void CaseList::AddExperts(const ExpertShape& shape, bool both) {
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    // Passes take turns with the projections where there is time for one.
    const bool up = (cases_.size() + static_cast<size_t>(pass)) % 2 == 0;
    AddGrouped(shape, pass, up);
    if (both) AddGrouped(shape, pass, !up);
  }
}

void CaseList::AddBlockPass(const ExpertShape& shape, bool gated, bool backward,
                            const std::string& backend) {
  AddRouted(MoeBlock{.tokens = shape.tokens,
                     .d_model = shape.d_model,
                     .experts_per_token = shape.experts_per_token,
                     .expert_width = shape.width,
                     .gated = gated,
                     .rows_per_expert = Rows(shape),
                     .backward = backward},
            shape.pattern);
  cases_.back().backend = backend;
}

void CaseList::AddBlock(const ExpertShape& shape, bool gated,
                        const std::string& backend) {
  for (const bool backward : {false, true}) {
    AddBlockPass(shape, gated, backward, backend);
  }
}

void CaseList::AddRouting(int64_t tokens, int64_t experts, int64_t choices,
                          int64_t d_model) {
  for (const bool backward : {false, true}) {
    Add(Routing{.tokens = tokens,
                .experts = experts,
                .experts_per_token = choices,
                .d_model = d_model,
                .backward = backward});
  }
}

void CaseList::AddAttention(const AttentionShape& shape, bool backward) {
  Add(AttentionCore{
      .sequences = shape.sequences,
      .query_tokens = shape.query_tokens,
      .context_tokens = shape.context_tokens,
      .window = shape.window,
      .heads = shape.heads,
      .kv_heads = shape.kv_heads,
      .key_dim = shape.dim,
      .value_dim = shape.value_dim > 0 ? shape.value_dim : shape.dim,
      .backward = backward});
}

std::vector<Case> CaseList::Take() { return std::move(cases_); }

std::vector<int64_t> CaseList::Rows(const ExpertShape& shape) const {
  return DrawRows(shape.pattern, shape.tokens, shape.experts,
                  shape.experts_per_token, seed_);
}

void CaseList::AddRouted(Operation operation, RoutingPattern pattern) {
  Add(std::move(operation));
  cases_.back().routing = std::string(NameOf(pattern));
}

}  // namespace moeplan::worker
