#include "worker/device/cuda/lt_tile.h"

#include <gtest/gtest.h>

namespace moeplan::worker {
namespace {

// At both ends of what is written out by hand and of each grid, and where a
// grid leaves out a tile that came before it.
TEST(LtTileTest, IdsMeanTheTilesThatTheHeaderNames) {
  const auto expect = [](cublasLtMatmulTile_t id, int64_t rows,
                         int64_t columns) {
    const auto tile = TileOf(id);
    ASSERT_TRUE(tile.has_value()) << id;
    EXPECT_EQ(*tile, (LtTile{rows, columns})) << id;
  };
  expect(CUBLASLT_MATMUL_TILE_8x8, 8, 8);
  expect(CUBLASLT_MATMUL_TILE_64x64, 64, 64);
  expect(CUBLASLT_MATMUL_TILE_128x256, 128, 256);
  expect(CUBLASLT_MATMUL_TILE_256x32, 256, 32);
  expect(CUBLASLT_MATMUL_TILE_8x128, 8, 128);
  expect(CUBLASLT_MATMUL_TILE_64x192, 64, 192);
  expect(CUBLASLT_MATMUL_TILE_72x640, 72, 640);
  expect(CUBLASLT_MATMUL_TILE_256x192, 256, 192);
  expect(CUBLASLT_MATMUL_TILE_384x128, 384, 128);
  expect(CUBLASLT_MATMUL_TILE_768x64, 768, 64);
  expect(CUBLASLT_MATMUL_TILE_64x16, 64, 16);
  expect(CUBLASLT_MATMUL_TILE_64x760, 64, 760);
  expect(CUBLASLT_MATMUL_TILE_128x512, 128, 512);
  expect(CUBLASLT_MATMUL_TILE_192x8, 192, 8);
  expect(CUBLASLT_MATMUL_TILE_256x256, 256, 256);
  expect(CUBLASLT_MATMUL_TILE_448x144, 448, 144);
  expect(CUBLASLT_MATMUL_TILE_768x80, 768, 80);
  expect(CUBLASLT_MATMUL_TILE_256x512, 256, 512);
  expect(CUBLASLT_MATMUL_TILE_512x1024, 512, 1024);
}

TEST(LtTileTest, OtherIdsHaveNone) {
  EXPECT_FALSE(TileOf(CUBLASLT_MATMUL_TILE_UNDEFINED).has_value());
  // A newer header may have more, and these are the last that are known.
  EXPECT_FALSE(TileOf(CUBLASLT_MATMUL_TILE_512x1024 + 1).has_value());
}

}  // namespace
}  // namespace moeplan::worker
