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
    if (from->kind != VM_FAILURE_NONE &&
        (into->kind == VM_FAILURE_NONE || from->at_ns < into->at_ns)) {
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
        pack_u64(pack, failed->kind);
        if (failed->kind == VM_FAILURE_NONE) {
            continue;
        }
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
        struct vm_failed failed = {.kind = unpack_u32(from, VM_FAILURE_REDIRECT)};
        if (failed.kind == VM_FAILURE_NONE) {
            continue;
        }
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

static const char *evidence__kind(const struct vm_failed *failed)
{
    static const enum error_kind KINDS[] = {[VM_FAILURE_NONE] = ERROR_KIND_NONE,
                                            [VM_FAILURE_MISMATCH] = ERROR_KIND_MISMATCH,
                                            [VM_FAILURE_TIMED_OUT] = ERROR_KIND_RESPONSE_TIMEOUT,
                                            [VM_FAILURE_FRAME] = ERROR_KIND_FRAME_ERROR,
                                            [VM_FAILURE_REDIRECT] = ERROR_KIND_REDIRECT_REFUSED};
    return error_key(KINDS[failed->kind]);
}

void evidence_report(struct cJSON *object, const struct vm_failed *failed, int64_t origin_ns)
{
    char hex[2 * VM_EVIDENCE_BYTES_MAX + 1];
    if (failed->kind == VM_FAILURE_NONE) {
        return;
    }
    struct cJSON *first = json_add_item(object, "first_failure", cJSON_CreateObject());
    encoding_write_hex(failed->bytes, failed->bytes_count, "", hex, sizeof hex);
    json_add_text(first, "kind", evidence__kind(failed));
    json_add_i64(first, "at_ns", failed->at_ns > origin_ns ? failed->at_ns - origin_ns : 0);
    json_add_u64(first, "connection", failed->connection);
    json_add_text(first, "expected", failed->expected);
    json_add_text(first, "found", failed->found);
    json_add_text(first, "bytes", hex);
}

void evidence_print(const struct vm_evidence *evidence, const char *const *step_names,
                    int64_t origin_ns, FILE *file)
{
    const struct vm_failed *first = NULL;
    uint32_t step = 0;
    for (uint32_t i = 0; i < evidence_failed_count(evidence); i++) {
        const struct vm_failed *failed = &evidence->failed[i];
        if (failed->kind != VM_FAILURE_NONE && (first == NULL || failed->at_ns < first->at_ns)) {
            first = failed;
            step = i;
        }
    }
    if (first == NULL) {
        return;
    }
    char bytes[VM_EVIDENCE_BYTES_MAX + 1];
    printable_bytes(first->bytes, first->bytes_count, bytes, sizeof bytes);
    printable_print(file,
                    "                first: %s of %s at %.3f s, connection %" PRIu32
                    ": expected %s, found %s%s%s%s",
                    evidence__kind(first),
                    step < evidence->steps_count        ? step_names[step]
                    : step == evidence->steps_count     ? "an expect"
                    : step == evidence->steps_count + 1 ? "the framing"
                                                        : "a reconnect",
                    (double)(first->at_ns - origin_ns) / NS_PER_S, first->connection,
                    first->expected, first->found, first->bytes_count > 0 ? ": \"" : "", bytes,
                    first->bytes_count > 0 ? "\"" : "");
}
