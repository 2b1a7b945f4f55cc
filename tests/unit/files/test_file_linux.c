/* What only Linux can be asked for without privileges: a full device, links, pipes. */
#include "unit.h"

#include "files/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[UNIT_PATH_BYTES_MAX];
static char path[UNIT_PATH_BYTES_MAX + 32];

static int setup(void **state)
{
    (void)state;
    unit_folder_make(folder);
    snprintf(path, sizeof path, "%s/result.json", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unit_folder_remove(folder);
    return 0;
}

static void test_full_device_is_reported(void **state)
{
    (void)state;
    struct error error = {""};
    assert_false(file_write_whole("/dev/full", "x", 1, &error));
    assert_non_null(strstr(error.text, "No space left"));
}

static void test_devices_are_written_through_not_replaced(void **state)
{
    (void)state;
    assert_true(file_can_write("/dev/null", NULL));
    assert_true(file_write_whole("/dev/null", "x", 1, NULL));
    struct stat status;
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

/* A limit on file sizes stands in for a disk that gets full half-way. */
static void test_write_that_fails_half_way_keeps_the_old_file(void **state)
{
    (void)state;
    assert_true(file_write_whole(path, "old", 3, NULL));
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {100000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    static char large[300000];
    struct error error = {""};
    bool ok = file_write_whole(path, large, sizeof large, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_false(ok);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 1); /* no temporary file */
    char *data = NULL;
    size_t bytes = 0;
    assert_true(file_read(path, 100, &data, &bytes, NULL));
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "old", 3);
    free(data);
}

static void test_a_link_stays_a_link(void **state)
{
    (void)state;
    char link[UNIT_PATH_BYTES_MAX + 32];
    snprintf(link, sizeof link, "%s/latest.json", folder);
    assert_true(file_write_whole(path, "old", 3, NULL));
    assert_int_equal(symlink("result.json", link), 0);
    assert_true(file_write_whole(link, "new", 3, NULL));
    struct stat status;
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    char *data = NULL;
    size_t bytes = 0;
    assert_true(file_read(path, 100, &data, &bytes, NULL));
    assert_memory_equal(data, "new", 3);
    free(data);
    unlink(link);
}

/* It is followed: the file is made where it leads; where that cannot be, it stays. */
static void test_a_link_that_leads_nowhere_is_not_replaced(void **state)
{
    (void)state;
    char link[UNIT_PATH_BYTES_MAX + 32];
    struct error error = {""};
    char *data = NULL;
    size_t bytes = 0;
    snprintf(link, sizeof link, "%s/latest.json", folder);
    unlink(path);
    assert_int_equal(symlink("result.json", link), 0);
    assert_true(file_can_write(link, &error));
    assert_true(file_write_whole(link, "new", 3, NULL));
    assert_true(file_read(path, 100, &data, &bytes, NULL));
    assert_memory_equal(data, "new", 3);
    free(data);
    unlink(link);
    assert_int_equal(symlink("missing/result.json", link), 0);
    assert_false(file_can_write(link, &error));
    assert_non_null(strstr(error.text, link));
    assert_false(file_write_whole(link, "new", 3, &error));
    struct stat status;
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    unlink(link);
}

static int synced_files;
static int synced_folders;

/* In the place of the C library's. */
int fsync(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) == 0) {
        synced_folders += S_ISDIR(status.st_mode);
        synced_files += S_ISREG(status.st_mode) && synced_folders == 0;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

static void test_what_is_written_is_on_the_disk_and_so_is_its_name(void **state)
{
    (void)state;
    synced_files = 0;
    synced_folders = 0;
    assert_true(file_write_whole(path, "new", 3, NULL));
    assert_int_equal(synced_files, 1); /* before its folder */
    assert_int_equal(synced_folders, 1);
}

/* Also in the place of one that others could read. */
static void test_a_secret_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat status;
    for (int i = 0; i < 2; i++) {
        mode_t before = umask(0);
        assert_true(file_write_for(FILE_READERS_OWNER, path, "secret", 6, NULL));
        umask(before);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_int_equal(chmod(path, 0644), 0);
    }
}

static void test_a_new_file_has_the_usual_mode(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(027);
    unlink(path);
    assert_true(file_write_whole(path, "new", 3, NULL));
    umask(before);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_unwritable_folder_is_told_before_the_run(void **state)
{
    (void)state;
    /* /proc takes no files, also not from root. */
    struct error error = {""};
    assert_false(file_can_write("/proc/result.json", &error));
    assert_non_null(strstr(error.text, "/proc/result.json"));
    if (geteuid() == 0) {
        return; /* root may write into every ordinary folder */
    }
    assert_int_equal(chmod(folder, 0500), 0);
    bool can = file_can_write(path, &error);
    chmod(folder, 0700);
    assert_false(can);
    assert_non_null(strstr(error.text, "ermission"));
}

/* A device has no end, a FIFO perhaps no beginning; a descriptor is read, within the bound. */
static void test_only_files_and_descriptors_are_read(void **state)
{
    (void)state;
    char *data = NULL;
    size_t bytes = 0;
    struct error error = {""};
    assert_false(file_read("/dev/zero", 1 << 20, &data, &bytes, &error));
    assert_non_null(strstr(error.text, "/dev/zero: cannot read: this is not a regular file"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(file_read(path, 1 << 20, &data, &bytes, &error));
    assert_non_null(strstr(error.text, "not a regular file"));
    int ends[2];
    char name[32];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "12345", 5), 5);
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_false(file_read(name, 4, &data, &bytes, &error));
    assert_non_null(strstr(error.text, "larger"));
    close(ends[0]);
}

/* Nobody reads: opening it would wait for ever. */
static void test_a_fifo_without_a_reader_is_told(void **state)
{
    (void)state;
    struct error error = {""};
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(file_can_write(path, &error));
    assert_non_null(strstr(error.text, "FIFO"));
}

/* It is opened once: a reader that sees the end after the question is gone before the answer. */
static void test_a_fifo_is_written_through(void **state)
{
    (void)state;
    char text[16] = "";
    struct error error = {""};
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_true(file_can_write(path, &error));
    assert_int_equal(read(reader, text, sizeof text), -1); /* no end yet */
    assert_true(file_write_whole(path, "whole", 5, &error));
    assert_int_equal(read(reader, text, sizeof text), 5);
    assert_memory_equal(text, "whole", 5);
    assert_int_equal(read(reader, text, sizeof text), 0);
    close(reader);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
}

/* As in `-o /dev/stdout >> all.log`. */
static void test_a_descriptor_is_written_where_it_stands(void **state)
{
    static const char *const folders[] = {"/dev/fd", "/proc/self/fd", "//dev/./fd"};
    (void)state;
    int descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "old", 3), 3);
    char name[64];
    char link[UNIT_PATH_BYTES_MAX + 32];
    snprintf(link, sizeof link, "%s/link", folder);
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        snprintf(name, sizeof name, "%s/%d", folders[i], descriptor);
        assert_true(file_can_write(name, NULL));
        assert_true(file_write_whole(name, "new", 3, NULL));
    }
    assert_int_equal(symlink(name, link), 0);
    assert_true(file_write_whole(link, "new", 3, NULL));
    unlink(link);
    char *data = NULL;
    size_t bytes = 0;
    assert_true(file_read(path, 100, &data, &bytes, NULL));
    assert_int_equal(bytes, 15);
    assert_memory_equal(data, "oldnewnewnewnew", 15);
    free(data);
    close(descriptor);
    struct error error = {""};
    assert_false(file_can_write(name, &error));
    assert_int_equal(unit_folder_read(folder, NULL, NULL), 1);
}

static void test_what_is_replaced_keeps_its_mode(void **state)
{
    (void)state;
    assert_true(file_write_whole(path, "old", 3, NULL));
    assert_int_equal(chmod(path, 0640), 0);
    assert_true(file_write_whole(path, "new", 3, NULL));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_the_same_file_is_known_by_any_name(void **state)
{
    (void)state;
    char other[UNIT_PATH_BYTES_MAX + 64];
    assert_true(file_write_whole(path, "old", 3, NULL));
    snprintf(other, sizeof other, "%s/./result.json", folder);
    assert_true(file_is_same(path, other));
    snprintf(other, sizeof other, "%s/other.json", folder);
    assert_false(file_is_same(path, other));
    assert_int_equal(symlink("result.json", other), 0);
    assert_true(file_is_same(path, other));
    unlink(other);
    assert_int_equal(link(path, other), 0);
    assert_true(file_is_same(path, other));
    unlink(other);
    unlink(path);
    assert_int_equal(symlink("other.json", path), 0); /* neither is there */
    assert_true(file_is_same(path, other));
    assert_false(file_is_same("/dev/null", "/dev/null"));
    assert_int_equal(file_is_standard("/dev/stdout", FILE_STANDARD_OUTPUT), FILE_STANDARD_ITSELF);
    assert_int_equal(file_is_standard("/proc/self/fd/2", FILE_STANDARD_ERROR),
                     FILE_STANDARD_ITSELF);
    assert_int_equal(file_is_standard(path, FILE_STANDARD_OUTPUT), FILE_STANDARD_NOT);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_device_is_reported),
        cmocka_unit_test(test_devices_are_written_through_not_replaced),
        FILE_TEST(test_write_that_fails_half_way_keeps_the_old_file),
        FILE_TEST(test_a_link_stays_a_link),
        FILE_TEST(test_a_link_that_leads_nowhere_is_not_replaced),
        FILE_TEST(test_what_is_written_is_on_the_disk_and_so_is_its_name),
        FILE_TEST(test_a_secret_is_for_its_owner_alone),
        FILE_TEST(test_a_new_file_has_the_usual_mode),
        FILE_TEST(test_unwritable_folder_is_told_before_the_run),
        FILE_TEST(test_only_files_and_descriptors_are_read),
        FILE_TEST(test_a_fifo_without_a_reader_is_told),
        FILE_TEST(test_a_fifo_is_written_through),
        FILE_TEST(test_a_descriptor_is_written_where_it_stands),
        FILE_TEST(test_what_is_replaced_keeps_its_mode),
        FILE_TEST(test_the_same_file_is_known_by_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
