# moeplan::warnings: linked privately by every target that holds our own code;
# generated code does not link it.
add_library(moeplan_warnings INTERFACE)
add_library(moeplan::warnings ALIAS moeplan_warnings)
set(warnings -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor)
set(cuda_warnings)
if(MOEPLAN_WERROR)
  list(APPEND warnings -Werror)
  list(APPEND cuda_warnings --Werror=all-warnings)
endif()
# nvcc hands them to the host compiler.
list(JOIN warnings , host_warnings)
list(PREPEND cuda_warnings "-Xcompiler=${host_warnings}")
target_compile_options(moeplan_warnings INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_warnings}>")
