#include "show/ndjson.h"

#include "files/outlet.h"
#include "files/output.h"

#include <inttypes.h>

/* The records of some hours: a reader may stop for that long. */
enum { NDJSON_WAITING_BYTES_MAX = 64 << 20 };

bool ndjson_open(struct ndjson *ndjson, const char *path, struct error *error)
{
    struct outlet_options options = {.text_bytes_max = NDJSON_WAITING_BYTES_MAX};
    *ndjson = (struct ndjson){.name = output_is_stdout(path) ? "standard output" : path};
    if (!sink_open(&options.sink, path, error)) {
        return false;
    }
    ndjson->outlet = outlet_open(&options, error);
    if (ndjson->outlet == NULL) {
        sink_close(&options.sink, NULL);
    }
    return ndjson->outlet != NULL;
}

void ndjson_put(struct ndjson *ndjson, const struct json_text *line)
{
    ndjson->left_out += line->failed || !outlet_put(ndjson->outlet, line->text, line->bytes);
}

bool ndjson_close(struct ndjson *ndjson, int64_t within_ns, struct error *error)
{
    struct error reason;
    bool whole = outlet_close(ndjson->outlet, within_ns, &reason);
    ndjson->outlet = NULL;
    if (!whole) {
        error_set(error, "%s: %s", ndjson->name, reason.text);
    } else if (ndjson->left_out > 0) {
        error_set(error, "%s: %" PRIu64 " records were left out: it was not written in time",
                  ndjson->name, ndjson->left_out);
    }
    return whole && ndjson->left_out == 0;
}
