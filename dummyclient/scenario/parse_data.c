/* `data`: tables from CSV files; and paths, as seen from the scenario's folder. */
#include "scenario/parse.h"

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

static void parse__table(struct parse *parse, const cJSON *json, struct data_table *table)
{
    static const char *const keys[] = {"file", "pick", "when_out", NULL};
    static const char *const picks[] = {"sequential", "random", "unique", NULL};
    static const char *const outs[] = {"wrap", "stop", "error", NULL};
    struct reader *reader = &parse->reader;
    const char *file = NULL;
    if (!reader_object(reader, json, keys)) {
        return;
    }
    uint32_t choice = 0;
    if (reader_choice(reader, json, "pick", picks, &choice)) {
        table->pick = (enum data_pick)choice;
    }
    choice = table->pick == DATA_UNIQUE ? DATA_ERROR : DATA_WRAP;
    reader_choice(reader, json, "when_out", outs, &choice);
    table->when_out = (enum data_when_out)choice;
    if (table->pick == DATA_RANDOM && reader_get(json, "when_out") != NULL) {
        size_t place = reader_enter(reader, "when_out");
        reader_mistake(reader, "rows picked at random do not run out");
        reader_leave(reader, place);
    }
    if (reader_require(reader, json, "file", "the path of a CSV file") == NULL ||
        !reader_text(reader, json, "file", &file)) {
        return;
    }
    struct error error = {""};
    const char *path = parse_path(parse, file);
    if (path != NULL && !data_read(table, path, parse->arena, &error)) {
        size_t place = reader_enter(reader, "file");
        reader_mistake(reader, "%s", error.text);
        reader_leave(reader, place);
        table->columns_count = 0;
    }
}

void parse_data(struct parse *parse, const cJSON *json)
{
    struct reader *reader = &parse->reader;
    if (!reader_object(reader, json, NULL)) {
        return;
    }
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, json)
    {
        if (parse->tables_count == DATA_TABLES_MAX) {
            reader_mistake(reader, "expected at most %d tables, found more", DATA_TABLES_MAX);
            return;
        }
        char shown[TREE_NAME_BYTES_MAX + 1];
        size_t bytes = strlen(member->string);
        bytes = bytes < sizeof(shown) ? bytes : sizeof(shown) - 1;
        memcpy(shown, member->string, bytes);
        shown[bytes] = '\0';
        size_t place = reader_enter(reader, shown);
        if (!parse_name_valid(member->string)) {
            reader_mistake(reader, "expected a name of letters, digits and _ that the language "
                                   "does not use itself");
        }
        struct data_table *table = &parse->tables[parse->tables_count++];
        table->name = arena_copy(parse->arena, member->string, strlen(member->string));
        parse__table(parse, member, table);
        reader_leave(reader, place);
    }
    parse->world.tables = parse->tables;
    parse->world.tables_count = parse->tables_count;
}
