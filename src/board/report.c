// SPDX-License-Identifier: MIT
#include "board/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "meter/report.h"

/* The caller frees; NULL with *n 0 if there are none or memory ran out. */
static struct meter_zone *zones_of(struct machine *machine, size_t *n)
{
	size_t room = machine_zones(machine, NULL, 0), there;
	struct meter_zone *zones = calloc(room ? room : 1, sizeof(*zones));

	*n = 0;
	if (!zones)
		return NULL;
	there = machine_zones(machine, zones, room);
	*n = there < room ? there : room;
	return zones;
}

/* What a report is made of, as it is now. */
struct account {
	const struct meter **meters;
	struct meter_zone *zones;
	struct meter_report_options options; /* points into the above */
};

/* 0, -ENOTSUP or -ENOMEM; account_drop() after 0. */
static int account_take(struct machine *machine, struct account *account)
{
	unsigned vcpus = machine_vcpus(machine);

	if (!machine->accel->ops->metered)
		return -ENOTSUP;
	account->meters = calloc(vcpus, sizeof(const struct meter *));
	if (!account->meters)
		return -ENOMEM;
	for (unsigned i = 0; i < vcpus; i++)
		account->meters[i] = machine_vcpu_meter(machine, i);
	account->options = (struct meter_report_options){
		.meters = account->meters,
		.meters_n = vcpus,
		.ring = machine_ring_meter(machine),
		.start = machine->stamp,
		.end = meter_stamp_now(),
	};
	account->zones = zones_of(machine, &account->options.zones_n);
	account->options.zones = account->zones;
	return 0;
}

static void account_drop(struct account *account)
{
	free(account->zones);
	free(account->meters);
}

int machine_report(struct machine *machine, FILE *out, enum report_form form)
{
	struct account account;
	int ret = account_take(machine, &account);

	if (ret)
		return ret;
	ret = form == REPORT_JSON ? meter_report_print_json(out, &account.options)
				  : meter_report_text(out, &account.options);
	account_drop(&account);
	return ret;
}

int machine_report_object(struct machine *machine, struct json_object **out)
{
	struct account account;
	int ret = account_take(machine, &account);

	if (ret)
		return ret;
	*out = meter_report_json(&account.options);
	account_drop(&account);
	return *out ? 0 : -ENOMEM;
}

static void print_wait(FILE *out, enum mem_space space, const struct mem_wait_range *wait)
{
	char range[64], limit[32];

	if (wait->range.first == wait->range.last)
		snprintf(range, sizeof(range), "0x%" PRIx64, wait->range.first);
	else
		snprintf(range, sizeof(range), "0x%" PRIx64 "-0x%" PRIx64, wait->range.first,
			 wait->range.last);
	if (wait->wait == MEM_LATCH)
		snprintf(limit, sizeof(limit), "no limit");
	else
		snprintf(limit, sizeof(limit), "%" PRIu64 " ms", wait->wait / (uint64_t)NS_PER_MS);
	fprintf(out, "%-7s %-23s %-9s %-12s %s\n", space == MEM_SPACE_PORT ? "port" : "memory",
		range, limit, wait->region->name, wait->why);
}

int machine_list_waits(struct machine *machine, FILE *out)
{
	fprintf(out, "%-7s %-23s %-9s %-12s %s\n", "Space", "Addresses", "At most", "Chip",
		"Why the write may wait");
	for (enum mem_space space = 0; space < MEM_SPACES; space++) {
		struct mem_view *view = mem_map_view(&machine->map, space);

		for (size_t i = 0; i < view->waits_n; i++)
			print_wait(out, space, &view->waits[i]);
		mem_view_unref(view);
	}
	return fflush(out) ? -errno : 0;
}
