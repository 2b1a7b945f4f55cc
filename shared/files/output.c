#include "files/output.h"

#include "core/clock.h"
#include "core/printable.h"
#include "files/file.h"
#include "system/host.h"
#include "system/keyboard.h"
#include "system/stop.h"
#include "system/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t OUTPUT_LOOK_NS = 1 * NS_PER_MS;
/* After a stop request: how long to wait for a stopped terminal or reader. */
static const int64_t OUTPUT_STOPPED_NS = 1 * NS_PER_S;

static const char *output__program = "dummyload";

void output_setup(const char *program)
{
    output__program = program;
    output_open_closed();
    output_enter_utf8();
}

void output_complain(const char *text)
{
    printable_print(stderr, "%s: %s", output__program, text);
}

bool output_is_stdout(const char *path)
{
    return path != NULL && (strcmp(path, "-") == 0 ||
                            file_is_standard(path, FILE_STANDARD_OUTPUT) == FILE_STANDARD_ITSELF);
}

bool output_is_free(const char *option, const char *path, struct error *error)
{
    static const char *const STREAMS[] = {
        [FILE_STANDARD_OUTPUT] = "output", [FILE_STANDARD_ERROR] = "error"};
    if (output_is_stdout(path)) {
        if (output_is_closed()) {
            error_set(error, "%s %s: standard output is closed: give it a file", option, path);
        }
        return !output_is_closed();
    }
    for (int stream = FILE_STANDARD_OUTPUT; stream <= FILE_STANDARD_ERROR; stream++) {
        if (file_is_standard(path, (enum file_standard)stream) == FILE_STANDARD_FILE) {
            error_set(error, "%s: \"%s\" is where standard %s goes as well: give it another name",
                      option, path, STREAMS[stream]);
            return false;
        }
    }
    return true;
}

bool output_write(const char *path, const char *data, size_t bytes, struct error *error)
{
    if (!output_is_stdout(path)) {
        return file_write_whole(path, data, bytes, error);
    }
    errno = 0;
    if (fwrite(data, 1, bytes, stdout) == bytes && fflush(stdout) == 0) {
        return true;
    }
    error_set(error, "standard output: cannot write: %s", error_system_text(errno));
    return false;
}

bool output_finish(struct error *error)
{
    /* fflush() alone forgets what an earlier one could not write. */
    bool torn = ferror(stdout) != 0;
    errno = 0;
    bool flushed = fflush(stdout) == 0;
    if (flushed && !torn) {
        return true;
    }
    if (output_is_closed()) {
        error_set(error, "standard output is closed: what was printed there is lost");
        return false;
    }
    error_set(error, "standard output could not be written to its end%s%s", flushed ? "" : ": ",
              flushed ? "" : error_system_text(errno));
    return false;
}

/* Static: a thread that is stuck uses it until the process ends. */
static struct output__printing {
    struct thread thread;
    void (*print)(void *context);
    void *context;
    atomic_bool ended;
} output__printing;

static void output__run(void *argument)
{
    struct output__printing *printing = argument;
    printing->print(printing->context);
    atomic_store(&printing->ended, true);
}

bool output_print(void (*print)(void *context), void *context)
{
    struct output__printing *printing = &output__printing;
    printing->print = print;
    printing->context = context;
    atomic_store(&printing->ended, false);
    if (!thread_start(&printing->thread, output__run, printing, 0, NULL)) {
        print(context);
        return true;
    }
    int64_t stopped_ns = TIME_NEVER_NS;
    while (!atomic_load(&printing->ended)) {
        int64_t now_ns = clock_now_ns();
        if (stopped_ns == TIME_NEVER_NS && stop_requests() > 0) {
            stopped_ns = now_ns;
        }
        if (stopped_ns != TIME_NEVER_NS && now_ns - stopped_ns > OUTPUT_STOPPED_NS) {
            return false;
        }
        clock_sleep_until_ns(now_ns + OUTPUT_LOOK_NS);
    }
    thread_join(&printing->thread);
    return true;
}

void output_leave(int code)
{
    output_leave_utf8();
    keyboard_restore();
    stop_finished();
    _Exit(code);
}
