// What GCC's own archives call of a glibc that is newer than that of many a
// machine with GPUs; with these, the static worker runs from glibc 2.34 on.
// Hidden, so that libraries loaded later use those of the machine.

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#define MOEPLAN_HIDDEN extern "C" __attribute__((visibility("hidden")))

// Of std::random_device; glibc has it from 2.36 on.
MOEPLAN_HIDDEN uint32_t arc4random() {
  uint32_t value = 0;
  if (getentropy(&value, sizeof(value)) != 0) std::abort();
  return value;
}

namespace {

struct Question {
  ElfW(Addr) address = 0;
  dl_find_object* answer = nullptr;
};

// Fills the answer and stops when `object` holds the address.
int Look(dl_phdr_info* object, size_t, void* data) {
  auto& question = *static_cast<Question*>(data);
  bool holds = false;
  void* frames = nullptr;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    const ElfW(Addr) begin = object->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_GNU_EH_FRAME) {
      // An address that is known as a number only.
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      frames = reinterpret_cast<void*>(begin);
    } else if (part.p_type == PT_LOAD && question.address >= begin &&
               question.address - begin < part.p_memsz) {
      holds = true;
    }
  }
  if (!holds || frames == nullptr) return 0;
  question.answer->dlfo_eh_frame = frames;
  return 1;
}

}  // namespace

// Of libgcc's unwinder, which reads nothing but the address of the frames;
// glibc has it from 2.35 on. NOLINTNEXTLINE(bugprone-reserved-identifier)
MOEPLAN_HIDDEN int _dl_find_object(void* address, dl_find_object* answer) {
  Question question = {reinterpret_cast<ElfW(Addr)>(address), answer};
  return dl_iterate_phdr(Look, &question) == 1 ? 0 : -1;
}
