# cmake -P: fails when one of LIBRARIES defines a name for others that does not begin as all do.
foreach(library IN LISTS LIBRARIES)
    execute_process(COMMAND "${NM}" -g --defined-only "${library}" OUTPUT_VARIABLE text
        ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "\n[0-9a-f]+ [A-Z] [^\n]+" names "\n${text}")
    if(NOT names)
        message(FATAL_ERROR "${library}: no names at all")
    endif()
    list(FILTER names EXCLUDE REGEX " (\\.refptr\\.)?dummyload_[^ ]+$")
    if(names)
        message(FATAL_ERROR "${library}: names without the prefix:${names}")
    endif()
endforeach()
