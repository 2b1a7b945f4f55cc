/* Where a path leads to on Linux, and how such a place is opened for writing. Private to the files
 * and sinks of this system; control plane, one thread. */
#pragma once

#include "core/error.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum place_kind {
    PLACE_NONE, /* there is nothing of that name */
    PLACE_REGULAR,
    PLACE_FOLDER,
    PLACE_FIFO,
    PLACE_DEVICE,    /* and all else that is written through, never replaced */
    PLACE_DESCRIPTOR /* one of this process: /dev/stdout, /dev/fd/N, /proc/self/fd/N */
};

struct place {
    enum place_kind kind;
    int descriptor;
    struct stat status;    /* not of PLACE_NONE */
    char target[PATH_MAX]; /* with every link followed */
};

/* 0, or an errno. Also a link to a descriptor is one: its file could be found, but
 * when it is opened again writing begins at that file's start, over what is in it. */
int place_find(const char *path, struct place *place);
/* A FIFO (its reader is waited for a moment), a device, a descriptor: *own says whether it is to be
 * closed. A FIFO that place_hold() has opened comes from there. -1: *error says why. */
int place_open(const struct place *place, const char *path, bool *own, struct error *error);
/* Opens a FIFO for a later place_open(): its reader sees no end in between. */
bool place_hold(const struct place *place, const char *path, struct error *error);
