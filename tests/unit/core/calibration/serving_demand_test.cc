#include "core/calibration/serving_demand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/arch/law_conventions.h"
#include "core/arch/memory.h"
#include "core/arch/param_count.h"
#include "tests/unit/core/calibration/tiled_device.h"

namespace moeplan {
namespace {

using ::testing::HasSubstr;

ModelShape Shape(int64_t expansion_rate) {
  return *JointReferenceShape(/*d_model=*/512, /*blocks=*/8, /*heads=*/8,
                              expansion_rate);
}

const TimeModel& Model() {
  static const TimeModel& model =
      *new TimeModel(Fit(CalibrationBy(TiledSeconds)));
  return model;
}

// Contexts of 1,000 tokens, a quarter of them prompt, on 2 GB.
ServingDemand Demand() {
  ServingDemand demand;
  demand.prefill_tokens = 1e9;
  demand.decode_tokens = 3e9;
  demand.context_tokens = 1000;
  demand.device_bytes = 2e9;
  return demand;
}

ServingTime Serve(const ModelShape& shape, const ServingDemand& demand) {
  auto answer = ServingTimeOf(Model(), shape, demand);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return std::get<ServingTime>(*std::move(answer));
}

double DecodeSeconds(const ModelShape& shape, int64_t batch, int64_t context) {
  return ServingStepTime(Model(), shape, batch, 1, context)->seconds;
}

// Weights and `sequences` full contexts, 2 bytes each, by the shape's counts.
double BytesOf(const ModelShape& shape, int64_t sequences) {
  return 2.0 *
         static_cast<double>(SumParams(CountParams(shape).total, kEveryParam) +
                             KvCacheElementsPerToken(shape) * sequences * 1000);
}

TEST(ServingDemandTest, IsTokensTimesTheirSeconds) {
  const ServingTime time = Serve(Shape(8), Demand());
  EXPECT_EQ(time.prompt_tokens, 250);
  // Steps 1 to 750 of an answer hold 251 to 1,000 tokens.
  const double decode = DecodeSeconds(Shape(8), time.decode_sequences, 625);
  EXPECT_EQ(time.seconds_per_output_token, decode);
  // 32 prompts of 250 tokens are what 8,192 hold.
  const auto prefill = ServingStepTime(Model(), Shape(8), 32, 250, 250);
  ASSERT_TRUE(prefill.ok());
  EXPECT_NEAR(time.total.seconds /
                  (1e9 * prefill->seconds / 8000 +
                   3e9 * decode / static_cast<double>(time.decode_sequences)),
              1, 1e-12);
  double parts = 0;
  for (const TimePart& part : time.total.parts) parts += part.seconds;
  EXPECT_NEAR(parts / time.total.seconds, 1, 1e-12);
}

TEST(ServingDemandTest, TheBatchIsTheLargestThatFits) {
  for (const int64_t expansion_rate : {1, 8, 32}) {
    const ModelShape shape = Shape(expansion_rate);
    const int64_t batch = Serve(shape, Demand()).decode_sequences;
    EXPECT_LE(BytesOf(shape, batch), 2e9);
    EXPECT_GT(BytesOf(shape, batch + 1), 2e9);
  }
  ServingDemand few = Demand();
  few.most_sequences = 3;
  EXPECT_EQ(Serve(Shape(8), few).decode_sequences, 3);
}

// By trying every batch.
TEST(ServingDemandTest, ALatencyTargetBoundsTheBatch) {
  const ModelShape shape = Shape(8);
  const int64_t by_memory = Serve(shape, Demand()).decode_sequences;
  for (const double share : {0.2, 0.5, 0.8}) {
    const double least = DecodeSeconds(shape, 1, 625);
    const double most = DecodeSeconds(shape, by_memory, 625);
    ServingDemand demand = Demand();
    demand.most_seconds_per_output_token = least + share * (most - least);
    int64_t brute = 0;
    for (int64_t batch = 1; batch <= by_memory; ++batch) {
      if (DecodeSeconds(shape, batch, 625) <=
          demand.most_seconds_per_output_token) {
        brute = batch;
      }
    }
    EXPECT_EQ(Serve(shape, demand).decode_sequences, brute) << share;
    EXPECT_LT(brute, by_memory);
  }
}

TEST(ServingDemandTest, WhatADeviceCannotServeIsMeasured) {
  ServingDemand demand = Demand();
  demand.device_bytes = 1e6;
  auto answer = ServingTimeOf(Model(), Shape(8), demand);
  ASSERT_TRUE(answer.ok()) << answer.status();
  demand.device_bytes = std::get<ServingShortfall>(*answer).least_device_bytes;
  EXPECT_EQ(demand.device_bytes, BytesOf(Shape(8), 1));
  EXPECT_EQ(Serve(Shape(8), demand).decode_sequences, 1);
  demand.most_seconds_per_output_token = 1e-9;
  answer = ServingTimeOf(Model(), Shape(8), demand);
  ASSERT_TRUE(answer.ok()) << answer.status();
  demand.most_seconds_per_output_token =
      std::get<ServingShortfall>(*answer).least_seconds_per_output_token;
  EXPECT_EQ(Serve(Shape(8), demand).decode_sequences, 1);
}

TEST(ServingDemandTest, OneKindOfTokensAlone) {
  ServingDemand demand = Demand();
  demand.prefill_tokens = 0;
  const ServingTime decode = Serve(Shape(8), demand);
  EXPECT_EQ(decode.prompt_tokens, 0);
  // Steps 1 to 1,000.
  EXPECT_EQ(decode.seconds_per_output_token,
            DecodeSeconds(Shape(8), decode.decode_sequences, 500));
  demand = Demand();
  demand.decode_tokens = 0;
  const ServingTime prefill = Serve(Shape(8), demand);
  EXPECT_EQ(prefill.prompt_tokens, 1000);
  EXPECT_NEAR(prefill.total.seconds / (1e9 * prefill.seconds_per_prefill_token),
              1, 1e-12);
  demand.prefill_tokens = 0;
  EXPECT_EQ(Serve(Shape(8), demand).total.seconds, 0);
}

// The point of it: decoding reads all experts that a batch reaches, so that of
// two models of the same active parameters the one with more experts costs more
// to serve, though the paper's price is the same.
TEST(ServingDemandTest, DecodingPaysForTotalParameters) {
  ServingDemand demand = Demand();
  demand.prefill_tokens = 0;
  demand.device_bytes = 1e10;
  demand.most_sequences = 32;
  EXPECT_GT(Serve(Shape(32), demand).total.seconds,
            1.5 * Serve(Shape(2), demand).total.seconds);
}

TEST(ServingDemandTest, BadDemandsAreNamed) {
  ServingDemand demand = Demand();
  demand.decode_tokens = -1;
  demand.context_tokens = 0;
  demand.device_bytes = 0;
  EXPECT_THAT(
      std::string(ServingTimeOf(Model(), Shape(8), demand).status().message()),
      ::testing::AllOf(HasSubstr("decode_tokens"), HasSubstr("context_tokens"),
                       HasSubstr("device_bytes")));
}

}  // namespace
}  // namespace moeplan
