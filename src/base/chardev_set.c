// SPDX-License-Identifier: MIT
#include "base/chardev_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void chardev_set_init(struct chardev_set *set, struct loop *loop)
{
	set->loop = loop;
	TAILQ_INIT(&set->all);
}

struct chardev_named *chardev_set_find(const struct chardev_set *set, const char *label)
{
	struct chardev_named *named;

	TAILQ_FOREACH(named, &set->all, next)
	{
		if (!strcmp(named->label, label))
			return named;
	}
	return NULL;
}

int chardev_set_add(struct chardev_set *set, const char *label, struct chardev *chardev,
		    struct chardev **slot, bool used)
{
	struct chardev_named *named;

	if (chardev_set_find(set, label))
		return -EEXIST;
	named = calloc(1, sizeof(*named));
	if (!named)
		return -ENOMEM;
	named->label = strdup(label);
	if (!named->label) {
		free(named);
		return -ENOMEM;
	}
	named->chardev = chardev;
	named->slot = slot;
	named->used = used;
	TAILQ_INSERT_TAIL(&set->all, named, next);
	return 0;
}

void chardev_set_remove(struct chardev_set *set, struct chardev_named *named)
{
	TAILQ_REMOVE(&set->all, named, next);
	chardev_destroy(named->chardev);
	if (named->slot)
		*named->slot = NULL;
	free(named->label);
	free(named);
}

void chardev_set_destroy(struct chardev_set *set)
{
	struct chardev_named *named = set->loop ? TAILQ_FIRST(&set->all) : NULL;

	while (named) {
		struct chardev_named *next = TAILQ_NEXT(named, next);

		chardev_set_remove(set, named);
		named = next;
	}
}
