/* Files on Linux: a temporary file, fsync, rename. */
#include "core/file.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum file_kind {
    FILE_KIND_NONE, /* there is nothing of that name */
    FILE_KIND_REGULAR,
    FILE_KIND_FOLDER,
    FILE_KIND_OTHER /* a device or pipe: written through, never replaced */
};

enum { FILE_PATH_BYTES_MAX = PATH_MAX };

static enum file_kind file__kind(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return FILE_KIND_NONE;
    if (S_ISREG(status.st_mode))
        return FILE_KIND_REGULAR;
    return S_ISDIR(status.st_mode) ? FILE_KIND_FOLDER : FILE_KIND_OTHER;
}

static int file__resolve(const char *path, char resolved[FILE_PATH_BYTES_MAX])
{
    char *real = realpath(path, NULL);
    const char *chosen = real ? real : path;
    size_t bytes = strlen(chosen) + 1;
    int code = bytes <= FILE_PATH_BYTES_MAX ? 0 : ENAMETOOLONG;
    if (code == 0)
        memcpy(resolved, chosen, bytes);
    free(real);
    return code;
}

static int file__sync(FILE *stream)
{
    /* EINVAL and ENOTSUP: a file system or pipe that has nothing to push. */
    if (fsync(fileno(stream)) == 0 || errno == EINVAL || errno == ENOTSUP)
        return 0;
    return errno;
}

/* A name beside the file (a rename does not cross file systems), followed by ".tmp", process and
 * count: two writers of one file do not meet. */
enum { FILE_TEMPORARY_BYTES_MAX = FILE_PATH_BYTES_MAX + 48 };

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
            if (wanted > bytes_max + 2)
                wanted = bytes_max + 2; /* one byte to notice more, one for the NUL */
            char *grown = realloc(buffer, wanted);
            if (!grown) {
                error_set(error, "%s: out of memory", path);
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
        if (got == 0)
            break;
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

bool file_read(const char *path, size_t bytes_max, char **data, size_t *bytes, struct error *error)
{
    if (file__kind(path) == FILE_KIND_FOLDER) {
        error_set(error, "%s: this is a folder, expected a file", path);
        return false;
    }
    FILE *stream = fopen(path, "rbe");
    if (!stream) {
        error_set(error, "%s: cannot open: %s", path, error_system_text(errno));
        return false;
    }
    bool ok = file__read_stream(stream, path, bytes_max, data, bytes, error);
    fclose(stream);
    return ok;
}

/* Writes, pushes to the disk and closes, whatever fails. Returns the reason, or NULL. */
static const char *file__fill(FILE *stream, const char *data, size_t bytes)
{
    const char *reason = NULL;
    errno = 0;
    if (fwrite(data, 1, bytes, stream) != bytes || fflush(stream) != 0) {
        reason = error_system_text(errno);
    } else {
        int code = file__sync(stream);
        if (code)
            reason = error_system_text(code);
    }
    /* A delayed failure to write (quota, network) may come only now. */
    if (fclose(stream) != 0 && !reason)
        reason = error_system_text(errno);
    return reason;
}

/* Beside the target and under the name put into temporary; or, unless the target is a file, the
 * target itself: renaming over /dev/null would replace it. */
static FILE *file__open_to_write(enum file_kind kind, const char *target, char *temporary)
{
    if (kind == FILE_KIND_OTHER) {
        return fopen(target, "wbe");
    }
    file__name_temporary(target, temporary);
    return fopen(temporary, "wbxe");
}

bool file_write_whole(const char *path, const char *data, size_t bytes, struct error *error)
{
    char target[FILE_PATH_BYTES_MAX];
    char temporary[FILE_TEMPORARY_BYTES_MAX];
    int code = file__resolve(path, target);
    if (code) {
        error_set(error, "%s: cannot write: %s", path, error_system_text(code));
        return false;
    }
    enum file_kind kind = file__kind(target);
    if (kind == FILE_KIND_FOLDER) {
        error_set(error, "%s: cannot write: this is a folder, expected a file", path);
        return false;
    }
    FILE *stream = file__open_to_write(kind, target, temporary);
    if (!stream) {
        error_set(error, "%s: cannot write: %s", path, error_system_text(errno));
        return false;
    }
    const char *reason = file__fill(stream, data, bytes);
    if (!reason && kind != FILE_KIND_OTHER) {
        if (rename(temporary, target) != 0)
            reason = error_system_text(errno);
    }
    if (!reason)
        return true;
    error_set(error, "%s: cannot write: %s", path, reason);
    if (kind != FILE_KIND_OTHER)
        unlink(temporary);
    return false;
}

bool file_can_write(const char *path, struct error *error)
{
    char target[FILE_PATH_BYTES_MAX];
    char temporary[FILE_TEMPORARY_BYTES_MAX];
    int code = file__resolve(path, target);
    if (code) {
        error_set(error, "%s: cannot be written: %s", path, error_system_text(code));
        return false;
    }
    enum file_kind kind = file__kind(target);
    size_t length = strlen(target);
    if (kind == FILE_KIND_FOLDER || length == 0 || target[length - 1] == '/') {
        error_set(error, "%s: cannot be written: expected the name of a file, this is a folder",
                  path);
        return false;
    }
    FILE *stream = file__open_to_write(kind, target, temporary);
    if (!stream) {
        error_set(error, "%s: cannot be written: %s", path, error_system_text(errno));
        return false;
    }
    fclose(stream);
    if (kind != FILE_KIND_OTHER)
        unlink(temporary);
    return true;
}
