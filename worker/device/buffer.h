#ifndef MOEPLAN_WORKER_DEVICE_BUFFER_H_
#define MOEPLAN_WORKER_DEVICE_BUFFER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "core/base/rng.h"
#include "worker/device/bf16.h"

namespace moeplan::worker {

// Memory of the CPU device, aligned to a cache line and to the widest vectors.
// Throws std::bad_alloc, which the device turns into RESOURCE_EXHAUSTED.
template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t size)
      : size_(static_cast<size_t>(size)),
        data_(static_cast<T*>(
            std::aligned_alloc(kAlignment, Rounded(size_ * sizeof(T))))) {
    if (data_ == nullptr) throw std::bad_alloc();
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  int64_t bytes() const { return static_cast<int64_t>(size_ * sizeof(T)); }

 private:
  static constexpr size_t kAlignment = 64;
  struct Free {
    void operator()(T* data) const { std::free(data); }
  };
  static size_t Rounded(size_t bytes) {
    return (bytes / kAlignment + 1) * kAlignment;
  }

  size_t size_;
  std::unique_ptr<T, Free> data_;
};

// Fills buffers with normal values. They are taken in runs from a table drawn
// once, since drawing every one would take longer than measuring.
class RandomValues {
 public:
  explicit RandomValues(uint64_t seed);

  template <typename T>
  void Fill(Buffer<T>& buffer, double standard_deviation) {
    const float scale = static_cast<float>(standard_deviation);
    for (size_t at = 0; at < buffer.size();) {
      size_t from = rng_.UniformIndex(table_.size() / 2);
      // Long runs copy fast; starts drawn anew keep them from repeating.
      for (size_t i = 0; i < table_.size() / 2 && at < buffer.size(); ++i) {
        buffer[at++] = FromFloat<T>(scale * table_[from++]);
      }
    }
  }

 private:
  Rng rng_;
  std::vector<float> table_;
};

// Overwrites with NaN, so that a value that no run writes is seen.
template <typename T>
void Poison(Buffer<T>& buffer) {
  const T nan = FromFloat<T>(std::bit_cast<float>(0x7fc00000u));
  for (size_t i = 0; i < buffer.size(); ++i) buffer[i] = nan;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_BUFFER_H_
