#ifndef MOEPLAN_WORKER_DEVICE_ADAM_STEP_H_
#define MOEPLAN_WORKER_DEVICE_ADAM_STEP_H_

namespace moeplan::worker {

// What one step of AdamW computes with.
struct AdamStep {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.95f;
  float epsilon = 1e-8f;
  float weight_decay = 0.1f;
  float correction1 = 1;  // 1 / (1 - beta1^step)
  float correction2 = 1;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_ADAM_STEP_H_
