#include "cli/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { TREE_DEPTH_MAX = 16 };

enum gm_status gm_scratch_make(char **path, struct gm_error *err)
{
    const char *folder = getenv("TMPDIR");
    *path = gm_path_join(folder != NULL && folder[0] != '\0' ? folder : "/tmp", "gradmill-XXXXXX");
    if (*path == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    if (mkdtemp(*path) == NULL) {
        enum gm_status status = gm_error_errno(err, errno, *path, "cannot create folder");
        gm_mem_free(*path);
        return status;
    }
    return GM_OK;
}

static void tree_remove(const char *path, int depth)
{
    DIR *folder = depth > 0 ? opendir(path) : NULL;
    if (folder != NULL) {
        struct dirent *entry;
        while ((entry = readdir(folder)) != NULL) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            char *child = gm_path_join(path, entry->d_name);
            struct stat info;
            if (child != NULL && lstat(child, &info) == 0 && S_ISDIR(info.st_mode))
                tree_remove(child, depth - 1);
            else if (child != NULL)
                (void)unlink(child);
            gm_mem_free(child);
        }
        (void)closedir(folder);
    }
    (void)rmdir(path);
}

void gm_tree_remove(const char *path)
{
    tree_remove(path, TREE_DEPTH_MAX);
}

void gm_scratch_remove(char *path)
{
    if (path != NULL)
        gm_tree_remove(path);
    gm_mem_free(path);
}
