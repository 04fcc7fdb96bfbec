#include "backends/cpu/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_MAX_CHARS = 1024 };

/* "max" and anything unreadable count as no limit. */
static uint64_t read_limit(const char *folder)
{
    char path[PATH_MAX_CHARS + 32];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", folder);
    FILE *file = fopen(path, "r");
    char text[32] = "";
    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL)
            text[0] = '\0';
        fclose(file);
    }
    char *end;
    unsigned long long limit = strtoull(text, &end, 10);
    return end == text ? UINT64_MAX : limit;
}

/* The group's folder below the mount point, "" when there is none. */
static void read_group(char folder[PATH_MAX_CHARS])
{
    folder[0] = '\0';
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[PATH_MAX_CHARS];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) == 0) {
            snprintf(folder, PATH_MAX_CHARS, "%s", line + 3);
            break;
        }
    }
    if (file != NULL)
        fclose(file);
}

static uint64_t machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    return pages <= 0 || page_bytes <= 0 ? UINT64_MAX : (uint64_t)pages * (uint64_t)page_bytes;
}

uint64_t gm_cpu_memory_limit_bytes(void)
{
    uint64_t least = machine_bytes();
    char folder[PATH_MAX_CHARS];
    read_group(folder);
    while (true) {
        uint64_t limit = read_limit(folder);
        least = limit < least ? limit : least;
        char *slash = strrchr(folder, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}
