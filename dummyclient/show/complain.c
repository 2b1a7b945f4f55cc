#include "show/complain.h"

#include "core/printable.h"
#include "system/host.h"

#include <stdio.h>

void complain(const char *text)
{
    char hint[HOST_HINT_BYTES_MAX];
    /* It may name what stands in a scenario. */
    printable_print(stderr, "dummyclient: %s%s", text, host_limits_hint(text, hint));
}
