/* dummyclient: plays a scenario against a TCP server and measures it. */
#include "client.h"

#include "files/output.h"

int main(int argc, char **argv)
{
    output_setup("dummyclient");
    return client_main(argc, argv, NULL);
}
