/* Files on Linux: a temporary file, fsync, rename. */
#include "files/file.h"

#include "core/clock.h"
#include "files/file_inputs.h"
#include "files/place_linux.h"
#include "files/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the reader of a FIFO may take nothing. */
static const int64_t FILE_READER_WITHIN_NS = 60 * NS_PER_S;

/* A name beside the file (a rename does not cross file systems), followed by ".tmp", process and
 * count: each writer of a file has a temporary file. */
enum { FILE_TEMPORARY_BYTES_MAX = PATH_MAX + 48 };

static void file__name_temporary(const char *path, char temporary[FILE_TEMPORARY_BYTES_MAX])
{
    static atomic_uint count;
    snprintf(temporary, FILE_TEMPORARY_BYTES_MAX, "%s.tmp-%lu-%u", path, (unsigned long)getpid(),
             atomic_fetch_add(&count, 1));
}

/* Reads to the end of the stream, growing. Sizes from the directory are not trusted: files grow,
 * and pipes have none. */
static bool file__read_stream(FILE *stream, const char *path, size_t bytes_max, char **data,
                              size_t *bytes, struct error *error)
{
    char *buffer = NULL;
    size_t capacity = 0;
    size_t count = 0;
    for (;;) {
        if (capacity - count < 2) {
            size_t wanted = capacity ? capacity * 2 : 65536;
            if (wanted > bytes_max + 2) {
                wanted = bytes_max + 2; /* one byte to notice more, one for the NUL */
            }
            char *grown = realloc(buffer, wanted);
            if (grown == NULL) {
                error_set_short(error, ERROR_SHORT_OF_MEMORY, "%s: out of memory", path);
                goto failed;
            }
            buffer = grown;
            capacity = wanted;
        }
        size_t got = fread(buffer + count, 1, capacity - count - 1, stream);
        count += got;
        if (count > bytes_max) {
            error_set(error, "%s: larger than the %llu bytes that are read", path,
                      (unsigned long long)bytes_max);
            goto failed;
        }
        if (got == 0) {
            break;
        }
    }
    if (ferror(stream)) {
        error_set(error, "%s: cannot read: %s", path, error_system_text(errno));
        goto failed;
    }
    buffer[count] = '\0';
    *data = buffer;
    *bytes = count;
    return true;

failed:
    free(buffer);
    return false;
}

/* A FIFO or a device may never come to an end, or to a beginning. A descriptor that the process was
 * given (/dev/stdin, <(command) of a shell) has somebody at its other end. */
static FILE *file__open(const char *path, struct error *error)
{
    struct place place;
    int code = place_find(path, &place);
    bool found = code == 0 && place.kind != PLACE_NONE;
    if (found && place.kind == PLACE_FOLDER) {
        error_set(error, "%s: this is a folder, expected a file", path);
        return NULL;
    }
    if (found && (place.kind == PLACE_FIFO || place.kind == PLACE_DEVICE)) {
        error_set(error, "%s: cannot read: this is not a regular file", path);
        return NULL;
    }
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL) {
        error_set(error, "%s: cannot open: %s", path, error_system_text(errno));
    }
    return stream;
}

bool file_read(const char *path, size_t bytes_max, char **data, size_t *bytes, struct error *error)
{
    FILE *stream = file__open(path, error);
    if (stream == NULL) {
        return false;
    }
    bool ok = file__read_stream(stream, path, bytes_max, data, bytes, error);
    fclose(stream);
    if (ok) {
        file_inputs_add(path);
    }
    return ok;
}

/* EINVAL and ENOTSUP: a file system or pipe that has nothing to push. */
static bool file__sync(int descriptor)
{
    return fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

static bool file__write_all(int descriptor, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(descriptor, data, bytes);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        data += written > 0 ? written : 0;
        bytes -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* The new file gets the owner and the permissions of the old one, as far as this user may set them.
 */
static void file__take_over(int descriptor, const struct place *place)
{
    if (place->kind != PLACE_REGULAR) {
        return;
    }
    if (fchown(descriptor, place->status.st_uid, place->status.st_gid) != 0 &&
        fchown(descriptor, (uid_t)-1, place->status.st_gid) != 0) {
        errno = 0;
    }
    fchmod(descriptor, place->status.st_mode & 07777);
}

/* Writes, flushes to the disk, and closes in any case. 0, or an errno. */
static int file__fill(int descriptor, const char *data, size_t bytes)
{
    errno = 0;
    int code = file__write_all(descriptor, data, bytes) && file__sync(descriptor) ? 0 : errno;
    /* A delayed failure to write (quota, network) may come only now. */
    return close(descriptor) != 0 && code == 0 ? errno : code;
}

/* The new name is on the disk, too: after a crash there is the old file or the new one. */
static void file__sync_folder(const char *target)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(target, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == target ? 1 : (int)(slash - target), target);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        file__sync(descriptor);
        close(descriptor);
    }
}

/* A file that is a mount point (as containers have them) cannot be replaced by a rename: it is
 * written in place. */
static int file__overwrite(const struct place *place, enum file_readers readers, const char *data,
                           size_t bytes)
{
    int descriptor = open(place->target, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (descriptor < 0) {
        return errno;
    }
    if (readers == FILE_READERS_OWNER && fchmod(descriptor, 0600) != 0) {
        int code = errno;
        close(descriptor);
        return code;
    }
    return file__fill(descriptor, data, bytes);
}

static int file__replace(const struct place *place, enum file_readers readers, const char *data,
                         size_t bytes)
{
    char temporary[FILE_TEMPORARY_BYTES_MAX];
    file__name_temporary(place->target, temporary);
    mode_t mode = readers == FILE_READERS_OWNER ? 0600 : 0666;
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0) {
        return errno;
    }
    if (readers == FILE_READERS_ALL) {
        file__take_over(descriptor, place);
    }
    int code = file__fill(descriptor, data, bytes);
    if (code == 0 && rename(temporary, place->target) != 0) {
        code = errno;
    }
    if (code != 0) {
        unlink(temporary);
        return code == EBUSY ? file__overwrite(place, readers, data, bytes) : code;
    }
    file__sync_folder(place->target);
    return 0;
}

/* A device, a FIFO, a descriptor: renaming over /dev/null would replace it. */
static bool file__write_through(const struct place *place, const char *path, const char *data,
                                size_t bytes, struct error *error)
{
    struct error reason = {""};
    struct sink sink = {0};
    int descriptor = place_open(place, path, &sink.own, error);
    if (descriptor < 0) {
        return false;
    }
    sink.handle = descriptor;
    sink.patience_ns = place->kind == PLACE_FIFO ? FILE_READER_WITHIN_NS : 0;
    bool written = sink_write(&sink, data, bytes, &reason);
    bool closed = sink_close(&sink, written ? &reason : NULL);
    if (!written || !closed) {
        error_set(error, "%s: cannot write: %s", path, reason.text);
    }
    return written && closed;
}

bool file_write_for(enum file_readers readers, const char *path, const char *data, size_t bytes,
                    struct error *error)
{
    struct place place;
    int code = place_find(path, &place);
    if (code == 0 && place.kind == PLACE_FOLDER) {
        error_set(error, "%s: cannot write: this is a folder, expected a file", path);
        return false;
    }
    if (code == 0 && place.kind != PLACE_NONE && place.kind != PLACE_REGULAR) {
        return file__write_through(&place, path, data, bytes, error);
    }
    code = code != 0 ? code : file__replace(&place, readers, data, bytes);
    if (code != 0) {
        error_set(error, "%s: cannot write: %s", path, error_system_text(code));
    }
    return code == 0;
}

bool file_write_whole(const char *path, const char *data, size_t bytes, struct error *error)
{
    return file_write_for(FILE_READERS_ALL, path, data, bytes, error);
}

static int file__try_beside(const struct place *place)
{
    char temporary[FILE_TEMPORARY_BYTES_MAX];
    if (place->kind == PLACE_REGULAR && faccessat(AT_FDCWD, place->target, W_OK, AT_EACCESS) != 0) {
        return errno; /* it could be replaced, but it is protected on purpose */
    }
    file__name_temporary(place->target, temporary);
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return errno;
    }
    close(descriptor);
    unlink(temporary);
    return 0;
}

bool file_can_write(const char *path, struct error *error)
{
    struct place place;
    bool own = false;
    int code = place_find(path, &place);
    if (code == 0 && place.kind == PLACE_FOLDER) {
        error_set(error, "%s: cannot be written: expected the name of a file, this is a folder",
                  path);
        return false;
    }
    if (code == 0 && place.kind == PLACE_FIFO) {
        return place_hold(&place, path, error);
    }
    if (code == 0 && (place.kind == PLACE_DEVICE || place.kind == PLACE_DESCRIPTOR)) {
        int descriptor = place_open(&place, path, &own, error);
        if (own && descriptor >= 0) {
            close(descriptor);
        }
        return descriptor >= 0;
    }
    code = code != 0 ? code : file__try_beside(&place);
    if (code != 0) {
        error_set(error, "%s: cannot be written: %s", path, error_system_text(code));
    }
    return code == 0;
}

/* Of a name that is not there yet: the folder, and the name in it. */
static bool file__same_new(const struct place *a, const struct place *b)
{
    return a->kind == PLACE_NONE && b->kind == PLACE_NONE && strcmp(a->target, b->target) == 0;
}

static bool file__same_status(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_same(const char *a, const char *b)
{
    struct place one;
    struct place other;
    if (place_find(a, &one) != 0 || place_find(b, &other) != 0) {
        return false;
    }
    bool there = one.kind != PLACE_NONE && other.kind != PLACE_NONE;
    bool kept = one.kind == PLACE_DEVICE && S_ISCHR(one.status.st_mode); /* /dev/null, twice */
    return file__same_new(&one, &other) ||
           (there && !kept && file__same_status(&one.status, &other.status));
}

enum file_standard_use file_is_standard(const char *path, enum file_standard stream)
{
    struct place place;
    struct stat status;
    if (place_find(path, &place) != 0) {
        return FILE_STANDARD_NOT;
    }
    bool same = place.kind != PLACE_NONE && fstat((int)stream, &status) == 0 &&
                file__same_status(&place.status, &status);
    if (place.kind == PLACE_DESCRIPTOR && (place.descriptor == (int)stream || same)) {
        return FILE_STANDARD_ITSELF;
    }
    return same && place.kind == PLACE_REGULAR ? FILE_STANDARD_FILE : FILE_STANDARD_NOT;
}
