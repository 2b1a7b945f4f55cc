#include "files/place_linux.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACE_LINKS_MAX = 40 /* as the kernel's own */, PLACE_HELD_MAX = 4 };
/* A reader that is started together with us may come a little later. */
static const int64_t PLACE_READER_WITHIN_NS = 2 * NS_PER_S;
static const int64_t PLACE_LOOK_NS = 10 * NS_PER_MS;

static struct place__held {
    dev_t device;
    ino_t file;
    int descriptor;
} place__held[PLACE_HELD_MAX];
static int place__held_count;

/* Is folder the list of descriptors of this process, or of another? */
static bool place__is_descriptors(const char *folder, bool *own)
{
    int process = 0;
    int used = 0;
    if (sscanf(folder, "/proc/%d/fd%n", &process, &used) != 1 || used == 0 ||
        folder[used] != '\0') {
        used = 0;
        if (sscanf(folder, "/proc/%d/task/%*d/fd%n", &process, &used) != 1 || used == 0 ||
            folder[used] != '\0') {
            return false;
        }
    }
    *own = process == getpid();
    return true;
}

static enum place_kind place__kind(const struct stat *status)
{
    return S_ISREG(status->st_mode)    ? PLACE_REGULAR
           : S_ISDIR(status->st_mode)  ? PLACE_FOLDER
           : S_ISFIFO(status->st_mode) ? PLACE_FIFO
                                       : PLACE_DEVICE;
}

/* Puts path's folder, with its links followed, and its last name together. 0 or an errno. */
static int place__join(const char *path, char joined[PATH_MAX], size_t *folder_bytes)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char folder[PATH_MAX] = ".";
    if (slash != NULL) {
        int bytes = slash == path ? 1 : (int)(slash - path);
        snprintf(folder, sizeof folder, "%.*s", bytes, path);
    }
    char *real = realpath(folder, NULL);
    if (real == NULL) {
        return errno;
    }
    const char *root = strcmp(real, "/") == 0 ? "" : real;
    int bytes = snprintf(joined, PATH_MAX, "%s/%s", root, name);
    *folder_bytes = strlen(root);
    free(real);
    return bytes < PATH_MAX ? 0 : ENAMETOOLONG;
}

/* False: there is no descriptor of that number. */
static bool place__see_descriptor(struct place *place, const char *name)
{
    char *end;
    long number = strtol(name, &end, 10);
    if (*name < '0' || *name > '9' || *end != '\0' || number > INT_MAX) {
        return false;
    }
    place->kind = PLACE_DESCRIPTOR;
    place->descriptor = (int)number;
    return fstat(place->descriptor, &place->status) == 0;
}

/* One step along the path: ELOOP: a link, and `at` is what it leads to. */
static int place__step(char at[PATH_MAX], struct place *place)
{
    size_t folder_bytes = 0;
    char folder[PATH_MAX];
    bool own = false;
    int code = place__join(at, place->target, &folder_bytes);
    if (code != 0) {
        return code;
    }
    const char *name = place->target + folder_bytes + 1;
    snprintf(folder, sizeof folder, "%.*s", (int)folder_bytes, place->target);
    bool descriptors = place__is_descriptors(folder, &own);
    if (descriptors && own) {
        return place__see_descriptor(place, name) ? 0 : EBADF;
    }
    if (lstat(place->target, &place->status) != 0) {
        place->kind = PLACE_NONE;
        return errno == ENOENT ? 0 : errno;
    }
    if (descriptors) {
        place->kind = PLACE_DEVICE;
        return stat(place->target, &place->status) == 0 ? 0 : errno;
    }
    place->kind = place__kind(&place->status);
    if (!S_ISLNK(place->status.st_mode)) {
        return 0;
    }
    char link[PATH_MAX];
    ssize_t bytes = readlink(place->target, link, sizeof link - 1);
    if (bytes < 0) {
        return errno;
    }
    link[bytes] = '\0';
    int length = link[0] == '/' ? snprintf(at, PATH_MAX, "%s", link)
                                : snprintf(at, PATH_MAX, "%s/%s", folder, link);
    return length < PATH_MAX ? ELOOP : ENAMETOOLONG;
}

int place_find(const char *path, struct place *place)
{
    char at[PATH_MAX];
    size_t bytes = strlen(path);
    memset(place, 0, sizeof *place);
    if (bytes == 0 || bytes >= sizeof at) {
        return bytes == 0 ? ENOENT : ENAMETOOLONG;
    }
    memcpy(at, path, bytes + 1);
    if (path[bytes - 1] == '/') {
        /* Only a folder can be meant. */
        place->kind = PLACE_FOLDER;
        return 0;
    }
    int code = ELOOP;
    for (int links = 0; links < PLACE_LINKS_MAX && code == ELOOP; links++) {
        code = place__step(at, place);
    }
    return code;
}

static int place__open_fifo(const struct place *place, const char *path, struct error *error)
{
    int64_t until_ns = clock_now_ns() + PLACE_READER_WITHIN_NS;
    for (;;) {
        int descriptor = open(place->target, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (descriptor >= 0) {
            return descriptor;
        }
        if (errno != ENXIO) {
            error_set(error, "%s: cannot be written: %s", path, error_system_text(errno));
            return -1;
        }
        int64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns) {
            error_set(error,
                      "%s: cannot be written: it is a FIFO without a reader; start the "
                      "reader first",
                      path);
            return -1;
        }
        clock_sleep_until_ns(now_ns + PLACE_LOOK_NS);
    }
}

int place_open(const struct place *place, const char *path, bool *own, struct error *error)
{
    *own = true;
    if (place->kind == PLACE_FIFO) {
        for (int i = 0; i < place__held_count; i++) {
            if (place__held[i].device == place->status.st_dev &&
                place__held[i].file == place->status.st_ino) {
                return place__held[i].descriptor;
            }
        }
        return place__open_fifo(place, path, error);
    }
    if (place->kind == PLACE_DESCRIPTOR) {
        int flags = fcntl(place->descriptor, F_GETFL);
        *own = false;
        if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY) {
            error_set(error, "%s: cannot be written: it is not open for writing", path);
            return -1;
        }
        return place->descriptor;
    }
    /* Without waiting: the open of some devices waits for the other side. */
    int descriptor = open(place->target, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0) {
        error_set(error, "%s: cannot be written: %s", path, error_system_text(errno));
    }
    return descriptor;
}

bool place_hold(const struct place *place, const char *path, struct error *error)
{
    bool own;
    int descriptor = place_open(place, path, &own, error);
    if (descriptor < 0) {
        return false;
    }
    for (int i = 0; i < place__held_count; i++) {
        if (place__held[i].descriptor == descriptor) {
            return true;
        }
    }
    if (place__held_count == PLACE_HELD_MAX) {
        close(descriptor);
        error_set(error, "%s: cannot be written: more than %d FIFOs", path, PLACE_HELD_MAX);
        return false;
    }
    place__held[place__held_count++] = (struct place__held){
        .device = place->status.st_dev, .file = place->status.st_ino, .descriptor = descriptor};
    return true;
}
