/* One line on standard error about what went wrong. */
#ifndef DUMMYLOAD_CLIENT_COMPLAIN_H
#define DUMMYLOAD_CLIENT_COMPLAIN_H

/* "dummyclient: TEXT", with the way out where this machine's limits are the reason. */
void complain(const char *text);

#endif
