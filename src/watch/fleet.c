// SPDX-License-Identifier: MIT
#include "watch/fleet.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "watch/client.h"

static struct watch_machine *add(struct watch_fleet *fleet)
{
	if (!array_reserve(fleet->at, fleet->n + 1, &fleet->room))
		return NULL;
	fleet->at[fleet->n] = (struct watch_machine){ .up = false };
	return &fleet->at[fleet->n++];
}

int watch_fleet_name(struct watch_fleet *fleet, const char *target)
{
	struct watch_machine *machine = add(fleet);

	if (!machine)
		return -ENOMEM;
	machine->named = true;
	snprintf(machine->target, sizeof(machine->target), "%s", target);
	return 0;
}

static void forget(struct watch_machine *machine)
{
	json_object_put(machine->record);
	machine->record = NULL;
	watch_snapshot_free(&machine->snapshot);
	machine->up = false;
	machine->why.text[0] = '\0';
}

static int ask(struct watch_machine *machine)
{
	struct watch_client *client;
	int ret = watch_client_open(&client, machine->target, &machine->why);

	if (ret)
		return ret;
	ret = watch_client_command(client, "__org.coalport_query-report", NULL, &machine->record,
				   &machine->why);
	watch_client_close(client);
	if (ret)
		return ret;
	ret = watch_snapshot_parse(&machine->snapshot, machine->record, &machine->why);
	if (ret) {
		json_object_put(machine->record);
		machine->record = NULL;
	}
	machine->up = !ret;
	return ret;
}

struct found {
	struct watch_fleet *fleet;
	bool no_memory;
};

static void found(void *arg, int pid)
{
	struct found *search = arg;
	struct watch_machine *machine = add(search->fleet);

	if (machine)
		snprintf(machine->target, sizeof(machine->target), "%d", pid);
	else
		search->no_memory = true;
}

/* One that was asked before under another name. */
static bool is_known(const struct watch_fleet *fleet, size_t kept,
		     const struct watch_machine *machine)
{
	for (size_t j = 0; j < kept; j++) {
		if (fleet->at[j].up && fleet->at[j].snapshot.pid == machine->snapshot.pid)
			return true;
	}
	return false;
}

int watch_fleet_ask(struct watch_fleet *fleet, bool all, struct error *err)
{
	struct found search = { .fleet = fleet };
	size_t named = 0, kept = 0;
	int ret = 0;

	for (size_t i = 0; i < fleet->n; i++) {
		forget(&fleet->at[i]);
		if (fleet->at[i].named)
			fleet->at[named++] = fleet->at[i];
	}
	fleet->n = named;
	if (all)
		ret = watch_client_each(found, &search);
	if (search.no_memory)
		ret = -ENOMEM;
	if (ret)
		return error_set(err, ret, "looking for machines: %s", strerror(-ret));
	for (size_t i = 0; i < fleet->n; i++) {
		struct watch_machine *machine = &fleet->at[i];
		int failed = ask(machine);

		/* It has ended since it was found, counts nothing, or is another user's: nobody asked for it. */
		if (!machine->named && (failed || is_known(fleet, kept, machine))) {
			forget(machine);
			continue;
		}
		fleet->at[kept++] = *machine;
	}
	fleet->n = kept;
	return 0;
}

void watch_fleet_free(struct watch_fleet *fleet)
{
	for (size_t i = 0; i < fleet->n; i++)
		forget(&fleet->at[i]);
	free(fleet->at);
	*fleet = (struct watch_fleet){ .n = 0 };
}
