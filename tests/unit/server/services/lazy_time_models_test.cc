// Models of time are fitted once, by few callers at a time, and a caller that
// leaves is not waited for.
#include "server/services/lazy_time_models.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "server/rpc/status.h"
#include "tests/testing/made_up_calibration.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::MadeUpCalibration;

TEST(LazyTimeModelsTest, FitsOnceForAllThreads) {
  FitSlots slots(4);
  std::atomic<int> reads = 0;
  const LazyTimeModels lazy(slots, [&] {
    ++reads;
    return MadeUpCalibration();
  });
  std::vector<const TimeModels*> found(4, nullptr);
  std::vector<std::thread> threads;
  for (const TimeModels*& models : found) {
    threads.emplace_back([&lazy, &models] {
      const auto got = lazy.Get(nullptr);
      if (got.ok()) models = *got;
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_NE(found[0], nullptr);
  EXPECT_TRUE(found[0]->at("bf16").ok());
  for (const TimeModels* models : found) EXPECT_EQ(models, found[0]);
  EXPECT_EQ(reads, 1);
}

TEST(LazyTimeModelsTest, AnInterruptedFitIsCancelledAndBegunAnewByTheNext) {
  FitSlots slots(1);
  Interrupter interrupter;
  const LazyTimeModels lazy(slots, [&] {
    interrupter.Interrupt();  // as if the client left once the fit had begun
    return MadeUpCalibration();
  });
  EXPECT_TRUE(absl::IsCancelled(lazy.Get(&interrupter).status()));
  const auto models = lazy.Get(nullptr);
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_TRUE((*models)->at("bf16").ok());
}

TEST(LazyTimeModelsTest, ReadingThatFailsIsTriedAgain) {
  FitSlots slots(1);
  int reads = 0;
  const LazyTimeModels lazy(slots, [&]() -> absl::StatusOr<Calibration> {
    if (++reads == 1) return absl::UnavailableError("busy");
    return MadeUpCalibration();
  });
  EXPECT_TRUE(absl::IsUnavailable(lazy.Get(nullptr).status()));
  EXPECT_TRUE(lazy.Get(nullptr).ok());
}

// A fit that is held in its reading until the test lets it go on.
class HeldFit {
 public:
  explicit HeldFit(FitSlots& slots)
      : lazy_(slots,
              [this] {
                began_.set_value();
                go_on_.get_future().wait();
                return MadeUpCalibration();
              }),
        thread_([this] { EXPECT_TRUE(lazy_.Get(nullptr).ok()); }) {
    began_.get_future().wait();
  }
  ~HeldFit() {
    go_on_.set_value();
    thread_.join();
  }

  const LazyTimeModels& lazy() const { return lazy_; }

 private:
  std::promise<void> began_;
  std::promise<void> go_on_;
  LazyTimeModels lazy_;
  std::thread thread_;
};

TEST(LazyTimeModelsTest, BeyondTheSlotsCallersAreToldWhenToComeBack) {
  FitSlots slots(1);
  const LazyTimeModels other(slots, [] { return MadeUpCalibration(); });
  {
    const HeldFit held(slots);
    for (const LazyTimeModels* lazy : {&held.lazy(), &other}) {
      const absl::Status status = lazy->Get(nullptr).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
      absl::Duration delay;
      EXPECT_TRUE(GetRetryDelay(status, &delay));
      EXPECT_EQ(ErrorReason(status), "OVERLOADED");
    }
  }
  EXPECT_TRUE(other.Get(nullptr).ok()) << "the slot was not given back";
}

TEST(LazyTimeModelsTest, WhoWaitsForAFitCanLeave) {
  FitSlots slots(2);
  const HeldFit held(slots);
  Interrupter interrupter;
  auto waiting = std::async(std::launch::async, [&] {
    return held.lazy().Get(&interrupter).status();
  });
  interrupter.Interrupt();
  EXPECT_TRUE(absl::IsCancelled(waiting.get()));
}

}  // namespace
}  // namespace moeplan::server
