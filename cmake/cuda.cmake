# CUDA for moeplan-worker: the toolkit of the machine where it is new enough, else
# the one that scripts/setup --cuda puts into build/tools. Sets MOEPLAN_CUDA to ON
# or OFF and, when on, enables the language CUDA and makes
#
#   moeplan::cuda     headers of the toolkit, for host code
#   moeplan::cudart   these and the static runtime
#   moeplan::cudnn    headers of cuDNN and of its frontend
#
# cuBLASLt, cuDNN, CUPTI and NVML are headers only: their libraries are loaded at
# run time. FindCUDAToolkit is not used, because that of CMake 3.25 fails on
# CUDA 13.
set(MOEPLAN_CUDA AUTO CACHE STRING
    "CUDA in moeplan-worker: ON, OFF, or AUTO (ON where a toolkit is found)")
set_property(CACHE MOEPLAN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(MOEPLAN_CUDA_ARCHITECTURES 90a-real CACHE STRING
    "GPUs that the worker's kernels are compiled for, as CMAKE_CUDA_ARCHITECTURES")

set(oldest_cuda 13.0)
set(cuda_wheels "${PROJECT_SOURCE_DIR}/build/tools/cuda/toolkit")
set(cudnn_wheels "${PROJECT_SOURCE_DIR}/build/tools/cudnn/packages")

# moeplan_find_nvcc(<path variable> <reason variable>): the nvcc to use, or empty
# and why there is none.
function(moeplan_find_nvcc path reason)
  find_program(of_machine nvcc PATHS /usr/local/cuda/bin NO_CACHE)
  set(why "there is no nvcc on this machine")
  foreach(nvcc IN ITEMS "${of_machine}" "${cuda_wheels}/bin/nvcc")
    if(EXISTS "${nvcc}")
      execute_process(COMMAND "${nvcc}" --version
                      OUTPUT_VARIABLE text ERROR_QUIET)
      if(text MATCHES "release ([0-9]+\\.[0-9]+)"
         AND CMAKE_MATCH_1 VERSION_GREATER_EQUAL oldest_cuda)
        set(${path} "${nvcc}" PARENT_SCOPE)
        return()
      endif()
      set(why "${nvcc} is older than ${oldest_cuda}")
    endif()
  endforeach()
  set(${path} "" PARENT_SCOPE)
  set(${reason} "${why}" PARENT_SCOPE)
endfunction()

# moeplan_find_headers(<folders variable> <missing variable> HEADERS <name>...
#                      FOLDERS <path>...): the folders that hold the headers, and
# the names of those that none holds.
function(moeplan_find_headers folders missing)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "HEADERS;FOLDERS")
  set(found)
  set(not_found)
  foreach(header IN LISTS arg_HEADERS)
    find_path(folder ${header} PATHS ${arg_FOLDERS} NO_DEFAULT_PATH NO_CACHE)
    if(folder)
      list(APPEND found "${folder}")
    else()
      list(APPEND not_found "${header}")
    endif()
    unset(folder)
  endforeach()
  list(REMOVE_DUPLICATES found)
  set(${folders} ${found} PARENT_SCOPE)
  set(${missing} ${not_found} PARENT_SCOPE)
endfunction()

set(why_no_cuda)
if(MOEPLAN_CUDA AND MOEPLAN_BUILD_WORKER)
  moeplan_find_nvcc(nvcc why_no_cuda)
  if(nvcc)
    get_filename_component(cuda_root "${nvcc}" REALPATH)
    get_filename_component(cuda_root "${cuda_root}/../.." ABSOLUTE)
    # What a machine's toolkit lacks is taken from the wheels. CUPTI lies in a
    # folder of its own where NVIDIA's installer put it.
    moeplan_find_headers(cuda_includes missing
      HEADERS cuda_runtime_api.h cublasLt.h nvml.h cupti.h
      FOLDERS "${cuda_root}/include" "${cuda_root}/extras/CUPTI/include"
              "${cuda_wheels}/include")
    moeplan_find_headers(cudnn_includes no_cudnn
      HEADERS cudnn_frontend.h cudnn.h
      FOLDERS "${cudnn_wheels}/include" "${cudnn_wheels}/nvidia/cudnn_jit/include"
              /usr/local/include /usr/include)
    find_library(cudart_static cudart_static
      PATHS "${cuda_root}/lib64" "${cuda_root}/lib" NO_DEFAULT_PATH NO_CACHE)
    list(APPEND missing ${no_cudnn})
    if(NOT cudart_static)
      list(APPEND missing libcudart_static.a)
    endif()
    if(missing)
      list(JOIN missing ", " missing)
      set(why_no_cuda "there is ${nvcc}, but no ${missing}")
    endif()
  endif()
  if(why_no_cuda)
    string(APPEND why_no_cuda "; `scripts/setup --cuda` installs what is missing")
    if(NOT MOEPLAN_CUDA STREQUAL AUTO)
      message(FATAL_ERROR "MOEPLAN_CUDA is ${MOEPLAN_CUDA}, but ${why_no_cuda}")
    endif()
    message(STATUS "moeplan-worker without CUDA: ${why_no_cuda}")
    set(MOEPLAN_CUDA OFF)
    return()
  endif()
  set(MOEPLAN_CUDA ON)
else()
  set(MOEPLAN_CUDA OFF)
  return()
endif()

set(CMAKE_CUDA_COMPILER "${nvcc}")
set(CMAKE_CUDA_HOST_COMPILER "${CMAKE_CXX_COMPILER}")
set(CMAKE_CUDA_ARCHITECTURES "${MOEPLAN_CUDA_ARCHITECTURES}")
# moeplan::cudart names it, for host code without kernels too.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
if(MOEPLAN_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${MOEPLAN_CCACHE}")
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
# CMake 3.25 believes that nvcc ends at C++17.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
message(STATUS "moeplan-worker with CUDA ${CMAKE_CUDA_COMPILER_VERSION}: ${nvcc}")

# SYSTEM: warnings in NVIDIA's headers are not ours to mend.
add_library(moeplan_cuda INTERFACE)
add_library(moeplan::cuda ALIAS moeplan_cuda)
target_include_directories(moeplan_cuda SYSTEM INTERFACE ${cuda_includes})

add_library(moeplan_cudart INTERFACE)
add_library(moeplan::cudart ALIAS moeplan_cudart)
target_link_libraries(moeplan_cudart INTERFACE
  moeplan::cuda "${cudart_static}" Threads::Threads ${CMAKE_DL_LIBS} rt)

add_library(moeplan_cudnn INTERFACE)
add_library(moeplan::cudnn ALIAS moeplan_cudnn)
target_include_directories(moeplan_cudnn SYSTEM INTERFACE ${cudnn_includes})
