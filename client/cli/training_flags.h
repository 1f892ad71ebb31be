#ifndef MOEPLAN_CLIENT_CLI_TRAINING_FLAGS_H_
#define MOEPLAN_CLIENT_CLI_TRAINING_FLAGS_H_

#include <cstdint>

#include "CLI/App.hpp"
#include "moeplan/v1/workload.pb.h"

namespace moeplan::cli {

// How a model lies over devices and what the network between them is said to
// be.
struct TrainingFlags {
  v1::TrainingSetup setup;
  bool has_layout = false;
};

// Adds the options to `command`; they write into `flags`, which must live as
// long as the command.
void AddTrainingFlags(CLI::App& command, TrainingFlags& flags);

// The setup of a run on `devices` devices, AdamW with selective recomputation.
v1::TrainingSetup FinishTrainingFlags(const TrainingFlags& flags,
                                      int64_t devices);

}  // namespace moeplan::cli

#endif  // MOEPLAN_CLIENT_CLI_TRAINING_FLAGS_H_
