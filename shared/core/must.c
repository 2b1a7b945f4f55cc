#include "core/must.h"

#include <stdio.h>
#include <stdlib.h>

void must_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "%s:%d: must(%s) failed: this is a defect of dummyload, please report it\n",
            file, line, expression);
    fflush(stderr);
    abort();
}
