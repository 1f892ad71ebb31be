#include "worker/device/dnnl.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

// The functions of the library that are used, by their own names.
struct Functions {
  decltype(&dnnl_version) version = nullptr;
  decltype(&dnnl_engine_create) engine_create = nullptr;
  decltype(&dnnl_engine_destroy) engine_destroy = nullptr;
  decltype(&dnnl_stream_create) stream_create = nullptr;
  decltype(&dnnl_stream_wait) stream_wait = nullptr;
  decltype(&dnnl_stream_destroy) stream_destroy = nullptr;
  decltype(&dnnl_memory_desc_init_by_strides) memory_desc = nullptr;
  decltype(&dnnl_matmul_desc_init) matmul_desc = nullptr;
  decltype(&dnnl_primitive_desc_create) desc_create = nullptr;
  decltype(&dnnl_primitive_desc_query) desc_query = nullptr;
  decltype(&dnnl_primitive_desc_destroy) desc_destroy = nullptr;
  decltype(&dnnl_primitive_create) primitive_create = nullptr;
  decltype(&dnnl_primitive_destroy) primitive_destroy = nullptr;
  decltype(&dnnl_primitive_execute) execute = nullptr;
  decltype(&dnnl_memory_create) memory_create = nullptr;
  decltype(&dnnl_memory_set_data_handle) set_handle = nullptr;
  decltype(&dnnl_memory_destroy) memory_destroy = nullptr;
};

template <typename Function>
absl::Status Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function != nullptr) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("libdnnl.so.2 has no ", name, ": it is no oneDNN 2.6"));
}

absl::StatusOr<Functions> FindAll(void* library) {
  Functions f;
  absl::Status status;
  const auto find = [&](const char* name, auto& function) {
    status.Update(Find(library, name, function));
  };
  find("dnnl_version", f.version);
  find("dnnl_engine_create", f.engine_create);
  find("dnnl_engine_destroy", f.engine_destroy);
  find("dnnl_stream_create", f.stream_create);
  find("dnnl_stream_wait", f.stream_wait);
  find("dnnl_stream_destroy", f.stream_destroy);
  find("dnnl_memory_desc_init_by_strides", f.memory_desc);
  find("dnnl_matmul_desc_init", f.matmul_desc);
  find("dnnl_primitive_desc_create", f.desc_create);
  find("dnnl_primitive_desc_query", f.desc_query);
  find("dnnl_primitive_desc_destroy", f.desc_destroy);
  find("dnnl_primitive_create", f.primitive_create);
  find("dnnl_primitive_destroy", f.primitive_destroy);
  find("dnnl_primitive_execute", f.execute);
  find("dnnl_memory_create", f.memory_create);
  find("dnnl_memory_set_data_handle", f.set_handle);
  find("dnnl_memory_destroy", f.memory_destroy);
  if (!status.ok()) return status;
  return f;
}

// OpenMP reads its environment once, when it is loaded; where something else
// has loaded it before, its function is asked.
void SetThreads(int threads) {
  setenv("OMP_NUM_THREADS", absl::StrCat(threads).c_str(), 1);
}

void AskThreads(void* library, int threads) {
  using SetNumThreads = void (*)(int);
  const auto set =
      reinterpret_cast<SetNumThreads>(dlsym(library, "omp_set_num_threads"));
  if (set != nullptr) set(threads);
}

dnnl_data_type_t TypeOf(NumberFormat format) {
  return format == NumberFormat::kF32 ? dnnl_f32 : dnnl_bf16;
}

class DnnlProduct final : public Product {
 public:
  DnnlProduct(const Functions& f, dnnl_stream_t stream)
      : f_(f), stream_(stream) {}
  DnnlProduct(const DnnlProduct&) = delete;
  DnnlProduct& operator=(const DnnlProduct&) = delete;

  ~DnnlProduct() override {
    for (dnnl_memory_t memory : memories_) f_.memory_destroy(memory);
    if (primitive_ != nullptr) f_.primitive_destroy(primitive_);
  }

  absl::Status Create(dnnl_engine_t engine, const ProductSpec& spec) {
    dnnl_memory_desc_t descs[3];
    Describe(descs[0], spec.m, spec.k, spec.transposed_a, spec.in);
    Describe(descs[1], spec.k, spec.n, spec.transposed_b, spec.in);
    Describe(descs[2], spec.m, spec.n, false, spec.out);
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t desc = nullptr;
    if (f_.matmul_desc(&matmul, &descs[0], &descs[1], nullptr, &descs[2]) !=
            dnnl_success ||
        f_.desc_create(&desc, &matmul, nullptr, engine, nullptr) !=
            dnnl_success) {
      return absl::UnimplementedError("oneDNN has no kernel for this product");
    }
    const char* name = "";
    f_.desc_query(desc, dnnl_query_impl_info_str, 0, &name);
    implementation_ = name;
    const dnnl_status_t made = f_.primitive_create(&primitive_, desc);
    f_.desc_destroy(desc);
    if (made != dnnl_success) {
      return absl::InternalError("oneDNN could not make a product's kernel");
    }
    if (absl::StartsWith(implementation_, "ref")) {
      return absl::UnimplementedError(
          "oneDNN has only its plain reference for this product");
    }
    for (size_t i = 0; i < 3; ++i) {
      if (f_.memory_create(&memories_[i], &descs[i], engine,
                           DNNL_MEMORY_NONE) != dnnl_success) {
        return absl::ResourceExhaustedError("oneDNN could not wrap an operand");
      }
    }
    return absl::OkStatus();
  }

  void Run(const void* a, const void* b, void* c) const override {
    f_.set_handle(memories_[0], const_cast<void*>(a));
    f_.set_handle(memories_[1], const_cast<void*>(b));
    f_.set_handle(memories_[2], c);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memories_[0]},
                                         {DNNL_ARG_WEIGHTS, memories_[1]},
                                         {DNNL_ARG_DST, memories_[2]}};
    if (f_.execute(primitive_, stream_, 3, arguments) != dnnl_success ||
        f_.stream_wait(stream_) != dnnl_success) {
      abort();
    }
  }

  const std::string& implementation() const override { return implementation_; }

 private:
  void Describe(dnnl_memory_desc_t& desc, int64_t rows, int64_t columns,
                bool transposed, NumberFormat format) const {
    const dnnl_dims_t dims = {rows, columns};
    const dnnl_dims_t strides = {transposed ? 1 : columns,
                                 transposed ? rows : 1};
    f_.memory_desc(&desc, 2, dims, TypeOf(format), strides);
  }

  const Functions& f_;
  const dnnl_stream_t stream_;
  dnnl_primitive_t primitive_ = nullptr;
  dnnl_memory_t memories_[3] = {};
  std::string implementation_;
};

class LoadedDnnl final : public Dnnl {
 public:
  explicit LoadedDnnl(const Functions& f) : f_(f) {
    const dnnl_version_t* version = f_.version();
    version_ =
        absl::StrCat(version->major, ".", version->minor, ".", version->patch);
  }

  ~LoadedDnnl() override {
    products_.clear();
    if (stream_ != nullptr) f_.stream_destroy(stream_);
    if (engine_ != nullptr) f_.engine_destroy(engine_);
  }

  absl::Status Start() {
    if (f_.version()->major != DNNL_VERSION_MAJOR) {
      return absl::UnimplementedError(
          absl::StrCat("oneDNN ", version_, " was found, version 2 is needed"));
    }
    if (f_.engine_create(&engine_, dnnl_cpu, 0) != dnnl_success ||
        f_.stream_create(&stream_, engine_, dnnl_stream_in_order) !=
            dnnl_success) {
      return absl::InternalError("oneDNN could not start its CPU engine");
    }
    return absl::OkStatus();
  }

  const std::string& version() const override { return version_; }

  absl::StatusOr<const Product*> ProductOf(const ProductSpec& spec) override {
    std::unique_ptr<DnnlProduct>& product = products_[spec];
    if (product == nullptr) {
      auto made = std::make_unique<DnnlProduct>(f_, stream_);
      MOEPLAN_RETURN_IF_ERROR(made->Create(engine_, spec));
      product = std::move(made);
    }
    return product.get();
  }

 private:
  const Functions f_;
  std::string version_;
  dnnl_engine_t engine_ = nullptr;
  dnnl_stream_t stream_ = nullptr;
  std::map<ProductSpec, std::unique_ptr<DnnlProduct>> products_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Dnnl>> Dnnl::Load(int threads) {
  SetThreads(threads);
  // Never closed: its threads and its caches live until the process ends.
  void* library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("oneDNN cannot be loaded, so no matrix product is "
                     "measured (Debian package libdnnl2): ",
                     dlerror()));
  }
  AskThreads(library, threads);
  MOEPLAN_ASSIGN_OR_RETURN(const Functions functions, FindAll(library));
  auto dnnl = std::make_unique<LoadedDnnl>(functions);
  MOEPLAN_RETURN_IF_ERROR(dnnl->Start());
  return std::unique_ptr<Dnnl>(std::move(dnnl));
}

}  // namespace moeplan::worker
