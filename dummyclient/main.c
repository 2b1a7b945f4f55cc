/* dummyclient: plays a scenario against a TCP server and measures it. */
#include "client.h"

#include "files/output.h"
#include "system/command_line.h"

int main(int argc, char **argv)
{
    argv = command_line_read(&argc, argv);
    output_setup("dummyclient");
    return client_main(argc, argv, NULL);
}
