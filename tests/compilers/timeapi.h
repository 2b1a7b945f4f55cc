/* timeapi.h of Microsoft's SDK, which Wine's headers have within mmsystem.h. */
#pragma once

#include <mmsystem.h>
