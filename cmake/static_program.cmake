# moeplan_static_program(<name> OUTPUT_NAME <file> SOURCES <file>...
#                        [DEPS <target>...])
#
# Program <build folder>/static/<file> that needs nothing but glibc on the machine
# where it runs: linked as moeplan_executable does, then with the archives that
# Debian's packages have beside their shared libraries (cmake/link_static.py).
function(moeplan_static_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT_NAME" "SOURCES;DEPS")
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(linker "${PROJECT_SOURCE_DIR}/cmake/link_static.py")
  moeplan_executable(${name} SOURCES ${arg_SOURCES} DEPS ${arg_DEPS})
  set_target_properties(${name} PROPERTIES
    OUTPUT_NAME "${arg_OUTPUT_NAME}"
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/static"
    RULE_LAUNCH_LINK "${Python3_EXECUTABLE} -B ${linker}"
    LINK_DEPENDS "${linker}")
endfunction()
