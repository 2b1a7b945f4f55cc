#include "report/summary_tls.h"

#include "text/units.h"

enum { SUMMARY_CIPHERS_MAX = 3 };

/* A name, and how often: not where it was always this one. */
static void summary__print_agreed(const char *name, uint64_t count, bool only, struct wrap *out)
{
    char text[UNITS_TEXT_BYTES_MAX];
    wrap_print(out, only ? " %s" : " %s (%s)", name, units_format_count(count, text));
}

static void summary__print_handshakes(const struct run *run, struct wrap *out)
{
    const struct tls_stats *tls = &run->figures.tls;
    const uint64_t *totals = run->figures.counters.totals;
    char full[UNITS_TEXT_BYTES_MAX];
    char resumed[UNITS_TEXT_BYTES_MAX];
    uint64_t all = totals[TOTAL_TLS_FULL] + totals[TOTAL_TLS_RESUMED];
    wrap_print(out, "  tls           %s full, %s resumed handshakes%s",
               units_format_count(totals[TOTAL_TLS_FULL], full),
               units_format_count(totals[TOTAL_TLS_RESUMED], resumed), all > 0 ? "," : "");
    for (int i = TLS_VERSION_NONE + 1; i <= TLS_VERSION_1_3; i++) {
        char name[16];
        snprintf(name, sizeof name, "TLSv%s", tls_version_name((enum tls_version)i));
        if (tls->versions[i] > 0) {
            summary__print_agreed(name, tls->versions[i], tls->versions[i] == all, out);
        }
    }
    for (uint32_t i = 0; i < tls->ciphers_count && i < SUMMARY_CIPHERS_MAX; i++) {
        summary__print_agreed(tls->ciphers[i].name, tls->ciphers[i].count,
                              tls->ciphers[i].count == all, out);
    }
    wrap_print(out, "%s\n", tls->ciphers_count > SUMMARY_CIPHERS_MAX ? " and others" : "");
    wrap_print(out, "                on the wire %s sent, %s received\n",
               units_format_bytes(totals[TOTAL_WIRE_BYTES_SENT], full),
               units_format_bytes(totals[TOTAL_WIRE_BYTES_RECEIVED], resumed));
}

static void summary__print_failures(const struct tls_stats *tls, struct wrap *out)
{
    const char *separator = "                failed: ";
    for (int i = TLS_FAULT_NONE + 1; i < TLS_FAULT_COUNT; i++) {
        char text[UNITS_TEXT_BYTES_MAX];
        if (tls->failures[i] > 0) {
            wrap_print(out, "%s%s %s", separator, tls_fault_name((enum tls_fault)i),
                       units_format_count(tls->failures[i], text));
            separator = ", ";
        }
    }
    wrap_print(out, "%s", separator[0] == ',' ? "\n" : "");
}

void summary_print_tls(const struct plan *plan, const struct run *run, struct wrap *out)
{
    const struct scenario *scenario = plan->scenario;
    bool verified = true;
    if (!scenario_speaks_tls(scenario)) {
        return;
    }
    summary__print_handshakes(run, out);
    summary__print_failures(&run->figures.tls, out);
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        const struct scenario_tls *tls = scenario->targets[i].tls;
        verified = verified && (tls == NULL || tls->settings.verify);
    }
    if (!verified) {
        wrap_print(out, "                certificates were not checked (%s)\n",
                   plan->options->insecure ? "--insecure" : "\"verify\": false");
    }
}
