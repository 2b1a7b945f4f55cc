# dummyload_windows_program(NAME): a program whose C runtime has UTF-8 where Windows knows it (10
# 1903), and long paths. Does nothing elsewhere.
if(MINGW)
    enable_language(RC)
endif()
function(dummyload_windows_program name)
    if(MINGW)
        target_sources(${name} PRIVATE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/program.rc")
    elseif(MSVC)
        target_sources(${name} PRIVATE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/program.manifest")
    endif()
endfunction()
