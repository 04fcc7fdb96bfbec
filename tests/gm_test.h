/* What tests include: Criterion. */
#ifndef GM_TEST_H
#define GM_TEST_H

#include <criterion/criterion.h>

#endif
