// SPDX-License-Identifier: MIT
#include "board/report.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "mem/lend.h"
#include "mem/overrule.h"
#include "meter/json.h"
#include "meter/report.h"

/* Calls found() for each range of the machine's chips that may wait at some time. */
static void each_wait(struct machine *machine,
		      void (*found)(void *arg, enum mem_space space, bool shown,
				    const struct mem_wait_range *wait),
		      void *arg)
{
	for (enum mem_space space = 0; space < MEM_SPACES; space++) {
		struct mem_view *view = mem_map_view(&machine->map, space);

		for (size_t i = 0; i < view->sections_n; i++) {
			struct mem_wait_range wait;

			for (uint64_t from = 0; mem_section_wait(&view->sections[i], from, &wait);
			     from = wait.offset + (wait.range.last - wait.range.first) + 1) {
				bool shown = false;

				for (size_t j = 0; j < view->waits_n; j++)
					shown |= range_equal(view->waits[j].range, wait.range);
				found(arg, space, shown, &wait);
			}
		}
		mem_view_unref(view);
	}
}

/* Zones put together: those of the accelerator and those that it is not asked for now. */
struct zones {
	struct machine *machine;
	struct meter_zone *at; /* NULL: only counted */
	size_t n, room;
};

static void zones_put_resting(void *arg, enum mem_space space, bool shown,
			      const struct mem_wait_range *wait)
{
	static const char *const rests[] = {
		[MEM_REST_UNUSED] = "waits for use",
		[MEM_REST_CONDITION] = "its condition does not hold",
		[MEM_REST_OFTEN] = "changes too often",
		[MEM_REST_SAID] = "the user said that it exits",
	};
	struct zones *zones = arg;
	struct accel *accel = zones->machine->accel;
	const char *refused = accel->ops->refused(accel, space);
	enum mem_rest rest = mem_wait_rest(&zones->machine->map, space, wait);

	if (shown || (zones->at && zones->n == zones->room))
		return;
	if (zones->at) {
		zones->at[zones->n] = (struct meter_zone){
			.space = space == MEM_SPACE_PORT ? METER_PORT : METER_MMIO,
			.first = wait->range.first,
			.last = wait->range.last,
			.wait = wait->wait == MEM_LATCH ? METER_WAIT_LATCH : wait->wait,
			.state = refused || rest == MEM_REST_OFTEN ? METER_ZONE_TRAPS
								   : METER_ZONE_RESTS,
			.region = wait->region->name,
			.why = wait->why,
			.trap = refused ? refused : rests[rest],
			.when = wait->when ? wait->when->name : NULL,
		};
	}
	zones->n++;
}

/* The zone of just this range, or a new one behind the others; NULL: there is no room. */
static struct meter_zone *zone_of(struct zones *zones, enum meter_space space, struct range range)
{
	struct meter_zone *zone;

	for (zone = zones->at; zone < zones->at + zones->n; zone++) {
		if (zone->space == space && zone->first == range.first && zone->last == range.last)
			return zone;
	}
	if (zones->n == zones->room)
		return NULL;
	zones->n++;
	*zone = (struct meter_zone){ .space = space, .first = range.first, .last = range.last };
	return zone;
}

/* What the user said: marked in what there is, and added. */
static void zones_put_said(struct zones *zones, enum meter_space space, const struct mem_said *said)
{
	for (unsigned i = 0; i < said->n; i++) {
		const struct mem_override *override = &said->at[i].override;
		size_t before = zones->n;
		struct meter_zone *zone = zone_of(zones, space, override->range);

		if (!zone)
			return;
		zone->user = true;
		zone->forced = override->forced;
		if (!override->wait) {
			zone->wait = 0;
			zone->state = METER_ZONE_EXITS;
			zone->trap = "the user said that it exits";
		} else if (zones->n > before) {
			/* Not one of the accelerator's, which knows better. */
			zone->wait =
				override->wait == MEM_LATCH ? METER_WAIT_LATCH : override->wait;
			zone->state = said->at[i].shown ? METER_ZONE_ACTIVE : METER_ZONE_RESTS;
			if (!said->at[i].shown)
				zone->trap = "what it was said of is not there now";
		}
	}
}

static int compare_zones(const void *a, const void *b)
{
	const struct meter_zone *x = a, *y = b;

	if (x->space != y->space)
		return x->space == METER_MMIO ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

/*
 * The caller frees; NULL with *n 0 if memory ran out. What comes meanwhile is not in it. Where nothing is
 * metered, only what the user said is known.
 */
static struct meter_zone *zones_of(struct machine *machine, size_t *n)
{
	struct zones zones = { .machine = machine, .n = machine_zones(machine, NULL, 0) };
	bool metered = machine->accel->ops->metered;
	struct mem_said said[MEM_SPACES];

	*n = 0;
	if (metered)
		each_wait(machine, zones_put_resting, &zones);
	zones.room = zones.n;
	for (enum mem_space space = 0; space < MEM_SPACES; space++) {
		mem_map_said(&machine->map, space, &said[space]);
		zones.room += said[space].n;
	}
	zones.at = calloc(zones.room ? zones.room : 1, sizeof(*zones.at));
	if (!zones.at)
		return NULL;
	zones.n = machine_zones(machine, zones.at, zones.room);
	if (zones.n > zones.room)
		zones.n = zones.room;
	if (metered)
		each_wait(machine, zones_put_resting, &zones);
	for (enum mem_space space = 0; space < MEM_SPACES; space++)
		zones_put_said(&zones, space == MEM_SPACE_PORT ? METER_PORT : METER_MMIO,
			       &said[space]);
	qsort(zones.at, zones.n, sizeof(*zones.at), compare_zones);
	*n = zones.n;
	return zones.at;
}

/* What a report is made of, as it is now. */
struct account {
	struct machine *machine;
	struct mem_view *views[MEM_SPACES];
	const struct meter **meters;
	struct meter_zone *zones;
	struct meter_report_options options; /* points into the above */
};

/* What stands at the address now. */
static void account_name(void *arg, enum meter_space space, uint64_t addr, unsigned width,
			 struct meter_name *name)
{
	const struct account *account = arg;
	const struct mem_view *view =
		account->views[space == METER_PORT ? MEM_SPACE_PORT : MEM_SPACE_MEMORY];
	const struct mem_section *section = mem_view_find(view, addr);

	if (!section)
		return;
	name->device = section->region->name;
	name->reg = mem_region_register(section->region,
					addr - section->range.first + section->offset, width);
}

/* Frees them. {} for none. */
static struct json_object *stats_object(struct meter_stats *stats, int *err)
{
	struct json_object *object = json_object_new_object();

	if (object && meter_stats_json(stats, object))
		*err = -ENOMEM;
	meter_stats_free(stats);
	return object;
}

/* What the kernel counted, where it does. */
static int account_more(void *arg, struct json_object *record)
{
	const struct account *account = arg;
	struct json_object *kvm, *vcpus;
	struct meter_stats stats;
	int err = 0, ret = machine_stats(account->machine, -1, &stats);

	if (ret)
		return ret == -ENOMEM ? ret : 0;
	kvm = json_object_new_object();
	vcpus = json_object_new_array();
	if (!kvm || !vcpus) {
		json_object_put(kvm);
		json_object_put(vcpus);
		meter_stats_free(&stats);
		return -ENOMEM;
	}
	meter_json_put(kvm, "vm", stats_object(&stats, &err), &err);
	for (unsigned i = 0; i < machine_vcpus(account->machine); i++) {
		if (machine_stats(account->machine, (int)i, &stats) == -ENOMEM)
			err = -ENOMEM;
		meter_json_append(vcpus, stats_object(&stats, &err), &err);
	}
	meter_json_put(kvm, "vcpus", vcpus, &err);
	meter_json_put(record, "kvm", kvm, &err);
	return err;
}

/* 0, -ENOTSUP or -ENOMEM; account_drop() after 0. */
static int account_take(struct machine *machine, bool per_vcpu, struct account *account)
{
	unsigned vcpus = machine_vcpus(machine);

	if (!machine->accel->ops->metered || !machine_vcpu_meter(machine, 0))
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
		.machine = machine->options.name,
		.per_vcpu = per_vcpu,
		.name = account_name,
		.more = account_more,
		.arg = account,
	};
	account->machine = machine;
	machine->accel->ops->drains(machine->accel, &account->options.drains);
	account->options.drains.deadline = machine->deadline_drains;
	for (enum mem_space space = 0; space < MEM_SPACES; space++)
		account->views[space] = mem_map_view(&machine->map, space);
	account->zones = zones_of(machine, &account->options.zones_n);
	account->options.zones = account->zones;
	return 0;
}

static void account_drop(struct account *account)
{
	for (enum mem_space space = 0; space < MEM_SPACES; space++)
		mem_view_unref(account->views[space]);
	free(account->zones);
	free(account->meters);
}

int machine_report(struct machine *machine, FILE *out, enum report_form form)
{
	struct account account;
	int ret = account_take(machine, false, &account);

	if (ret)
		return ret;
	ret = form == REPORT_JSON ? meter_report_print_json(out, &account.options)
				  : meter_report_text(out, &account.options);
	account_drop(&account);
	return ret;
}

int machine_report_object(struct machine *machine, bool per_vcpu, struct json_object **out)
{
	struct account account;
	int ret = account_take(machine, per_vcpu, &account);

	if (ret)
		return ret;
	*out = meter_report_json(&account.options);
	account_drop(&account);
	return *out ? 0 : -ENOMEM;
}

int machine_zones_object(struct machine *machine, struct json_object **out)
{
	size_t n;
	struct meter_zone *zones = zones_of(machine, &n);

	*out = zones ? meter_zones_json(zones, n) : NULL;
	free(zones);
	return *out ? 0 : -ENOMEM;
}

static void print_wait(void *arg, enum mem_space space, bool shown,
		       const struct mem_wait_range *wait)
{
	FILE *out = arg;
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
	fprintf(out, "%-7s %-23s %-9s %-10s %-12s %s", space == MEM_SPACE_PORT ? "port" : "memory",
		range, limit, mem_wait_is_lent(wait) ? "while used" : "always", wait->region->name,
		wait->why);
	if (wait->when)
		fprintf(out, "; while %s", wait->when->name);
	fputc('\n', out);
}

int machine_list_waits(struct machine *machine, FILE *out)
{
	fprintf(out, "%-7s %-23s %-9s %-10s %-12s %s\n", "Space", "Addresses", "At most", "Waits",
		"Chip", "Why the write may wait");
	each_wait(machine, print_wait, out);
	fprintf(out, "%-7s %-23s %-9s %-10s %-12s %s\n", "both", "any", "no limit", "while used",
		mem_nowhere.name, mem_nowhere_why);
	return fflush(out) ? -errno : 0;
}
