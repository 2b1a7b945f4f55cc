#include "figures/evidence.h"

#include "core/clock.h"
#include "core/pack.h"
#include "core/printable.h"
#include "results/counters.h"
#include "text/encoding.h"
#include "text/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct vm_evidence *evidence_create(uint32_t steps_count, struct error *error)
{
    struct vm_evidence *evidence = calloc(1, sizeof *evidence);
    if (evidence != NULL) {
        evidence->steps_count = steps_count;
        evidence->failed = calloc(evidence_failed_count(evidence), sizeof *evidence->failed);
    }
    if (evidence == NULL || evidence->failed == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY,
                        "no memory for the first failures of %u steps", steps_count);
        evidence_destroy(evidence);
        return NULL;
    }
    return evidence;
}

void evidence_destroy(struct vm_evidence *evidence)
{
    if (evidence != NULL) {
        free(evidence->failed);
        free(evidence);
    }
}

static void evidence__keep(struct vm_failed *into, const struct vm_failed *from)
{
    if (from->happened && (!into->happened || from->at_ns < into->at_ns)) {
        *into = *from;
    }
}

void evidence_add(struct vm_evidence *into, const struct vm_evidence *from)
{
    for (uint32_t i = 0; i < evidence_failed_count(into) && i < evidence_failed_count(from); i++) {
        evidence__keep(&into->failed[i], &from->failed[i]);
    }
}

void evidence_pack(const struct vm_evidence *evidence, int64_t origin_ns, struct pack *pack)
{
    for (uint32_t i = 0; i < evidence_failed_count(evidence); i++) {
        const struct vm_failed *failed = &evidence->failed[i];
        pack_u64(pack, failed->happened);
        if (!failed->happened) {
            continue;
        }
        pack_u64(pack, failed->kind);
        pack_i64(pack, failed->at_ns - origin_ns);
        pack_u64(pack, failed->connection);
        pack_bytes(pack, failed->bytes, failed->bytes_count);
        pack_text(pack, failed->expected);
        pack_text(pack, failed->found);
    }
}

void evidence_unpack_add(struct vm_evidence *into, int64_t origin_ns, struct unpack *from)
{
    for (uint32_t i = 0; i < evidence_failed_count(into) && !from->failed; i++) {
        struct vm_failed failed = {.happened = unpack_bool(from)};
        if (!failed.happened) {
            continue;
        }
        failed.kind = unpack_u32(from, ERROR_KINDS - 1);
        failed.at_ns = unpack_i64(from) + origin_ns;
        failed.connection = unpack_u32(from, UINT32_MAX);
        struct span bytes = unpack_bytes(from);
        unpack_text(from, failed.expected, sizeof failed.expected);
        unpack_text(from, failed.found, sizeof failed.found);
        if (from->failed || bytes.bytes > sizeof failed.bytes) {
            unpack_fail(from);
            return;
        }
        failed.bytes_count = (uint32_t)bytes.bytes;
        if (bytes.bytes > 0) {
            memcpy(failed.bytes, bytes.data, bytes.bytes);
        }
        evidence__keep(&into->failed[i], &failed);
    }
}

/* The object of the result, and what a line calls it. */
static const struct {
    const char *key;
    const char *name;
} EVIDENCE_PLACE_WORDS[EVIDENCE_PLACES] = {
    [EVIDENCE_EXPECTS] = {"expects", "an expect"},
    [EVIDENCE_FRAMING] = {"framing", "the framing"},
    [EVIDENCE_REDIRECTS] = {"redirects", "a reconnect"},
    [EVIDENCE_CODEC] = {"codec_errors", "the codec"},
    [EVIDENCE_TLS] = {"tls_errors", "TLS"},
    [EVIDENCE_ENDS] = {"ends", "a connection"},
};

void evidence_report(struct cJSON *object, const struct vm_failed *failed, int64_t origin_ns)
{
    char hex[2 * VM_EVIDENCE_BYTES_MAX + 1];
    if (!failed->happened) {
        return;
    }
    struct cJSON *first = json_add_item(object, "first_failure", cJSON_CreateObject());
    encoding_write_hex(failed->bytes, failed->bytes_count, "", hex, sizeof hex);
    json_add_text(first, "kind", error_key(failed->kind));
    json_add_i64(first, "at_ns", failed->at_ns > origin_ns ? failed->at_ns - origin_ns : 0);
    json_add_u64(first, "connection", failed->connection);
    json_add_text(first, "expected", failed->expected);
    json_add_text(first, "found", failed->found);
    json_add_text(first, "bytes", hex);
}

void evidence_report_places(struct cJSON *result, const struct vm_evidence *evidence,
                            int64_t origin_ns)
{
    for (int place = 0; place < EVIDENCE_PLACES; place++) {
        const struct vm_failed *failed = evidence_of(evidence, (enum evidence_place)place);
        if (failed->happened) {
            struct cJSON *object =
                json_add_item(result, EVIDENCE_PLACE_WORDS[place].key, cJSON_CreateObject());
            evidence_report(object, failed, origin_ns);
        }
    }
}

/* What was received, with an end of line as `expected` has it: \\r\\n. */
static void evidence__show(const struct vm_failed *failed, char out[2 * VM_EVIDENCE_BYTES_MAX + 1])
{
    uint8_t shown[2 * VM_EVIDENCE_BYTES_MAX];
    size_t used = 0;
    for (uint32_t i = 0; i < failed->bytes_count; i++) {
        uint8_t byte = failed->bytes[i];
        bool ends = byte == '\r' || byte == '\n';
        if (ends) {
            shown[used++] = '\\';
        }
        shown[used++] = !ends ? byte : byte == '\r' ? 'r' : 'n';
    }
    printable_bytes(shown, used, out, 2 * VM_EVIDENCE_BYTES_MAX + 1);
}

bool evidence_describe(const struct vm_evidence *evidence, const char *const *step_names,
                       int64_t origin_ns, char text[PRINTABLE_LINE_BYTES_MAX])
{
    const struct vm_failed *first = NULL;
    uint32_t step = 0;
    for (uint32_t i = 0; i < evidence_failed_count(evidence); i++) {
        const struct vm_failed *failed = &evidence->failed[i];
        if (failed->happened && (first == NULL || failed->at_ns < first->at_ns)) {
            first = failed;
            step = i;
        }
    }
    if (first == NULL) {
        return false;
    }
    char bytes[2 * VM_EVIDENCE_BYTES_MAX + 1];
    evidence__show(first, bytes);
    snprintf(text, PRINTABLE_LINE_BYTES_MAX,
             "%s of %s at %.3f s, connection %" PRIu32 ": expected %s, found %s%s%s%s",
             error_key(first->kind),
             step < evidence->steps_count ? step_names[step]
                                          : EVIDENCE_PLACE_WORDS[step - evidence->steps_count].name,
             (double)(first->at_ns - origin_ns) / NS_PER_S, first->connection, first->expected,
             first->found, first->bytes_count > 0 ? ": \"" : "", bytes,
             first->bytes_count > 0 ? "\"" : "");
    printable_text(text, text, PRINTABLE_LINE_BYTES_MAX);
    return true;
}
