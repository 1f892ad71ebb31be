#ifndef MOEPLAN_TESTS_TESTING_CUDA_THREAD_LANES_H_
#define MOEPLAN_TESTS_TESTING_CUDA_THREAD_LANES_H_

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

namespace moeplan::worker {

// Lanes (worker/kernels/lanes.h) that are threads: what a warp is on the
// device.
class ThreadLanes {
 public:
  // Runs body(lanes) on each of `width` lanes, and waits for them.
  template <typename Body>
  static void Run(int width, const Body& body) {
    Shared shared(width);
    std::vector<std::thread> threads;
    for (int lane = 0; lane < width; ++lane) {
      threads.emplace_back([&, lane] { body(ThreadLanes(lane, shared)); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  int lane() const { return lane_; }
  int width() const { return static_cast<int>(shared_.floats.size()); }
  float Sum(float value) const {
    return Exchange(value, shared_.floats, [](const auto& all) {
      return std::accumulate(all.begin(), all.end(), 0.0f);
    });
  }
  float Max(float value) const {
    return Exchange(value, shared_.floats, [](const auto& all) {
      return *std::max_element(all.begin(), all.end());
    });
  }
  int32_t Max(int32_t value) const {
    return Exchange(value, shared_.integers, [](const auto& all) {
      return *std::max_element(all.begin(), all.end());
    });
  }
  int32_t Min(int32_t value) const {
    return Exchange(value, shared_.integers, [](const auto& all) {
      return *std::min_element(all.begin(), all.end());
    });
  }
  void Sync() const { shared_.barrier.arrive_and_wait(); }

 private:
  struct Shared {
    explicit Shared(int width)
        : barrier(width),
          floats(static_cast<size_t>(width)),
          integers(static_cast<size_t>(width)) {}
    std::barrier<> barrier;
    std::vector<float> floats;
    std::vector<int32_t> integers;
  };

  ThreadLanes(int lane, Shared& shared) : lane_(lane), shared_(shared) {}

  template <typename T, typename Reduce>
  T Exchange(T value, std::vector<T>& all, const Reduce& reduce) const {
    all[static_cast<size_t>(lane_)] = value;
    Sync();
    const T result = reduce(all);
    Sync();  // before anyone writes again
    return result;
  }

  const int lane_;
  Shared& shared_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_THREAD_LANES_H_
