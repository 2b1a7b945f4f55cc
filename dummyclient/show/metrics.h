/* /metrics of the live page: how a run stands, in Prometheus' text format 0.0.4, with the names of
 * --openmetrics. What a scraper rates over time are sums since the run began. The responses are a
 * histogram whose bounds are fixed and 3% apart, so that histogram_quantile() is right within 5%
 * from the first scrape on, with every Prometheus. (A native histogram would need the protobuf
 * format, which text tools cannot read and Prometheus takes behind a switch only.) One thread. */
#pragma once

#include "plan/plan.h"
#include "results/metrics_text.h"
#include "show/record.h"

/* dummyload_latency_seconds of each kind, and how many of their samples are censored. */
void metrics_add_latencies(const struct metrics_text *metrics, const struct histogram *latency);

void metrics_make(const struct plan *plan, int64_t origin_ns, const struct record_moment *moment,
                  struct json_text *text);
