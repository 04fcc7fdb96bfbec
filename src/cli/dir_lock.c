#include "cli/dir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum gm_status gm_dir_lock_take(struct gm_dir_lock *lock, const char *folder, struct gm_error *err)
{
    char *path = gm_path_join(folder, "lock");
    if (path == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    enum gm_status status = GM_OK;
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock->fd < 0) {
        status = gm_error_errno(err, errno, path, "cannot open");
    } else if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
        status = gm_error_set(err, GM_BUSY, "%s: another gradmill works in this folder", folder);
        (void)close(lock->fd);
        lock->fd = -1;
    }
    gm_mem_free(path);
    return status;
}

void gm_dir_lock_release(struct gm_dir_lock *lock)
{
    if (lock->fd >= 0)
        (void)close(lock->fd);
    lock->fd = -1;
}
