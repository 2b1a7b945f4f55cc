/* The framing `websocket`, between framing.c, which reads any framing, and websocket.c. */
#pragma once

#include "proto/websocket.h"
#include "scenario/parse/parse.h"

/* The connection goes to the target: the first lines of its request, if they have captured names,
 * with those that the behavior has here. */
void parse_request_of(struct parse *parse, uint32_t target);
/* All behaviors have been read: what is said of the requests of targets to which none goes. */
void parse_check_requests(struct parse *parse);
/* Of `"type": "websocket"`: what is inside, with the settings of the WebSocket. */
void parse_websocket(struct parse *parse, const cJSON *json, struct framing *framing);
/* framing.c: the framing that is inside. */
void parse_framing_inside(struct parse *parse, const cJSON *json, struct framing *framing);
