# The live page (--listen) as a C file. It is made of the scripts' charts, where there are Node.js
# and their modules; else it is empty, and the programs serve a plain page in its place.
set(DUMMYLOAD_PAGE "${CMAKE_BINARY_DIR}/generated/web_page.c")
set(DUMMYLOAD_PAGE_MAKER "${PROJECT_SOURCE_DIR}/scripts/lib/drawing/live/embed.mjs")
find_program(NODE NAMES node nodejs)
if(NODE)
    set(scripts "${PROJECT_SOURCE_DIR}/scripts")
    file(GLOB_RECURSE page_parts CONFIGURE_DEPENDS "${scripts}/lib/drawing/*"
        "${scripts}/lib/base/*" "${scripts}/lib/results/*" "${scripts}/lib/judging/*"
        "${scripts}/node_modules/echarts/dist/echarts.min.js")
    add_custom_command(OUTPUT "${DUMMYLOAD_PAGE}"
        COMMAND "${NODE}" "${DUMMYLOAD_PAGE_MAKER}" "${DUMMYLOAD_PAGE}"
        DEPENDS ${page_parts} COMMENT "Making the live page" VERBATIM)
else()
    message(STATUS "no Node.js: built without the live page")
    file(WRITE "${DUMMYLOAD_PAGE}" "#include \"web/page.h\"\n\nconst size_t web_page_bytes = 0;\n"
        "const unsigned char web_page[] = {0};\n")
endif()
