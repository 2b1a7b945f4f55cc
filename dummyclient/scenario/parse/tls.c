/* `tls`: of a target, how the server is spoken to; as a step, where that begins. */
#include "scenario/parse/tls.h"

#include <string.h>

enum { TLS_ALPN_NAMES_MAX = 16, TLS_ALPN_NAME_BYTES_MAX = 255, TLS_NAME_BYTES_MAX = 253 };

/* A file beside the scenario. */
static void tls__file(struct parse *parse, const cJSON *json, void *place)
{
    const char **path = place;
    *path = parse_path(parse, json->valuestring);
}

/* A name of the host, as it is sent to the server (RFC 6066, 3: no address), or an IP address,
 * which is what the certificate is checked for, and is not sent. */
static void tls__server_name(struct parse *parse, const cJSON *json, void *place)
{
    const char *name = json->valuestring;
    (void)place;
    size_t host = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    size_t ipv6 = strspn(name, "abcdefABCDEF0123456789.:");
    /* "127.0.0.1:7777" has one colon, and an address more. */
    bool is_ipv6 = name[ipv6] == '\0' && strchr(name, ':') != strrchr(name, ':');
    if (name[0] == '\0' || (name[host] != '\0' && !is_ipv6)) {
        reader_expected(&parse->reader, json,
                        "the name of a host (\"www.example.org\"; letters, "
                        "digits, '.', '-' and '_'), or an IP address");
    }
}

/* The words are numbered from 0, and the versions from 1.2 on. */
static void tls__version(struct parse *parse, const cJSON *json, void *place)
{
    enum tls_version *version = place;
    (void)parse, (void)json;
    *version = (enum tls_version)(*version + TLS_VERSION_1_2);
}

/* One protocol name, added to the list at `into`; returns what is behind it. NULL, and reported: it
 * is none. */
static bool tls__is_plain_text(const char *text)
{
    size_t i = 0;
    while (text[i] > ' ' && text[i] <= '~') {
        i++;
    }
    return text[i] == '\0';
}

static char *tls__add_protocol(struct parse *parse, const cJSON *json, char *into, bool first)
{
    const char *name = cJSON_IsString(json) ? json->valuestring : "";
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes > TLS_ALPN_NAME_BYTES_MAX || strchr(name, ',') != NULL ||
        !tls__is_plain_text(name)) {
        reader_expected(&parse->reader, json,
                        "the name of a protocol, such as \"h2\" (at most 255 visible characters), "
                        "or an array of them");
        return NULL;
    }
    if (!first) {
        *into++ = ',';
    }
    memcpy(into, name, bytes + 1);
    return into + bytes;
}

static void tls__alpn(struct parse *parse, const cJSON *json, void *place)
{
    const char **alpn = place;
    struct reader *reader = &parse->reader;
    int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 1;
    if (count < 1 || count > TLS_ALPN_NAMES_MAX) {
        reader_mistake(reader, "expected 1 to %d names of protocols, found %d", TLS_ALPN_NAMES_MAX,
                       count);
        return;
    }
    char *text = arena_take(parse->arena, (size_t)count * (TLS_ALPN_NAME_BYTES_MAX + 1));
    char *at = text;
    *alpn = text;
    for (int i = 0; i < count && at != NULL; i++) {
        size_t mark = reader->path_bytes;
        if (cJSON_IsArray(json)) {
            mark = reader_enter_index(reader, (uint32_t)i);
        }
        at = tls__add_protocol(parse, cJSON_IsArray(json) ? cJSON_GetArrayItem(json, i) : json, at,
                               i == 0);
        reader_leave(reader, mark);
    }
}

#define TLS_FILE(member) KEY_TEXT(struct scenario_tls, settings.member), .then = tls__file
#define TLS_VERSION(member)                                                                        \
    KEY_WORD(struct scenario_tls, settings.member, "1.2", "1.3"), .then = tls__version

static const struct key tls__keys[] = {
    {"start", KEY_WORD(struct scenario_tls, by_step, "connect", "step")},
    {"server_name", KEY_TEXT(struct scenario_tls, settings.server_name), .high = TLS_NAME_BYTES_MAX,
     .then = tls__server_name},
    {"verify", KEY_BOOL(struct scenario_tls, settings.verify), .preset = 1},
    {"ca", TLS_FILE(ca_path)},
    {"cert", TLS_FILE(cert_path)},
    {"key", TLS_FILE(key_path)},
    {"alpn", KEY_OTHER(struct scenario_tls, settings.alpn, tls__alpn)},
    {"min_version", TLS_VERSION(version_min)},
    {"max_version", TLS_VERSION(version_max)},
    {"ciphers", KEY_TEXT(struct scenario_tls, settings.ciphers)},
    {"resume", KEY_BOOL(struct scenario_tls, settings.resume)},
    {0}};

/* What contradicts itself. */
static void tls__check(struct parse *parse, const struct tls_settings *settings)
{
    struct reader *reader = &parse->reader;
    if (settings->ca_path != NULL && !settings->verify) {
        reader_mistake_at(reader, "ca",
                          "it says whom to trust, and \"verify\": false that nothing is checked: "
                          "leave one of them out");
    }
    if (settings->key_path != NULL && settings->cert_path == NULL) {
        reader_mistake_at(reader, "key", "a key without its certificate: give `cert`, too");
    }
    if (settings->version_max != TLS_VERSION_NONE &&
        settings->version_max < settings->version_min) {
        reader_mistake_at(reader, "max_version", "expected at least `min_version`, found less");
    }
}

void parse_tls(struct parse *parse, const cJSON *json, void *place)
{
    struct scenario_target *target = place;
    struct reader *reader = &parse->reader;
    uint32_t mistakes_count = reader->mistakes_count;
    if (!cJSON_IsBool(json) && !cJSON_IsObject(json)) {
        reader_expected(reader, json, "true, false, or an object such as { \"ca\": \"ca.pem\" }");
        return;
    }
    target->is_plain = cJSON_IsFalse(json);
    if (target->is_plain) {
        return;
    }
    struct scenario_tls *tls = arena_take(parse->arena, sizeof *tls);
    target->tls = tls;
    if (tls != NULL && reader_read(reader, cJSON_IsObject(json) ? json : NULL, tls__keys, tls) &&
        reader->mistakes_count == mistakes_count) {
        tls__check(parse, &tls->settings);
    }
}

static bool tls__by_step(const struct scenario_target *target)
{
    return target->tls != NULL && target->tls->by_step;
}

void parse_check_tls(struct parse *parse)
{
    const struct scenario *scenario = parse->scenario;
    for (uint32_t i = 1; i < scenario->targets_count && !scenario_names_targets(scenario); i++) {
        if (tls__by_step(&scenario->targets[i]) != tls__by_step(&scenario->targets[0])) {
            reader_mistake(&parse->reader,
                           "the steps are the same at all of them: let TLS begin by a step "
                           "(\"start\": \"step\") at each of them, or at none");
            return;
        }
    }
}

/* --- The step. */

void parse_secure(struct parse *parse, const cJSON *json, void *place)
{
    struct reader *reader = &parse->reader;
    uint32_t target = parse->flow.target;
    const struct scenario_target *at = &parse->scenario->targets[target];
    (void)json, (void)place;
    parse_needs_link(parse, true);
    parse->flow.takes_time = true;
    if (parse->targets_are_wrong) {
        return;
    }
    if (at->tls == NULL) {
        reader_mistake(reader, "the target has no `tls`: say \"tls\": { \"start\": \"step\" } "
                               "there");
    } else if (!at->tls->by_step) {
        reader_mistake(reader, "TLS begins with the connection here: say \"start\": \"step\" in "
                               "the `tls` of the target, or leave the step out");
    } else if (parse->protocol->framing.websocket != NULL) {
        reader_mistake(reader, "a WebSocket begins with the connection, before any step: let TLS "
                               "begin with it, too (leave `start` and this step out)");
    } else if (parse->flow.secured) {
        reader_mistake(reader, "TLS has begun on this connection already");
    }
    parse->flow.secured = true;
    parse->targets_secured |= UINT64_C(1) << target;
}

void parse_check_secured(struct parse *parse, const char *what, bool secured)
{
    const struct parse_flow *flow = &parse->flow;
    if (flow->secured != secured && !(flow->has_link_step && flow->opens)) {
        reader_mistake(&parse->reader,
                       "the second %s would begin %s TLS, and the first began %s: begin it with { "
                       "\"reconnect\": \"now\" }, and let { \"tls\": \"start\" } follow",
                       what, secured ? "without" : "with", secured ? "with" : "without");
    }
}

void parse_check_starts(struct parse *parse)
{
    const struct scenario *scenario = parse->scenario;
    uint64_t missing = parse->targets_visited & ~parse->targets_secured;
    for (uint32_t i = 0; i < scenario->targets_count && i < 64 && !parse->targets_are_wrong; i++) {
        if ((missing >> i & 1) != 0 && tls__by_step(&scenario->targets[i])) {
            reader_mistake(&parse->reader,
                           "a step is to begin TLS at `%s`, and none does: add { \"tls\": "
                           "\"start\" }",
                           scenario->targets[i].name == NULL ? "target"
                                                             : scenario->targets[i].name);
        }
    }
}
