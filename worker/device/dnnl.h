#ifndef MOEPLAN_WORKER_DEVICE_DNNL_H_
#define MOEPLAN_WORKER_DEVICE_DNNL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// C (m x n) = A (m x k) B (k x n), all row-major and dense. A transposed
// operand is stored as its transpose.
struct ProductSpec {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transposed_a = false;
  bool transposed_b = false;
  NumberFormat in = NumberFormat::kF32;   // of A and B
  NumberFormat out = NumberFormat::kF32;  // of C

  // NOLINTNEXTLINE(modernize-use-nullptr)
  auto operator<=>(const ProductSpec&) const = default;
};

// One matrix product, ready to run on any operands of its sizes.
class Product {
 public:
  virtual ~Product() = default;
  // Aborts only where the library fails on what it accepted before.
  virtual void Run(const void* a, const void* b, void* c) const = 0;
  // The kernel that oneDNN chose, such as "brg:avx512_core".
  virtual const std::string& implementation() const = 0;
};

// oneDNN 2, loaded at run time, so that the worker starts where it is missing.
// The only place that knows its interface. Not thread-safe.
class Dnnl {
 public:
  virtual ~Dnnl() = default;

  // `threads` >= 1 of oneDNN's OpenMP.
  // Errors: NOT_FOUND where libdnnl.so.2 cannot be loaded, UNIMPLEMENTED where
  // it is another version.
  static absl::StatusOr<std::unique_ptr<Dnnl>> Load(int threads);

  virtual const std::string& version() const = 0;  // "2.6.3"

  // Lives as long as this. Creating takes some milliseconds, once for each
  // spec. Errors: UNIMPLEMENTED where oneDNN has no kernel for it, or none but
  // its plain reference, whose times say nothing of the machine.
  virtual absl::StatusOr<const Product*> ProductOf(const ProductSpec& spec) = 0;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_DNNL_H_
