#include "report/summary_tls.h"

#include "text/units.h"

enum { SUMMARY_CIPHERS_MAX = 3 };

/* A name, and how often: not where it was always this one. */
static void summary__print_agreed(const char *name, uint64_t count, bool only, FILE *file)
{
    char text[UNITS_TEXT_BYTES_MAX];
    fprintf(file, only ? " %s" : " %s (%s)", name, units_format_count(count, text));
}

static void summary__print_handshakes(const struct run *run, FILE *file)
{
    const struct tls_stats *tls = &run->figures.tls;
    const uint64_t *totals = run->figures.counters.totals;
    char full[UNITS_TEXT_BYTES_MAX];
    char resumed[UNITS_TEXT_BYTES_MAX];
    uint64_t all = totals[TOTAL_TLS_FULL] + totals[TOTAL_TLS_RESUMED];
    fprintf(file, "  tls           %s full, %s resumed handshakes%s",
            units_format_count(totals[TOTAL_TLS_FULL], full),
            units_format_count(totals[TOTAL_TLS_RESUMED], resumed), all > 0 ? "," : "");
    for (int i = TLS_VERSION_NONE + 1; i <= TLS_VERSION_1_3; i++) {
        char name[16];
        snprintf(name, sizeof name, "TLSv%s", tls_version_name((enum tls_version)i));
        if (tls->versions[i] > 0) {
            summary__print_agreed(name, tls->versions[i], tls->versions[i] == all, file);
        }
    }
    for (uint32_t i = 0; i < tls->ciphers_count && i < SUMMARY_CIPHERS_MAX; i++) {
        summary__print_agreed(tls->ciphers[i].name, tls->ciphers[i].count,
                              tls->ciphers[i].count == all, file);
    }
    fprintf(file, "%s\n", tls->ciphers_count > SUMMARY_CIPHERS_MAX ? " and others" : "");
    fprintf(file, "                on the wire %s sent, %s received\n",
            units_format_bytes(totals[TOTAL_WIRE_BYTES_SENT], full),
            units_format_bytes(totals[TOTAL_WIRE_BYTES_RECEIVED], resumed));
}

static void summary__print_failures(const struct tls_stats *tls, FILE *file)
{
    const char *separator = "                failed: ";
    for (int i = TLS_FAULT_NONE + 1; i < TLS_FAULT_COUNT; i++) {
        char text[UNITS_TEXT_BYTES_MAX];
        if (tls->failures[i] > 0) {
            fprintf(file, "%s%s %s", separator, tls_fault_name((enum tls_fault)i),
                    units_format_count(tls->failures[i], text));
            separator = ", ";
        }
    }
    fputs(separator[0] == ',' ? "\n" : "", file);
}

void summary_print_tls(const struct plan *plan, const struct run *run, FILE *file)
{
    const struct scenario *scenario = plan->scenario;
    bool verified = true;
    if (!scenario_speaks_tls(scenario)) {
        return;
    }
    summary__print_handshakes(run, file);
    summary__print_failures(&run->figures.tls, file);
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        const struct scenario_tls *tls = scenario->targets[i].tls;
        verified = verified && (tls == NULL || tls->settings.verify);
    }
    if (!verified) {
        fprintf(file, "                certificates were not checked (%s)\n",
                plan->options->insecure ? "--insecure" : "\"verify\": false");
    }
}
