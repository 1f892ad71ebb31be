#ifndef MOEPLAN_TESTS_TESTING_STEPS_H_
#define MOEPLAN_TESTS_TESTING_STEPS_H_

#include <vector>

namespace moeplan::testing {

// first, first * factor, ...: those below `end`, or above it where the factor
// makes them smaller.
inline std::vector<double> FactorSteps(double first, double end,
                                       double factor) {
  std::vector<double> steps;
  double value = first;
  while (factor > 1 ? value < end : value > end) {
    steps.push_back(value);
    value *= factor;
  }
  return steps;
}

// first, first + step, ...: those below `end`.
inline std::vector<double> EqualSteps(double first, double end, double step) {
  std::vector<double> steps;
  double value = first;
  while (value < end) {
    steps.push_back(value);
    value += step;
  }
  return steps;
}

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTS_TESTING_STEPS_H_
