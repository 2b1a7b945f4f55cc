/* Plays files, or all files of folders, through a fuzz target: the seed corpus as a test, in builds
 * without libFuzzer. The input stands at the end of its heap block, so that ASan sees one byte
 * beyond it. */
#include "fuzz.h"

#include "unit.h"

enum { PATH_BYTES_MAX = 4096 };

static int main__play_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 1;
}

struct folder {
    const char *path;
    bool failed;
};

static void main__play_in(void *context, const char *name)
{
    struct folder *folder = context;
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    folder->failed = main__play_file(path) < 0 || folder->failed;
}

static int main__play(const char *path)
{
    struct folder folder = {.path = path};
    int played = unit_folder_read(path, main__play_in, &folder);
    if (played < 0) {
        return main__play_file(path);
    }
    return folder.failed ? -1 : played;
}

int main(int argc, char **argv)
{
    int played = 0;
    for (int i = 1; i < argc; i++) {
        int some = main__play(argv[i]);
        if (some <= 0) {
            fprintf(stderr, "%s: nothing to play\n", argv[i]);
            return 1;
        }
        played += some;
    }
    printf("%d inputs played\n", played);
    return played > 0 ? 0 : 1;
}
