# cpack: a zip (Windows) or tar.gz (Linux) that runs where it is unpacked, and cpack -G DEB: a
# package of Debian and its relatives. scripts/package calls both. What is for a system's own
# folders is the component `system`: cmake --install build/linux --component system --prefix /usr.
option(DUMMYLOAD_PORTABLE "Link the libraries in, so that the programs run on other machines" OFF)
set(DUMMYLOAD_MAINTAINER "The Dummyload authors <maintainers@dummyload.invalid>" CACHE STRING
    "Who maintains the .deb")

if(DUMMYLOAD_PORTABLE AND NOT WIN32)
    # cJSON and CivetWeb come in as sources (FETCHCONTENT_SOURCE_DIR_...); liburing has an archive.
    find_library(LIBURING_ARCHIVE NAMES liburing.a HINTS ${liburing_LIBRARY_DIRS})
    if(LIBURING_ARCHIVE)
        set_target_properties(PkgConfig::liburing PROPERTIES
            INTERFACE_LINK_LIBRARIES "${LIBURING_ARCHIVE}")
    else()
        message(WARNING "no liburing.a: the package will need the system's liburing")
    endif()
endif()

# Manual pages and completions are made when something is installed, by the programs themselves:
# PROGRAMS is asked for its options, and MADE has what it says.
find_program(NODE NAMES node nodejs)
set(programs "${CMAKE_BINARY_DIR}")
set(made "${CMAKE_BINARY_DIR}/shell")
set(make_files "${CMAKE_CURRENT_LIST_DIR}/package/files.cmake")
foreach(component Unspecified system)
    set(all)
    if(component STREQUAL system)
        set(all EXCLUDE_FROM_ALL)
    endif()
    install(CODE "
        set(NODE \"${NODE}\")
        set(PROGRAMS \"${programs}\")
        set(MADE \"${made}/${component}\")
        set(COMPONENT ${component})
        set(SOURCE \"${PROJECT_SOURCE_DIR}\")
        set(VERSION \"${PROJECT_VERSION}\")
        set(MAINTAINER \"${DUMMYLOAD_MAINTAINER}\")
        include(\"${make_files}\")" COMPONENT ${component} ${all})
    install(DIRECTORY "${made}/${component}/share" DESTINATION . COMPONENT ${component} ${all}
        OPTIONAL)
endforeach()

# The project's own README is about its sources.
install(FILES cmake/package/README.md LICENSE DESTINATION .)
install(DIRECTORY scenarios DESTINATION .)
# OpenSSL is inside of the programs: its licence goes with it.
if(TARGET OpenSSL::SSL)
    find_file(OPENSSL_LICENSE NAMES LICENSE.txt libssl-dev/copyright NO_CMAKE_FIND_ROOT_PATH
        NO_DEFAULT_PATH PATHS "${OPENSSL_ROOT_DIR}" "${OPENSSL_INCLUDE_DIR}/.." /usr/share/doc)
    if(OPENSSL_LICENSE)
        install(FILES "${OPENSSL_LICENSE}" DESTINATION licenses RENAME OpenSSL.txt)
    endif()
endif()
# The same of CivetWeb, where it was built from its source.
if(EXISTS "${civetweb_SOURCE_DIR}/LICENSE.md")
    install(FILES "${civetweb_SOURCE_DIR}/LICENSE.md" DESTINATION licenses RENAME CivetWeb.txt)
endif()
# What a user's own codec includes.
install(FILES shared/dummyload/codec.h DESTINATION include/dummyload)
if(TARGET dummyclient-mpi)
    install(DIRECTORY scripts/cluster DESTINATION .)
endif()
install(FILES results/result.schema.json results/README.md DESTINATION results OPTIONAL)

# The same for a system. A scenario finds its schema beside it.
install(DIRECTORY scenarios DESTINATION share/dummyload COMPONENT system EXCLUDE_FROM_ALL)
install(FILES results/result.schema.json results/README.md DESTINATION share/dummyload/results
    COMPONENT system EXCLUDE_FROM_ALL)
install(FILES cmake/package/system/README.md DESTINATION share/doc/dummyload
    COMPONENT system EXCLUDE_FROM_ALL)
install(FILES shared/dummyload/codec.h DESTINATION include/dummyload
    COMPONENT system EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_NAME dummyload)
set(CPACK_PACKAGE_VENDOR "The Dummyload authors")
set(CPACK_PACKAGE_CONTACT "${DUMMYLOAD_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "load tester for TCP servers, with its own server")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_SOURCE_DIR}/build/packages")
set(CPACK_STRIP_FILES ON)
if(WIN32)
    set(CPACK_SYSTEM_NAME windows-x64)
    set(CPACK_GENERATOR ZIP)
else()
    string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" DUMMYLOAD_PROCESSOR)
    set(CPACK_SYSTEM_NAME "linux-${DUMMYLOAD_PROCESSOR}")
    set(CPACK_GENERATOR TGZ)
    set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
    set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"dummyclient plays JSON scenarios over thousands of TCP connections against a
server, and measures latency from when requests were due, so that waiting
counts. dummyserver answers it. Both sides of a run are compared to the byte.")
    set(CPACK_DEBIAN_PACKAGE_SECTION net)
    set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
    set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
    set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
endif()
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Which component a generator packs.
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_BINARY_DIR}/package_generator.cmake")
file(WRITE "${CPACK_PROJECT_CONFIG_FILE}" "if(CPACK_GENERATOR STREQUAL \"DEB\")
    set(CPACK_INSTALL_CMAKE_PROJECTS \"${CMAKE_BINARY_DIR};dummyload;system;/\")
endif()
")
include(CPack)
