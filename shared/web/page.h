/* The live page: one HTML file, made by the build from the scripts' charts (cmake/page.cmake). */
#pragma once

#include <stddef.h>

extern const unsigned char web_page[];
/* 0: the program was built without Node.js, or without the scripts' modules. */
extern const size_t web_page_bytes;
