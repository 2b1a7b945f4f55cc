/* Data: tables from CSV files (RFC 4180), one row per pass, as ${table.column}.
 *
 * Read once at start, immutable afterwards. Which row a pass has follows from the connection, the
 * lane and the pass alone: workers share no cursor, and the same seed plays the same rows. */
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "scenario/value.h"

enum {
    DATA_TABLES_MAX = 16,
    DATA_COLUMNS_MAX = 64,
    DATA_ROWS_MAX = 1000000,
    DATA_CELLS_MAX = 4000000 /* of one table */
};
#define DATA_FILE_BYTES_MAX (64u * 1024u * 1024u)

enum data_pick {
    DATA_SEQUENTIAL, /* every pass the next row: all connections walk through the file together */
    DATA_RANDOM,
    DATA_UNIQUE /* every connection has one row, the same in all passes */
};

enum data_when_out {
    DATA_WRAP, /* begin again at the first row */
    DATA_STOP, /* the connection ends as at the end of the run */
    DATA_ERROR /* the run ends with exit code 1 (unique: it does not even begin) */
};

struct data_column {
    const char *name;
    enum value_type type; /* TEXT, or what every cell can be read as */
    uint32_t bytes_min;
    uint32_t bytes_max;
};

struct data_cell {
    uint32_t offset;
    uint32_t bytes;
};

struct data_table {
    const char *name;
    const uint8_t *text;
    struct data_cell *cells; /* row after row */
    struct data_column *columns;
    uint32_t columns_count;
    uint32_t rows_count; /* 1 and more */
    enum data_pick pick;
    enum data_when_out when_out;
};

/* Reads the table's file into the arena: the first line names the columns. The error says file,
 * line and what is wrong. */
bool data_read(struct data_table *table, const char *path, struct arena *arena,
               struct error *error);
/* The row of the scope's pass; *out: the rows have run out for it (then it wraps). */
uint32_t data_row_or_out(const struct data_table *table, const struct message_scope *scope,
                         bool *out);
uint32_t data_row(const struct data_table *table, const struct message_scope *scope);
const uint8_t *data_cell(const struct data_table *table, uint32_t row, uint32_t column,
                         uint32_t *bytes);
/* The line of its file that the row begins in. */
uint32_t data_line(const struct data_table *table, uint32_t row);
double data_cell_double(const uint8_t *cell, uint32_t bytes);
