#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_CUPTI_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_CUPTI_H_

#include <map>
#include <string>

#include "worker/device/cuda/cupti_calls.h"

namespace moeplan::worker {

// A range profiler with counters that tests set. It refuses calls in another
// order than CUPTI takes them in. One at a time.
class FakeCupti {
 public:
  FakeCupti();
  ~FakeCupti();
  FakeCupti(const FakeCupti&) = delete;
  FakeCupti& operator=(const FakeCupti&) = delete;

  CuptiCalls calls;
  // What the device's counters stand at; runs add to them, and what they added
  // within a range is its value.
  std::map<std::string, double> counters;
  int passes = 1;
  std::string chip = "GH100";
  // Returned by cuptiRangeProfilerEnable.
  CUptiResult enable_result = CUPTI_SUCCESS;
  bool has_context = true;

  bool is_enabled() const { return is_enabled_; }
  int hosts() const { return hosts_; }

 private:
  friend struct FakeCuptiCalls;

  bool is_enabled_ = false;
  bool is_started_ = false;
  bool is_in_range_ = false;
  int hosts_ = 0;
  int done_passes_ = 0;
  std::map<std::string, double> at_push_;
  std::map<std::string, double> values_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_CUPTI_H_
