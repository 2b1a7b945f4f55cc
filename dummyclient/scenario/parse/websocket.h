/* The framing `websocket`, between framing.c, which reads any framing, and websocket.c. */
#pragma once

#include "proto/websocket.h"
#include "scenario/parse/parse.h"

/* Of `"type": "websocket"`: what is inside, with the settings of the WebSocket. */
void parse_websocket(struct parse *parse, const cJSON *json, struct framing *framing);
/* framing.c: the framing that is inside. */
void parse_framing_inside(struct parse *parse, const cJSON *json, struct framing *framing);
