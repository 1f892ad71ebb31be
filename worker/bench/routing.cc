#include "worker/bench/routing.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/rng.h"

namespace moeplan::worker {
namespace {

constexpr std::pair<RoutingPattern, absl::string_view> kNames[] = {
    {RoutingPattern::kBalanced, "balanced"},
    {RoutingPattern::kHoles, "holes"},
    {RoutingPattern::kMultinomial, "multinomial"},
    {RoutingPattern::kZipf, "zipf"},
    {RoutingPattern::kOneHot, "one_hot"},
    {RoutingPattern::kZipfHalf, "zipf_half"},
    {RoutingPattern::kDirichlet, "dirichlet"}};

// Spreads `rows` evenly over the experts of `open`.
void Spread(int64_t rows, const std::vector<size_t>& open,
            std::vector<int64_t>& rows_per_expert) {
  const int64_t count = static_cast<int64_t>(open.size());
  for (int64_t i = 0; i < count; ++i) {
    rows_per_expert[open[static_cast<size_t>(i)]] +=
        rows / count + (i < rows % count ? 1 : 0);
  }
}

// Each token draws different experts, one after the other, by `weights`.
std::vector<int64_t> Draw(const std::vector<double>& weights, int64_t tokens,
                          int64_t experts_per_token, Rng& rng) {
  std::vector<int64_t> rows(weights.size(), 0);
  for (int64_t token = 0; token < tokens; ++token) {
    std::vector<double> left = weights;
    for (int64_t choice = 0; choice < experts_per_token; ++choice) {
      double mark =
          rng.Uniform() * std::accumulate(left.begin(), left.end(), 0.0);
      size_t chosen = left.size();
      for (size_t e = 0; e < left.size(); ++e) {
        if (left[e] <= 0) continue;
        chosen = e;  // the last one left where rounding leaves a remainder
        mark -= left[e];
        if (mark < 0) break;
      }
      ++rows[chosen];
      left[chosen] = 0;
    }
  }
  return rows;
}

template <typename T>
void Shuffle(std::vector<T>& values, Rng& rng) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[rng.UniformIndex(i)]);
  }
}

}  // namespace

absl::string_view NameOf(RoutingPattern pattern) {
  for (const auto& [value, name] : kNames) {
    if (value == pattern) return name;
  }
  return "";
}

absl::StatusOr<RoutingPattern> RoutingPatternOf(absl::string_view name) {
  std::string all;
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
    absl::StrAppend(&all, all.empty() ? "" : ", ", known);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("routing must be one of ", all, "; got \"", name, "\""));
}

std::vector<int64_t> DrawRows(RoutingPattern pattern, int64_t tokens,
                              int64_t experts, int64_t experts_per_token,
                              uint64_t seed) {
  const size_t count = static_cast<size_t>(experts);
  std::vector<int64_t> rows(count, 0);
  std::vector<size_t> open(count);
  std::iota(open.begin(), open.end(), size_t{0});
  Rng rng(seed);
  switch (pattern) {
    case RoutingPattern::kMultinomial:
      return Draw(std::vector<double>(count, 1.0), tokens, experts_per_token,
                  rng);
    case RoutingPattern::kZipf:
    case RoutingPattern::kZipfHalf: {
      std::vector<double> weights;
      for (size_t e = 0; e < count; ++e) {
        const double rank = static_cast<double>(e + 1);
        weights.push_back(
            1 / (pattern == RoutingPattern::kZipf ? rank : std::sqrt(rank)));
      }
      Shuffle(weights, rng);
      return Draw(weights, tokens, experts_per_token, rng);
    }
    case RoutingPattern::kDirichlet: {
      // The lengths into which uniform marks cut [0, 1].
      std::vector<double> marks = {0, 1};
      while (marks.size() <= count) marks.push_back(rng.Uniform());
      std::sort(marks.begin(), marks.end());
      std::vector<double> weights;
      for (size_t e = 0; e < count; ++e) {
        // Each can be drawn, even between two marks that are the same.
        weights.push_back(std::max(marks[e + 1] - marks[e], 1e-18));
      }
      return Draw(weights, tokens, experts_per_token, rng);
    }
    case RoutingPattern::kOneHot:
      rows[0] = tokens;
      open.erase(open.begin());
      if (!open.empty()) Spread(tokens * (experts_per_token - 1), open, rows);
      return rows;
    case RoutingPattern::kHoles:
      if (experts >= experts_per_token + 3) {
        open.pop_back();
        open.erase(open.begin() + static_cast<ptrdiff_t>(count / 2));
        open.erase(open.begin());
      }
      break;
    case RoutingPattern::kBalanced:
      break;
  }
  Spread(tokens * experts_per_token, open, rows);
  return rows;
}

std::vector<int32_t> AssignExperts(const std::vector<int64_t>& rows_per_expert,
                                   int64_t tokens, int64_t experts_per_token,
                                   uint64_t seed) {
  std::vector<size_t> order(static_cast<size_t>(tokens));
  std::iota(order.begin(), order.end(), size_t{0});
  Rng rng(seed);
  Shuffle(order, rng);
  // Rows of one expert go round the tokens; it has at most as many as there are
  // tokens, so that no token gets it twice.
  const size_t choices = static_cast<size_t>(experts_per_token);
  std::vector<int32_t> experts(order.size() * choices, 0);
  size_t slot = 0;
  for (size_t e = 0; e < rows_per_expert.size(); ++e) {
    for (int64_t row = 0; row < rows_per_expert[e]; ++row, ++slot) {
      const size_t token = order[slot % order.size()];
      experts[token * choices + slot / order.size()] = static_cast<int32_t>(e);
    }
  }
  return experts;
}

}  // namespace moeplan::worker
