/* Scenarios whose arrivals are what a test is about: behaviors of one request. */
#pragma once

#define LOOP(name, weight)                                                                         \
    "{ \"name\": \"" name "\", \"weight\": " weight                                                \
    ", \"loop\": [ { \"request\": { \"name\": \"" name                                             \
    "\", \"send\": { \"id\": 1, \"body\": { \"text\": \"x\" } } } } ] }"
#define SCENARIO(load, behaviors)                                                                  \
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 }, \"load\": {" load \
    "}, \"behaviors\": [" behaviors "] }"
