#ifndef MOEPLAN_CLIENT_CLI_HARDWARE_FLAGS_H_
#define MOEPLAN_CLIENT_CLI_HARDWARE_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/status/status.h"
#include "client/cli/training_flags.h"
#include "moeplan/v1/optimal_config.pb.h"

namespace moeplan::cli {

// A budget of device time: the same wall time on each of several machines.
struct HardwareFlags {
  std::vector<std::string> calibrations;  // by id or name
  double wall_hours = 0;                  // 0: not given
  int64_t devices = 1;
  std::optional<double> price_per_hour;
  std::optional<double> goodput;
  TrainingFlags training;
};

// Adds the options to `command`; they write into `flags`, which must live as
// long as the command.
void AddHardwareFlags(CLI::App& command, HardwareFlags& flags);

// Puts the budget into `request` where one was given.
// Errors: INVALID_ARGUMENT with the text for people, for options that do not go
// together.
absl::Status FinishHardwareFlags(const HardwareFlags& flags,
                                 v1::OptimalConfigRequest& request);

}  // namespace moeplan::cli

#endif  // MOEPLAN_CLIENT_CLI_HARDWARE_FLAGS_H_
