/* Whom a run connects to, and from where: names looked up, and the address of each that takes
 * connections. */
#include "plan/internal.h"

#include "core/clock.h"
#include "net/reach.h"
#include "scenario/json/reader.h"
#include "scenario/tree.h"
#include "text/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* For one name that has several addresses, and for all such names. */
static const int64_t PLAN_REACH_WITHIN_NS = 2 * NS_PER_S;
static const int64_t PLAN_REACH_ALL_WITHIN_NS = 10 * NS_PER_S;

/* What getaddrinfo() would take for this machine, or for something that was not meant. */
static bool plan__is_host(const char *host, struct error *error)
{
    if (host[0] == '\0' || strcmp(host, "*") == 0 || strpbrk(host, " \t\r\n") != NULL) {
        error_set(error, "expected a host's name or address, found \"%s\"", host);
        return false;
    }
    return true;
}

static struct plan_target *plan__new_target(struct plan *plan, struct error *error)
{
    if (plan->targets_count == OPTIONS_TARGETS_MAX) {
        error_set(error, "more than %d addresses in all", OPTIONS_TARGETS_MAX);
        return NULL;
    }
    return &plan->targets[plan->targets_count++];
}

/* A name or an address of one server. where: `targets[1].host`, --target. all: each of its
 * addresses becomes a target. */
static void plan__add_target(struct plan *plan, const char *about, const char *where,
                             const char *host, uint16_t port, bool all, struct mistakes *mistakes)
{
    struct error reason = {""};
    struct net_address addresses[PLAN_ADDRESSES_MAX];
    uint32_t count = 0;
    char bare[256];
    size_t bytes = strlen(host);
    if (bytes > 2 && bytes < sizeof bare && host[0] == '[' && host[bytes - 1] == ']') {
        snprintf(bare, sizeof bare, "%.*s", (int)bytes - 2, host + 1);
        host = bare;
    }
    if (!plan__is_host(host, &reason) ||
        !net_address_resolve_all(host, port, addresses, PLAN_ADDRESSES_MAX, &count, &reason)) {
        mistakes_report(mistakes, about, "%s: %s", where, reason.text);
        return;
    }
    for (uint32_t i = 0; i < (all ? count : 1); i++) {
        struct plan_target *target = plan__new_target(plan, &reason);
        if (target == NULL) {
            mistakes_report(mistakes, about, "%s: %s", where, reason.text);
            return;
        }
        const char *format = strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u";
        snprintf(target->name, sizeof target->name, format, host, port);
        target->address = addresses[i];
        target->addresses_count = all ? 1 : count;
        memcpy(target->addresses, &addresses[i],
               target->addresses_count * sizeof target->addresses[0]);
    }
}

/* HOST:PORT, [V6]:PORT. Without brackets, ::1:7777 is ambiguous: 7777 may be a part of the host. */
static bool plan__split_target(const char *text, char *host, size_t bytes, uint16_t *port,
                               struct error *error)
{
    const char *colon = strrchr(text, ':');
    const char *from = text;
    int64_t number = 0;
    size_t host_bytes = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = host_bytes > 2 && text[0] == '[' && text[host_bytes - 1] == ']';
    if (bracketed) {
        from++;
        host_bytes -= 2;
    }
    if (strstr(text, "://") != NULL) {
        error_set(error,
                  "expected HOST:PORT, found a URL, \"%s\": that is given in the place of a "
                  "scenario",
                  text);
        return false;
    }
    if (colon == NULL || host_bytes == 0 || host_bytes >= bytes ||
        !units_integer(colon + 1, 1, 65535, &number, NULL)) {
        error_set(error, "expected HOST:PORT, found \"%s\"", text);
        return false;
    }
    if (!bracketed && memchr(from, ':', host_bytes) != NULL) {
        error_set(error,
                  "expected HOST:PORT, an IPv6 address in brackets as in [::1]:7777; found "
                  "\"%s\"",
                  text);
        return false;
    }
    memcpy(host, from, host_bytes);
    host[host_bytes] = '\0';
    *port = (uint16_t)number;
    return true;
}

/* The targets that have been added since belong to one. */
static void plan__number(struct plan *plan, uint32_t first, uint32_t of)
{
    for (uint32_t i = first; i < plan->targets_count; i++) {
        plan->targets[i].of = of;
    }
}

/* --target HOST:PORT, or NAME=HOST:PORT where the scenario's targets have names. */
static void plan__add_targets_of_options(struct plan *plan, const char *name,
                                         struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    size_t name_bytes = name == NULL ? 0 : strlen(name);
    for (uint32_t i = 0; i < options->targets_count; i++) {
        const char *text = options->targets[i];
        size_t bytes = strcspn(text, "=");
        char host[256];
        uint16_t port;
        struct error reason = {""};
        if (text[bytes] == '=') {
            if (name == NULL || bytes != name_bytes || strncmp(text, name, bytes) != 0) {
                continue;
            }
            text += bytes + 1;
        }
        if (plan__split_target(text, host, sizeof host, &port, &reason)) {
            uint32_t first = plan->targets_count;
            plan__add_target(plan, OPTIONS_ABOUT, "--target", host, port, false, mistakes);
            plan__number(plan, first, i);
        } else {
            mistakes_report(mistakes, OPTIONS_ABOUT, "--target: %s", reason.text);
        }
    }
}

/* Of the scenario; --host and --port replace theirs. where: the path of its host. */
static void plan__add_target_of_scenario(struct plan *plan, const struct scenario_target *target,
                                         const char *where, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    bool given = options->host != NULL;
    plan__add_target(plan, given ? OPTIONS_ABOUT : plan->scenario->path, given ? "--host" : where,
                     given ? options->host : target->host,
                     options->port >= 0 ? (uint16_t)options->port : target->port,
                     target->all_addresses, mistakes);
}

/* The list, or the one target. */
static void plan__add_unnamed(struct plan *plan, struct mistakes *mistakes)
{
    const struct scenario *scenario = plan->scenario;
    bool listed = reader_get(scenario->document, "targets") != NULL;
    for (uint32_t i = 0; i < scenario->targets_count; i++) {
        char where[64] = "`target.host`";
        if (listed) {
            snprintf(where, sizeof where, "`targets[%" PRIu32 "].host`", i);
        }
        uint32_t first = plan->targets_count;
        plan__add_target_of_scenario(plan, &scenario->targets[i], where, mistakes);
        plan__number(plan, first, i);
        if (plan->options->host != NULL && plan->targets_count == 0) {
            return; /* it would be reported once for each */
        }
    }
}

static bool plan__is_overridden(const struct plan *plan, const char *name)
{
    const struct options *options = plan->options;
    for (uint32_t i = 0; i < options->targets_count; i++) {
        const char *text = options->targets[i];
        size_t bytes = strcspn(text, "=");
        if (text[bytes] != '=' || (bytes == strlen(name) && strncmp(text, name, bytes) == 0)) {
            return true;
        }
    }
    return false;
}

static void plan__allow(struct plan *plan, const struct scenario_target *target,
                        struct plan_destination *destination, struct mistakes *mistakes)
{
    if (!plan_resolve_allowed(plan, target, destination, mistakes)) {
        char hint[ERROR_HINT_BYTES_MAX];
        mistakes_report(mistakes, OPTIONS_ABOUT, "no memory for the targets%s",
                        error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint));
    }
}

static void plan__add_named(struct plan *plan, const struct scenario_target *target,
                            struct mistakes *mistakes)
{
    struct plan_destination *destination = &plan->destinations[plan->destinations_count++];
    *destination = (struct plan_destination){.name = target->name, .first = plan->targets_count};
    if (plan__is_overridden(plan, target->name)) {
        plan__add_targets_of_options(plan, target->name, mistakes);
    } else if (target->has_address) {
        char where[TREE_NAME_BYTES_MAX + 32];
        snprintf(where, sizeof where, "`targets.%s.host`", target->name);
        plan__add_target_of_scenario(plan, target, where, mistakes);
    }
    destination->count = plan->targets_count - destination->first;
    plan__number(plan, destination->first, plan->destinations_count - 1);
    plan__allow(plan, target, destination, mistakes);
}

/* Do the options say which target they mean? */
static void plan__check_target_options(const struct plan *plan, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    const struct scenario *scenario = plan->scenario;
    bool named = scenario != NULL && scenario_names_targets(scenario);
    bool ambiguous = named && scenario->targets_count > 1;
    if (ambiguous && (options->host != NULL || options->port >= 0)) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--host and --port do not say which of %" PRIu32
                        " targets they mean: use --target %s=HOST:PORT",
                        scenario->targets_count, scenario->targets[0].name);
    }
    for (uint32_t i = 0; i < options->targets_count && scenario != NULL; i++) {
        const char *text = options->targets[i];
        size_t bytes = strcspn(text, "=");
        if (text[bytes] != '=') {
            if (ambiguous) {
                mistakes_report(mistakes, OPTIONS_ABOUT,
                                "--target %s does not say which of %" PRIu32
                                " targets it means: use --target %s=%s",
                                text, scenario->targets_count, scenario->targets[0].name, text);
            }
            continue;
        }
        uint32_t t = 0;
        while (named && t < scenario->targets_count &&
               (strlen(scenario->targets[t].name) != bytes ||
                strncmp(scenario->targets[t].name, text, bytes) != 0)) {
            t++;
        }
        if (!named || t == scenario->targets_count) {
            mistakes_report(mistakes, OPTIONS_ABOUT,
                            named
                                ? "--target: `targets` has no \"%.*s\""
                                : "--target: no target of the scenario has a name, found \"%.*s=\"",
                            (int)bytes, text);
        }
    }
}

/* One side of --duet, in place of the scenario's target. */
static void plan__add_side(struct plan *plan, const char *text, size_t bytes,
                           struct mistakes *mistakes)
{
    struct plan_destination *side = &plan->destinations[plan->destinations_count];
    char address[320];
    char host[256];
    uint16_t port;
    struct error reason = {""};
    *side = (struct plan_destination){.name = PLAN_SIDE_NAMES[plan->destinations_count],
                                      .first = plan->targets_count};
    snprintf(address, sizeof address, "%.*s", (int)(bytes < sizeof address ? bytes : 0), text);
    if (plan__split_target(address, host, sizeof host, &port, &reason)) {
        plan__add_target(plan, OPTIONS_ABOUT, "--duet", host, port, false, mistakes);
    } else {
        mistakes_report(mistakes, OPTIONS_ABOUT, "--duet: %s", reason.text);
    }
    side->count = plan->targets_count - side->first;
    plan__number(plan, side->first, plan->destinations_count++);
    if (plan->scenario != NULL) {
        plan__allow(plan, &plan->scenario->targets[0], side, mistakes);
    }
}

static bool plan__are_same(const struct net_address *a, const struct net_address *b)
{
    char a_text[NET_ADDRESS_TEXT_BYTES_MAX];
    char b_text[NET_ADDRESS_TEXT_BYTES_MAX];
    return strcmp(net_address_format(a, a_text), net_address_format(b, b_text)) == 0;
}

static void plan__add_sides(struct plan *plan, struct mistakes *mistakes)
{
    const char *text = plan->options->duet;
    size_t bytes = strcspn(text, ",");
    if (text[bytes] == '\0' || strchr(text + bytes + 1, ',') != NULL) {
        mistakes_report(mistakes, OPTIONS_ABOUT,
                        "--duet: expected two servers, HOST:PORT,HOST:PORT; found \"%s\"", text);
        return;
    }
    plan__add_side(plan, text, bytes, mistakes);
    plan__add_side(plan, text + bytes + 1, strlen(text + bytes + 1), mistakes);
    const struct plan_target *a = &plan->targets[0];
    const struct plan_target *b = &plan->targets[1];
    for (uint32_t i = 0; plan->targets_count == 2 && i < a->addresses_count; i++) {
        for (uint32_t j = 0; j < b->addresses_count; j++) {
            if (plan__are_same(&a->addresses[i], &b->addresses[j])) {
                mistakes_report(mistakes, OPTIONS_ABOUT,
                                "--duet: %s and %s are the same server: give two, on two ports",
                                a->name, b->name);
                return;
            }
        }
    }
}

static void plan__add_targets(struct plan *plan, struct mistakes *mistakes)
{
    const struct scenario *scenario = plan->scenario;
    uint32_t mistakes_count = mistakes->count;
    if (plan->sides > 1) {
        plan__add_sides(plan, mistakes);
        return;
    }
    plan__check_target_options(plan, mistakes);
    if (mistakes->count > mistakes_count) {
        return;
    }
    if (scenario != NULL && scenario_names_targets(scenario)) {
        for (uint32_t i = 0; i < scenario->targets_count; i++) {
            plan__add_named(plan, &scenario->targets[i], mistakes);
        }
        return;
    }
    if (plan->options->targets_count > 0) {
        plan__add_targets_of_options(plan, NULL, mistakes);
    } else {
        plan__add_unnamed(plan, mistakes);
    }
    plan->destinations_count = 1;
    plan->destinations[0] = (struct plan_destination){.count = plan->targets_count};
    if (scenario != NULL) {
        plan__allow(plan, &scenario->targets[0], &plan->destinations[0], mistakes);
    }
}

void plan_resolve_targets(struct plan *plan, struct mistakes *mistakes)
{
    plan->targets = calloc(OPTIONS_TARGETS_MAX, sizeof *plan->targets);
    if (plan->targets == NULL) {
        char hint[ERROR_HINT_BYTES_MAX];
        mistakes_report(mistakes, OPTIONS_ABOUT, "no memory for the targets%s",
                        error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint));
    } else {
        plan__add_targets(plan, mistakes);
    }
}

static void plan__add_source(struct plan *plan, const char *about, const char *where,
                             const char *text, size_t bytes, struct mistakes *mistakes)
{
    char host[NET_ADDRESS_TEXT_BYTES_MAX];
    struct error reason = {""};
    if (bytes == 0 || bytes >= sizeof host) {
        mistakes_report(mistakes, about, "%s: expected IP[,IP...], found \"%.*s\"", where,
                        (int)bytes, text);
        return;
    }
    if (plan->sources_count == OPTIONS_SOURCES_MAX) {
        mistakes_report(mistakes, about, "%s: more than %d addresses", where, OPTIONS_SOURCES_MAX);
        return;
    }
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    struct net_address *source = &plan->sources[plan->sources_count];
    if (!plan__is_host(host, &reason) || !net_address_resolve(host, 0, source, &reason)) {
        mistakes_report(mistakes, about, "%s: %s", where, reason.text);
        return;
    }
    /* With ranks there is one list for all machines: each takes its own. */
    bool here = net_address_is_here(source);
    plan->sources_count += here;
    if (!here && plan->ranks <= 1) {
        mistakes_report(mistakes, about, "%s: %s is no address of this machine", where, host);
    }
}

/* Those of the command line, which may have commas in them; without any those of the scenario. */
void plan_resolve_sources(struct plan *plan, struct mistakes *mistakes)
{
    const struct options *options = plan->options;
    const struct scenario *scenario = plan->scenario;
    bool of_options = options->sources_count > 0;
    uint32_t count = of_options ? options->sources_count : scenario->sources_count;
    if (count == 0) {
        return;
    }
    plan->sources = calloc(OPTIONS_SOURCES_MAX, sizeof *plan->sources);
    if (plan->sources == NULL) {
        char hint[ERROR_HINT_BYTES_MAX];
        mistakes_report(mistakes, OPTIONS_ABOUT, "no memory for the source addresses%s",
                        error_shortage_hint(ERROR_SHORT_OF_MEMORY, hint));
        return;
    }
    uint32_t mistakes_before = mistakes->count;
    for (uint32_t i = 0; i < count; i++) {
        if (!of_options) {
            char where[32];
            snprintf(where, sizeof where, "`sources[%" PRIu32 "]`", i);
            plan__add_source(plan, scenario->path, where, scenario->sources[i],
                             strlen(scenario->sources[i]), mistakes);
            continue;
        }
        const char *text = options->sources[i];
        for (;;) {
            size_t bytes = strcspn(text, ",");
            plan__add_source(plan, OPTIONS_ABOUT, "--source", text, bytes, mistakes);
            if (text[bytes] == '\0') {
                break;
            }
            text += bytes + 1;
        }
    }
    if (plan->sources_count == 0 && mistakes->count == mistakes_before) {
        mistakes_report(mistakes, of_options ? OPTIONS_ABOUT : scenario->path,
                        "%s: none of these is an address of this machine",
                        of_options ? "--source" : "`sources`");
    }
}

/* Has it the family of a source, where there are any? */
static bool plan__has_source_for(const struct plan *plan, const struct net_address *address)
{
    for (uint32_t i = 0; i < plan->sources_count; i++) {
        if (net_address_is_alike(&plan->sources[i], address)) {
            return true;
        }
    }
    return plan->sources_count == 0;
}

void plan_reach_targets(struct plan *plan)
{
    int64_t end_ns = clock_now_ns() + PLAN_REACH_ALL_WITHIN_NS;
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        struct plan_target *target = &plan->targets[i];
        uint32_t count = 0;
        for (uint32_t j = 0; j < target->addresses_count; j++) {
            if (plan__has_source_for(plan, &target->addresses[j])) {
                target->addresses[count++] = target->addresses[j];
            }
        }
        target->addresses_count = count > 0 ? count : 1;
        target->address = target->addresses[0];
        int64_t left_ns = end_ns - clock_now_ns();
        if (count > 1 && left_ns > 0) {
            int reached =
                net_reach(target->addresses, count,
                          left_ns < PLAN_REACH_WITHIN_NS ? left_ns : PLAN_REACH_WITHIN_NS);
            target->address = target->addresses[reached == NET_REACH_NONE ? 0 : reached];
        }
    }
}

const char *plan_target_text(const struct plan_target *target, char text[PLAN_TARGET_BYTES_MAX])
{
    size_t used = (size_t)snprintf(text, PLAN_TARGET_BYTES_MAX, "%.90s", target->name);
    for (uint32_t i = 0; i < target->addresses_count; i++) {
        char address[NET_ADDRESS_TEXT_BYTES_MAX];
        net_address_format(&target->addresses[i], address);
        if (target->addresses_count == 1 && strcmp(address, target->name) == 0) {
            return text;
        }
        *strrchr(address, ':') = '\0';
        bool last = i + 1 == target->addresses_count;
        const char *before = i == 0 ? " (" : last ? " and " : ", ";
        if (used + strlen(address) + sizeof(" and  and others)") > PLAN_TARGET_BYTES_MAX) {
            snprintf(text + used, PLAN_TARGET_BYTES_MAX - used, " and others)");
            return text;
        }
        used += (size_t)snprintf(text + used, PLAN_TARGET_BYTES_MAX - used, "%s%s%s", before,
                                 address, last ? ")" : "");
    }
    return text;
}

/* By their names; of the list, as each was given. */
bool plan_name_targets(struct plan *plan)
{
    bool named = plan->destinations[0].name != NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->targets_count; i++) {
        count = plan->targets[i].of >= count ? plan->targets[i].of + 1 : count;
    }
    count = named ? plan->destinations_count : count;
    if (count < 2 || count > FIGURES_SHARES_MAX) {
        return true;
    }
    plan->target_names = calloc(count, sizeof *plan->target_names);
    if (plan->target_names == NULL) {
        return false;
    }
    plan->target_names_count = count;
    for (uint32_t i = 0; i < count && named; i++) {
        plan->target_names[i] = plan->destinations[i].name;
    }
    for (uint32_t i = plan->targets_count; i-- > 0 && !named;) {
        plan->target_names[plan->targets[i].of] = plan->targets[i].name;
    }
    return true;
}

/* The number among this rank's connections, of each side. By that in the whole run, a rank could
 * connect to one target only (2 ranks, 2 targets), and use a part of its ports. */
static uint32_t plan__nth(const struct plan *plan, uint32_t number)
{
    return plan_seat_at(plan, number * plan->sides).ordinal;
}

/* NULL: a server says where it is. */
static const struct plan_target *plan__target_at(const struct plan *plan, uint32_t nth,
                                                 uint32_t destination)
{
    const struct plan_destination *at = &plan->destinations[destination];
    return at->count == 0 ? NULL : &plan->targets[at->first + (nth + plan->rank) % at->count];
}

uint32_t plan_share_index(const struct plan *plan, uint32_t number, uint32_t destination)
{
    const struct plan_target *target = plan__target_at(plan, plan__nth(plan, number), destination);
    bool named = plan->destinations[0].name != NULL;
    return named || target == NULL || plan->target_names_count == 0 ? destination : target->of;
}

uint32_t plan_spread(const struct plan *plan)
{
    uint32_t fewest = UINT32_MAX;
    for (uint32_t i = 0; i < plan->destinations_count; i++) {
        uint32_t count = plan->destinations[i].count;
        fewest = count > 0 && count < fewest ? count : fewest;
    }
    return fewest;
}

const char *plan_target_name(const struct plan *plan, uint32_t number, uint32_t destination)
{
    const struct plan_target *target = plan__target_at(plan, plan__nth(plan, number), destination);
    return target != NULL ? target->name : plan->destinations[destination].name;
}

struct tls_context *plan_tls_context(const struct plan *plan, uint32_t number, uint32_t destination)
{
    const struct plan_target *target = plan__target_at(plan, plan__nth(plan, number), destination);
    return target != NULL ? target->tls : plan->destinations[destination].tls;
}

void plan_addresses(const struct plan *plan, uint32_t number, uint32_t destination,
                    const struct net_address **remote, const struct net_address **local)
{
    uint32_t nth = plan__nth(plan, number);
    const struct plan_target *target = plan__target_at(plan, nth, destination);
    uint32_t count = target == NULL ? 1 : plan->destinations[destination].count;
    *remote = target == NULL ? NULL : &target->address;
    *local = plan->sources_count == 0 ? NULL : &plan->sources[nth / count % plan->sources_count];
}
