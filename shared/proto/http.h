/* FRAMING_HTTP: what the texts of a scenario say about its requests. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Could a stream of messages that are made of such constant texts, and of decimal numbers between
 * them, ask for a response that only its request explains (HEAD), or that HTTP does not (CONNECT)?
 * Then reads_sent has to be set. begins: the message begins with this text. */
bool http_must_read(const uint8_t *text, size_t bytes, bool begins);
