#ifndef MOEPLAN_TESTS_UNIT_WORKER_BENCH_FAKE_CASES_H_
#define MOEPLAN_TESTS_UNIT_WORKER_BENCH_FAKE_CASES_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "worker/bench/case.h"
#include "worker/device/fake_device.h"

namespace moeplan::worker {

inline Case GemmCase(int64_t size, bool is_ceiling = false) {
  return {.operation = Gemm{.m = size, .n = size, .k = size},
          .dtype = "f32",
          .is_ceiling = is_ceiling};
}

inline std::unique_ptr<FakeDevice> Fake(FakeFault fault,
                                        std::string case_text = "") {
  auto device =
      FakeDevice::Open({.fault = fault, .case_text = std::move(case_text)});
  EXPECT_TRUE(device.ok()) << device.status();
  return *std::move(device);
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_UNIT_WORKER_BENCH_FAKE_CASES_H_
