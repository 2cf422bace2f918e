// SPDX-License-Identifier: MIT
#include "board/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "meter/report.h"

static enum meter_space meter_space_of(enum mem_space space)
{
	return space == MEM_SPACE_PORT ? METER_PORT : METER_MMIO;
}

static struct meter_zone meter_zone_of(const struct hv_zone *zone)
{
	static const enum meter_zone_state states[] = {
		[HV_ZONE_ACTIVE] = METER_ZONE_ACTIVE,
		[HV_ZONE_TRAPS] = METER_ZONE_TRAPS,
		[HV_ZONE_STUCK] = METER_ZONE_STUCK,
	};

	return (struct meter_zone){
		.space = meter_space_of(zone->space),
		.first = zone->range.first,
		.last = zone->range.last,
		.wait = zone->wait == MEM_LATCH ? METER_WAIT_LATCH : zone->wait,
		.state = states[zone->state],
		.region = zone->region,
		.why = zone->why,
		.trap = zone->trap,
	};
}

/* The caller frees; NULL with *n 0 if there are none or memory ran out. */
static struct meter_zone *zones_of(struct machine *machine, size_t *n)
{
	size_t room = hv_zones_list(&machine->hv.zones, NULL, 0);
	struct hv_zone *zones = calloc(room ? room : 1, sizeof(*zones));
	struct meter_zone *out = calloc(room ? room : 1, sizeof(*out));

	*n = 0;
	if (zones && out) {
		size_t there = hv_zones_list(&machine->hv.zones, zones, room);

		for (size_t i = 0; i < room && i < there; i++)
			out[(*n)++] = meter_zone_of(&zones[i]);
	}
	free(zones);
	return out;
}

/* What a report is made of, as it is now. */
struct account {
	const struct meter *meters[HV_VCPUS_MAX];
	struct meter_zone *zones;
	struct meter_report_options options; /* points into the above */
};

/* 0 or -ENOTSUP; account_drop() afterwards. */
static int account_take(struct machine *machine, struct account *account)
{
	if (machine->options.accel != MACHINE_KVM)
		return -ENOTSUP;
	account->options = (struct meter_report_options){
		.meters = account->meters,
		.meters_n = machine->options.hv.vcpus,
		.ring = machine->hv.ring_meter,
		.start = machine->stamp,
		.end = meter_stamp_now(),
	};
	for (unsigned i = 0; i < machine->options.hv.vcpus; i++)
		account->meters[i] = hv_vcpu_meter(&machine->hv, i);
	account->zones = zones_of(machine, &account->options.zones_n);
	account->options.zones = account->zones;
	return 0;
}

static void account_drop(struct account *account)
{
	free(account->zones);
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
