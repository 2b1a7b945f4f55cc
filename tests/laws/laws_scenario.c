#include "laws_scenario.h"

#include "core/must.h"
#include "core/prng.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void laws__say(struct laws_scenario *out, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

static void laws__say(struct laws_scenario *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t left = sizeof out->text - out->bytes;
    int said = vsnprintf(out->text + out->bytes, left, format, arguments);
    va_end(arguments);
    must(said >= 0 && (size_t)said < left);
    out->bytes += (size_t)said;
}

static uint32_t laws__draw(struct laws_scenario *out, uint32_t low, uint32_t high)
{
    return (uint32_t)prng_range(out->seed, 1, out->draws++, low, high);
}

static bool laws__chance(struct laws_scenario *out, uint32_t percent)
{
    return laws__draw(out, 1, 100) <= percent;
}

/* --- Steps. */

static void laws__request(struct laws_scenario *out, const char *name, bool plain)
{
    laws__say(out,
              "{\"request\":{\"name\":\"%s\",\"send\":{\"id\":%u,\"body\":{\"random\":{\"bytes\":"
              "[8,%u]}}},\"match\":{\"id\":%u,\"field\":\"u64@0\"},\"verify\":\"same_body\","
              "\"within\":\"%ums\"",
              name, 1U, laws__draw(out, 8, 900), 1U, laws__draw(out, 50, 400));
    if (!plain && laws__chance(out, 15)) {
        laws__say(out, ",\"on_timeout\":\"reconnect\"");
        out->leaves = true;
    } else if (!plain && laws__chance(out, 10)) {
        laws__say(out, ",\"optional\":true");
        out->expects = true;
    }
    laws__say(out, "}}");
}

static void laws__think(struct laws_scenario *out)
{
    uint32_t least = laws__draw(out, 1, 30);
    if (laws__chance(out, 50)) {
        laws__say(out, "{\"think\":\"%ums\"}", least);
    } else {
        laws__say(out, "{\"think\":{\"uniform\":[\"%ums\",\"%ums\"]}}", least, least * 2);
    }
}

/* A request whose reply says what comes next. */
static void laws__captured(struct laws_scenario *out)
{
    laws__say(
        out,
        "{\"request\":{\"name\":\"some\",\"send\":{\"id\":1,\"body\":{\"random\":{\"bytes\":%u}}},"
        "\"match\":{\"id\":1,\"field\":\"u64@0\"},\"within\":\"%ums\",\"capture\":{\"c\":"
        "\"u16@0\"}}},{\"if\":{\"value\":\"${c}\",\"less_than\":%u,\"then\":[{\"send\":{\"id\":9,"
        "\"body\":{\"text\":\"it was ${c}\"}}},{\"set\":{\"x\":\"${c + 1}\"}}]}}",
        laws__draw(out, 8, 300), laws__draw(out, 50, 400), laws__draw(out, 0, 65535));
}

/* The socket is left alone for a while. */
static void laws__slow(struct laws_scenario *out)
{
    laws__say(out, "{\"receive\":\"off\"},");
    laws__think(out);
    laws__say(out, ",{\"receive\":\"on\"}");
}

static void laws__block(struct laws_scenario *out, uint32_t depth);

static void laws__nested(struct laws_scenario *out, uint32_t depth)
{
    switch (laws__draw(out, 0, 2)) {
    case 0:
        laws__say(out, "{\"repeat\":{\"times\":%u,\"steps\":", laws__draw(out, 1, 3));
        laws__block(out, depth);
        laws__say(out, "}}");
        break;
    case 1:
        laws__say(out, "{\"choose\":[{\"weight\":3,\"steps\":");
        laws__block(out, depth);
        laws__say(out, "},{\"steps\":");
        laws__block(out, depth);
        laws__say(out, "}]}");
        break;
    default:
        laws__say(out, "{\"if\":{\"value\":\"${iteration}\",\"less_than\":%u,\"then\":",
                  laws__draw(out, 1, 9));
        laws__block(out, depth);
        laws__say(out, "}}");
        break;
    }
}

/* A few steps, of which one takes time. */
static void laws__block(struct laws_scenario *out, uint32_t depth)
{
    laws__say(out, "[");
    for (uint32_t i = laws__draw(out, 0, 2); i > 0; i--) {
        switch (laws__draw(out, 0, depth > 0 ? 9 : 8)) {
        case 0:
            laws__say(out, "{\"set\":{\"x\":%u}}", laws__draw(out, 0, 9));
            break;
        case 1:
            laws__say(out, "{\"send\":{\"id\":9,\"body\":{\"text\":\"by the way\"}}}");
            break;
        case 2:
            laws__think(out);
            break;
        case 3:
            laws__say(out, "{\"mark\":\"here\"}");
            break;
        case 4:
            laws__request(out, "some", false);
            break;
        case 5:
            laws__captured(out);
            break;
        case 6:
            laws__slow(out);
            break;
        case 7:
            laws__say(out, "{\"at\":\"%ums\"}", laws__draw(out, 0, 1500));
            break;
        case 8:
            laws__say(out, "{\"log\":\"pass ${iteration} of ${conn}\"}");
            break;
        default:
            laws__nested(out, depth - 1);
            break;
        }
        laws__say(out, ",");
    }
    laws__request(out, laws__chance(out, 50) ? "one" : "other", false);
    laws__say(out, "]");
}

/* What a pass does before its one request: none of it may move the moment it was due. */
static void laws__single(struct laws_scenario *out)
{
    static const char *const BEFORE[] = {
        "",
        "",
        "{\"set\":{\"x\":1}},",
        "{\"mark\":\"pass\"},",
        "{\"if\":{\"value\":\"${iteration}\",\"at_least\":0,\"then\":[{\"mark\":\"yes\"}]}},",
        "{\"send\":{\"id\":9,\"body\":{\"text\":\"first\"}}},",
        "{\"log\":\"pass ${iteration}\"},",
        "{\"receive\":\"on\"},",
    };
    laws__say(out, "[%s", BEFORE[laws__draw(out, 0, 7)]);
    laws__request(out, "one", true);
    laws__say(out, "]");
}

/* --- Behaviors. */

static void laws__loop(struct laws_scenario *out, bool single)
{
    uint32_t shape = single ? 0 : laws__draw(out, 1, 10);
    laws__say(out, ",\"loop\":");
    if (shape == 0) {
        laws__single(out);
        return;
    }
    out->single = false;
    if (shape == 1) {
        /* Not more connections than the fake server can have in a play. */
        laws__say(out, "[{\"reconnect\":%s},", out->open ? "\"now\"" : "{\"after\":\"30ms\"}");
        laws__request(out, "one", true);
        laws__say(out, "]");
        out->leaves = true;
    } else if (shape == 2) {
        laws__say(out, "[{\"barrier\":{\"name\":\"meet\",\"within\":\"%ums\"}},",
                  laws__draw(out, 50, 200));
        laws__request(out, "one", true);
        laws__say(out, "]");
    } else {
        laws__block(out, 2);
    }
}

static void laws__behavior(struct laws_scenario *out, uint32_t number, bool single)
{
    laws__say(out, "%s{\"name\":\"b%u\",\"weight\":%u", number > 0 ? "," : "", number,
              laws__draw(out, 1, 5));
    if (laws__chance(out, 25)) {
        laws__say(out, ",\"setup\":[");
        if (laws__chance(out, 50)) {
            laws__think(out);
            laws__say(out, ",");
        }
        laws__request(out, "login", true);
        laws__say(out, "]");
        out->setups = true;
    }
    laws__loop(out, single);
    if (laws__chance(out, 20)) {
        laws__say(out, ",\"teardown\":[");
        laws__request(out, "bye", true);
        laws__say(out, "]");
        out->setups = true;
    }
    if (laws__chance(out, 60)) {
        laws__say(out, ",\"on_disconnect\":\"reconnect\"");
        out->comes_back = true;
    }
    laws__say(out, "}");
}

/* --- The load. */

static void laws__stages(struct laws_scenario *out, uint32_t behaviors, bool rates)
{
    bool populations = !rates || laws__chance(out, 50);
    uint32_t count = laws__draw(out, 2, 4);
    out->populations = populations;
    laws__say(out, ",\"stages\":[");
    for (uint32_t i = 0; i < count; i++) {
        laws__say(out, "%s{\"duration\":\"%ums\"", i > 0 ? "," : "", laws__draw(out, 2, 8) * 100);
        if (rates && laws__chance(out, 50)) {
            laws__say(out, ",\"rate\":{\"from\":\"%u/s\",\"to\":\"%u/s\"}", laws__draw(out, 1, 300),
                      laws__draw(out, 1, 300));
        } else if (rates) {
            laws__say(out, ",\"rate\":\"%u/s\"", laws__draw(out, 1, 300));
        }
        uint32_t least = i == 0 ? behaviors : 0;
        if (populations && laws__chance(out, 30)) {
            laws__say(out, ",\"connections\":{\"from\":%u,\"to\":%u}", laws__draw(out, least, 16),
                      laws__draw(out, 0, 16));
        } else if (populations) {
            laws__say(out, ",\"connections\":%u", laws__draw(out, least, 16));
        }
        laws__say(out, "}");
    }
    laws__say(out, "]");
}

static void laws__load(struct laws_scenario *out, uint32_t behaviors)
{
    static const uint32_t CONNECTIONS[] = {3, 3, 4, 5, 7, 16, 33};
    uint32_t connections = CONNECTIONS[laws__draw(out, 0, 6)];
    bool staged = laws__chance(out, 35);
    out->open = laws__chance(out, 80);
    bool rates = staged && out->open && laws__chance(out, 60);
    laws__say(out, "\"load\":{\"seed\":%u,\"drain\":\"%ums\"", laws__draw(out, 1, 100000),
              laws__draw(out, 0, 3) * 300);
    if (out->open && !rates && laws__chance(out, 30)) {
        laws__say(out, ",\"rate_per_connection\":\"%u/s\"", laws__draw(out, 1, 40));
    } else if (out->open && !rates) {
        laws__say(out, ",\"rate\":\"%u/s\"", laws__draw(out, 1, 400));
    }
    if (staged) {
        laws__stages(out, behaviors, rates);
    } else {
        laws__say(out, ",\"duration\":\"%ums\"", laws__draw(out, 5, 20) * 100);
    }
    if (!out->populations) {
        laws__say(out, ",\"connections\":%u", connections);
    }
    if (out->open) {
        laws__say(out, "%s%s%s", laws__chance(out, 40) ? ",\"arrival\":\"poisson\"" : "",
                  laws__chance(out, 30) ? ",\"late\":\"drop\"" : "",
                  laws__chance(out, 20) ? ",\"max_catch_up_rate\":\"5000/s\"" : "");
    }
    out->warmup = laws__chance(out, 25);
    laws__say(out, "%s%s", out->warmup ? ",\"warmup\":\"200ms\"" : "",
              laws__chance(out, 25) ? ",\"connect_rate\":\"100/s\"" : "");
    if (laws__chance(out, 40)) {
        laws__say(out, ",\"in_flight\":%u", laws__draw(out, 2, 5));
    }
    laws__say(out, "}");
}

void laws_scenario_make(struct laws_scenario *out, uint64_t seed)
{
    *out = (struct laws_scenario){.seed = seed, .single = true};
    uint32_t behaviors = laws__draw(out, 1, 3);
    bool single = laws__chance(out, 40);
    out->dead_target = laws__chance(out, 15);
    laws__say(out, "{\"name\":\"law\",\"targets\":[{\"host\":\"127.0.0.1\",\"port\":7777}%s],",
              out->dead_target ? ",{\"host\":\"127.0.0.1\",\"port\":7778}" : "");
    laws__load(out, behaviors);
    laws__say(out, ",\"behaviors\":[");
    for (uint32_t i = 0; i < behaviors; i++) {
        laws__behavior(out, i, single);
    }
    laws__say(out, "]}");
}
