/* `data`: tables from CSV files; and paths, as seen from the scenario's folder. */
#include "scenario/parse/parse.h"

#include "text/suggest.h"

#include <stdio.h>
#include <string.h>

const char *parse_path(struct parse *parse, const char *name)
{
    const char *file = parse->reader.file;
    const char *slash = strrchr(file, '/');
    const char *backslash = strrchr(file, '\\');
    if (backslash != NULL && (slash == NULL || backslash > slash)) {
        slash = backslash;
    }
    bool absolute = name[0] == '/' || name[0] == '\\' || (name[0] != '\0' && name[1] == ':');
    size_t folder_bytes = slash == NULL || absolute ? 0 : (size_t)(slash - file) + 1;
    size_t name_bytes = strlen(name);
    char *path = arena_take(parse->arena, folder_bytes + name_bytes + 1);
    if (path != NULL) {
        memcpy(path, file, folder_bytes);
        memcpy(path + folder_bytes, name, name_bytes);
    }
    return path;
}

static const struct key parse__table_keys[] = {
    {"file", .kind = KEY_KIND_TEXT, .required = "the path of a CSV file"},
    {"pick", KEY_WORD(struct data_table, pick, "sequential", "random", "unique")},
    {"when_out", KEY_WORD(struct data_table, when_out, "wrap", "stop", "error")},
    {0}};

static void parse__table(struct parse *parse, const cJSON *json, void *place)
{
    struct reader *reader = &parse->reader;
    (void)place;
    if (parse->tables_count == DATA_TABLES_MAX) {
        return;
    }
    if (!parse_name_valid(json->string)) {
        reader_mistake(reader, "expected a name of letters, digits and _ that the language "
                               "does not use itself");
    }
    struct data_table *table = &parse->tables[parse->tables_count++];
    table->name = json->string;
    if (!reader_read(reader, json, parse__table_keys, table)) {
        return;
    }
    if (reader_get(json, "when_out") == NULL) {
        table->when_out = table->pick == DATA_UNIQUE ? DATA_ERROR : DATA_WRAP;
    } else if (table->pick == DATA_RANDOM) {
        reader_mistake_at(reader, "when_out", "rows picked at random do not run out");
    }
    struct error error = {""};
    const cJSON *file = reader_get(json, "file");
    if (cJSON_IsString(file) && file->valuestring[0] != '\0' &&
        !data_read(table, parse_path(parse, file->valuestring), parse->arena, &error)) {
        reader_mistake_at(reader, "file", "%s", error.text);
        table->columns_count = 0;
    }
}

void parse_data(struct parse *parse, const cJSON *json, void *place)
{
    struct reader *reader = &parse->reader;
    (void)place;
    if (!reader_object(reader, json, NULL)) {
        return;
    }
    if (cJSON_GetArraySize(json) > DATA_TABLES_MAX) {
        reader_mistake(reader, "expected at most %d tables, found more", DATA_TABLES_MAX);
    }
    reader_each(reader, json, parse__table, NULL);
    parse->world.tables = parse->tables;
    parse->world.tables_count = parse->tables_count;
}

bool parse_is(const char *name, const char *text, size_t bytes)
{
    return name != NULL && strlen(name) == bytes && memcmp(name, text, bytes) == 0;
}

/* "`${users.nmae}`: WHAT; did you mean `name`?", or which ones there are. */
static void parse__unknown(struct parse *parse, const char *expression, size_t expression_bytes,
                           const char *what, const char *word, size_t word_bytes,
                           const char *const *names, uint32_t names_count)
{
    char name[TREE_NAME_BYTES_MAX + 1];
    char known[256] = "none";
    snprintf(name, sizeof name, "%.*s", (int)word_bytes, word);
    const char *nearest = suggest_nearest(name, names, names_count);
    size_t bytes = 0;
    for (uint32_t i = 0; i < names_count && bytes < sizeof known - 1; i++) {
        int written =
            snprintf(known + bytes, sizeof known - bytes, "%s`%s`", i == 0 ? "" : ", ", names[i]);
        bytes += written > 0 ? (size_t)written : 0;
    }
    reader_mistake(&parse->reader, "`${%.*s}`: %s; %s%s%s", (int)expression_bytes, expression, what,
                   nearest == NULL ? "there is " : "did you mean `",
                   nearest == NULL ? known : nearest, nearest == NULL ? "" : "`?");
}

uint32_t parse_find_table(const struct parse *parse, const char *name, size_t bytes)
{
    uint32_t index = 0;
    while (index < parse->tables_count && !parse_is(parse->tables[index].name, name, bytes)) {
        index++;
    }
    return index;
}

uint32_t parse_find_column(const struct data_table *table, const char *name, size_t bytes)
{
    uint32_t index = 0;
    while (index < table->columns_count && !parse_is(table->columns[index].name, name, bytes)) {
        index++;
    }
    return index;
}

bool parse_cell(struct parse *parse, const char *text, size_t bytes, const char *dot,
                struct operand *operand)
{
    const char *names[DATA_COLUMNS_MAX];
    size_t table_bytes = (size_t)(dot - text);
    size_t column_bytes = bytes - table_bytes - 1;
    uint32_t index = parse_find_table(parse, text, table_bytes);
    if (index == parse->tables_count) {
        for (uint32_t i = 0; i < index; i++) {
            names[i] = parse->tables[i].name;
        }
        parse__unknown(parse, text, bytes, "`data` has no table of this name", text, table_bytes,
                       names, index);
        return false;
    }
    const struct data_table *table = &parse->tables[index];
    uint32_t column = parse_find_column(table, dot + 1, column_bytes);
    if (column < table->columns_count) {
        *operand = (struct operand){.source = OPERAND_DATA,
                                    .type = table->columns[column].type,
                                    .index = index,
                                    .column = column};
        parse->tables_used |= UINT32_C(1) << index;
        return true;
    }
    for (uint32_t i = 0; i < column; i++) {
        names[i] = table->columns[i].name;
    }
    if (column > 0) { /* 0: its file could not be read, which has been reported */
        parse__unknown(parse, text, bytes, "the table has no column of this name", dot + 1,
                       column_bytes, names, column);
    }
    return false;
}
