/* A digest of the data tables, by which programs that play together see that they read the same. */
#include "core/prng.h"
#include "program/internal.h"
#include "scenario/data.h"

#include <string.h>

uint64_t program_digest_bytes(uint64_t digest, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    digest = prng_mix(digest, bytes);
    for (; bytes > 0; at += 8) {
        uint64_t word = 0;
        size_t part = bytes < 8 ? bytes : 8;
        for (size_t i = 0; i < part; i++) {
            word |= (uint64_t)at[i] << (8 * i);
        }
        digest = prng_mix(digest, word);
        bytes -= part;
    }
    return digest;
}

uint64_t program_data_digest(const struct program *program)
{
    const struct value_world *world = &program->world;
    uint64_t digest = world->tables_count;
    for (uint32_t i = 0; i < world->tables_count; i++) {
        const struct data_table *table = &world->tables[i];
        for (uint32_t row = 0; row < table->rows_count; row++) {
            for (uint32_t column = 0; column < table->columns_count; column++) {
                uint32_t bytes = 0;
                const uint8_t *cell = data_cell(table, row, column, &bytes);
                digest = program_digest_bytes(digest, cell, bytes);
            }
        }
        for (uint32_t column = 0; column < table->columns_count; column++) {
            const char *name = table->columns[column].name;
            digest = program_digest_bytes(digest, name, strlen(name));
        }
    }
    return digest;
}
