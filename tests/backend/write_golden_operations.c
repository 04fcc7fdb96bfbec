/* Writes tests/golden/operations.txt to standard output, by the reference. Done once, when a
   profile is made: a difference found later is a broken promise, not a reason to write the file
   again. */
#include <stdio.h>

#include "golden.h"

int main(void)
{
    struct gm_device_options options = {.level = "reference", .thread_count = 1};
    struct gm_device *device = NULL;
    struct gm_error err = {0};
    if (gm_device_open("cpu", &options, &device, &err) != GM_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (uint32_t i = 0; i < kit_op_count; i++) {
        struct golden golden = golden_of(&kit_ops[i], device);
        char line[GOLDEN_LINE_CHARS];
        golden_line(line, &kit_ops[i], &golden);
        fputs(line, stdout);
    }
    device->ops->close(device);
    return fflush(stdout) == 0 ? 0 : 1;
}
