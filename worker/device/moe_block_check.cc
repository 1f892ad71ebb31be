#include "worker/device/moe_block_check.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/base/status_macros.h"
#include "worker/bench/routing.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

// A block with fewer rows times weights of an expert is compared as a whole.
constexpr double kMostComparedWhole = 3e6;
// Of a larger one, so many tokens, and fewer where their experts are large.
constexpr int64_t kSampledTokens = 6;
constexpr double kMostTokenWork = 1e8;
// Of each gradient of weights, so many runs of so many neighbouring elements.
constexpr int64_t kSampledRuns = 4;
constexpr int64_t kLongestRun = 256;

// A gradient of weights, in_width x out_width, that is the sum over rows of the
// products of a column of in_width elements and a row of out_width.
struct WeightGradient {
  const char* name = "";
  MoeArray array = MoeArray::kDRouter;
  int64_t begin = 0;  // of its elements within the array
  int64_t in_width = 0;
  int64_t out_width = 0;
  // Element i of the columns of all rows.
  std::function<absl::StatusOr<std::vector<double>>(int64_t i)> column;
  MoeArray rows_array = MoeArray::kDLogits;
  int64_t first_row = 0;
  int64_t rows = 0;
};

void CompareAll(const char* name, const std::vector<double>& got,
                const std::vector<double>& want, Comparison& comparison) {
  comparison.Begin(name);
  for (size_t i = 0; i < want.size(); ++i) comparison.Add(got[i], want[i]);
}

class Check {
 public:
  Check(const RoutedBlock& block, double most_allowed,
        const ArrayReader<MoeArray>& read)
      : block_(block), op_(block.op), read_(read), comparison_(most_allowed) {}

  absl::StatusOr<NumericsCheck> Run() {
    const double work = static_cast<double>(block_.rows()) *
                        static_cast<double>(op_.d_model * op_.expert_width);
    if (work <= kMostComparedWhole) {
      MOEPLAN_RETURN_IF_ERROR(CompareWhole());
      return comparison_.Finish();
    }
    MOEPLAN_RETURN_IF_ERROR(CompareTokens());
    if (op_.backward) {
      MOEPLAN_RETURN_IF_ERROR(CompareWeightGradients());
    }
    return comparison_.Finish();
  }

 private:
  absl::Status CompareWhole() {
    MOEPLAN_ASSIGN_OR_RETURN(const MoeOperands operands,
                             ReadMoeOperands(block_, read_));
    MOEPLAN_ASSIGN_OR_RETURN(const MoeResults got,
                             ReadMoeResults(block_, read_));
    const MoeResults want = ReferenceMoeBlock(
        op_, operands, SampledIndices(op_.tokens, op_.tokens));
    if (op_.backward) {
      CompareAll("input_gradient", got.d_x, want.d_x, comparison_);
      CompareAll("router_gradient", got.d_router, want.d_router, comparison_);
      CompareAll("up_gradient", got.d_up, want.d_up, comparison_);
      CompareAll("down_gradient", got.d_down, want.d_down, comparison_);
    } else {
      CompareAll("output", got.out, want.out, comparison_);
    }
    return absl::OkStatus();
  }

  absl::Status CompareTokens() {
    const double each =
        static_cast<double>(op_.d_model * op_.experts_per_token) *
        static_cast<double>(op_.expert_width + block_.fan_width());
    const int64_t most = std::clamp<int64_t>(
        static_cast<int64_t>(kMostTokenWork / each), 1, kSampledTokens);
    const auto tokens = most == 1 ? std::vector<int64_t>{op_.tokens - 1}
                                  : SampledIndices(op_.tokens, most);
    MoeOperands operands;
    MOEPLAN_ASSIGN_OR_RETURN(
        operands.router,
        read_(MoeArray::kRouter,
              {.begin = 0, .width = op_.d_model * block_.experts()}));
    comparison_.Begin(op_.backward ? "input_gradient" : "output");
    for (const int64_t token : tokens) {
      MOEPLAN_RETURN_IF_ERROR(CompareToken(token, operands));
    }
    return absl::OkStatus();
  }

  // A block of this token alone, that holds the experts it goes to.
  absl::Status CompareToken(int64_t token, MoeOperands& operands) {
    const int64_t d = op_.d_model;
    const int64_t k = op_.experts_per_token;
    const ArrayRows row = {.begin = token * d, .width = d};
    MOEPLAN_ASSIGN_OR_RETURN(operands.x, read_(MoeArray::kX, row));
    if (op_.backward) {
      MOEPLAN_ASSIGN_OR_RETURN(operands.d_out, read_(MoeArray::kDOut, row));
    }
    operands.choices.assign(block_.choices.begin() + token * k,
                            block_.choices.begin() + (token + 1) * k);
    operands.held = operands.choices;
    operands.up.clear();
    operands.down.clear();
    for (const int32_t e : operands.held) {
      MOEPLAN_RETURN_IF_ERROR(
          Append(MoeArray::kUp, e, d * block_.fan_width(), operands.up));
      MOEPLAN_RETURN_IF_ERROR(
          Append(MoeArray::kDown, e, d * op_.expert_width, operands.down));
    }
    MoeBlock alone = op_;
    alone.tokens = 1;
    const MoeResults want = ReferenceMoeBlock(alone, operands, {0});
    MOEPLAN_ASSIGN_OR_RETURN(
        const auto got,
        read_(op_.backward ? MoeArray::kDX : MoeArray::kOut, row));
    const std::vector<double>& expected = op_.backward ? want.d_x : want.out;
    for (size_t i = 0; i < got.size(); ++i)
      comparison_.Add(got[i], expected[i]);
    return absl::OkStatus();
  }

  absl::Status Append(MoeArray array, int64_t expert, int64_t size,
                      std::vector<double>& values) const {
    MOEPLAN_ASSIGN_OR_RETURN(
        const auto more, read_(array, {.begin = expert * size, .width = size}));
    values.insert(values.end(), more.begin(), more.end());
    return absl::OkStatus();
  }

  absl::Status CompareWeightGradients() {
    MOEPLAN_RETURN_IF_ERROR(
        CompareRuns({.name = "router_gradient",
                     .array = MoeArray::kDRouter,
                     .in_width = op_.d_model,
                     .out_width = block_.experts(),
                     .column = [this](int64_t i) { return TokensColumn(i); },
                     .rows_array = MoeArray::kDLogits,
                     .rows = op_.tokens}));
    int64_t expert = 0;
    for (int64_t e = 0; e < block_.experts(); ++e) {
      const int64_t least = RowsOfExpert(expert);
      if (RowsOfExpert(e) > 0 && (least == 0 || RowsOfExpert(e) < least)) {
        expert = e;
      }
    }
    int64_t first_row = 0;
    for (int64_t e = 0; e < expert; ++e) first_row += RowsOfExpert(e);
    const int64_t rows = RowsOfExpert(expert);
    const int64_t d = op_.d_model;
    const int64_t width = op_.expert_width;
    MOEPLAN_RETURN_IF_ERROR(CompareRuns(
        {.name = "up_gradient",
         .array = MoeArray::kDUp,
         .begin = expert * d * block_.fan_width(),
         .in_width = d,
         .out_width = block_.fan_width(),
         .column = [&](int64_t i) { return RoutedColumn(expert, i); },
         .rows_array = MoeArray::kDHidden,
         .first_row = first_row,
         .rows = rows}));
    return CompareRuns({.name = "down_gradient",
                        .array = MoeArray::kDDown,
                        .begin = expert * width * d,
                        .in_width = width,
                        .out_width = d,
                        .column =
                            [&](int64_t i) {
                              return read_(MoeArray::kActive,
                                           {.begin = first_row * width + i,
                                            .width = 1,
                                            .rows = rows,
                                            .pitch = width});
                            },
                        .rows_array = MoeArray::kDRows,
                        .first_row = first_row,
                        .rows = rows});
  }

  absl::Status CompareRuns(const WeightGradient& gradient) {
    comparison_.Begin(gradient.name);
    const int64_t length = std::min(gradient.out_width, kLongestRun);
    const auto in = SampledIndices(gradient.in_width, kSampledRuns);
    const auto out =
        SampledIndices(gradient.out_width - length + 1, kSampledRuns);
    for (size_t s = 0; s < in.size(); ++s) {
      const int64_t j = out[std::min(s, out.size() - 1)];
      MOEPLAN_ASSIGN_OR_RETURN(const auto column, gradient.column(in[s]));
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto rows,
          read_(gradient.rows_array,
                {.begin = gradient.first_row * gradient.out_width + j,
                 .width = length,
                 .rows = gradient.rows,
                 .pitch = gradient.out_width}));
      MOEPLAN_ASSIGN_OR_RETURN(
          const auto got,
          read_(gradient.array,
                {.begin = gradient.begin + in[s] * gradient.out_width + j,
                 .width = length}));
      std::vector<double> sums(got.size(), 0.0);
      for (size_t row = 0; row < column.size(); ++row) {
        for (size_t i = 0; i < sums.size(); ++i) {
          sums[i] += column[row] * rows[row * sums.size() + i];
        }
      }
      for (size_t i = 0; i < sums.size(); ++i) {
        comparison_.Add(got[i], sums[i]);
      }
    }
    return absl::OkStatus();
  }

  int64_t RowsOfExpert(int64_t expert) const {
    return op_.rows_per_expert[static_cast<size_t>(expert)];
  }

  // Element i of all tokens.
  absl::StatusOr<std::vector<double>> TokensColumn(int64_t i) const {
    return read_(
        MoeArray::kX,
        {.begin = i, .width = 1, .rows = op_.tokens, .pitch = op_.d_model});
  }

  // Of those that were sent to the expert, in order.
  absl::StatusOr<std::vector<double>> RoutedColumn(int64_t expert,
                                                   int64_t i) const {
    MOEPLAN_ASSIGN_OR_RETURN(const auto x, TokensColumn(i));
    std::vector<double> column;
    for (size_t choice = 0; choice < block_.choices.size(); ++choice) {
      if (block_.choices[choice] == expert) {
        column.push_back(
            x[choice / static_cast<size_t>(op_.experts_per_token)]);
      }
    }
    return column;
  }

  const RoutedBlock& block_;
  const MoeBlock& op_;
  const ArrayReader<MoeArray>& read_;
  Comparison comparison_;
};

}  // namespace

absl::StatusOr<RoutedBlock> RoutedBlockOf(const MoeBlock& op, uint64_t seed) {
  int64_t rows = 0;
  for (const int64_t each : op.rows_per_expert) {
    rows += each;
    if (each > op.tokens) rows = -1;
    if (rows < 0) break;
  }
  if (rows != op.tokens * op.experts_per_token) {
    return absl::UnimplementedError(
        "rows_per_expert must sum to tokens * experts_per_token, and no expert "
        "may have more rows than there are tokens");
  }
  return RoutedBlock{.op = op,
                     .choices = AssignExperts(op.rows_per_expert, op.tokens,
                                              op.experts_per_token, seed)};
}

absl::StatusOr<MoeOperands> ReadMoeOperands(const RoutedBlock& block,
                                            const ArrayReader<MoeArray>& read) {
  const MoeBlock& op = block.op;
  const auto whole = [&](MoeArray array, int64_t size) {
    return read(array, {.begin = 0, .width = size});
  };
  const int64_t tokens = op.tokens * op.d_model;
  const int64_t up = block.experts() * op.d_model * block.fan_width();
  const int64_t down = block.experts() * op.d_model * op.expert_width;
  MoeOperands operands;
  MOEPLAN_ASSIGN_OR_RETURN(operands.x, whole(MoeArray::kX, tokens));
  MOEPLAN_ASSIGN_OR_RETURN(
      operands.router, whole(MoeArray::kRouter, op.d_model * block.experts()));
  MOEPLAN_ASSIGN_OR_RETURN(operands.up, whole(MoeArray::kUp, up));
  MOEPLAN_ASSIGN_OR_RETURN(operands.down, whole(MoeArray::kDown, down));
  if (op.backward) {
    MOEPLAN_ASSIGN_OR_RETURN(operands.d_out, whole(MoeArray::kDOut, tokens));
  }
  operands.choices = block.choices;
  return operands;
}

absl::StatusOr<MoeResults> ReadMoeResults(const RoutedBlock& block,
                                          const ArrayReader<MoeArray>& read) {
  const MoeBlock& op = block.op;
  const auto whole = [&](MoeArray array, int64_t size) {
    return read(array, {.begin = 0, .width = size});
  };
  const int64_t tokens = op.tokens * op.d_model;
  const int64_t up = block.experts() * op.d_model * block.fan_width();
  const int64_t down = block.experts() * op.d_model * op.expert_width;
  MoeResults results;
  MOEPLAN_ASSIGN_OR_RETURN(results.out, whole(MoeArray::kOut, tokens));
  if (!op.backward) return results;
  MOEPLAN_ASSIGN_OR_RETURN(results.d_x, whole(MoeArray::kDX, tokens));
  MOEPLAN_ASSIGN_OR_RETURN(
      results.d_router,
      whole(MoeArray::kDRouter, op.d_model * block.experts()));
  MOEPLAN_ASSIGN_OR_RETURN(results.d_up, whole(MoeArray::kDUp, up));
  MOEPLAN_ASSIGN_OR_RETURN(results.d_down, whole(MoeArray::kDDown, down));
  return results;
}

absl::StatusOr<NumericsCheck> CheckMoeBlock(const RoutedBlock& block,
                                            double most_allowed,
                                            const ArrayReader<MoeArray>& read) {
  return Check(block, most_allowed, read).Run();
}

}  // namespace moeplan::worker
