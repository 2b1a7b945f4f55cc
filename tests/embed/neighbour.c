/* Another library of the same program, whose names are those of Dummyload's insides. */
#include "neighbour.h"

int frame_decode(int value);
int must(int value);
int session_close(int value);
int clock_now_ns(int value);

int frame_decode(int value)
{
    return value + 1;
}

int must(int value)
{
    return value * 2;
}

int session_close(int value)
{
    return value - 3;
}

int clock_now_ns(int value)
{
    return value * 4;
}

int neighbour_value(int value)
{
    return clock_now_ns(session_close(must(frame_decode(value))));
}
