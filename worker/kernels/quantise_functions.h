#ifndef MOEPLAN_WORKER_KERNELS_QUANTISE_FUNCTIONS_H_
#define MOEPLAN_WORKER_KERNELS_QUANTISE_FUNCTIONS_H_

#include <cuda_fp8.h>

#include <cmath>
#include <cstdint>

#include "worker/device/bf16.h"
#include "worker/kernels/kernels.h"
#include "worker/kernels/pack.h"

namespace moeplan::worker::kernels {

inline constexpr float kLargestE4m3 = 448.0f;

// By what numbers are divided, of which the largest is `most`. Those that are
// too small for a scale are taken for zeros.
MOEPLAN_HD float ScaleOf(float most) {
  constexpr float kLeast = 1e-37f;
  const float scale = most / kLargestE4m3;
  return scale >= kLeast ? scale : 1.0f;
}

// Two numbers in e4m3, the first in the lower byte. By an instruction of the
// device from compute capability 8.9 on.
MOEPLAN_HD uint16_t TwoInE4m3(float first, float second) {
  return __nv_cvt_float2_to_fp8x2(float2{first, second}, __NV_SATFINITE,
                                  __NV_E4M3);
}

MOEPLAN_HD uint32_t FourInE4m3(const float (&values)[4]) {
  return TwoInE4m3(values[0], values[1]) |
         static_cast<uint32_t>(TwoInE4m3(values[2], values[3])) << 16;
}

// Packs that a lane holds at once, so that few lanes fill memory's latency.
inline constexpr int kQuantisedPacks = 4;

// Elements that `lanes` take at once.
template <int kPack>
MOEPLAN_HD constexpr int64_t QuantisedChunk(int lanes) {
  return int64_t{kPack} * kQuantisedPacks * lanes;
}

// Calls use(pack, at) for all packs of a chunk of `count` elements at most.
template <int kPack, typename Lanes, typename Use>
MOEPLAN_HD void ForEachPack(const Lanes& lanes, int64_t count, const Bf16* in,
                            const Use& use) {
  const int64_t first = int64_t{kPack} * lanes.lane();
  const int64_t step = int64_t{kPack} * lanes.width();
  // All loads come before the first store, which they would wait for.
  Pack<Bf16, kPack> loaded[kQuantisedPacks];
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int j = 0; j < kQuantisedPacks; ++j) {
    const int64_t at = first + j * step;
    if (at < count) loaded[j] = LoadPack<kPack>(in + at);
  }
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int j = 0; j < kQuantisedPacks; ++j) {
    const int64_t at = first + j * step;
    if (at < count) use(loaded[j], at);
  }
}

// The largest absolute value of a chunk.
template <int kPack, typename Lanes>
MOEPLAN_HD float AbsMaxChunk(const Lanes& lanes, int64_t count,
                             const Bf16* in) {
  float most = 0;
  ForEachPack<kPack>(lanes, count, in,
                     [&most](const Pack<Bf16, kPack>& pack, int64_t) {
                       for (int i = 0; i < kPack; ++i) {
                         const float value = std::fabs(ToFloat(pack.values[i]));
                         most = value > most ? value : most;
                       }
                     });
  return lanes.Max(most);
}

// out = in * factor in e4m3, of a chunk.
template <int kPack, typename Lanes>
MOEPLAN_HD void QuantiseChunk(const Lanes& lanes, int64_t count, const Bf16* in,
                              float factor, uint8_t* out) {
  ForEachPack<kPack>(
      lanes, count, in, [&](const Pack<Bf16, kPack>& pack, int64_t at) {
        if constexpr (kPack == 1) {
          out[at] = static_cast<uint8_t>(
              TwoInE4m3(ToFloat(pack.values[0]) * factor, 0.0f));
        } else {
          Pack<uint32_t, kPack / 4> words;
          for (int i = 0; i < kPack / 4; ++i) {
            float values[4];
            for (int j = 0; j < 4; ++j) {
              values[j] = ToFloat(pack.values[4 * i + j]) * factor;
            }
            words.values[i] = FourInE4m3(values);
          }
          StorePack(words, reinterpret_cast<uint32_t*>(out + at));
        }
      });
}

// Columns of a matrix that one transposing block takes.
inline constexpr int kTransposedColumns = 64;
// Words of four rows in a column, and one more, so that columns begin in
// different banks of shared memory.
inline constexpr int kColumnWords = kTransposedRows / 4;
inline constexpr int kColumnPitch = kColumnWords + 1;
// Words of the scratch memory that QuantiseTransposedPiece needs.
inline constexpr int kTransposingWords = kTransposedColumns * kColumnPitch;

// Four rows of four columns: words[c] holds column c of them. Rows from `rows`
// on are zeros.
MOEPLAN_HD void QuantiseFourByFour(const Bf16* in, int64_t width, int64_t rows,
                                   float factor, uint32_t (&words)[4]) {
  Pack<Bf16, 4> loaded[4] = {};
  for (int r = 0; r < 4; ++r) {
    if (r < rows) loaded[r] = LoadPack<4>(in + r * width);
  }
  for (int c = 0; c < 4; ++c) {
    float values[4];
    for (int r = 0; r < 4; ++r) {
      values[r] = ToFloat(loaded[r].values[c]) * factor;
    }
    words[c] = FourInE4m3(values);
  }
}

// Columns column..column+kTransposedColumns-1 of one piece, as far as the
// matrix has them. `scratch` is shared by all lanes.
template <typename Lanes>
MOEPLAN_HD void QuantiseTransposedPiece(const Lanes& lanes,
                                        const TransposedPiece& piece,
                                        int64_t width, int64_t column,
                                        const Bf16* in, float factor,
                                        uint32_t* scratch, uint8_t* out) {
  constexpr int kGroups = kTransposedColumns / 4;
  const int words = piece.padded_rows / 4;
  // Neighbouring lanes read neighbouring columns of four rows, ...
  for (int i = lanes.lane(); i < kColumnWords * kGroups; i += lanes.width()) {
    const int word = i / kGroups;
    const int first = i % kGroups * 4;
    if (word >= words || column + first >= width) continue;
    const int64_t row = piece.from + word * 4;
    uint32_t quantised[4];
    QuantiseFourByFour(in + row * width + column + first, width,
                       piece.rows - word * 4, factor, quantised);
    for (int c = 0; c < 4; ++c) {
      scratch[(first + c) * kColumnPitch + word] = quantised[c];
    }
  }
  lanes.Sync();
  // ... and write neighbouring words of one column.
  for (int i = lanes.lane(); i < kColumnWords * kTransposedColumns;
       i += lanes.width()) {
    const int word = i % kColumnWords;
    const int c = i / kColumnWords;
    if (word >= words || column + c >= width) continue;
    *reinterpret_cast<uint32_t*>(out + piece.to + (column + c) * piece.pitch +
                                 word * 4) = scratch[c * kColumnPitch + word];
  }
}

}  // namespace moeplan::worker::kernels

#endif  // MOEPLAN_WORKER_KERNELS_QUANTISE_FUNCTIONS_H_
