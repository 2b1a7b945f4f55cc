# cpack: a zip (Windows) or tar.gz (Linux) that runs where it is unpacked; scripts/package calls it.
option(DUMMYLOAD_PORTABLE "Link the libraries in, so that the programs run on other machines" OFF)

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

set(CPACK_PACKAGE_NAME dummyload)
set(CPACK_PACKAGE_VENDOR "The Dummyload authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_SOURCE_DIR}/build/packages")
set(CPACK_STRIP_FILES ON)
if(WIN32)
    set(CPACK_SYSTEM_NAME windows-x64)
    set(CPACK_GENERATOR ZIP)
else()
    string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" DUMMYLOAD_PROCESSOR)
    set(CPACK_SYSTEM_NAME "linux-${DUMMYLOAD_PROCESSOR}")
    set(CPACK_GENERATOR TGZ)
endif()
include(CPack)
