# moeplan_test(<name> SOURCES <file>... [DEPS <target>...] LABELS <label>...
#              [TIMEOUT <seconds>] [ENVIRONMENT <name=value>...])
#
# A GoogleTest program (gtest's main is linked) and one ctest entry that runs
# it from the repository root, so that test data is opened by its path from
# there. The program writes <build folder>/test_results/<name>.xml, from which
# scripts/check counts the single tests; one process per program rather than
# per test keeps the run short. Labels: unit, conformance, golden, integration,
# e2e; "long" keeps a test out of `make test` (it runs in `make check-long`);
# "threads" marks a test of threads without gRPC, which runs under
# ThreadSanitizer too (Debian's gRPC is not instrumented for it).
add_custom_target(threads_tests)

# Where scripts/setup puts the tools of tests.
set(MOEPLAN_TOOLS "${PROJECT_SOURCE_DIR}/build/tools")

# moeplan_test_timeout(<variable>): the seconds in it or 300; more in a build with
# sanitizers, whose programs run some times slower.
function(moeplan_test_timeout variable)
  set(seconds "${${variable}}")
  if(NOT seconds)
    set(seconds 300)
  endif()
  if(CMAKE_CXX_FLAGS_DEBUG MATCHES "-fsanitize=")
    math(EXPR seconds "4 * ${seconds}")
  endif()
  set(${variable} ${seconds} PARENT_SCOPE)
endfunction()

function(moeplan_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT"
                        "SOURCES;DEPS;LABELS;ENVIRONMENT")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR
            "moeplan_test(${name}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_LABELS)
    message(FATAL_ERROR "moeplan_test(${name}): LABELS is missing")
  endif()
  moeplan_test_timeout(arg_TIMEOUT)
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock
                        GTest::gtest_main moeplan::warnings)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  if("threads" IN_LIST arg_LABELS)
    add_dependencies(threads_tests ${name})
  endif()
  add_test(NAME ${name}
           COMMAND ${name}
             "--gtest_output=xml:${PROJECT_BINARY_DIR}/test_results/${name}.xml"
           WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()

# moeplan_python_test(<name> FILE <file> LABELS <label>... [TIMEOUT <seconds>]
#                     [TOOLS <path>...] [ENVIRONMENT <name=value>...])
#
# A file of Python unittest cases; one ctest entry, run from the repository root.
# TOOLS are paths under build/tools without which it is skipped, aloud;
# python/bin/python among them runs it, with the packages of
# tests/requirements.txt, else it has nothing but Python itself.
function(moeplan_python_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILE;TIMEOUT"
                        "LABELS;TOOLS;ENVIRONMENT")
  moeplan_test_timeout(arg_TIMEOUT)
  list(TRANSFORM arg_TOOLS PREPEND "${MOEPLAN_TOOLS}/")
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME ${name}
           COMMAND Python3::Interpreter -B
             "${PROJECT_SOURCE_DIR}/tests/testing/run_unittest.py"
             "${CMAKE_CURRENT_SOURCE_DIR}/${arg_FILE}"
             "${PROJECT_BINARY_DIR}/test_results/${name}.xml"
             ${arg_TOOLS}
           WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()
