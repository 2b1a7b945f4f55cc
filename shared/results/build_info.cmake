# cmake -P: writes build_info.h, and only when something in it has changed. At every build, because
# a commit noted at configure time would soon be another one's.
set(COMMIT "unknown")
find_program(GIT git)
if(GIT AND EXISTS "${SOURCE}/.git")
    execute_process(COMMAND "${GIT}" -C "${SOURCE}" describe --always --dirty --abbrev=12
            --exclude=*
        OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
        RESULT_VARIABLE failed)
    if(NOT failed AND described)
        set(COMMIT "${described}")
    endif()
elseif(EXISTS "${SOURCE}/.commit")
    # The tree of a revision that scripts/regress --baseline unpacked.
    file(STRINGS "${SOURCE}/.commit" COMMIT LIMIT_COUNT 1)
endif()
string(REGEX REPLACE " +" " " FLAGS "${FLAGS}")
string(STRIP "${FLAGS}" FLAGS)
string(REGEX REPLACE "[\"\\\\]" "" FLAGS "${FLAGS}")
configure_file("${SOURCE}/shared/results/build_info.h.in" "${HEADER}" @ONLY)
