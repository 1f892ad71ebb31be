#include "worker/device/moe_reference.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace moeplan::worker {
namespace {

// Runs one token after the other.
class Reference {
 public:
  Reference(const MoeBlock& op, const MoeOperands& operands)
      : op_(op),
        operands_(operands),
        d_(static_cast<size_t>(op.d_model)),
        width_(static_cast<size_t>(op.expert_width)),
        fan_width_((op.gated ? 2 : 1) * width_),
        experts_(op.rows_per_expert.size()),
        place_(experts_) {
    std::iota(place_.begin(), place_.end(), size_t{0});
    for (size_t i = 0; i < operands.held.size(); ++i) {
      place_[static_cast<size_t>(operands.held[i])] = i;
    }
    results_.out.resize(operands.x.size(), 0);
    if (!op.backward) return;
    results_.d_x.resize(operands.x.size(), 0);
    results_.d_router.resize(operands.router.size(), 0);
    results_.d_up.resize(operands.up.size(), 0);
    results_.d_down.resize(operands.down.size(), 0);
  }

  void Run(size_t token) {
    const double* x = &operands_.x[token * d_];
    const std::vector<double> p = Probabilities(x);
    std::vector<double> d_weights(experts_, 0.0);
    const size_t choices = static_cast<size_t>(op_.experts_per_token);
    for (size_t j = 0; j < choices; ++j) {
      const size_t e =
          static_cast<size_t>(operands_.choices[token * choices + j]);
      d_weights[e] = RunExpert(token, e, p[e]);
    }
    if (op_.backward) RunRouterBackward(token, p, d_weights);
  }

  MoeResults Take() { return std::move(results_); }

 private:
  std::vector<double> Probabilities(const double* x) const {
    std::vector<double> p(experts_, 0.0);
    double sum = 0;
    for (size_t e = 0; e < experts_; ++e) {
      double logit = 0;
      for (size_t i = 0; i < d_; ++i) {
        logit += x[i] * operands_.router[i * experts_ + e];
      }
      sum += p[e] = std::exp(logit);
    }
    for (double& each : p) each /= sum;
    return p;
  }

  // Adds what expert e makes of the token; returns the gradient of its weight.
  double RunExpert(size_t token, size_t e, double weight) {
    const double* x = &operands_.x[token * d_];
    const double* up = &operands_.up[place_[e] * d_ * fan_width_];
    const double* down = &operands_.down[place_[e] * width_ * d_];
    std::vector<double> h(fan_width_, 0.0);
    for (size_t i = 0; i < d_; ++i) {
      for (size_t w = 0; w < fan_width_; ++w) {
        h[w] += x[i] * up[i * fan_width_ + w];
      }
    }
    std::vector<double> a(width_);
    for (size_t w = 0; w < width_; ++w) {
      a[w] = h[w] / (1 + std::exp(-h[w])) * (op_.gated ? h[width_ + w] : 1);
    }
    // In the order in which the matrix lies: it is large.
    std::vector<double> y(d_, 0.0);
    for (size_t w = 0; w < width_; ++w) {
      for (size_t i = 0; i < d_; ++i) y[i] += a[w] * down[w * d_ + i];
    }
    double d_weight = 0;
    for (size_t i = 0; i < d_; ++i) {
      results_.out[token * d_ + i] += weight * y[i];
      if (op_.backward) d_weight += y[i] * operands_.d_out[token * d_ + i];
    }
    if (op_.backward) RunExpertBackward(token, e, weight, h, a);
    return d_weight;
  }

  void RunExpertBackward(size_t token, size_t e, double weight,
                         const std::vector<double>& h,
                         const std::vector<double>& a) {
    const double* x = &operands_.x[token * d_];
    const double* d_out = &operands_.d_out[token * d_];
    const double* up = &operands_.up[place_[e] * d_ * fan_width_];
    const double* down = &operands_.down[place_[e] * width_ * d_];
    double* d_up = &results_.d_up[place_[e] * d_ * fan_width_];
    double* d_down = &results_.d_down[place_[e] * width_ * d_];
    std::vector<double> d_h(fan_width_, 0.0);
    for (size_t w = 0; w < width_; ++w) {
      double d_a = 0;
      for (size_t i = 0; i < d_; ++i) {
        d_a += weight * d_out[i] * down[w * d_ + i];
        d_down[w * d_ + i] += weight * d_out[i] * a[w];
      }
      const double s = 1 / (1 + std::exp(-h[w]));
      const double slope = s * (1 + h[w] * (1 - s));
      d_h[w] = d_a * slope * (op_.gated ? h[width_ + w] : 1);
      if (op_.gated) d_h[width_ + w] = d_a * h[w] * s;
    }
    for (size_t i = 0; i < d_; ++i) {
      double d_x = 0;
      for (size_t w = 0; w < fan_width_; ++w) {
        d_x += d_h[w] * up[i * fan_width_ + w];
        d_up[i * fan_width_ + w] += x[i] * d_h[w];
      }
      results_.d_x[token * d_ + i] += d_x;
    }
  }

  void RunRouterBackward(size_t token, const std::vector<double>& p,
                         const std::vector<double>& d_weights) {
    double mean = 0;
    for (size_t e = 0; e < experts_; ++e) mean += p[e] * d_weights[e];
    for (size_t e = 0; e < experts_; ++e) {
      const double d_logit = p[e] * (d_weights[e] - mean);
      for (size_t i = 0; i < d_; ++i) {
        results_.d_x[token * d_ + i] +=
            d_logit * operands_.router[i * experts_ + e];
        results_.d_router[i * experts_ + e] +=
            d_logit * operands_.x[token * d_ + i];
      }
    }
  }

  const MoeBlock& op_;
  const MoeOperands& operands_;
  const size_t d_, width_, fan_width_, experts_;
  std::vector<size_t> place_;  // of each expert among those held
  MoeResults results_;
};

}  // namespace

MoeResults ReferenceMoeBlock(const MoeBlock& op, const MoeOperands& operands,
                             const std::vector<int64_t>& tokens) {
  Reference reference(op, operands);
  for (const int64_t token : tokens) {
    reference.Run(static_cast<size_t>(token));
  }
  return reference.Take();
}

}  // namespace moeplan::worker
