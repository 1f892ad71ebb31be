#include "core/base/sha256.h"

#include <gtest/gtest.h>

namespace moeplan {
namespace {

// FIPS 180-4, the examples of NIST for SHA-256.
TEST(Sha256Test, HashOfKnownBytesIsTheStandards) {
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, PartsThatAreCutElsewhereDiffer) {
  EXPECT_NE(Sha256HexOfParts({"ab", "c"}), Sha256HexOfParts({"a", "bc"}));
  EXPECT_NE(Sha256HexOfParts({"abc"}), Sha256HexOfParts({"abc", ""}));
}

}  // namespace
}  // namespace moeplan
