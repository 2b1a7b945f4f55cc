#include "trace/trace_text.h"

#include "core/clock.h"
#include "core/printable.h"
#include "text/encoding.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    TRACE_INDENT = 13, /* of everything behind the time */
    TRACE_ROW_BYTES = 16
};

struct trace__lines {
    char *out;
    size_t used;
};

static ERROR_PRINTF(2, 3) void trace__add(struct trace__lines *lines, const char *format, ...)
{
    size_t room = TRACE_LINES_BYTES_MAX - lines->used;
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(lines->out + lines->used, room, format, arguments);
    va_end(arguments);
    lines->used += bytes < 0 ? 0 : (size_t)bytes < room ? (size_t)bytes : room - 1;
}

/* Words on as many lines as they need, broken at spaces where there are some. */
static void trace__add_words(struct trace__lines *lines, const char *text, size_t indent)
{
    const size_t room = TRACE_COLUMNS - TRACE_INDENT - indent;
    bool first = true;
    while (first || *text != '\0') {
        size_t bytes = strlen(text);
        if (bytes > room) {
            bytes = room;
            while (bytes > room / 2 && text[bytes] != ' ') {
                bytes--;
            }
            bytes = text[bytes] == ' ' ? bytes : room;
        }
        trace__add(lines, "%*s%.*s\n", first ? 0 : (int)(TRACE_INDENT + indent), "", (int)bytes,
                   text);
        text += bytes;
        text += strspn(text, " ");
        first = false;
    }
}

static void trace__add_rows(struct trace__lines *lines, const struct trace_record *record,
                            const uint8_t *data)
{
    for (uint32_t at = 0; at < record->kept_bytes; at += TRACE_ROW_BYTES) {
        uint32_t left = record->kept_bytes - at;
        uint32_t count = left < TRACE_ROW_BYTES ? left : TRACE_ROW_BYTES;
        char hex[3 * TRACE_ROW_BYTES];
        char text[TRACE_ROW_BYTES + 1];
        for (uint32_t i = 0; i < count; i++) {
            uint8_t byte = data[at + i];
            text[i] = (char)(byte >= ' ' && byte <= '~' ? byte : '.');
        }
        text[count] = '\0';
        trace__add(lines, "%*s%04" PRIx32 "  %-47s  %s\n", TRACE_INDENT, "", at,
                   encoding_write_hex(data + at, count, " ", hex, sizeof hex), text);
    }
    if (record->bytes > record->kept_bytes) {
        trace__add(lines, "%*s... and %" PRIu64 " more\n", TRACE_INDENT, "",
                   record->bytes - record->kept_bytes);
    }
}

size_t trace_text(struct trace_clock *clock, const struct trace_record *record, const char *text,
                  const uint8_t *data, char *out)
{
    static const char *const MARKS[] = {[TRACE_EVENT] = "",
                                        [TRACE_CONNECT] = "",
                                        [TRACE_NOTE] = "   ",
                                        [TRACE_SENT] = "-> ",
                                        [TRACE_RECEIVED] = "<- "};
    char words[TRACE_TEXT_BYTES_MAX + 64];
    struct trace__lines lines = {.out = out};
    printable_text(text, words, sizeof words);
    if (record->kind == TRACE_CONNECT) {
        size_t used = strlen(words);
        clock->from_ns = record->time_ns;
        snprintf(words + used, sizeof words - used, " (at %.6f s of the run)",
                 (double)(record->time_ns - clock->origin_ns) / (double)NS_PER_S);
    }
    if (record->kind == TRACE_NOTE) {
        trace__add(&lines, "%*s", TRACE_INDENT, "");
    } else {
        trace__add(&lines, "%11.6f  ",
                   (double)(record->time_ns - clock->from_ns) / (double)NS_PER_S);
    }
    trace__add(&lines, "%s", MARKS[record->kind]);
    trace__add_words(&lines, words, strlen(MARKS[record->kind]));
    trace__add_rows(&lines, record, data);
    return lines.used;
}
