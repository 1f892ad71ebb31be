#include "worker/device/cuda/lt_tile.h"

#include <algorithm>
#include <vector>

namespace moeplan::worker {
namespace {

// Ids are numbered in the order in which cuBLAS came to have the tiles: some
// thirty by hand, then two grids whose largest tiles are as many elements as a
// block can hold, then four.
std::vector<LtTile> AllTiles() {
  std::vector<LtTile> tiles = {
      {0, 0},     {8, 8},     {8, 16},    {16, 8},   {8, 32},   {16, 16},
      {32, 8},    {8, 64},    {16, 32},   {32, 16},  {64, 8},   {32, 32},
      {32, 64},   {64, 32},   {32, 128},  {64, 64},  {128, 32}, {64, 128},
      {128, 64},  {64, 256},  {128, 128}, {256, 64}, {64, 512}, {128, 256},
      {256, 128}, {512, 64},  {64, 96},   {96, 64},  {96, 128}, {128, 160},
      {160, 128}, {192, 128}, {128, 192}, {128, 96}, {32, 256}, {256, 32}};
  const auto add_grid = [&](int64_t row_step, int64_t column_step,
                            int64_t most_elements) {
    for (int64_t rows = row_step; rows <= 768; rows += row_step) {
      for (int64_t columns = column_step;
           columns <= std::min<int64_t>(768, most_elements / rows);
           columns += column_step) {
        const LtTile tile = {rows, columns};
        if (std::find(tiles.begin(), tiles.end(), tile) == tiles.end()) {
          tiles.push_back(tile);
        }
      }
    }
  };
  add_grid(8, 64, 64 * 768);
  add_grid(64, 8, 256 * 256);
  tiles.insert(tiles.end(), {{256, 512}, {256, 1024}, {512, 512}, {512, 1024}});
  return tiles;
}

}  // namespace

std::optional<LtTile> TileOf(uint32_t id) {
  static const auto* tiles = new std::vector<LtTile>(AllTiles());
  if (id == CUBLASLT_MATMUL_TILE_UNDEFINED || id >= tiles->size()) {
    return std::nullopt;
  }
  return (*tiles)[id];
}

}  // namespace moeplan::worker
