#ifndef MOEPLAN_WORKER_KERNELS_PACK_H_
#define MOEPLAN_WORKER_KERNELS_PACK_H_

#include <cstdint>

#include "worker/device/bf16.h"
#include "worker/device/number_format.h"

namespace moeplan::worker::kernels {

// kCount neighbouring elements, which one access loads or stores.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T values[kCount];
};

// `from` and `to` are aligned to the whole pack.
template <int kCount, typename T>
MOEPLAN_HD Pack<T, kCount> LoadPack(const T* from) {
  return *reinterpret_cast<const Pack<T, kCount>*>(from);
}

template <int kCount, typename T>
MOEPLAN_HD void StorePack(const Pack<T, kCount>& pack, T* to) {
#if defined(__CUDA_ARCH__)
  // Assigning a pack that was computed lets nvcc take it apart and store its
  // elements one by one.
  if constexpr (sizeof(pack) == 16) {
    __stwb(reinterpret_cast<uint4*>(to), __builtin_bit_cast(uint4, pack));
    return;
  } else if constexpr (sizeof(pack) == 8) {
    __stwb(reinterpret_cast<uint2*>(to), __builtin_bit_cast(uint2, pack));
    return;
  }
#endif
  *reinterpret_cast<Pack<T, kCount>*>(to) = pack;
}

// Elements of the widest access, 16 bytes.
template <typename T>
inline constexpr int kWidest = 16 / static_cast<int>(sizeof(T));

// Whether all pointers are aligned to `bytes`; null ones are.
template <typename... Pointers>
bool AreAligned([[maybe_unused]] int64_t bytes, const Pointers*... pointers) {
  return (... && (reinterpret_cast<uintptr_t>(pointers) %
                      static_cast<uintptr_t>(bytes) ==
                  0));
}

template <typename T, int kCount>
struct Access {
  using Type = T;
  static constexpr int kPack = kCount;
};

// Calls run(Access<T, kPack>()), with T the format's numbers and kPack the
// widest access that rows of `width` elements and all pointers allow.
template <typename Run, typename... Pointers>
auto WithAccess(NumberFormat format, int64_t width, const Run& run,
                const Pointers*... pointers) {
  const int64_t widest = 16 / BytesOf(format);
  const bool aligned = width % widest == 0 && AreAligned(16, pointers...);
  if (format == NumberFormat::kF32) {
    return aligned ? run(Access<float, kWidest<float>>())
                   : run(Access<float, 1>());
  }
  return aligned ? run(Access<Bf16, kWidest<Bf16>>()) : run(Access<Bf16, 1>());
}

}  // namespace moeplan::worker::kernels

#endif  // MOEPLAN_WORKER_KERNELS_PACK_H_
