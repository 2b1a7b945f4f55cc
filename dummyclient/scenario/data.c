#include "scenario/data.h"

#include "core/prng.h"
#include "files/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_STREAM = 9 };

/* Reading: the text is unquoted in place, cells are places in it. */
struct data__reader {
    struct data_table *table;
    struct arena *arena;
    struct error *error;
    uint8_t *text;
    size_t bytes;
    size_t at;
    uint32_t line;
    uint32_t cells_max;
};

enum data__end { DATA__CELL, DATA__LINE, DATA__FILE };

/* What follows a cell; -1: something that must not. */
static int data__end(struct data__reader *reader)
{
    if (reader->at == reader->bytes) {
        return DATA__FILE;
    }
    uint8_t c = reader->text[reader->at];
    if (c == ',') {
        reader->at++;
        return DATA__CELL;
    }
    if (c == '\r' && reader->at + 1 < reader->bytes && reader->text[reader->at + 1] == '\n') {
        reader->at++;
        c = '\n';
    }
    if (c != '\n') {
        return -1;
    }
    reader->at++;
    reader->line++;
    return reader->at == reader->bytes ? DATA__FILE : DATA__LINE;
}

static int data__quoted(struct data__reader *reader, struct data_cell *cell)
{
    uint32_t line = reader->line;
    uint8_t *out = reader->text + reader->at;
    reader->at++;
    cell->offset = (uint32_t)(out - reader->text);
    for (; reader->at < reader->bytes; reader->at++) {
        uint8_t c = reader->text[reader->at];
        bool twice =
            c == '"' && reader->at + 1 < reader->bytes && reader->text[reader->at + 1] == '"';
        if (c == '"' && !twice) {
            reader->at++;
            cell->bytes = (uint32_t)(out - reader->text) - cell->offset;
            int end = data__end(reader);
            if (end < 0) {
                error_set(reader->error,
                          "line %" PRIu32 ": expected a comma or the end of the line behind the "
                          "closing quote, found \"%c\"",
                          reader->line, reader->text[reader->at]);
            }
            return end;
        }
        reader->at += twice;
        reader->line += c == '\n';
        *out++ = c;
    }
    error_set(reader->error, "line %" PRIu32 ": expected a closing quote, found none", line);
    return -1;
}

/* The next cell and what ends it; -1 with an error. */
static int data__next(struct data__reader *reader, struct data_cell *cell)
{
    if (reader->at < reader->bytes && reader->text[reader->at] == '"') {
        return data__quoted(reader, cell);
    }
    cell->offset = (uint32_t)reader->at;
    int end = -1;
    while ((end = data__end(reader)) < 0) {
        if (reader->text[reader->at] == '"') {
            error_set(reader->error,
                      "line %" PRIu32 ": a quote inside a cell: put the whole cell in quotes, and "
                      "the quote twice",
                      reader->line);
            return -1;
        }
        reader->at++;
    }
    size_t stop = reader->at;
    if (end == DATA__CELL || stop > cell->offset) {
        while (stop > cell->offset &&
               (reader->text[stop - 1] == '\n' || reader->text[stop - 1] == '\r')) {
            stop--;
        }
        stop -= end == DATA__CELL;
    }
    cell->bytes = (uint32_t)(stop - cell->offset);
    return end;
}

/* Is nothing left but the ends of empty lines? */
static bool data__is_done(const struct data__reader *reader)
{
    size_t at = reader->at;
    while (at < reader->bytes && (reader->text[at] == '\n' || reader->text[at] == '\r')) {
        at++;
    }
    return at == reader->bytes;
}

static bool data__header(struct data__reader *reader)
{
    struct data_table *table = reader->table;
    struct data_cell cell;
    int end = DATA__CELL;
    table->columns = arena_take(reader->arena, DATA_COLUMNS_MAX * sizeof *table->columns);
    while (end == DATA__CELL && table->columns != NULL) {
        end = data__next(reader, &cell);
        if (end < 0) {
            return false;
        }
        if (table->columns_count == DATA_COLUMNS_MAX || cell.bytes == 0 || cell.bytes > 64) {
            error_set(reader->error,
                      "line 1: expected 1 to %d names of columns of 1 to 64 bytes each",
                      DATA_COLUMNS_MAX);
            return false;
        }
        const char *name = arena_copy(reader->arena, reader->text + cell.offset, cell.bytes);
        for (uint32_t i = 0; i < table->columns_count && name != NULL; i++) {
            if (strcmp(table->columns[i].name, name) == 0) {
                error_set(reader->error, "line 1: the column \"%s\" is named twice", name);
                return false;
            }
        }
        table->columns[table->columns_count++].name = name;
    }
    if (end == DATA__FILE || data__is_done(reader)) {
        error_set(reader->error, "expected a row behind the line with the names, found none");
        return false;
    }
    return true;
}

static bool data__row(struct data__reader *reader, int *end)
{
    struct data_table *table = reader->table;
    uint32_t line = reader->line;
    uint32_t count = 0;
    struct data_cell *row = table->cells + (size_t)table->rows_count * table->columns_count;
    struct data_cell cell;
    do {
        *end = data__next(reader, &cell);
        if (*end < 0) {
            return false;
        }
        if (count < table->columns_count) {
            row[count] = cell;
        }
        count++;
    } while (*end == DATA__CELL);
    if (count != table->columns_count) {
        error_set(reader->error, "line %" PRIu32 ": expected %" PRIu32 " cells, found %" PRIu32,
                  line, table->columns_count, count);
        return false;
    }
    table->rows_count++;
    return true;
}

static uint32_t data__count_lines(const uint8_t *text, size_t bytes)
{
    uint32_t count = 1;
    for (size_t i = 0; i < bytes; i++) {
        count += text[i] == '\n';
    }
    return count;
}

double data_cell_double(const uint8_t *cell, uint32_t bytes)
{
    char text[64];
    uint32_t count = bytes < sizeof text ? bytes : sizeof text - 1;
    memcpy(text, cell, count);
    text[count] = '\0';
    return strtod(text, NULL);
}

static enum value_type data__cell_type(const uint8_t *cell, uint32_t bytes)
{
    uint64_t bits = 0;
    size_t used = 0;
    if (value_read_digits(cell, bytes, &bits, &used) && used == bytes) {
        return cell[0] != '-' && bits > (uint64_t)INT64_MAX ? VALUE_U64 : VALUE_I64;
    }
    char text[64];
    char *end = text;
    if (bytes > 0 && bytes < sizeof text && strchr("+-.0123456789", cell[0]) != NULL) {
        memcpy(text, cell, bytes);
        text[bytes] = '\0';
        strtod(text, &end);
    }
    return end == text + bytes && bytes > 0 ? VALUE_F64 : VALUE_TEXT;
}

/* What all cells of a column have in common. */
static void data__measure(struct data_table *table, uint32_t index)
{
    struct data_column *column = &table->columns[index];
    bool wide = false;
    bool negative = false;
    column->type = VALUE_U64;
    column->bytes_min = UINT32_MAX;
    for (uint32_t row = 0; row < table->rows_count; row++) {
        uint32_t bytes = 0;
        const uint8_t *cell = data_cell(table, row, index, &bytes);
        enum value_type type = data__cell_type(cell, bytes);
        wide = wide || type == VALUE_U64;
        negative = negative || (type == VALUE_I64 && cell[0] == '-');
        column->type = type > column->type ? type : column->type;
        column->bytes_min = bytes < column->bytes_min ? bytes : column->bytes_min;
        column->bytes_max = bytes > column->bytes_max ? bytes : column->bytes_max;
    }
    if (column->type == VALUE_I64 && wide) {
        column->type = negative ? VALUE_TEXT : VALUE_U64; /* no type holds both */
    }
}

static bool data__rows(struct data__reader *reader)
{
    struct data_table *table = reader->table;
    uint32_t rows_max = data__count_lines(reader->text + reader->at, reader->bytes - reader->at);
    rows_max = rows_max < DATA_ROWS_MAX ? rows_max : DATA_ROWS_MAX;
    uint32_t fit_max = DATA_CELLS_MAX / table->columns_count;
    rows_max = rows_max < fit_max ? rows_max : fit_max;
    table->cells =
        arena_take(reader->arena, (size_t)rows_max * table->columns_count * sizeof *table->cells);
    int end = DATA__LINE;
    /* Empty lines at the end are no rows. */
    while (end == DATA__LINE && table->cells != NULL && !data__is_done(reader)) {
        if (table->rows_count == rows_max) {
            error_set(reader->error, "expected at most %" PRIu32 " rows, found more", rows_max);
            return false;
        }
        if (!data__row(reader, &end)) {
            return false;
        }
    }
    return true;
}

bool data_read(struct data_table *table, const char *path, struct arena *arena, struct error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    if (!file_read(path, DATA_FILE_BYTES_MAX, &text, &bytes, error)) {
        return false;
    }
    size_t skip = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct data__reader reader = {.table = table,
                                  .arena = arena,
                                  .error = error,
                                  .text = arena_copy(arena, text + skip, bytes - skip),
                                  .bytes = bytes - skip,
                                  .line = 1};
    free(text);
    table->text = reader.text;
    bool read = reader.text != NULL && data__header(&reader) && data__rows(&reader);
    if (arena->failed) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "%.400s: there is no memory for it", path);
        return false;
    }
    for (uint32_t i = 0; i < table->columns_count && read; i++) {
        data__measure(table, i);
    }
    if (!read) {
        struct error reason = *error;
        error_set(error, "%.400s: %s", path, reason.text);
    }
    return read;
}

uint32_t data_line(const struct data_table *table, uint32_t row)
{
    const uint8_t *end = table->text + table->cells[(size_t)row * table->columns_count].offset;
    uint32_t line = 1;
    for (const uint8_t *at = table->text; at < end; at++) {
        line += *at == '\n';
    }
    return line;
}

uint32_t data_row_or_out(const struct data_table *table, const struct message_scope *scope,
                         bool *out)
{
    uint64_t pass = scope->iteration * scope->world->lanes_count + scope->lane;
    uint64_t row = scope->connection;
    *out = false;
    if (table->pick == DATA_RANDOM) {
        uint64_t key = prng_mix(prng_mix(scope->seed, scope->connection), pass);
        uint64_t number = (uint64_t)(table - scope->world->tables);
        return (uint32_t)prng_range(key, DATA_STREAM, number, 0, table->rows_count - 1);
    }
    if (table->pick == DATA_SEQUENTIAL) {
        row += pass * scope->world->connections_count;
    }
    *out = row >= table->rows_count;
    return (uint32_t)(row % table->rows_count);
}

uint32_t data_row(const struct data_table *table, const struct message_scope *scope)
{
    bool out = false;
    return data_row_or_out(table, scope, &out);
}

const uint8_t *data_cell(const struct data_table *table, uint32_t row, uint32_t column,
                         uint32_t *bytes)
{
    const struct data_cell *cell = &table->cells[(size_t)row * table->columns_count + column];
    *bytes = cell->bytes;
    return table->text + cell->offset;
}
