/* An area of a terminal, filled line by line: nothing gets wider or higher than the area. What does
 * not fit goes to the next line, at an item or else at a word; a word is never cut, for a number
 * that is cut is a wrong one. Pure. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    CANVAS_LINES_MAX = 100,
    CANVAS_COLUMNS_MAX = 200,
    CANVAS_BYTES_MAX = 48 * 1024,
    CANVAS_ITEM_BYTES_MAX = 160
};

struct canvas_style {
    int columns;    /* of the terminal; the last one stays empty */
    int rows;       /* of it: what does not fit is left out; 0: not known */
    bool sequences; /* ANSI sequences: lines clear what is behind them; else spaces do */
    bool color;
    bool utf8;
};

/* What was drawn: to find the way back to its beginning. */
struct canvas_shape {
    int lines_count;
    int columns[CANVAS_LINES_MAX]; /* of each line */
};

enum canvas_color { CANVAS_PLAIN, CANVAS_RED, CANVAS_YELLOW, CANVAS_DIM };

struct canvas {
    const struct canvas_style *style;
    char *text; /* NULL: lines are counted, and nothing is written */
    size_t bytes;
    struct canvas_shape *shape;
    int lines_count;
    int lines_max; /* what comes after is left out */
};

/* Items of a line, plain or with UTF-8 of others: control characters become '?'. */
struct canvas_items {
    char texts[16][CANVAS_ITEM_BYTES_MAX];
    int count; /* what is too much is left out */
};

void canvas_add(struct canvas_items *items, const char *format, ...) ERROR_PRINTF(2, 3);

/* Columns that a line may have, and those that a text takes in a terminal. */
int canvas_columns(const struct canvas *canvas);
int canvas_width(const char *text);
/* The label, then the items with a comma between, on as many lines as they need. */
void canvas_put(struct canvas *canvas, enum canvas_color color, const char *label,
                const struct canvas_items *items);
/* A single line; words that do not fit are left out. */
void canvas_put_line(struct canvas *canvas, enum canvas_color color, const char *line);
