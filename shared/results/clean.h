/* What the cleanly ended connections carried, in groups by the client's port.
 *
 * The sums of all of them must agree between the sides, to the byte. Where one side calls a
 * connection clean and the other does not, its bytes stand in the clean sums of one side only, and
 * a byte lost anywhere could hide behind it; in groups it can hide in that group alone. The
 * client's port is what both sides know of a connection, whatever the address family.
 *
 * One thread writes; added up when the threads have ended. Constant memory: 40 KiB. */
#pragma once

#include <stdint.h>

struct cJSON;
struct pack;
struct unpack;

enum { CLEAN_GROUPS = 1024 };

struct clean_group {
    uint64_t connections;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t messages_sent;
    uint64_t messages_received;
};

struct clean {
    struct clean_group groups[CLEAN_GROUPS];
};

/* Adds what a connection carried, by its client's port. */
void clean_count(struct clean *clean, uint16_t client_port, const struct clean_group *carried);
void clean_merge(struct clean *into, const struct clean *from);
void clean_pack(const struct clean *clean, struct pack *pack);
void clean_unpack_add(struct clean *into, struct unpack *from);
/* result.clean_connections: {groups, sums: [[group, connections, bytes_sent, bytes_received,
 * messages_sent, messages_received], ...]}, only groups with connections. */
void clean_add_json(struct cJSON *result, const struct clean *clean);
