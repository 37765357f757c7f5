# README's table of who reaches whom, as a test.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/README.md)
file(READ ${CMAKE_SOURCE_DIR}/README.md readme)
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/matrix/readme.h CONTENT "#pragma once
constexpr const char* kReadme = R\"readme(@readme@)readme\";
" @ONLY)
trestle_netns_test(matrix SOURCES matrix.cpp LIBS nat_guest @base PLUGIN)
target_include_directories(netns_matrix PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/matrix)
