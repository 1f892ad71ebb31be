#ifndef MOEPLAN_WORKER_DEVICE_CUDA_LT_TILE_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_LT_TILE_H_

#include <cublasLt.h>

#include <cstdint>
#include <optional>

namespace moeplan::worker {

// Rows and columns (column-major) of D that one thread block computes.
struct LtTile {
  int64_t rows = 0;
  int64_t columns = 0;

  bool operator==(const LtTile&) const = default;
};

// The tile of this id (cublasLtMatmulTile_t). Empty for "undefined" and for ids
// that this build's header does not know.
std::optional<LtTile> TileOf(uint32_t id);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_LT_TILE_H_
