#include "options.h"

static const char OPTIONS_HELP_LOAD[] =
    "dummyclient plays a scenario against a TCP server and measures it.\n"
    "\n"
    "usage: dummyclient [options] SCENARIO.json\n"
    "\n"
    "  dummyclient scenarios/echo.json --connections 5000 --rate 20000 --duration 30s\n"
    "\n"
    "The load (each overrides what the scenario says)\n"
    "  -H, --host HOST             the server's name or address\n"
    "  -p, --port PORT             the server's port\n"
    "      --target HOST:PORT      the same in one; repeat it to spread the connections\n"
    "      --source IP[,IP...]     local addresses to connect from, in turn (more ports)\n"
    "  -c, --connections N         connections in total; scales stages that say how many\n"
    "      --connect-rate N        new connections per second in total\n"
    "  -r, --rate N                iterations per second in total (open loop); also 90/m\n"
    "      --rate-per-connection N iterations per second of each connection (open loop)\n"
    "  -d, --duration T            how long, from when all connections are ready; stretches\n"
    "                              the stages\n"
    "      --warmup T              the first T of the duration stay out of the figures\n"
    "  -t, --threads N             worker threads; default: half of the CPUs\n"
    "      --seed N                the same seed plays the same run\n"
    "      --set NAME=VALUE        a variable of the scenario, seen there as ${NAME}\n"
    "      --io uring|epoll        which interface of Linux to use; default: the best one\n"
    "\n";

static const char OPTIONS_HELP_RESULT[] =
    "The result\n"
    "  -o, --out FILE              write the result as JSON; - is standard output\n"
    "      --ndjson FILE           one JSON object per second while it runs\n"
    "      --openmetrics FILE      the final figures as OpenMetrics text\n"
    "      --run-id ID             ties this result to the server's; default: made up\n"
    "      --threshold EXPR        fail unless it holds, as in 'latency.response.p99 < 20ms'\n"
    "                              (repeat it; metric, one of < <= > >= ==, value)\n"
    "      --no-strict             an invalid measurement only warns\n"
    "\n"
    "Precision, for CPU time\n"
    "      --spin T                poll instead of sleeping in the last T before a due time: "
    "sends\n"
    "                              leave on time, not when the system wakes us; 200us is enough\n"
    "                              (costs up to T of a CPU per due time and thread)\n"
    "      --busy-poll             never sleep: the lowest latency of single connections\n"
    "                              (each thread keeps a CPU busy; Linux: by epoll unless --io)\n"
    "\n"
    "Other\n"
    "      --check                 validate and print the plan, connect to nothing\n"
    "  -q, --quiet                 print nothing but errors\n"
    "      --no-progress           no live screen or lines\n"
    "      --version               print the version\n"
    "  -h, --help                  print this\n"
    "\n"
    "T is a number with its unit: 500ms, 30s, 5m, 1h.\n"
    "\n"
    "Ctrl+C ends the run early and writes what was measured; a second one ends it at once.\n"
    "\n"
    "Exit status: 0 ok; 1 the run failed; 2 bad usage or scenario; 3 the measurement is\n"
    "invalid; 99 a threshold failed; 130 interrupted.\n";

void options_print_help(FILE *file)
{
    fputs(OPTIONS_HELP_LOAD, file);
    fputs(OPTIONS_HELP_RESULT, file);
}
