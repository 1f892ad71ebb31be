#include "worker/device/buffer.h"

namespace moeplan::worker {
namespace {

constexpr size_t kTableSize = 1 << 14;

}  // namespace

RandomValues::RandomValues(uint64_t seed) : rng_(seed) {
  for (size_t i = 0; i < kTableSize; ++i) {
    table_.push_back(static_cast<float>(rng_.Normal()));
  }
}

}  // namespace moeplan::worker
