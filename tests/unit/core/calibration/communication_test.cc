#include "core/calibration/communication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/arch/law_conventions.h"
#include "core/arch/param_count.h"
#include "core/base/rng.h"

namespace moeplan {
namespace {

using ::testing::HasSubstr;

// Nodes of 8; 400 GB/s within one, 50 GB/s between them.
Interconnect Network() {
  Interconnect network;
  network.devices_per_node = {8, AssumptionSource::kUser};
  network.intra_node_bytes_per_second = {4e11, AssumptionSource::kSpec};
  network.inter_node_bytes_per_second = {5e10, AssumptionSource::kSpec};
  return network;
}

TEST(CommunicationTest, OneDeviceExchangesNothing) {
  EXPECT_EQ(ExpertExchangeSeconds(Network(), 4096, 1024, 8, 1), 0);
  EXPECT_EQ(RingSeconds(Network(), 1e9, 1, 1), 0);
  EXPECT_EQ(PipelineBubble(1, 1, 4), 0);
  const ModelShape shape = *JointReferenceShape(512, 8, 8, 8);
  EXPECT_EQ(CommunicationOf(Network(), {}, shape, 4096, 3).Total(), 0);
}

TEST(CommunicationTest, CopiesAreTheExpertsOrTheDevicesReached) {
  EXPECT_EQ(CopiesPerToken(8, 16, false), 8);
  // 16 (1 - (15/16)^8).
  EXPECT_NEAR(CopiesPerToken(8, 16, true),
              16 * (1 - 2562890625.0 / 4294967296.0), 1e-12);
  // One expert reaches one device; one device is reached once.
  EXPECT_NEAR(CopiesPerToken(1, 64, true), 1, 1e-12);
  EXPECT_NEAR(CopiesPerToken(8, 1, true), 1, 1e-12);
  // Of very many devices each expert is on its own.
  EXPECT_NEAR(CopiesPerToken(8, 1000000, true), 8, 1e-4);
}

// The closed form beside draws of k independent experts.
TEST(CommunicationTest, CopiesAgreeWithDraws) {
  Rng rng(11);
  constexpr int kDraws = 20000;
  double reached = 0;
  for (int i = 0; i < kDraws; ++i) {
    std::set<int> devices;
    for (int k = 0; k < 6; ++k) {
      devices.insert(static_cast<int>(rng.Uniform() * 8));
    }
    reached += static_cast<double>(devices.size());
  }
  EXPECT_NEAR(CopiesPerToken(6, 8, true), reached / kDraws, 0.03);
}

TEST(CommunicationTest, AnExchangeIsItsBytesOverTheRate) {
  // 4096 tokens, 2 experts, d 1024: 3/4 leave, 4 times, at 2 bytes.
  const double bytes = 4.0 * 4096 * 2 * 1024 * 0.75 * 2;
  EXPECT_NEAR(ExpertExchangeSeconds(Network(), 4096, 1024, 2, 4), bytes / 4e11,
              1e-15);
  Interconnect network = Network();
  network.dispatch_bytes_per_element = {1};
  EXPECT_NEAR(ExpertExchangeSeconds(network, 4096, 1024, 2, 4),
              0.75 * bytes / 4e11, 1e-15);
  network.expert_imbalance = {1.5};
  EXPECT_NEAR(ExpertExchangeSeconds(network, 4096, 1024, 2, 4),
              1.5 * 0.75 * bytes / 4e11, 1e-15);
  network.latency_seconds = {1e-5};
  EXPECT_NEAR(ExpertExchangeSeconds(network, 4096, 1024, 2, 4),
              1.5 * 0.75 * bytes / 4e11 + 4 * 3 * 1e-5, 1e-15);
}

// Device by device, over all pairs.
double ExchangeByPairs(const Interconnect& network, double bytes_each_time,
                       int64_t devices) {
  double within = 0;
  double between = 0;
  for (int64_t peer = 1; peer < devices; ++peer) {
    const double share = bytes_each_time / static_cast<double>(devices);
    const bool same_node =
        static_cast<double>(peer) < network.devices_per_node.value;
    (same_node ? within : between) += share;
  }
  return 4 * std::max(within / network.intra_node_bytes_per_second.value,
                      between / network.inter_node_bytes_per_second.value);
}

TEST(CommunicationTest, AcrossNodesTheSlowerPathDecides) {
  const double bytes = 4096.0 * 2 * 1024 * 2;
  for (const int64_t devices : {2, 8, 16, 64}) {
    EXPECT_NEAR(ExpertExchangeSeconds(Network(), 4096, 1024, 2, devices) /
                    ExchangeByPairs(Network(), bytes, devices),
                1, 1e-12)
        << devices;
  }
}

TEST(CommunicationTest, ARingSendsAllButOneShare) {
  EXPECT_NEAR(RingSeconds(Network(), 8e9, 8, 1), 7e9 / 4e11, 1e-12);
  // Of 16 devices, or of 8 that are 2 apart, one neighbour is in another node.
  EXPECT_NEAR(RingSeconds(Network(), 16e9, 16, 1), 15e9 / 5e10, 1e-12);
  EXPECT_NEAR(RingSeconds(Network(), 8e9, 8, 2), 7e9 / 5e10, 1e-12);
  Interconnect late = Network();
  late.latency_seconds = {1e-3};
  EXPECT_NEAR(RingSeconds(late, 8e9, 8, 1), 7e9 / 4e11 + 7e-3, 1e-12);
}

// (p - 1) micro-batches of idle time, by filling and draining a pipeline.
TEST(CommunicationTest, TheBubbleIsWhatAScheduleLeavesIdle) {
  for (const int64_t stages : {1, 2, 4, 7}) {
    for (const int64_t micro_batches : {1, 3, 16}) {
      // The last micro-batch leaves the last stage after m + p - 1 slots.
      std::vector<int64_t> free(static_cast<size_t>(stages), 0);
      int64_t end = 0;
      for (int64_t m = 0; m < micro_batches; ++m) {
        int64_t at = 0;
        for (int64_t& stage : free) {
          at = std::max(at, stage) + 1;
          stage = at;
        }
        end = at;
      }
      EXPECT_NEAR(PipelineBubble(stages, 1, micro_batches),
                  static_cast<double>(end - micro_batches) /
                      static_cast<double>(micro_batches),
                  1e-12);
    }
  }
  EXPECT_EQ(PipelineBubble(4, 3, 2), 0.5);
}

TEST(CommunicationTest, WeightsAreSplitAsTheLayoutSays) {
  const ModelShape shape = *JointReferenceShape(512, 8, 8, 8);
  const ParamCounts counts = CountParams(shape).total;
  const double all = static_cast<double>(SumParams(counts, kEveryParam));
  const double experts = static_cast<double>(counts.routed_experts);
  const DeviceParams whole = ParamsOfDevice({}, shape);
  EXPECT_EQ(whole.dense + whole.experts, all);
  const DeviceParams split = ParamsOfDevice(
      {.data_parallel = 4, .expert_parallel = 4, .pipeline_parallel = 2},
      shape);
  EXPECT_EQ(split.experts, experts / 8);
  EXPECT_EQ(split.dense, (all - experts) / 2);
  // Three stages of eight layers: the fullest has three.
  EXPECT_EQ(LargestStageShare(shape, 3), 3.0 / 8);
}

TEST(CommunicationTest, AStepAddsUpAndOverlapHidesIts) {
  const ModelShape shape = *JointReferenceShape(512, 8, 8, 8);
  const DeviceLayout layout = {
      .data_parallel = 8, .expert_parallel = 4, .pipeline_parallel = 2};
  const DeviceParams params = ParamsOfDevice(layout, shape);
  Interconnect network = Network();
  const CommunicationTime time =
      CommunicationOf(network, layout, shape, 4096, 5);
  // Every layer of the joint family has experts, four a stage.
  EXPECT_NEAR(time.expert_exchange_seconds,
              5 * 4 * ExpertExchangeSeconds(network, 4096, 512, 1, 4), 1e-12);
  EXPECT_NEAR(
      time.gradient_seconds,
      2 * (2 * params.dense * 7 / 8 / 4e11 + 2 * params.experts / 2 / 4e11),
      1e-12);
  // 16 devices are two nodes.
  EXPECT_NEAR(time.stage_seconds, 2 * 5 * 4096.0 * 512 * 2 / 5e10, 1e-12);
  network.overlap_share = {0.75};
  EXPECT_NEAR(CommunicationOf(network, layout, shape, 4096, 5).Total(),
              time.Total() / 4, 1e-12);
  network.overlap_share = {1};
  EXPECT_EQ(CommunicationOf(network, layout, shape, 4096, 5).Total(), 0);
}

TEST(CommunicationTest, EachNumberSaysWhoseItIs) {
  std::vector<std::string> texts;
  for (const Assumption& each : AssumptionsOf(Network())) {
    texts.push_back(DescribeAssumption(each));
  }
  EXPECT_THAT(
      texts,
      ::testing::IsSupersetOf(
          {"interconnect.devices_per_node = 8 devices (user)",
           "interconnect.inter_node_bytes_per_second = 5e+10 bytes/s (spec)",
           "interconnect.overlap_share = 0 (default)"}));
  EXPECT_EQ(texts.size(), 7u);
}

TEST(CommunicationTest, BadNumbersAreNamed) {
  Interconnect network;
  network.overlap_share = {1.5};
  network.expert_imbalance = {0.5};
  Violations violations;
  CheckInterconnect("interconnect", network, violations);
  EXPECT_THAT(
      std::string(violations.ToStatus().message()),
      ::testing::AllOf(HasSubstr("interconnect.intra_node_bytes_per_second"),
                       HasSubstr("interconnect.inter_node_bytes_per_second"),
                       HasSubstr("interconnect.overlap_share"),
                       HasSubstr("interconnect.expert_imbalance")));
}

}  // namespace
}  // namespace moeplan
