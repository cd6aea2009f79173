# How tests are registered. Every test has a time limit and a label:
#
#   quick    make test
#   deep     make check: long torture and repetition; the same programs with TIDEGATE_DEEP=1; also under
#            the sanitizers
#   install  make check STAGE=install

# The versioned symbolizer is not what clang's runtime looks for, and without it a report has no names.
set(sanitizer halt_on_error=1)
find_program(TIDEGATE_SYMBOLIZER llvm-symbolizer-19)
if(TIDEGATE_SYMBOLIZER AND CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  string(APPEND sanitizer :external_symbolizer_path=${TIDEGATE_SYMBOLIZER})
endif()

set(TIDEGATE_TEST_ENVIRONMENT
    ASAN_OPTIONS=${sanitizer}:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
    UBSAN_OPTIONS=${sanitizer}:print_stacktrace=1
    TSAN_OPTIONS=${sanitizer}:second_deadlock_stack=1:die_after_fork=0
    TIDEGATE_SOURCE_DIR=${PROJECT_SOURCE_DIR}
    PYTHONPATH=${PROJECT_BINARY_DIR}/python
    PYTHONDONTWRITEBYTECODE=1)

# tidegate_test(<name> LABEL <label> COMMAND <command>... [TIMEOUT <s>] [ENVIRONMENT <NAME=value>...] [DIRECTORY <dir>])
function(tidegate_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT;DIRECTORY" "COMMAND;ENVIRONMENT")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
    if(arg_LABEL STREQUAL deep)
      set(arg_TIMEOUT 600)
    endif()
  endif()
  if(TIDEGATE_SANITIZE)
    math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
  endif()
  if(NOT arg_DIRECTORY)
    set(arg_DIRECTORY ${PROJECT_BINARY_DIR})
  endif()
  if(arg_LABEL STREQUAL deep)
    list(APPEND arg_ENVIRONMENT TIDEGATE_DEEP=1)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${arg_DIRECTORY})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${TIDEGATE_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
endfunction()

# A program that runs as a user of the C library does.
function(tidegate_c_program target)
  target_link_libraries(${target} PRIVATE tidegate::c Threads::Threads)
  if(TIDEGATE_SANITIZE) # the C++ half of the sanitizer's runtime
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
  endif()
endfunction()

function(tidegate_example_test language name)
  if(TIDEGATE_BUILD_TESTS)
    tidegate_test(example.${language}.${name} LABEL quick TIMEOUT 60 COMMAND example_${language}_${name})
  endif()
endfunction()

# tidegate_pytest(<name> <folder> [ENVIRONMENT <NAME=value>...])
# pytest over one folder: <name> without the tests marked deep, <name>.deep with only those.
function(tidegate_pytest name folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "ENVIRONMENT")
  set(pytest ${TIDEGATE_PYTHON} -m pytest -q -p no:cacheprovider -c ${PROJECT_SOURCE_DIR}/pyproject.toml ${folder})
  if(TIDEGATE_SANITIZE)
    list(APPEND pytest -o timeout=180)
  endif()
  tidegate_test(${name} LABEL quick TIMEOUT 600 COMMAND ${pytest} -m "not deep" ENVIRONMENT ${arg_ENVIRONMENT})
  tidegate_test(${name}.deep LABEL deep TIMEOUT 900 COMMAND ${pytest} -o timeout=600 -m deep ENVIRONMENT ${arg_ENVIRONMENT})
  set_tests_properties(${name}.deep PROPERTIES SKIP_RETURN_CODE 5) # 5: nothing is marked deep
  set_tests_properties(${name} ${name}.deep PROPERTIES COST 100) # the longest ones start first
endfunction()
