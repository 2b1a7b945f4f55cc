#include "system/secret.h"

#include <errno.h>
#include <sys/random.h>

bool secret_read(uint8_t *bytes, size_t count, struct error *error)
{
    /* Up to 256 bytes come whole, and without EINTR (getrandom(2)). */
    if (getrandom(bytes, count, 0) == (long)count) {
        return true;
    }
    error_set(error, "the system has no random bytes: %s", error_system_text(errno));
    return false;
}
