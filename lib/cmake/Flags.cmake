# Every compiler flag of ours, in one function.
#
#   tidegate_flags(<target> [TEST] [NO_SANITIZE])
#
# TEST         test code: -O1 instead of the build type's level, which halves the time to compile it;
#              never position independent by choice, so that programs and their helper library share
#              one precompiled header (CMake would give one -fPIE and the other -fPIC)
# NO_SANITIZE  code that is not ours to check (doctest's main takes 30 s under a sanitizer)

set(TIDEGATE_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wimplicit-fallthrough
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
    $<$<BOOL:${TIDEGATE_WERROR}>:-Werror>)

# gcc 12 sees faults in its own std::string that are not there: "a" + string, at -O1 above all (GCC PR 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND TIDEGATE_WARNINGS -Wno-restrict)
  set(TIDEGATE_TEST_WARNINGS -Wno-array-bounds -Wno-stringop-overflow)
  # Its manual: the checks that a sanitizer inserts give false reports of this kind.
  if(TIDEGATE_SANITIZE)
    list(APPEND TIDEGATE_WARNINGS -Wno-maybe-uninitialized)
  endif()
endif()

# clang forgets, in a precompiled header, that libstdc++ silenced the warning for its own std::stable_sort.
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  list(APPEND TIDEGATE_WARNINGS -Wno-deprecated-declarations)
endif()

# Hardening that costs a few percent; "-z nodlopen" is left out on purpose: it makes an extension unloadable.
set(optimised $<NOT:$<CONFIG:Debug>>)
set(TIDEGATE_HARDENING -U_FORTIFY_SOURCE $<${optimised}:-D_FORTIFY_SOURCE=3> -D_GLIBCXX_ASSERTIONS
    -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
    -fno-delete-null-pointer-checks -fno-strict-overflow)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND TIDEGATE_HARDENING -fcf-protection=full)
endif()
set(TIDEGATE_LINK_HARDENING -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--build-id=sha1)

function(tidegate_flags target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TEST;NO_SANITIZE" "" "")
  set_target_properties(${target} PROPERTIES
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(NOT arg_TEST)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  # No contraction into fused multiply-add: the simulation must give the same trace everywhere.
  # The prefix map keeps the folder of the clone out of the binaries.
  target_compile_options(${target} PRIVATE ${TIDEGATE_WARNINGS} -ffp-contract=off
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
    # A time stamp in clang's precompiled header would make ccache miss every file that uses it.
    "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  if(arg_TEST AND NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    target_compile_options(${target} PRIVATE -O1 ${TIDEGATE_TEST_WARNINGS})
  endif()
  if(TIDEGATE_SANITIZE)
    target_link_options(${target} PRIVATE -fsanitize=${TIDEGATE_SANITIZE})
    if(NOT arg_NO_SANITIZE)
      target_compile_options(${target} PRIVATE -fsanitize=${TIDEGATE_SANITIZE}
        -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    endif()
  else()
    target_compile_options(${target} PRIVATE ${TIDEGATE_HARDENING})
    target_link_options(${target} PRIVATE ${TIDEGATE_LINK_HARDENING})
  endif()
endfunction()

# Shared objects refuse undefined symbols, except an extension (the interpreter provides them) and
# sanitizer builds (the executable provides the runtime).
function(tidegate_no_undefined target)
  if(NOT TIDEGATE_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
endfunction()
