// SPDX-License-Identifier: MIT
/* The sentences. */
#include <inttypes.h>
#include <string.h>

#include "watch/advice_impl.h"
#include "watch/regs.h"

#define SEEN_NS UINT64_C(20000000) /* what a person does not notice */

#define API "Linux Documentation/virt/kvm/api.rst, 4.116 KVM_(UN)REGISTER_COALESCED_MMIO"

const char *watch_advice_number(char out[static WATCH_ADVICE_NUMBER], double value)
{
	char digits[WATCH_ADVICE_NUMBER];
	char *to = out;
	int len;

	if (value < 9.95) {
		snprintf(out, WATCH_ADVICE_NUMBER, "%.1f", value);
		return out;
	}
	if (value > 1e15)
		value = 1e15;
	len = snprintf(digits, sizeof(digits), "%.0f", value);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

const char *watch_advice_cpu(char out[static WATCH_ADVICE_NUMBER], double seconds)
{
	if (seconds >= 0.1)
		snprintf(out, WATCH_ADVICE_NUMBER, "%.2f s", seconds);
	else if (seconds >= 0.01)
		snprintf(out, WATCH_ADVICE_NUMBER, "%.0f ms", 1e3 * seconds);
	else if (seconds >= 0.0001)
		snprintf(out, WATCH_ADVICE_NUMBER, "%.1f ms", 1e3 * seconds);
	else
		snprintf(out, WATCH_ADVICE_NUMBER, "%.0f us", 1e6 * seconds);
	return out;
}

const char *watch_advice_addresses(char out[static WATCH_ADVICE_NUMBER], uint64_t first,
				   uint64_t last)
{
	if (first == last)
		snprintf(out, WATCH_ADVICE_NUMBER, "0x%" PRIx64, first);
	else
		snprintf(out, WATCH_ADVICE_NUMBER, "0x%" PRIx64 " to 0x%" PRIx64, first, last);
	return out;
}

const char *watch_advice_word(enum watch_advice_kind kind)
{
	static const char *const words[] = {
		[WATCH_ADVICE_WAIT] = "wait",     [WATCH_ADVICE_ZONE] = "zone",
		[WATCH_ADVICE_NOBODY] = "nobody", [WATCH_ADVICE_LOOKS] = "looks-like",
		[WATCH_ADVICE_RING] = "ring",     [WATCH_ADVICE_POLL] = "poll",
		[WATCH_ADVICE_CLOCK] = "clock",   [WATCH_ADVICE_DEVICE] = "device",
	};

	return words[kind];
}

/* Device and register of a row: its own words, else a PC's. Empty if nothing is known. */
static void chip_name(char *out, size_t size, const struct watch_snapshot_row *row)
{
	const struct watch_reg *reg = watch_reg_find(row->space, row->addr);

	out[0] = '\0';
	if (*row->device && *row->reg)
		snprintf(out, size, "%s %s", row->device, row->reg);
	else if (reg && strcmp(row->device, "nobody") != 0)
		snprintf(out, size, "%s %s", *row->device ? row->device : reg->part,
			 watch_reg_side(reg, row->write));
	else if (*row->device)
		snprintf(out, size, "%s", row->device);
}

/* Of several registers only the device's. */
static void group_name(char *out, size_t size, const struct watch_advice_group *group)
{
	const struct watch_reg *reg = watch_reg_find(group->row->space, group->row->addr);

	if (group->first == group->last)
		chip_name(out, size, group->row);
	else if (*group->row->device || reg)
		snprintf(out, size, "%s", *group->row->device ? group->row->device : reg->part);
	else
		out[0] = '\0';
}

void watch_advice_row_name(char *out, size_t size, const struct watch_snapshot_row *row)
{
	char name[64];

	chip_name(name, sizeof(name), row);
	snprintf(out, size, "%s 0x%" PRIx64 "%s%s%s", row->write ? "writes to" : "reads of",
		 row->addr, name[0] ? " (" : "", name, name[0] ? ")" : "");
}

/* "0x70 (mc146818rtc index) is written 51,234 times a second" */
static void say_what(const struct watch_advice *advice, char *out, size_t size)
{
	char number[WATCH_ADVICE_NUMBER], addresses[WATCH_ADVICE_NUMBER];

	snprintf(out, size, "%s%s%s%s %s %s %s times a second",
		 watch_advice_addresses(addresses, advice->first, advice->last),
		 advice->name[0] ? " (" : "", advice->name, advice->name[0] ? ")" : "",
		 advice->first == advice->last ? "is" : "are", advice->write ? "written" : "read",
		 watch_advice_number(number, advice->rate));
}

/* The command that lets the zones wait. */
static void say_command(struct watch_advice *advice, const char *target)
{
	char *to = advice->remedy, *end = to + sizeof(advice->remedy);

	if (!target) {
		snprintf(to, sizeof(advice->remedy),
			 "coalport lets such writes wait in KVM's ring, as any program can that "
			 "registers a zone for them and drains it (%s)",
			 API);
		return;
	}
	to += snprintf(to, sizeof(advice->remedy), "let them wait: coalport coalesce add %.80s",
		       target);
	for (unsigned i = 0; i < advice->zones_n && to < end; i++) {
		const uint64_t first = advice->zones[i].first, last = advice->zones[i].last;
		const char *space = advice->space == WATCH_SPACE_MEMORY ? " mmio:" : " ";

		to += snprintf(to, (size_t)(end - to), "%s0x%" PRIx64, space, first);
		if (last != first && to < end)
			to += snprintf(to, (size_t)(end - to), "-0x%" PRIx64, last);
	}
	if (advice->zones_n && advice->zones[0].wait_ns && to < end)
		snprintf(to, (size_t)(end - to), " --deadline 20ms");
}

static void say_wait(struct watch_advice *advice, const struct watch_known *known,
		     const char *target, const char *what)
{
	bool seen = known->kind == WATCH_KNOWN_SEEN;

	snprintf(advice->text, sizeof(advice->text), "%s: %s %s. %s.", what,
		 advice->first == advice->last ? "it" : "each", known->what,
		 seen ? "Only somebody outside can tell when that happens, and a moment later is "
			"soon enough"
		      : "Nothing can tell when that happens before the next access, so the write "
			"may wait");
	snprintf(advice->source, sizeof(advice->source), "%s", known->source);
	say_command(advice, target);
}

/* What helps against the reason why a zone is not there. */
static const char *against(const char *trap)
{
	static const struct {
		const char *begins, *remedy;
	} remedies[] = {
		{ "coalesce=off", NULL },
		{ "waits for use", NULL },
		{ "the user said", NULL },
		{ "kernel without KVM_CAP_COALESCED_PIO", "a kernel from Linux 5.0 on" },
		{ "kernel without", "a kernel whose KVM has coalesced MMIO" },
		{ "no free bus slot",
		  "fewer devices with doorbells: KVM's bus has 1000 places for them and the zones" },
		{ "changes too often",
		  "the guest turns what it waits under on and off more than 16 times a second: a "
		  "driver that polls, or one that leaves its interrupt on, would not" },
		{ "overlaps an ioeventfd", "nothing: its writes reach their device without exit" },
		{ "out of memory", "more memory for the host" },
	};

	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (!strncmp(trap, remedies[i].begins, strlen(remedies[i].begins)))
			return remedies[i].remedy;
	return *trap ? "look for the reason in the host's log" : NULL;
}

static void say_zone(struct watch_advice *advice, const struct watch_snapshot_zone *zone,
		     const char *target, const char *what)
{
	const char *remedy = against(zone->trap);

	snprintf(advice->text, sizeof(advice->text),
		 "%s and %s%s%s%s. The chip's table lets it wait%s%s: %s.", what,
		 !strcmp(zone->state, "rests") || !strcmp(zone->state, "exits") ? "exits" : "traps",
		 *zone->trap ? " (" : "", zone->trap, *zone->trap ? ")" : "",
		 *zone->when ? " while " : "", zone->when,
		 *zone->why ? zone->why : "no reason given");
	snprintf(advice->source, sizeof(advice->source), "register table of %s",
		 *zone->region ? zone->region : "the chip");
	advice->zones_n = 0;
	if (remedy) {
		snprintf(advice->remedy, sizeof(advice->remedy), "%s", remedy);
		return;
	}
	advice->zones_n = 1;
	advice->zones[0].first = zone->first;
	advice->zones[0].last = zone->last;
	advice->zones[0].wait_ns = 0; /* the table's own limit */
	say_command(advice, target);
	if (!strcmp(zone->trap, "coalesce=off"))
		strncat(advice->remedy, "; or leave coalesce=off away",
			sizeof(advice->remedy) - strlen(advice->remedy) - 1);
}

static void say_nobody(struct watch_advice *advice, const char *target, const char *what)
{
	snprintf(advice->text, sizeof(advice->text),
		 "%s, and nobody is there: the write goes nowhere, now or later.", what);
	snprintf(advice->source, sizeof(advice->source), "the machine's map");
	say_command(advice, target);
}

static void say_looks(struct watch_advice *advice, const struct watch_snapshot_row *row,
		      const char *target, const char *what)
{
	uint64_t all = row->exits + row->coalesced;
	char number[WATCH_ADVICE_NUMBER];

	watch_advice_number(number, (double)all);
	if (watch_advice_precedes(row))
		snprintf(advice->text, sizeof(advice->text),
			 "%s and looks like a latch: %.1f%% of %s writes came right before a %s "
			 "0x%" PRIx64 " of the same chip, and none raised an interrupt.",
			 what, 100 * (double)row->next.count / (double)all, number,
			 row->next.write ? "write to" : "read of", row->next.addr);
	else
		snprintf(advice->text, sizeof(advice->text),
			 "%s and looks like something that is only shown: it was written %s times, "
			 "never read, and no write raised an interrupt. A doorbell would look the "
			 "same.",
			 what, number);
	snprintf(advice->source, sizeof(advice->source),
		 "a pattern in what was seen, not a data sheet");
	say_command(advice, target);
	if (!target)
		snprintf(advice->remedy, sizeof(advice->remedy),
			 "find out what it is; if it has no effect before the next access, it may "
			 "wait in KVM's ring (%s)",
			 API);
}

static void say_known(struct watch_advice *advice, const struct watch_known *known,
		      const char *what)
{
	snprintf(advice->text, sizeof(advice->text), "%s: %s %s.", what,
		 advice->first == advice->last ? "it" : "each", known->what);
	snprintf(advice->remedy, sizeof(advice->remedy), "%s", known->remedy);
	snprintf(advice->source, sizeof(advice->source), "%s", known->source);
	advice->zones_n = 0;
}

void watch_advice_say(struct watch_advice *out, const struct watch_advice_group *group,
		      double seconds, const char *target)
{
	const struct watch_snapshot_row *row = group->row;
	bool seen = group->known && group->known->kind == WATCH_KNOWN_SEEN;
	char what[256];

	*out = (struct watch_advice){
		.kind = group->kind,
		.space = row->space,
		.first = group->first,
		.last = group->last,
		.write = row->write,
		.rate = (double)group->exits / seconds,
		.saved = (double)group->exits / seconds,
		.cpu = group->cpu,
		.zones_n = group->zones_n,
	};
	for (unsigned i = 0; i < group->zones_n; i++) {
		out->zones[i].first = group->zones[i].first;
		out->zones[i].last = group->zones[i].last;
		out->zones[i].wait_ns = seen ? SEEN_NS : 0;
	}
	if (group->kind != WATCH_ADVICE_NOBODY)
		group_name(out->name, sizeof(out->name), group);
	say_what(out, what, sizeof(what));
	if (group->known && group->kind == WATCH_ADVICE_WAIT)
		say_wait(out, group->known, target, what);
	else if (group->known)
		say_known(out, group->known, what);
	else if (group->zone)
		say_zone(out, group->zone, target, what);
	else if (group->kind == WATCH_ADVICE_NOBODY)
		say_nobody(out, target, what);
	else
		say_looks(out, row, target, what);
}

void watch_advice_say_ring(struct watch_advice *out, double rate)
{
	char number[WATCH_ADVICE_NUMBER];

	*out = (struct watch_advice){
		.kind = WATCH_ADVICE_RING,
		.write = true,
		.rate = rate,
		.saved = rate,
	};
	snprintf(out->text, sizeof(out->text),
		 "%s writes a second that may wait left the kernel, because the ring was full.",
		 watch_advice_number(number, out->rate));
	snprintf(out->remedy, sizeof(out->remedy),
		 "a kernel from Linux 6.12 on uses the whole ring, older ones half of it; beyond "
		 "that, nothing: 169 writes without any other exit have saved 168 already");
	snprintf(out->source, sizeof(out->source),
		 "Linux virt/kvm/coalesced_mmio.c, commit 92f6d4130497");
}
