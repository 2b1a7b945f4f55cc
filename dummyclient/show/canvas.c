#include "show/canvas.h"

#include "core/printable.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* From WIDE columns on labels are a column of their own. */
enum {
    CANVAS_WIDE = 60,
    CANVAS_LABEL = 14,
    CANVAS_INDENT = 2,
    CANVAS_LINE_BYTES_MAX = 4 * CANVAS_COLUMNS_MAX + 64
};

static const char CANVAS_SEQUENCE_PLAIN[] = "\x1b[0m";
static const char CANVAS_CLEAR_LINE[] = "\x1b[K";
static const char CANVAS_TOO_LONG[] = "...";

/* A line that grows. */
struct canvas__line {
    struct canvas *canvas;
    enum canvas_color color;
    char text[CANVAS_LINE_BYTES_MAX];
    size_t bytes;
    int columns;
    int indent; /* of the lines that continue it */
    bool blank; /* no word stands in it yet */
    bool single;
};

int canvas_width(const char *text)
{
    return printable_columns(text, strlen(text));
}

int canvas_columns(const struct canvas *canvas)
{
    int columns = canvas->style->columns - 1;
    return columns < 1 ? 1 : columns < CANVAS_COLUMNS_MAX ? columns : CANVAS_COLUMNS_MAX;
}

void canvas_add(struct canvas_items *items, const char *format, ...)
{
    if (items->count == (int)(sizeof items->texts / sizeof items->texts[0])) {
        return;
    }
    char *text = items->texts[items->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, CANVAS_ITEM_BYTES_MAX, format, arguments);
    va_end(arguments);
    printable_text(text, text, CANVAS_ITEM_BYTES_MAX);
}

/* Some bytes of UTF-8 are commands to a terminal that does not know it. */
static size_t canvas__make_plain(char *text, size_t bytes)
{
    size_t out = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x80) {
            text[out++] = text[i];
        } else if ((byte & 0xC0) != 0x80) {
            text[out++] = '?';
        }
    }
    return out;
}

static void canvas__emit(struct canvas__line *line)
{
    static const char *const COLORS[] = {[CANVAS_PLAIN] = "",
                                         [CANVAS_RED] = "\x1b[31m",
                                         [CANVAS_YELLOW] = "\x1b[33m",
                                         [CANVAS_DIM] = "\x1b[2m"};
    struct canvas *canvas = line->canvas;
    if (canvas->lines_count == canvas->lines_max) {
        return;
    }
    int number = canvas->lines_count++;
    if (canvas->text == NULL) {
        return;
    }
    bool colored = line->color != CANVAS_PLAIN && canvas->style->color;
    bool sequences = canvas->style->sequences;
    if (!canvas->style->utf8) {
        line->bytes = canvas__make_plain(line->text, line->bytes);
        line->columns = (int)line->bytes;
    }
    int spaces = sequences ? 0 : canvas_columns(canvas) - line->columns;
    char text[CANVAS_LINE_BYTES_MAX + CANVAS_COLUMNS_MAX];
    size_t bytes = (size_t)snprintf(text, sizeof text, "%s%s%.*s%*s%s%s", number > 0 ? "\n" : "",
                                    colored ? COLORS[line->color] : "", (int)line->bytes,
                                    line->text, spaces, "", colored ? CANVAS_SEQUENCE_PLAIN : "",
                                    sequences ? CANVAS_CLEAR_LINE : "");
    if (canvas->bytes + bytes >= CANVAS_BYTES_MAX) {
        canvas->lines_max = --canvas->lines_count;
        return;
    }
    memcpy(canvas->text + canvas->bytes, text, bytes + 1);
    canvas->bytes += bytes;
    canvas->shape->columns[number] = line->columns + spaces;
    canvas->shape->lines_count = canvas->lines_count;
}

static void canvas__append(struct canvas__line *line, const char *text, size_t bytes)
{
    if (line->bytes + bytes < sizeof line->text) {
        memcpy(line->text + line->bytes, text, bytes);
        line->bytes += bytes;
        line->columns += printable_columns(text, bytes);
    }
}

static void canvas__indent(struct canvas__line *line, int columns)
{
    while (line->columns < columns) {
        canvas__append(line, " ", 1);
    }
    line->blank = true;
}

static void canvas__break(struct canvas__line *line)
{
    canvas__emit(line);
    line->bytes = 0;
    line->columns = 0;
    canvas__indent(line, line->indent);
}

/* A word, or an item that fits on a line. Behind the label there may be less room than on a line
 * that continues it. False: it does not fit, and there is no further line. */
static bool canvas__put_word(struct canvas__line *line, const char *separator, const char *word,
                             size_t bytes)
{
    int columns_max = canvas_columns(line->canvas);
    if (printable_columns(word, bytes) > columns_max - line->indent) {
        word = CANVAS_TOO_LONG;
        bytes = strlen(CANVAS_TOO_LONG);
    }
    int columns = printable_columns(word, bytes);
    int separator_columns = line->blank ? 0 : canvas_width(separator);
    if (line->columns + separator_columns + columns > columns_max) {
        if (line->single) {
            return false;
        }
        if (line->columns > line->indent) {
            canvas__break(line);
        }
        if (line->columns + columns > columns_max) {
            return true;
        }
    }
    if (!line->blank) {
        canvas__append(line, separator, strlen(separator));
    }
    canvas__append(line, word, bytes);
    line->blank = false;
    return true;
}

static void canvas__put_words(struct canvas__line *line, const char *separator, const char *text)
{
    const char *at = text;
    while (*at != '\0') {
        size_t spaces = strspn(at, " ");
        size_t bytes = strcspn(at + spaces, " ");
        char gap[CANVAS_COLUMNS_MAX + 1];
        snprintf(gap, sizeof gap, "%.*s", (int)spaces, at);
        if (!canvas__put_word(line, at == text ? separator : gap, at + spaces, bytes)) {
            return;
        }
        at += spaces + bytes;
    }
}

void canvas_put(struct canvas *canvas, enum canvas_color color, const char *label,
                const struct canvas_items *items)
{
    bool wide = canvas_columns(canvas) >= CANVAS_WIDE;
    struct canvas__line line = {.canvas = canvas, .color = color, .blank = true};
    bool labelled = label[0] != '\0';
    if (labelled) {
        char safe[CANVAS_ITEM_BYTES_MAX];
        canvas__put_words(&line, "", printable_text(label, safe, sizeof safe));
        if (line.columns < canvas_columns(canvas)) {
            canvas__append(&line, " ", 1);
        }
    }
    line.indent = !labelled ? 0 : wide ? CANVAS_LABEL : CANVAS_INDENT;
    canvas__indent(&line, wide && labelled ? CANVAS_LABEL : line.columns);
    for (int i = 0; i < items->count; i++) {
        const char *text = items->texts[i];
        int room = canvas_columns(canvas) - (line.blank ? line.columns : line.indent);
        if (canvas_width(text) <= room) {
            canvas__put_word(&line, ", ", text, strlen(text));
        } else {
            canvas__put_words(&line, ", ", text);
        }
    }
    canvas__emit(&line);
}

void canvas_put_line(struct canvas *canvas, enum canvas_color color, const char *text)
{
    struct canvas__line line = {.canvas = canvas, .color = color, .blank = true, .single = true};
    canvas__put_words(&line, "", text);
    canvas__emit(&line);
}
