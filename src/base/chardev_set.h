// SPDX-License-Identifier: MIT
/*
 * The character back-ends of a machine by their names, for whoever lists, adds and removes them while it
 * runs. Belongs to the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "base/chardev.h"

struct chardev_named {
	char *label;
	struct chardev *chardev;
	struct chardev **slot; /* where else it is known: NULL goes there with it. Or NULL */
	bool used; /* by something that names it */
	TAILQ_ENTRY(chardev_named) next;
};

struct chardev_set {
	struct loop *loop; /* borrowed */
	TAILQ_HEAD(chardev_list, chardev_named) all;
};

void chardev_set_init(struct chardev_set *set, struct loop *loop);
/* The label is copied, the back-end the set's from now on. 0; -EEXIST: there is such a label; -ENOMEM. */
int chardev_set_add(struct chardev_set *set, const char *label, struct chardev *chardev,
		    struct chardev **slot, bool used) __attribute__((warn_unused_result));
/* NULL: there is none. */
struct chardev_named *chardev_set_find(const struct chardev_set *set, const char *label);
/* Takes it away and closes it. */
void chardev_set_remove(struct chardev_set *set, struct chardev_named *named);
/* Closes all of them. Nothing to do for one that is all zero. */
void chardev_set_destroy(struct chardev_set *set);
