/* Templates and expressions: ${...} in texts, fields ("u32@4"), hex, base64, durations and rates,
 * each put where the language takes it. The input: a byte that chooses the place (its highest bit:
 * with variables of --set, too), then the text. */
#include "fuzz.h"

#include "scenario_play.h"
#include "text/units.h"

#include <stdio.h>

enum { TEXT_BYTES_MAX = 2000 };

/* A % stands for the input, as a JSON string. */
static const char *const places[] = {
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"text\": % } } } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"hex\": % } } } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"base64\": % } } } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"text\": \"0123456789abcdef\" } },"
    " \"match\": { \"id\": 1, \"field\": % } } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"text\": \"0123456789\" } },"
    " \"capture\": { \"v\": % } } },"
    "{ \"request\": { \"send\": { \"id\": 2, \"body\": { \"text\": \"a${v}\" } } } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"text\": \"01234567\" } },"
    " \"capture\": { \"v\": \"u64@0\" } } },"
    "{ \"request\": { \"send\": { \"id\": 2, \"body\": { \"text\": % } },"
    " \"verify\": { \"equals\": { \"text\": % } } } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"text\": \"01234567\" } },"
    " \"capture\": { \"v\": \"u64@0\", \"w\": \"text@0\", \"f\": \"f64@0\" } } },"
    "{ \"request\": { \"send\": { \"id\": 2, \"body\": { \"fields\": [ { \"varint\": % }, { "
    "\"length\": \"varint\", \"of\": [ { \"string\": %, \"length\": \"varint\" } ] } ] } },"
    " \"verify\": \"same_body\" } }",
    "{ \"request\": { \"send\": { \"id\": 1, \"body\": { \"text\": \"01234567\" } },"
    " \"capture\": { \"v\": \"u64@0\", \"f\": \"f64@0\","
    " \"w\": { \"at\": \"text@0\", \"bytes_max\": 300 } } } },"
    "{ \"request\": { \"send\": { \"id\": 2, \"body\": { \"fields\": [ { \"length\": \"ber\", "
    "\"of\": "
    "[ { \"json\": [ %, { %: \"${w}\" } ] } ] }, { \"pb\": { \"1\": %, \"2\": { \"3\": { "
    "\"string\": % "
    "}, \"4\": { \"sint64\": \"${v}\" } } } } ] } }, \"verify\": \"same_body\" } }",
    "{ \"think\": % }",
    "{ \"request\": { \"send\": { \"id\": 1 }, \"within\": % } }",
    "{ \"request\": { \"name\": %, \"send\": { \"id\": 1 } } }",
};

static void report(void *context, const char *line)
{
    int *lines = context;
    must(line[0] != '\0');
    ++*lines;
}

/* Writes bytes as a JSON string; the end of what was written. */
static char *string__write(char *out, const uint8_t *bytes, size_t count)
{
    *out++ = '"';
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            *out++ = '\\';
            *out++ = (char)bytes[i];
        } else if (bytes[i] < 0x20) {
            out += sprintf(out, "\\u%04x", bytes[i]);
        } else {
            *out++ = (char)bytes[i];
        }
    }
    *out++ = '"';
    return out;
}

static void scenario__play(const char *text, size_t bytes, uint64_t seed)
{
    static const struct scenario_variable variables[] = {{"name", "value"}, {"n", "7"}};
    struct error error = {""};
    int lines = 0;
    struct scenario *scenario =
        scenario_read("e.json", text, bytes, NULL, variables, seed & 0x80 ? 2 : 0, report, &lines);
    must((scenario == NULL) == (lines > 0));
    struct program *program = scenario != NULL ? program_compile(scenario, &error) : NULL;
    if (program != NULL) {
        play_program(program, 0, seed, true);
    }
    program_destroy(program);
    scenario_destroy(scenario);
}

static void units__parse(const uint8_t *data, size_t size)
{
    char text[TEXT_BYTES_MAX + 1];
    struct error error;
    int64_t duration_ns = -1;
    int64_t number = -1;
    double rate = -1;
    uint64_t bytes = 0;
    memcpy(text, data, size);
    text[size] = '\0';
    must(!units_duration_ns(text, &duration_ns, &error) || duration_ns >= 0);
    must(!units_rate_per_s(text, &rate, &error) || rate >= 0);
    (void)units_size_bytes(text, &bytes, &error);
    must(!units_integer(text, 3, 900, &number, &error) || (number >= 3 && number <= 900));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t place = fuzz_take(&input);
    size_t bytes = TEXT_BYTES_MAX;
    const uint8_t *run = fuzz_take_run(&input, &bytes);
    char *text = malloc(4 * 6 * TEXT_BYTES_MAX + 2048);
    must(text != NULL);
    char *out = text + sprintf(text, "{ \"load\": { \"duration\": \"1s\" }, \"behaviors\": [ "
                                     "{ \"loop\": [ ");
    for (const char *c = places[(place & 0x7f) % (sizeof places / sizeof places[0])]; *c != '\0';
         c++) {
        if (*c == '%') {
            out = string__write(out, run, bytes);
        } else {
            *out++ = *c;
        }
    }
    out += sprintf(out, " ] } ] }");
    scenario__play(text, (size_t)(out - text), place);
    units__parse(run, bytes);
    free(text);
    return 0;
}
