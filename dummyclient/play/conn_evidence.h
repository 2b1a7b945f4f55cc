/* What has become of a connection, in words for the summary and the result: the first of each place
 * (vm/evidence.h). For conn*.c only. */
#pragma once

#include "play/conn_internal.h"

/* The bytes that have come are no message. */
void conn_explain_refused(struct conn *conn, enum error_kind kind, const struct error *expected);
/* The codec's handshake cannot end any more: what came instead. */
void conn_explain_handshake(struct conn *conn, const char *found);
/* What the server has said to it then, it will say again: counted once per connection. */
void conn_note_hopeless(struct conn *conn);
/* Nor does it begin: this text of the scenario's cannot be put into its request. */
void conn_explain_request(struct conn *conn, struct span wrong);
/* The codec has refused a message to send, or made a mistake. */
void conn_explain_codec(struct conn *conn, const char *expected);
/* The message of this action could not be encoded. */
void conn_explain_unsent(struct conn *conn, const struct vm_action *action);
/* What is known without keeping it on the way: bytes that were refused, the beginning of a message
 * whose end never came, or else the last message that no step has taken. */
struct result_last conn_last_received(const struct conn *conn);
/* The connection ends as nobody expects. doing: vm_describe() before the vm knows of it; NULL: it
 * does not know yet. */
void conn_explain_end(struct conn *conn, enum error_kind kind, const char *doing);
