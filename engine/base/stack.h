/*
 * Stacks for tasks: mapped memory with a guard page below, kept for reuse.
 */
#ifndef ENGINE_BASE_STACK_H
#define ENGINE_BASE_STACK_H

#include <stddef.h>

void *stack_get(void); /* FG_TASK_STACK usable bytes, lowest address; never NULL */
void stack_put(void *stack);
void stack_finish(void); /* unmap the kept ones */

#endif
