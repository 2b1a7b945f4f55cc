/* SHA-1 (FIPS 180-4), which WebSocket's handshake asks for. Not for secrets. Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SHA1_BYTES = 20 };

void sha1(const uint8_t *data, size_t bytes, uint8_t out[SHA1_BYTES]);
