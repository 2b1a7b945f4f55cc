/* A certificate of our own making that lives in memory alone. */
#pragma once

#include "core/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* The context shows it. Control plane. */
bool self_signed_use(SSL_CTX *context, struct error *error);
