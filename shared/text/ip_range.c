#include "text/ip_range.h"

#include <stdio.h>
#include <string.h>

enum { IP_V4_BYTES = 4, IP_V6_BYTES = 16, IP_V6_GROUPS = 8 };

/* A number of decimal digits at *text, which is moved behind it. */
static bool ip__decimal(const char **text, uint32_t most, uint32_t *number)
{
    const char *from = *text;
    uint64_t value = 0;
    while (**text >= '0' && **text <= '9' && *text - from < 10) {
        value = 10 * value + (uint64_t)(*(*text)++ - '0');
    }
    *number = (uint32_t)value;
    bool leading_zero = *from == '0' && *text - from > 1;
    return *text > from && !leading_zero && value <= most;
}

/* The whole text. */
static bool ip__parse_v4(const char *text, uint8_t bytes[IP_V4_BYTES])
{
    for (int i = 0; i < IP_V4_BYTES; i++) {
        uint32_t number = 0;
        if ((i > 0 && *text++ != '.') || !ip__decimal(&text, 255, &number)) {
            return false;
        }
        bytes[i] = (uint8_t)number;
    }
    return *text == '\0';
}

static int ip__hex_digit(char letter)
{
    return letter >= '0' && letter <= '9'   ? letter - '0'
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
           : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                            : -1;
}

/* One group of 1 to 4 hexadecimal digits; returns how many digits there are, 0: it is none. */
static size_t ip__group(const char *text, uint16_t *group)
{
    size_t digits = 0;
    uint32_t value = 0;
    while (digits < 5 && ip__hex_digit(text[digits]) >= 0) {
        value = value << 4 | (uint32_t)ip__hex_digit(text[digits++]);
    }
    *group = (uint16_t)value;
    return digits <= 4 ? digits : 0;
}

/* The groups that stand for nothing between :: are moved to the end. */
static bool ip__spread(uint16_t groups[IP_V6_GROUPS], int count, int gap)
{
    if (gap < 0) {
        return count == IP_V6_GROUPS;
    }
    int behind = count - gap;
    memmove(&groups[IP_V6_GROUPS - behind], &groups[gap], (size_t)behind * sizeof groups[0]);
    memset(&groups[gap], 0, (size_t)(IP_V6_GROUPS - count) * sizeof groups[0]);
    return count < IP_V6_GROUPS;
}

static bool ip__parse_v6(const char *text, uint8_t bytes[IP_V6_BYTES])
{
    uint16_t groups[IP_V6_GROUPS] = {0};
    int count = 0;
    int gap = -1;
    if (text[0] == ':' && text[1] == ':') {
        gap = 0;
        text += 2;
    }
    while (*text != '\0') {
        uint8_t v4[IP_V4_BYTES];
        uint16_t group = 0;
        if (count + 2 <= IP_V6_GROUPS && ip__parse_v4(text, v4)) { /* at the end only */
            groups[count++] = (uint16_t)(v4[0] << 8 | v4[1]);
            groups[count++] = (uint16_t)(v4[2] << 8 | v4[3]);
            break;
        }
        size_t digits = ip__group(text, &group);
        if (digits == 0 || count == IP_V6_GROUPS) {
            return false;
        }
        groups[count++] = group;
        text += digits;
        if (*text == ':' && text[1] == ':' && gap < 0) {
            gap = count;
            text += 2;
        } else if (*text == ':' && text[1] != '\0') {
            text++;
        } else if (*text != '\0') {
            return false;
        }
    }
    if (!ip__spread(groups, count, gap)) {
        return false;
    }
    for (int i = 0; i < IP_V6_GROUPS; i++) {
        bytes[2 * i] = (uint8_t)(groups[i] >> 8);
        bytes[2 * i + 1] = (uint8_t)groups[i];
    }
    return true;
}

bool ip_parse(const char *text, struct ip *ip)
{
    static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    *ip = (struct ip){.bytes_count = IP_V4_BYTES};
    if (ip__parse_v4(text, ip->bytes)) {
        return true;
    }
    *ip = (struct ip){.bytes_count = IP_V6_BYTES};
    if (!ip__parse_v6(text, ip->bytes)) {
        return false;
    }
    if (memcmp(ip->bytes, MAPPED, sizeof MAPPED) == 0) {
        struct ip v4 = {.bytes_count = IP_V4_BYTES};
        memcpy(v4.bytes, ip->bytes + sizeof MAPPED, IP_V4_BYTES);
        *ip = v4;
    }
    return true;
}

bool ip_is_loopback(const struct ip *ip)
{
    static const uint8_t V6[IP_V6_BYTES] = {[IP_V6_BYTES - 1] = 1};
    return ip->bytes_count == IP_V4_BYTES ? ip->bytes[0] == 127
                                          : memcmp(ip->bytes, V6, sizeof V6) == 0;
}

bool ip_parse_or_number(const char *text, struct ip *ip)
{
    uint32_t number = 0;
    const char *end = text;
    if (ip_parse(text, ip)) {
        return true;
    }
    if (!ip__decimal(&end, UINT32_MAX, &number) || *end != '\0') {
        return false;
    }
    *ip = (struct ip){.bytes_count = IP_V4_BYTES};
    for (int i = 0; i < IP_V4_BYTES; i++) {
        ip->bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
    return true;
}

bool ip_parse_port(const char *text, uint16_t *port)
{
    uint32_t number = 0;
    bool valid = ip__decimal(&text, UINT16_MAX, &number) && *text == '\0' && number > 0;
    *port = (uint16_t)number;
    return valid;
}

/* --- Ranges. */

static bool ip__is_host_name(const char *name)
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t bytes = strlen(name);
    /* The last label of a name is no number: what looks like an address is none of DNS. */
    const char *dot = strrchr(name, '.');
    const char *label = dot == NULL ? name : dot + 1;
    return bytes > 0 && strspn(name, LETTERS) == bytes && (*label < '0' || *label > '9');
}

/* Is the bit set in what follows the prefix? */
static bool ip__has_rest(const struct ip *ip, uint32_t bits)
{
    for (uint32_t i = bits; i < 8u * ip->bytes_count; i++) {
        if ((ip->bytes[i / 8] >> (7 - i % 8) & 1) != 0) {
            return true;
        }
    }
    return false;
}

static bool ip__parse_ports(const char *text, struct ip_range *range)
{
    char low[8];
    const char *dash = strchr(text, '-');
    size_t bytes = dash == NULL ? strlen(text) : (size_t)(dash - text);
    if (bytes >= sizeof low) {
        return false;
    }
    memcpy(low, text, bytes);
    low[bytes] = '\0';
    return ip_parse_port(low, &range->port_low) &&
           ip_parse_port(dash == NULL ? low : dash + 1, &range->port_high) &&
           range->port_low <= range->port_high;
}

/* An address, perhaps with a prefix, or a name. */
static bool ip__parse_host(char *host, struct ip_range *range, struct error *error)
{
    char *slash = strchr(host, '/');
    uint32_t bits = 0;
    const char *digits = slash == NULL ? "" : slash + 1;
    if (slash != NULL) {
        *slash = '\0';
    }
    bool is_ip = ip_parse(host, &range->prefix);
    uint32_t whole = 8u * range->prefix.bytes_count;
    if (!is_ip && slash == NULL && ip__is_host_name(host)) {
        snprintf(range->name, sizeof range->name, "%s", host);
        return true;
    }
    if (!is_ip) {
        error_set(error, "\"%.64s\" is no address%s", host, slash == NULL ? ", and no name" : "");
        return false;
    }
    if (slash != NULL && (!ip__decimal(&digits, whole, &bits) || *digits != '\0')) {
        error_set(error, "expected a prefix of 0 to %u bits behind the address", (unsigned)whole);
        return false;
    }
    range->bits = (uint8_t)(slash == NULL ? whole : bits);
    if (ip__has_rest(&range->prefix, range->bits)) {
        error_set(error, "%s has bits behind its prefix of %u bits", host, (unsigned)range->bits);
        return false;
    }
    return true;
}

bool ip_range_parse(const char *text, struct ip_range *range, struct error *error)
{
    char host[IP_RANGE_NAME_BYTES_MAX + 1];
    const char *colon = strrchr(text, ':');
    size_t bytes = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = bytes > 2 && text[0] == '[' && text[bytes - 1] == ']';
    *range = (struct ip_range){.port_low = 0};
    if (bytes == 0 || bytes >= sizeof host || !ip__parse_ports(colon + 1, range) ||
        (!bracketed && memchr(text, ':', bytes) != NULL)) {
        error_set(error,
                  "expected an address, a range of them or a name with its ports, such as "
                  "\"10.0.0.0/8:7000-7999\", \"[2001:db8::/32]:7777\" or "
                  "\"game.example:7777\", found \"%.80s\"",
                  text);
        return false;
    }
    bytes -= bracketed ? 2 : 0;
    memcpy(host, text + bracketed, bytes);
    host[bytes] = '\0';
    if (!ip__parse_host(host, range, error)) {
        return false;
    }
    if (bracketed && range->name[0] != '\0') {
        error_set(error, "brackets are for IPv6 addresses, found \"%s\" in them", range->name);
        return false;
    }
    return true;
}

bool ip_range_holds(const struct ip_range *range, const struct ip *ip, uint16_t port)
{
    if (range->name[0] != '\0' || ip->bytes_count != range->prefix.bytes_count ||
        port < range->port_low || port > range->port_high || !ip__has_rest(ip, 0)) {
        return false;
    }
    uint32_t whole = range->bits / 8u;
    uint32_t rest = range->bits % 8u;
    return memcmp(ip->bytes, range->prefix.bytes, whole) == 0 &&
           (rest == 0 || (ip->bytes[whole] ^ range->prefix.bytes[whole]) >> (8 - rest) == 0);
}
