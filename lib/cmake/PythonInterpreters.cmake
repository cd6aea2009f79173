# Finds the interpreters, without asking CMake's own search, which takes the first shim on the PATH.
# Sets TIDEGATE_PYTHON (runs scripts and pytest) and TIDEGATE_PYTHON_EXECUTABLES.
if(NOT TIDEGATE_PYTHON_EXECUTABLES)
  if(Python_EXECUTABLE) # scikit-build-core names its interpreter so
    set(TIDEGATE_PYTHON_EXECUTABLES ${Python_EXECUTABLE})
  elseif(EXISTS ${PROJECT_SOURCE_DIR}/build/venv/bin/python)
    set(TIDEGATE_PYTHON_EXECUTABLES ${PROJECT_SOURCE_DIR}/build/venv/bin/python)
  else()
    find_program(TIDEGATE_ANY_PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH)
    find_program(TIDEGATE_ANY_PYTHON3 python3)
    set(TIDEGATE_PYTHON_EXECUTABLES ${TIDEGATE_ANY_PYTHON3})
  endif()
endif()
list(GET TIDEGATE_PYTHON_EXECUTABLES 0 TIDEGATE_PYTHON)

# What an extension for this interpreter needs: <prefix>_SUFFIX and <prefix>_INCLUDE.
function(tidegate_query_python executable prefix)
  execute_process(
    COMMAND ${executable} -c
      "import sysconfig as s; print(s.get_config_var('EXT_SUFFIX'), s.get_paths()['include'], sep=';')"
    OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  list(GET answer 0 suffix)
  list(GET answer 1 include)
  set(${prefix}_SUFFIX ${suffix} PARENT_SCOPE)
  set(${prefix}_INCLUDE ${include} PARENT_SCOPE)
endfunction()
