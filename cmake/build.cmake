# How everything here is compiled, and which files belong to which system.

set(DUMMYLOAD_WARNINGS -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wpedantic)
if(MSVC)
    # C11's atomics came with 17.5, behind a switch; 17.8 is the oldest that the code is read as
    # (scripts/check compilers).
    if(MSVC_VERSION LESS 1938)
        message(FATAL_ERROR "This Visual Studio is too old (compiler ${MSVC_VERSION}): C11 atomics "
            "need Visual Studio 2022 17.8 or newer. Update it with the Visual Studio Installer.")
    endif()
    add_compile_options(/W4 /utf-8 /std:c11 /experimental:c11atomics)
    if(DUMMYLOAD_WERROR)
        add_compile_options(/WX)
    endif()
else()
    add_compile_options(${DUMMYLOAD_WARNINGS})
    # The same program, in whatever folder it is built.
    add_compile_options("-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.")
    if(DUMMYLOAD_WERROR)
        add_compile_options(-Werror)
    endif()
    if(DUMMYLOAD_SANITIZE)
        add_compile_options(-fsanitize=${DUMMYLOAD_SANITIZE} -fno-omit-frame-pointer)
        add_link_options(-fsanitize=${DUMMYLOAD_SANITIZE})
    endif()
endif()

if(WIN32)
    # Windows 10: GetQueuedCompletionStatusEx, high-resolution timers.
    add_compile_definitions(_WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN _CRT_SECURE_NO_WARNINGS
        __USE_MINGW_ANSI_STDIO=1)
    set(DUMMYLOAD_FOREIGN "(^|[/_])(linux|uring|uring_multishot|epoll|poll)(\\.c$|/)")
else()
    add_compile_definitions(_GNU_SOURCE)
    set(DUMMYLOAD_FOREIGN "(^|[/_])(win|iocp)(\\.c$|/)")
endif()

# dummyload_sources(VARIABLE FOLDER...): the C files of folders that belong to this system. A file's
# ending says which, or its folder's name: *_win.c *_iocp.c and iocp/ are Windows', *_linux.c
# *_uring.c *_epoll.c and linux/ uring/ epoll/ are Linux's.
function(dummyload_sources variable)
    set(all)
    foreach(folder ${ARGN})
        get_filename_component(path "${folder}" ABSOLUTE)
        file(GLOB sources CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" "${path}/*.c")
        list(FILTER sources EXCLUDE REGEX "${DUMMYLOAD_FOREIGN}")
        list(TRANSFORM sources PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
        list(APPEND all ${sources})
    endforeach()
    set(${variable} "${all}" PARENT_SCOPE)
endfunction()

# dummyload_library(NAME FOLDERS LIBRARIES...): a static library of a list of folders.
function(dummyload_library name folders)
    dummyload_sources(sources ${folders})
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${ARGN})
endfunction()

# dummyload_install_program(TARGET): into an archive that runs where it is unpacked, and into a
# system (component `system`; see package.cmake).
function(dummyload_install_program target)
    install(TARGETS ${target} RUNTIME DESTINATION .)
    install(TARGETS ${target} RUNTIME DESTINATION bin COMPONENT system EXCLUDE_FROM_ALL)
endfunction()
