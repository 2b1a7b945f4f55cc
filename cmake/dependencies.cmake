# The libraries: the system's or vcpkg's package first, then the pinned source.
#
# FETCHCONTENT_SOURCE_DIR_<NAME> hands in a source tree that is on the disk already, as
# scripts/setup does for Windows builds, which have no system packages here.
include(FetchContent)

# Sources of others: their warnings are not ours, and the folder they are built in is in no program.
set(DUMMYLOAD_OF_OTHERS
    "$<IF:$<C_COMPILER_ID:MSVC>,/w,-w;-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.>")

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# cJSON: scenarios and results.
if(NOT FETCHCONTENT_SOURCE_DIR_CJSON)
    find_package(cJSON CONFIG QUIET)
    if(NOT TARGET cjson)
        find_path(CJSON_INCLUDE cjson/cJSON.h)
        find_library(CJSON_LIBRARY cjson)
        if(CJSON_INCLUDE AND CJSON_LIBRARY)
            add_library(cjson INTERFACE)
            target_include_directories(cjson INTERFACE "${CJSON_INCLUDE}")
            target_link_libraries(cjson INTERFACE "${CJSON_LIBRARY}")
        endif()
    endif()
endif()
if(NOT TARGET cjson)
    FetchContent_Declare(cjson
        URL https://github.com/DaveGamble/cJSON/archive/refs/tags/v1.7.18.tar.gz
        URL_HASH SHA256=3aa806844a03442c00769b83e99970be70fbef03735ff898f4811dd03b9f5ee5)
    FetchContent_GetProperties(cjson)
    if(NOT cjson_POPULATED)
        FetchContent_Populate(cjson)
    endif()
    # Its own build adds tests and options; the library is two files.
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/include/cjson")
    configure_file("${cjson_SOURCE_DIR}/cJSON.h" "${CMAKE_BINARY_DIR}/include/cjson/cJSON.h"
        COPYONLY)
    add_library(cjson STATIC "${cjson_SOURCE_DIR}/cJSON.c")
    target_compile_options(cjson PRIVATE "${DUMMYLOAD_OF_OTHERS}")
    target_include_directories(cjson SYSTEM PUBLIC "${CMAKE_BINARY_DIR}/include")
endif()

# HdrHistogram_c: one source file of it; its log format (and zlib) is not needed.
if(NOT FETCHCONTENT_SOURCE_DIR_HDR_HISTOGRAM)
    find_package(hdr_histogram CONFIG QUIET)
    foreach(candidate hdr_histogram::hdr_histogram_static hdr_histogram::hdr_histogram)
        if(TARGET ${candidate} AND NOT TARGET hdr_histogram)
            add_library(hdr_histogram INTERFACE)
            target_link_libraries(hdr_histogram INTERFACE ${candidate})
        endif()
    endforeach()
endif()
if(NOT TARGET hdr_histogram)
    FetchContent_Declare(hdr_histogram
        URL https://github.com/HdrHistogram/HdrHistogram_c/archive/refs/tags/0.11.8.tar.gz
        URL_HASH SHA256=bb95351a6a8b242dc9be1f28562761a84d4cf0a874ffc90a9b630770a6468e94)
    FetchContent_GetProperties(hdr_histogram)
    if(NOT hdr_histogram_POPULATED)
        FetchContent_Populate(hdr_histogram)
    endif()
    # Before 0.11.6 the headers stood beside the sources.
    file(GLOB hdr_headers "${hdr_histogram_SOURCE_DIR}/include/hdr/*.h"
        "${hdr_histogram_SOURCE_DIR}/src/*.h")
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/include/hdr")
    file(COPY ${hdr_headers} DESTINATION "${CMAKE_BINARY_DIR}/include/hdr")
    add_library(hdr_histogram STATIC "${hdr_histogram_SOURCE_DIR}/src/hdr_histogram.c")
    target_include_directories(hdr_histogram SYSTEM PUBLIC "${CMAKE_BINARY_DIR}/include")
    target_compile_options(hdr_histogram PRIVATE "${DUMMYLOAD_OF_OTHERS}")
    if(NOT WIN32)
        target_link_libraries(hdr_histogram PUBLIC m)
    endif()
endif()

# liburing: io_uring without its raw system calls. 2.3 or newer.
if(NOT WIN32)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
endif()

# OpenSSL 3: TLS. Everything else is built without it. The mingw build on Linux would find the Linux
# one: it takes what OPENSSL_ROOT_DIR names, which scripts/setup builds. A program for other
# machines has it inside.
option(DUMMYLOAD_TLS "Speak TLS where OpenSSL 3 is found" ON)
if(DUMMYLOAD_TLS AND (OPENSSL_ROOT_DIR OR NOT CMAKE_CROSSCOMPILING))
    if(CMAKE_CROSSCOMPILING OR DUMMYLOAD_PORTABLE)
        set(OPENSSL_USE_STATIC_LIBS ON)
    endif()
    if(CMAKE_CROSSCOMPILING)
        list(APPEND CMAKE_FIND_ROOT_PATH "${OPENSSL_ROOT_DIR}")
    endif()
    find_package(OpenSSL 3 QUIET)
endif()
if(TARGET OpenSSL::SSL)
    message(STATUS "TLS by OpenSSL ${OPENSSL_VERSION}")
else()
    message(STATUS "no OpenSSL 3 (Debian: libssl-dev; vcpkg: openssl): built without TLS")
endif()

# CivetWeb: the live page (--listen). Everything else is built without it. From its source it is one
# file, without what is not used here: TLS, CGI, files.
option(DUMMYLOAD_WEB "Serve a live page where CivetWeb is found or can be downloaded" ON)
if(DUMMYLOAD_WEB AND NOT FETCHCONTENT_SOURCE_DIR_CIVETWEB)
    # Debian's package of it for CMake names a program that is in another package, and stops there.
    find_path(CIVETWEB_INCLUDE civetweb.h)
    find_library(CIVETWEB_LIBRARY civetweb)
    if(WIN32)
        find_package(civetweb CONFIG QUIET)
    endif()
    if(TARGET civetweb::civetweb)
        add_library(civetweb INTERFACE)
        target_link_libraries(civetweb INTERFACE civetweb::civetweb)
    elseif(CIVETWEB_INCLUDE AND CIVETWEB_LIBRARY)
        add_library(civetweb INTERFACE)
        target_include_directories(civetweb INTERFACE "${CIVETWEB_INCLUDE}")
        target_link_libraries(civetweb INTERFACE "${CIVETWEB_LIBRARY}")
    endif()
endif()
if(DUMMYLOAD_WEB AND NOT TARGET civetweb)
    FetchContent_Declare(civetweb
        URL https://github.com/civetweb/civetweb/archive/v1.15.tar.gz
        URL_HASH SHA256=90a533422944ab327a4fbb9969f0845d0dba05354f9cacce3a5005fa59f593b9)
    FetchContent_GetProperties(civetweb)
    if(NOT civetweb_POPULATED)
        FetchContent_Populate(civetweb)
    endif()
    add_library(civetweb STATIC "${civetweb_SOURCE_DIR}/src/civetweb.c")
    target_include_directories(civetweb SYSTEM PUBLIC "${civetweb_SOURCE_DIR}/include")
    target_compile_definitions(civetweb PRIVATE NO_SSL NO_CGI NO_FILES NO_CACHING USE_IPV6 NDEBUG)
    target_compile_options(civetweb PRIVATE "${DUMMYLOAD_OF_OTHERS}")
    target_link_libraries(civetweb PUBLIC Threads::Threads)
    if(WIN32)
        target_link_libraries(civetweb PUBLIC ws2_32)
    endif()
endif()
if(NOT TARGET civetweb)
    message(STATUS "no CivetWeb: built without the live page (--listen)")
endif()

# MPI: dummyclient-mpi, which plays a load from many machines. Everything else is built without it.
# The mingw build on Linux would find the Linux one.
option(DUMMYLOAD_MPI "Build dummyclient-mpi where an MPI is found" ON)
if(DUMMYLOAD_MPI AND NOT CMAKE_CROSSCOMPILING)
    find_package(MPI QUIET COMPONENTS C)
endif()
if(NOT TARGET MPI::MPI_C)
    message(STATUS "no MPI for C (Debian: libopenmpi-dev; Windows: MS-MPI SDK): dummyclient-mpi is "
        "left out")
endif()

# cmocka: tests.
if(DUMMYLOAD_TESTS)
    if(NOT FETCHCONTENT_SOURCE_DIR_CMOCKA)
        find_package(cmocka CONFIG QUIET)
        if(NOT TARGET cmocka AND CMOCKA_LIBRARIES)
            add_library(cmocka INTERFACE)
            target_include_directories(cmocka INTERFACE "${CMOCKA_INCLUDE_DIR}")
            target_link_libraries(cmocka INTERFACE "${CMOCKA_LIBRARIES}")
        elseif(TARGET cmocka::cmocka AND NOT TARGET cmocka)
            add_library(cmocka INTERFACE)
            target_link_libraries(cmocka INTERFACE cmocka::cmocka)
        endif()
    endif()
    if(NOT TARGET cmocka)
        FetchContent_Declare(cmocka
            URL https://cmocka.org/files/1.1/cmocka-1.1.7.tar.xz
            URL_HASH SHA256=810570eb0b8d64804331f82b29ff47c790ce9cd6b163e98d47a4807047ecad82)
        FetchContent_GetProperties(cmocka)
        if(NOT cmocka_POPULATED)
            FetchContent_Populate(cmocka)
        endif()
        add_library(cmocka STATIC "${cmocka_SOURCE_DIR}/src/cmocka.c")
        target_include_directories(cmocka SYSTEM PUBLIC "${cmocka_SOURCE_DIR}/include")
        target_compile_definitions(cmocka PRIVATE HAVE_MALLOC_H=1 HAVE_SIGNAL_H=1 HAVE_STRINGS_H=1
            HAVE_INTTYPES_H=1 HAVE_SNPRINTF=1 HAVE_VSNPRINTF=1)
        target_compile_options(cmocka PRIVATE $<IF:$<C_COMPILER_ID:MSVC>,/w,-w>)
    endif()
endif()
