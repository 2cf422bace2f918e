// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meter/merge.h"

#define NAME_LEN  32
#define COUNT_LEN 32

/* 18402 as "18,402". */
static const char *grouped(char out[static COUNT_LEN], uint64_t value)
{
	char digits[COUNT_LEN];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

static const char *row_name(char out[static NAME_LEN], const struct merged_row *row)
{
	bool write = meter_key_write(row->key);
	const char *suffix = write ? "POUT" : "PIN";

	if (!row->key) {
		snprintf(out, NAME_LEN, "other");
		return out;
	}
	if (meter_key_space(row->key) == METER_MMIO)
		suffix = write ? "W" : "R";
	snprintf(out, NAME_LEN, "0x%" PRIx64 ":%s", meter_key_addr(row->key), suffix);
	return out;
}

/* The device and register there, behind all numbers; nothing if nobody is known there. */
static void print_register(FILE *out, const struct merged_row *row,
			   const struct meter_report_options *options, int pad)
{
	struct meter_name name = { 0 };

	if (row->key && options->name)
		options->name(options->arg, meter_key_space(row->key), meter_key_addr(row->key), 0,
			      &name);
	if (name.device)
		fprintf(out, "%*s  %s%s%s", pad, "", name.device, name.reg ? " " : "",
			name.reg ? name.reg : "");
}

static void print_row(FILE *out, const struct merged *merged, const struct merged_row *row,
		      const struct meter_report_options *options, const struct merged_sum *sum,
		      int width)
{
	char name[NAME_LEN], error[COUNT_LEN] = "";

	fprintf(out, "%-*s%9" PRIu64, width, row_name(name, row), row->samples);
	if (row->samples) {
		double ticks = sum->ticks ? (double)sum->ticks : 1;

		snprintf(error, sizeof(error), " (%.2f)", merged_stderr_percent(row));
		fprintf(out, "%9.2f%%%7.2f%% %8.2f %8.2f %8.2f",
			100 * (double)row->samples / (double)sum->samples,
			100 * (double)row->ticks / ticks, merged_us(merged, (double)row->ticks_min),
			merged_us(merged, (double)row->ticks_max),
			merged_us(merged, merged_avg(row)));
	}
	if (row->coalesced)
		fprintf(out, "%-*s%10" PRIu64, row->samples ? 8 : 53, error, row->coalesced);
	else
		fputs(error, out);
	print_register(out, row, options, row->coalesced ? 0 : 18 - (int)strlen(error));
	fputc('\n', out);
}

static void print_table(FILE *out, const struct merged *merged,
			const struct meter_report_options *options, enum meter_space space,
			const char *title)
{
	struct merged_sum sum = merged_sum(merged, space);
	int width = 18; /* of the first column; a port's name is never longer */
	char name[NAME_LEN];

	for (size_t i = 0; i < merged->n; i++) {
		int len = (int)strlen(row_name(name, &merged->rows[i]));

		if (merged_in(&merged->rows[i], space) && len > width)
			width = len;
	}
	fprintf(out, "%-*s%9s%10s%8s%9s%9s%9s%6s%12s%s\n", width, title, "Samples", "Samples%",
		"Time%", "Min us", "Max us", "Avg us", " (+-%)", "Coalesced",
		options->name ? "  Register" : "");
	for (size_t i = 0; i < merged->n; i++)
		if (merged_in(&merged->rows[i], space))
			print_row(out, merged, &merged->rows[i], options, &sum, width);
}

static void print_totals(FILE *out, const struct merged *merged)
{
	char exits[COUNT_LEN], coalesced[COUNT_LEN], all[COUNT_LEN];

	fprintf(out,
		"user-space exits %s; writes that never left the kernel %s; "
		"without coalescing %s: %.1f%% saved\n",
		grouped(exits, merged->totals.exits), grouped(coalesced, merged->totals.coalesced),
		grouped(all, merged->totals.exits + merged->totals.coalesced),
		merged_saved_percent(merged));
}

static void print_zones(FILE *out, const struct meter_report_options *options)
{
	for (size_t i = 0; i < options->zones_n; i++) {
		const struct meter_zone *zone = &options->zones[i];

		/* What is as it should be is in the JSON report. */
		if (zone->state != METER_ZONE_TRAPS && zone->state != METER_ZONE_STUCK)
			continue;
		fprintf(out, "zone %s 0x%" PRIx64 "-0x%" PRIx64,
			zone->space == METER_MMIO ? "mmio" : "port", zone->first, zone->last);
		if (zone->region)
			fprintf(out, " (%s)", zone->region);
		fprintf(out, " %s: %s\n", zone->state == METER_ZONE_TRAPS ? "traps" : "is stuck",
			zone->trap ? zone->trap : "no reason known");
	}
}

int meter_report_text(FILE *out, const struct meter_report_options *options)
{
	struct merged merged;
	char *text = NULL;
	size_t len = 0;
	FILE *memory;
	int err = merged_make(&merged, options, MERGED_PLACES);

	if (err)
		return err;
	/* Made in memory first, so that there is one write whose failure has one errno. */
	memory = open_memstream(&text, &len);
	if (!memory) {
		err = -errno;
		goto free_merged;
	}
	print_table(memory, &merged, options, METER_PORT, "IO port access");
	if (merged_sum(&merged, METER_MMIO).rows) {
		fputc('\n', memory);
		print_table(memory, &merged, options, METER_MMIO, "MMIO access");
	}
	print_totals(memory, &merged);
	print_zones(memory, options);
	if (fclose(memory)) {
		err = -ENOMEM;
		goto free_text;
	}
	errno = 0;
	if (fwrite(text, 1, len, out) != len || fflush(out))
		err = errno ? -errno : -EIO;
free_text:
	free(text);
free_merged:
	merged_free(&merged);
	return err;
}
