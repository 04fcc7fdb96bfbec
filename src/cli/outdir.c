#include "cli/outdir.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/scratch.h"

static bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

static enum gm_status paths_make(struct gm_outdir *dir, const char *path, struct gm_error *err)
{
    dir->model = gm_path_join(path, "model.safetensors");
    dir->config = gm_path_join(path, "config.json");
    dir->state = gm_path_join(path, "state");
    if (dir->state != NULL) {
        dir->checkpoint = gm_path_join(dir->state, "checkpoint.cbor");
        dir->blobs = gm_path_join(dir->state, "blobs");
    }
    if (dir->model == NULL || dir->config == NULL || dir->checkpoint == NULL || dir->blobs == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    return GM_OK;
}

static enum gm_status open_checked(struct gm_outdir *dir, const char *path, bool resume,
                                   struct gm_error *err)
{
    GM_TRY(paths_make(dir, path, err));
    if (file_exists(dir->model))
        return gm_error_set(err, GM_EXISTS, "%s: exists already; choose another --out", dir->model);
    if (file_exists(dir->checkpoint) && !resume)
        return gm_error_set(err, GM_EXISTS,
                            "%s: an interrupted run is here; --resume goes on with it",
                            dir->checkpoint);
    return gm_dir_make(dir->blobs, 0755, err);
}

enum gm_status gm_outdir_open(struct gm_outdir *dir, const char *path, bool resume,
                              struct gm_error *err)
{
    *dir = (struct gm_outdir){0};
    enum gm_status status = open_checked(dir, path, resume, err);
    if (status != GM_OK)
        gm_outdir_fini(dir);
    return status;
}

void gm_outdir_fini(struct gm_outdir *dir)
{
    gm_mem_free(dir->model);
    gm_mem_free(dir->config);
    gm_mem_free(dir->state);
    gm_mem_free(dir->checkpoint);
    gm_mem_free(dir->blobs);
    *dir = (struct gm_outdir){0};
}

void gm_outdir_clean(const struct gm_outdir *dir)
{
    if (dir->state != NULL)
        gm_tree_remove(dir->state);
}
