# Build rules shared by every folder.
#
# gm_library(NAME layer FOLDER path DEPENDS libs... SOURCES files...)   one layer of the tree
# gm_test(NAME name DEPENDS libs... SOURCES files... LABELS tsan)       one test program
# gm_script_test(NAME name SCRIPT file [ARGS...] [LABELS...])           one test that is a shell script
# gm_fuzz(NAME name DEPENDS libs... SOURCES files...)                   one libFuzzer target
# gm_program(NAME name DEPENDS libs... SOURCES files...)                one executable
#
# Layering is enforced by the compiler: every layer is reachable only through an include root of
# its own that holds nothing but a link to its folder, and a target sees the roots of what it links.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  if(GM_SANITIZE OR GM_FUZZ)
    set(CMAKE_BUILD_TYPE Sanitize CACHE STRING "" FORCE)
  else()
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
endif()
# Assertions stay on everywhere: they cost nothing beside the kernels, and a broken invariant must
# not go on to sign a result.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_SANITIZE "-O1 -g")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(gm_options INTERFACE)
# -ffp-contract=off: the numeric profile fuses only where fma is written.
target_compile_options(gm_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -ffp-contract=off -fno-math-errno -fno-strict-aliasing -fvisibility=hidden)
target_compile_definitions(gm_options INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_link_libraries(gm_options INTERFACE Threads::Threads m)
if(GM_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "GM_FUZZ needs clang: set CC=clang")
  endif()
  set(GM_SANITIZE "fuzzer-no-link,address,undefined")
endif()
if(GM_SANITIZE)
  # Instrumented code hides from gcc what it knew, and it warns of what cannot be. The ordinary build
  # is the one that must be free of warnings.
  target_compile_options(gm_options INTERFACE -Wno-error)
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

# Sizes that cannot be had must give NULL under AddressSanitizer too, as they do without it.
set(GM_TEST_ENVIRONMENT
  ASAN_OPTIONS=allocator_may_return_null=1
  UBSAN_OPTIONS=print_stacktrace=1
  TSAN_OPTIONS=allocator_may_return_null=1)

# Every test program is one ctest entry. Under ThreadSanitizer tests/gm_test.h is a plain runner,
# so Criterion is neither needed nor linked there, and only the tests labelled "tsan" are built:
# those that start threads.
function(gm_test)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(GM_SANITIZE MATCHES "thread" AND NOT "tsan" IN_LIST A_LABELS)
    return()
  endif()
  gm_program(NAME ${A_NAME} SOURCES ${A_SOURCES} DEPENDS gm_test_kit ${A_DEPENDS})
  add_test(NAME ${A_NAME} COMMAND ${A_NAME})
  set_tests_properties(${A_NAME} PROPERTIES LABELS "${A_LABELS}" TIMEOUT 300
                       ENVIRONMENT "${GM_TEST_ENVIRONMENT}")
endfunction()

# Exit code 77 means: cannot be checked on this machine (a tool is missing), counted as skipped.
# Scripts look at sources, so one run of them, in the ordinary build, is enough.
function(gm_script_test)
  cmake_parse_arguments(A "" "NAME;SCRIPT" "ARGS;LABELS" ${ARGN})
  if(GM_SANITIZE AND NOT A_LABELS)
    return()
  endif()
  add_test(NAME ${A_NAME} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/${A_SCRIPT} ${A_ARGS}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${A_NAME} PROPERTIES LABELS "${A_LABELS}" SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()

# Runs GM_FUZZ_SECONDS over what it finds from the seeds in corpus/NAME, if there are any. New
# inputs go to the build folder; the seeds are never written.
set(GM_FUZZ_SECONDS 10 CACHE STRING "seconds that ctest gives every libFuzzer target")
function(gm_fuzz)
  cmake_parse_arguments(A "" "NAME" "SOURCES;DEPENDS" ${ARGN})
  gm_program(NAME ${A_NAME} SOURCES ${A_SOURCES} DEPENDS ${A_DEPENDS})
  target_link_options(${A_NAME} PRIVATE -fsanitize=fuzzer)
  set(found ${CMAKE_CURRENT_BINARY_DIR}/found-${A_NAME})
  set(seeds ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${A_NAME})
  file(MAKE_DIRECTORY ${found})
  if(NOT EXISTS ${seeds})
    set(seeds)
  endif()
  add_test(NAME ${A_NAME} COMMAND ${A_NAME} -max_total_time=${GM_FUZZ_SECONDS} -timeout=10
           -rss_limit_mb=2048 -print_final_stats=1 ${found} ${seeds})
  set_tests_properties(${A_NAME} PROPERTIES LABELS fuzz)
  set_property(GLOBAL APPEND PROPERTY GM_FUZZ_TARGETS ${A_NAME})
endfunction()
