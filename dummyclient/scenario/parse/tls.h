/* TLS in a scenario: of a target, and where a step begins it. Control plane, as all of parsing. */
#pragma once

#include "scenario/parse/parse.h"

/* `tls` of a target: struct scenario_target. */
parse_key parse_tls;
/* `targets` have been read: without names they are one place for the steps. */
void parse_check_tls(struct parse *parse);
/* The step { "tls": "start" }. */
parse_key parse_secure;
/* What is repeated (what: "pass") ends: has TLS begun as it had where it began (secured)? */
void parse_check_secured(struct parse *parse, const char *what, bool secured);
/* The behavior has been read: does it begin TLS wherever a step is to? */
void parse_check_starts(struct parse *parse);
