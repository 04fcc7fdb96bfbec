/* A folder of its own for a test, which goes with everything in it. */
#ifndef GM_FOLDER_H
#define GM_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { GM_FOLDER_PATH_SIZE = 512 };

struct gm_folder {
    char path[64];
};

static inline struct gm_folder gm_folder_new(void)
{
    struct gm_folder folder = {"/tmp/gm-test-XXXXXX"};
    if (mkdtemp(folder.path) == NULL)
        abort();
    return folder;
}

/* "folder/name" in one of four buffers that take turns. */
static inline const char *gm_folder_path(const struct gm_folder *folder, const char *name)
{
    static _Thread_local char paths[4][GM_FOLDER_PATH_SIZE];
    static _Thread_local unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, GM_FOLDER_PATH_SIZE, "%s/%s", folder->path, name);
    return path;
}

static inline void gm_folder_write(const struct gm_folder *folder, const char *name,
                                   const void *data, size_t size_bytes)
{
    struct gm_error err = {0};
    if (gm_file_write(gm_folder_path(folder, name), 0644, (struct gm_bytes){data, size_bytes},
                      &err) != GM_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

/* Files in it, hidden ones included; removes them when asked to. One level deep, then folders. */
static inline int gm_folder_files(const char *path, int remove_them)
{
    DIR *dir = opendir(path);
    int count = 0;
    if (dir == NULL)
        return 0;
    for (struct dirent *at = readdir(dir); at != NULL; at = readdir(dir)) {
        struct stat info;
        char *full = gm_path_join(path, at->d_name);
        if (full == NULL)
            abort();
        if (strcmp(at->d_name, ".") != 0 && strcmp(at->d_name, "..") != 0 &&
            lstat(full, &info) == 0) {
            count += S_ISDIR(info.st_mode) ? gm_folder_files(full, remove_them) : 1;
            if (remove_them)
                (void)remove(full);
        }
        free(full);
    }
    (void)closedir(dir);
    return count;
}

static inline void gm_folder_free(const struct gm_folder *folder)
{
    (void)gm_folder_files(folder->path, 1);
    (void)rmdir(folder->path);
}

#endif
