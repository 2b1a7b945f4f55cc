/* dummyclient: plays a scenario against a TCP server and measures it. */
#include "client.h"

#include <stddef.h>

int main(int argc, char **argv)
{
    return client_main(argc, argv, NULL);
}
