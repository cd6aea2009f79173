# ccache where present. Without the base directory and "nohashdir" a second clone in another folder
# gets no hit at all; the sloppiness entries are what ccache asks for with precompiled headers.
find_program(TIDEGATE_CCACHE ccache)
if(PROJECT_IS_TOP_LEVEL AND TIDEGATE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${TIDEGATE_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
