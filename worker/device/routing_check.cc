#include "worker/device/routing_check.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "core/base/status_macros.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kSampledTokens = 64;

// One routing's results.
class Check {
 public:
  Check(const Routing& op, double most_allowed,
        const ArrayReader<RoutingArray>& read)
      : op_(op),
        read_(read),
        sampled_(SampledIndices(op.tokens, kSampledTokens)),
        comparison_(most_allowed) {}

  absl::StatusOr<NumericsCheck> Run() {
    MOEPLAN_RETURN_IF_ERROR(ReadIndex());
    comparison_.Begin("index");
    // One wrong row in millions is as wrong as all.
    comparison_.Add(IndexIsRight() ? 1 : 0, 1);
    if (!experts_are_known_) return comparison_.Finish();
    MOEPLAN_RETURN_IF_ERROR(ReadProbabilities());
    MOEPLAN_RETURN_IF_ERROR(CompareRows());
    MOEPLAN_RETURN_IF_ERROR(CompareTokens());
    MOEPLAN_RETURN_IF_ERROR(op_.backward ? CompareLogitGradients()
                                         : CompareChoices());
    return comparison_.Finish();
  }

 private:
  absl::StatusOr<std::vector<double>> RowOf(RoutingArray array, int64_t row,
                                            int64_t width) const {
    return read_(array, {.begin = row * width, .width = width});
  }
  size_t Choice(int64_t token, int64_t j) const {
    return static_cast<size_t>(token * op_.experts_per_token + j);
  }
  double Weight(size_t sample, size_t choice) const {
    return probabilities_[sample][static_cast<size_t>(experts_[choice])];
  }

  absl::Status ReadIndex() {
    const int64_t choices = op_.tokens * op_.experts_per_token;
    MOEPLAN_ASSIGN_OR_RETURN(const auto experts,
                             RowOf(RoutingArray::kExperts, 0, choices));
    MOEPLAN_ASSIGN_OR_RETURN(const auto slots,
                             RowOf(RoutingArray::kSlots, 0, choices));
    for (const double each : experts) {
      experts_.push_back(static_cast<int64_t>(each));
    }
    for (const double each : slots) {
      slots_.push_back(static_cast<int64_t>(each));
    }
    return absl::OkStatus();
  }

  // Choices lie together expert by expert, in order; a token's are different.
  bool IndexIsRight() {
    experts_are_known_ =
        std::all_of(experts_.begin(), experts_.end(),
                    [&](int64_t e) { return e >= 0 && e < op_.experts; });
    if (!experts_are_known_) return false;
    std::vector<int64_t> next(static_cast<size_t>(op_.experts) + 1, 0);
    for (const int64_t e : experts_) ++next[static_cast<size_t>(e) + 1];
    for (size_t e = 1; e < next.size(); ++e) next[e] += next[e - 1];
    std::vector<int64_t> last_token(static_cast<size_t>(op_.experts), -1);
    bool is_right = true;
    for (size_t i = 0; i < experts_.size(); ++i) {
      const size_t e = static_cast<size_t>(experts_[i]);
      const int64_t token = static_cast<int64_t>(i) / op_.experts_per_token;
      if (slots_[i] != next[e]++ || last_token[e] == token) is_right = false;
      last_token[e] = token;
    }
    // What is wrong is still read from within the rows.
    for (int64_t& slot : slots_) {
      slot =
          std::clamp<int64_t>(slot, 0, static_cast<int64_t>(slots_.size()) - 1);
    }
    return is_right;
  }

  // Softmax of the sampled tokens' logits.
  absl::Status ReadProbabilities() {
    for (const int64_t token : sampled_) {
      MOEPLAN_ASSIGN_OR_RETURN(
          auto p, RowOf(RoutingArray::kLogits, token, op_.experts));
      double sum = 0;
      for (double& each : p) sum += each = std::exp(each);
      for (double& each : p) each /= sum;
      probabilities_.push_back(std::move(p));
    }
    return absl::OkStatus();
  }

  absl::Status CompareRows() {
    comparison_.Begin("rows");
    for (size_t s = 0; s < sampled_.size(); ++s) {
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto token,
          RowOf(RoutingArray::kTokensIn, sampled_[s], op_.d_model));
      for (int64_t j = 0; j < op_.experts_per_token; ++j) {
        const size_t choice = Choice(sampled_[s], j);
        MOEPLAN_ASSIGN_OR_RETURN(
            const auto row,
            RowOf(RoutingArray::kRowsOut, slots_[choice], op_.d_model));
        const double weight = op_.backward ? Weight(s, choice) : 1;
        for (size_t i = 0; i < row.size(); ++i) {
          comparison_.Add(row[i], weight * token[i]);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status CompareTokens() {
    comparison_.Begin("tokens");
    for (size_t s = 0; s < sampled_.size(); ++s) {
      std::vector<double> sums(static_cast<size_t>(op_.d_model), 0.0);
      for (int64_t j = 0; j < op_.experts_per_token; ++j) {
        const size_t choice = Choice(sampled_[s], j);
        MOEPLAN_ASSIGN_OR_RETURN(
            const auto row,
            RowOf(RoutingArray::kRows, slots_[choice], op_.d_model));
        const double weight = op_.backward ? 1 : Weight(s, choice);
        for (size_t i = 0; i < row.size(); ++i) sums[i] += weight * row[i];
      }
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto token,
          RowOf(RoutingArray::kTokensOut, sampled_[s], op_.d_model));
      for (size_t i = 0; i < token.size(); ++i) {
        comparison_.Add(token[i], sums[i]);
      }
    }
    return absl::OkStatus();
  }

  // The chosen experts are the most probable ones, in order.
  absl::Status CompareChoices() {
    comparison_.Begin("choice");
    for (size_t s = 0; s < sampled_.size(); ++s) {
      std::vector<double> sorted = probabilities_[s];
      std::sort(sorted.begin(), sorted.end(), std::greater<>());
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto weights,
          RowOf(RoutingArray::kWeights, sampled_[s], op_.experts_per_token));
      for (size_t j = 0; j < weights.size(); ++j) {
        comparison_.Add(weights[j], sorted[j]);
        comparison_.Add(Weight(s, Choice(sampled_[s], static_cast<int64_t>(j))),
                        sorted[j]);
      }
    }
    return absl::OkStatus();
  }

  absl::Status CompareLogitGradients() {
    comparison_.Begin("logit_gradient");
    for (size_t s = 0; s < sampled_.size(); ++s) {
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto token,
          RowOf(RoutingArray::kTokensIn, sampled_[s], op_.d_model));
      const std::vector<double>& p = probabilities_[s];
      std::vector<double> gradient(p.size(), 0.0);
      double mean = 0;
      for (int64_t j = 0; j < op_.experts_per_token; ++j) {
        const size_t choice = Choice(sampled_[s], j);
        MOEPLAN_ASSIGN_OR_RETURN(
            const auto row,
            RowOf(RoutingArray::kRows, slots_[choice], op_.d_model));
        double dot = 0;
        for (size_t i = 0; i < row.size(); ++i) dot += row[i] * token[i];
        gradient[static_cast<size_t>(experts_[choice])] = dot;
        mean += Weight(s, choice) * dot;
      }
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto got,
          RowOf(RoutingArray::kLogitGradients, sampled_[s], op_.experts));
      for (size_t e = 0; e < p.size(); ++e) {
        comparison_.Add(got[e], p[e] * (gradient[e] - mean));
      }
    }
    return absl::OkStatus();
  }

  const Routing& op_;
  const ArrayReader<RoutingArray>& read_;
  const std::vector<int64_t> sampled_;
  Comparison comparison_;
  std::vector<int64_t> experts_, slots_;
  bool experts_are_known_ = false;
  std::vector<std::vector<double>> probabilities_;  // of sampled tokens
};

}  // namespace

absl::StatusOr<NumericsCheck> CheckRouting(
    const Routing& op, double most_allowed,
    const ArrayReader<RoutingArray>& read) {
  return Check(op, most_allowed, read).Run();
}

}  // namespace moeplan::worker
