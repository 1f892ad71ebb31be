#include "worker/device/cuda/lt_operands.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_calls.h"

namespace moeplan::worker {
namespace {

// What Ada, Hopper and small Blackwells multiply; larger ones could do more.
absl::Status ValidateE4m3(const LtProductSpec& spec,
                          const CudaContext& context) {
  if (!MultipliesE4m3(context)) {
    return absl::UnimplementedError(absl::StrFormat(
        "%s has compute capability %d.%d, and fp8 is multiplied from 8.9 on",
        context.properties().name, context.properties().major,
        context.properties().minor));
  }
  if (spec.out != NumberFormat::kBf16 || spec.transposed_a ||
      !spec.transposed_b) {
    return absl::UnimplementedError(
        absl::StrCat("products in e4m3 have operands along k and a result in "
                     "bf16: ",
                     Describe(spec)));
  }
  if (spec.n % kE4m3Step != 0 || spec.k % kE4m3Step != 0) {
    return absl::UnimplementedError(absl::StrCat(
        "products in e4m3 need an n and a k that are multiples of ", kE4m3Step,
        ": ", Describe(spec)));
  }
  return absl::OkStatus();
}

}  // namespace

Stored StoredA(const LtProductSpec& spec) {
  return spec.transposed_a ? Stored{spec.k, spec.m, spec.in}
                           : Stored{spec.m, spec.k, spec.in};
}
Stored StoredB(const LtProductSpec& spec) {
  return spec.transposed_b ? Stored{spec.n, spec.k, spec.in}
                           : Stored{spec.k, spec.n, spec.in};
}
Stored StoredC(const LtProductSpec& spec) { return {spec.m, spec.n, spec.out}; }

std::string Describe(const LtProductSpec& spec) {
  const auto name = [](NumberFormat format) {
    return format == NumberFormat::kF32    ? "f32"
           : format == NumberFormat::kBf16 ? "bf16"
                                           : "e4m3";
  };
  return absl::StrCat("m ", spec.m, ", n ", spec.n, ", k ", spec.k, ", ",
                      name(spec.in), " to ", name(spec.out));
}

absl::Status Validate(const LtProductSpec& spec, const CudaContext& context) {
  if (spec.m < 1 || spec.n < 1 || spec.k < 1 || spec.batch < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("sizes of a product must be positive: ", Describe(spec)));
  }
  if (spec.in == NumberFormat::kF32 && spec.out == NumberFormat::kBf16) {
    return absl::UnimplementedError(
        "cuBLASLt has no product of f32 operands with a bf16 result");
  }
  if (spec.in == NumberFormat::kE4m3) {
    MOEPLAN_RETURN_IF_ERROR(ValidateE4m3(spec, context));
  } else if (spec.out == NumberFormat::kE4m3) {
    return absl::UnimplementedError("no product has a result in e4m3");
  }
  // Before 13.3 rows of 2 GiB give wrong results (CUB-9572).
  for (const Stored& operand : {StoredA(spec), StoredB(spec), StoredC(spec)}) {
    if (context.lt()->get_version() < 130300 &&
        operand.row_bytes() > INT32_MAX) {
      return absl::UnimplementedError(absl::StrCat(
          "cuBLASLt before 13.3 computes rows of 2 GiB and more wrongly: ",
          Describe(spec)));
    }
  }
  return absl::OkStatus();
}

}  // namespace moeplan::worker
