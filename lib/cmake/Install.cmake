# cmake --install: headers, both libraries, the CMake package and the pkg-config files.
# The wheel installs its own component "python" only (bindings/python).
include(CMakePackageConfigHelpers)

set(targets tidegate)
if(TARGET tidegate_c)
  list(APPEND targets tidegate_c)
endif()
install(TARGETS ${targets} EXPORT tidegateTargets COMPONENT library)
install(DIRECTORY include/tidegate DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tidegate)
install(EXPORT tidegateTargets NAMESPACE tidegate:: DESTINATION ${package_dir} COMPONENT library)
configure_package_config_file(lib/cmake/tidegateConfig.cmake.in ${PROJECT_BINARY_DIR}/tidegateConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tidegateConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tidegateConfig.cmake ${PROJECT_BINARY_DIR}/tidegateConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT library)

foreach(name tidegate tidegate-c)
  configure_file(lib/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
endforeach()
