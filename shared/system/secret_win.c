#define _CRT_RAND_S /* rand_s() */
#include "system/secret.h"

#include <stdlib.h>

bool secret_read(uint8_t *bytes, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        unsigned int number;
        if (rand_s(&number) != 0) {
            error_set(error, "the system has no random bytes");
            return false;
        }
        bytes[i] = (uint8_t)number;
    }
    return true;
}
