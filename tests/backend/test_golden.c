/* The profile is frozen: every operation gives the known answers of tests/golden/operations.txt, on
   every level. */
#include <stdio.h>
#include <string.h>

#include "gm_test.h"
#include "golden.h"

static void expect_known(const struct kit_op *op, struct gm_device *device, const char *level,
                         const char *known)
{
    struct golden golden = golden_of(op, device);
    char line[GOLDEN_LINE_CHARS];
    golden_line(line, op, &golden);
    const char *name = gm_op_find(op->op)->name;
    size_t up_to_inputs = strlen(name) + 1 + GM_HASH_HEX_SIZE - 1;
    cr_assert(strncmp(line, known, up_to_inputs) == 0,
              "%s: this compiler draws other cases; expected %sgot %s", name, known, line);
    cr_assert_str_eq(line, known, "%s at level %s: expected %sgot %s", name, level, known, line);
}

static void check_level(const char *level)
{
    struct gm_device *device = kit_open(level, 2);
    FILE *file = fopen(GM_GOLDEN_OPERATIONS, "r");
    cr_assert_not_null(file, GM_GOLDEN_OPERATIONS);
    char known[GOLDEN_LINE_CHARS];
    uint32_t lines = 0;
    while (fgets(known, sizeof known, file) != NULL) {
        cr_assert_lt(lines, kit_op_count);
        expect_known(&kit_ops[lines++], device, level, known);
    }
    cr_assert_eq(lines, kit_op_count);
    fclose(file);
    device->ops->close(device);
}

Test(golden, every_level_gives_the_known_answers)
{
    struct kit_config configs[KIT_CONFIGS_MAX];
    uint32_t count = kit_configs(configs);
    for (uint32_t i = 0; i < count; i++) {
        if (configs[i].thread_count == 1)
            check_level(configs[i].level);
    }
}
