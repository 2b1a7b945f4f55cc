#include "complain.h"

#include "core/host.h"

#include <stdio.h>

void complain(const char *text)
{
    char hint[HOST_HINT_BYTES_MAX];
    fprintf(stderr, "dummyclient: %s%s\n", text, host_limits_hint(text, hint));
}
