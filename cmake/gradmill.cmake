# Build rules shared by every folder.
#
# gm_library(NAME layer FOLDER path DEPENDS libs... SOURCES files...)   one layer of the tree
# gm_test(NAME name DEPENDS libs... SOURCES files...)                   one Criterion program
# gm_program(NAME name DEPENDS libs... SOURCES files...)                one executable
#
# Layering is enforced by the compiler: every layer is reachable only through an include root of
# its own that holds nothing but a link to its folder, and a target sees the roots of what it links.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(gm_options INTERFACE)
# -ffp-contract=off: the numeric profile fuses only where fma is written.
target_compile_options(gm_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -ffp-contract=off -fno-math-errno -fno-strict-aliasing -fvisibility=hidden)
target_compile_definitions(gm_options INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_link_libraries(gm_options INTERFACE Threads::Threads m)
if(GM_SANITIZE)
  target_compile_options(gm_options INTERFACE -fsanitize=${GM_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  target_link_options(gm_options INTERFACE -fsanitize=${GM_SANITIZE})
endif()

function(gm_include_root target folder)
  set(root ${CMAKE_BINARY_DIR}/include/${target})
  get_filename_component(parent ${root}/${folder} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${folder} SYMBOLIC)
  target_include_directories(${target} ${ARGN} ${root})
endfunction()

function(gm_library)
  cmake_parse_arguments(A "" "NAME;FOLDER" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(${A_NAME} STATIC ${A_SOURCES})
  gm_include_root(${A_NAME} ${A_FOLDER} PUBLIC)
  target_link_libraries(${A_NAME} PUBLIC gm_options ${A_DEPENDS} PRIVATE ${A_PRIVATE})
endfunction()

function(gm_program)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${A_NAME} ${A_SOURCES})
  target_link_libraries(${A_NAME} PRIVATE gm_options ${A_DEPENDS})
endfunction()

# Every test program is one ctest entry. Under ThreadSanitizer tests/gm_test.h is a plain runner,
# so Criterion is neither needed nor linked there.
function(gm_test)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS" ${ARGN})
  gm_program(NAME ${A_NAME} SOURCES ${A_SOURCES} DEPENDS gm_test_kit ${A_DEPENDS})
  add_test(NAME ${A_NAME} COMMAND ${A_NAME})
endfunction()
