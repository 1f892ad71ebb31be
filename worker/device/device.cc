#include "worker/device/device.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace moeplan::worker {

void Device::Idle(double seconds) { absl::SleepFor(absl::Seconds(seconds)); }

}  // namespace moeplan::worker
