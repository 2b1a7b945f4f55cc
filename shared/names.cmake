# cmake -P: gives all external names of the library one prefix, so that a program may have its own
# frame_decode() or must() beside it. For each header of shared/ and server/ it writes one of the
# same path into FOLDER, which renames what that header declares, and includes it; the compiler is
# shown FOLDER alone. At every build, and written only when something has changed.
foreach(root shared server)
    file(GLOB_RECURSE headers RELATIVE "${SOURCE}/${root}" "${SOURCE}/${root}/*.h")
    list(FILTER headers EXCLUDE REGEX "^(example|program)/")
    foreach(header IN LISTS headers)
        file(READ "${SOURCE}/${root}/${header}" text)
        # What begins in the first column: TYPE NAME( and extern TYPE NAME.
        string(REGEX MATCHALL "\n[A-Za-z][A-Za-z0-9_ *]*[ *][a-z][a-z0-9_]*\\("
            functions "${text}")
        list(FILTER functions EXCLUDE REGEX "^\n(static|typedef) ")
        string(REGEX MATCHALL "\nextern [A-Za-z0-9_ *]*[ *][A-Za-z][A-Za-z0-9_]*" objects "${text}")
        set(renamed "")
        foreach(declared IN LISTS functions objects)
            string(REGEX REPLACE ".*[ *]([A-Za-z0-9_]+)\\(?$" "\\1" name "${declared}")
            string(APPEND renamed "#define ${name} dummyload_${name}\n")
        endforeach()
        get_filename_component(folder "${FOLDER}/${header}" DIRECTORY)
        file(RELATIVE_PATH path "${folder}" "${SOURCE}/${root}/${header}")
        string(APPEND renamed "#include \"${path}\"\n")
        file(CONFIGURE OUTPUT "${FOLDER}/${header}" CONTENT "${renamed}" @ONLY)
    endforeach()
endforeach()
# What an embedder includes by its name alone.
foreach(header sessions/handler.h sessions/session.h run/server.h run/servers.h reporting/report.h)
    get_filename_component(name "${header}" NAME)
    file(CONFIGURE OUTPUT "${FOLDER}/${name}" CONTENT "#include \"${header}\"\n" @ONLY)
endforeach()
