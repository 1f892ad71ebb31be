#ifndef MOEPLAN_WORKER_BENCH_ROUTING_H_
#define MOEPLAN_WORKER_BENCH_ROUTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moeplan::worker {

// How a batch of tokens spreads over experts.
enum class RoutingPattern {
  kBalanced,     // as even as can be
  kHoles,        // the first, middle and last expert empty, the others balanced
  kMultinomial,  // every token draws its experts uniformly
  kZipf,         // expert of rank r is drawn with weight 1 / r
  kOneHot,       // every token goes to one expert; other choices are balanced
  kZipfHalf,     // as kZipf, with weight 1 / sqrt(r)
  kDirichlet,    // weights are drawn themselves, uniformly among all that sum
                 // to 1
};

// "balanced", "holes", "multinomial", "zipf", "one_hot", "zipf_half",
// "dirichlet".
absl::string_view NameOf(RoutingPattern pattern);
absl::StatusOr<RoutingPattern> RoutingPatternOf(absl::string_view name);

// Rows of each of `experts` experts when each of `tokens` tokens goes to
// `experts_per_token` different ones: the sum is tokens * experts_per_token, no
// expert has more than `tokens`. The same seed gives the same rows on every
// platform; patterns without chance ignore it. Patterns that need more experts
// than there are (kHoles with fewer than experts_per_token + 3) fall back to
// kBalanced. Needs 1 <= experts_per_token <= experts and tokens >= 1.
// Cost: linear in tokens * experts for those drawn.
std::vector<int64_t> DrawRows(RoutingPattern pattern, int64_t tokens,
                              int64_t experts, int64_t experts_per_token,
                              uint64_t seed);

// A choice of experts with exactly these rows: for each token, in order, its
// `experts_per_token` different experts. Tokens are permuted by the seed, so
// that an expert's tokens do not lie beside each other. Needs rows as DrawRows
// gives them.
std::vector<int32_t> AssignExperts(const std::vector<int64_t>& rows_per_expert,
                                   int64_t tokens, int64_t experts_per_token,
                                   uint64_t seed);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_ROUTING_H_
