// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "watch/report.h"

#define CELL 32

/* include/uapi/linux/kvm.h, KVM_EXIT_; what x86 does not have is left out. */
static const char *const reason_names[] = {
	[0] = "unknown",        [1] = "exception",     [2] = "port",
	[3] = "hypercall",      [4] = "debug",         [5] = "halt",
	[6] = "memory",         [7] = "irq window",    [8] = "shutdown",
	[9] = "fail entry",     [10] = "signal",       [11] = "set TPR",
	[12] = "TPR access",    [16] = "NMI",          [17] = "internal error",
	[24] = "system event",  [26] = "IOAPIC EOI",   [27] = "Hyper-V",
	[29] = "MSR read",      [30] = "MSR write",    [31] = "dirty ring full",
	[32] = "AP reset hold", [33] = "bus lock",     [34] = "Xen",
	[37] = "notify",        [39] = "memory fault",
};

const char *watch_reason_name(uint32_t reason)
{
	return reason < sizeof(reason_names) / sizeof(reason_names[0]) ? reason_names[reason]
								       : NULL;
}

/* 18402 as "18,402". */
static const char *grouped(char out[static CELL], uint64_t value)
{
	char digits[CELL];
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

static void print_times(FILE *out, const struct watch_times *times)
{
	uint64_t ns[] = { times->min, times->n ? times->sum / times->n : 0,
			  watch_times_percentile(times, 50), watch_times_percentile(times, 99),
			  times->max };

	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		char text[CELL] = "-";

		if (times->n)
			snprintf(text, sizeof(text), "%s%.1f", times->upper ? "<" : "",
				 (double)ns[i] / 1000);
		fprintf(out, "%10s", text);
	}
	fputc('\n', out);
}

static void print_counts(FILE *out, const struct watch_report *report,
			 const struct watch_counts *counts, uint64_t all)
{
	char exits[CELL], in_kernel[CELL], interrupts[CELL] = "-";

	if (report->raises)
		grouped(interrupts, counts->interrupts);
	fprintf(out, "%12s%12s%10s%10.0f%7.1f%%", grouped(exits, counts->exits),
		grouped(in_kernel, counts->in_kernel), interrupts,
		report->seconds > 0 ? (double)counts->exits / report->seconds : 0,
		all ? 100 * (double)counts->exits / (double)all : 0);
	print_times(out, &counts->times);
}

static void print_row(FILE *out, const struct watch_report *report, const struct watch_row *row,
		      uint64_t all)
{
	const struct watch_key *key = &row->key;
	bool port = key->space == WATCH_SPACE_PORT;
	char text[2 * WATCH_BAR_NAME] = "";
	struct watch_name name;

	if (report->by_process) {
		const struct watch_process *process = &report->processes[key->process];

		fprintf(out, "%-8" PRIu32 "%-16s", process->pid,
			process->pid ? process->name : "others");
	}
	if (watch_name_find(&name, report->bars, key))
		snprintf(text, sizeof(text), "%s %s", name.part, name.reg);
	fprintf(out, "0x%-10" PRIx64 " %-30s %-5s%3u", key->addr, text,
		port ? (key->write ? "out" : "in") : (key->write ? "write" : "read"), key->width);
	print_counts(out, report, &row->counts, all);
}

/* Rows that are left out, or were folded, as one. */
static void print_sum(FILE *out, const struct watch_report *report, const char *name,
		      const struct watch_counts *counts, uint64_t all)
{
	fprintf(out, "%-*s", report->by_process ? 76 : 52, name);
	print_counts(out, report, counts, all);
}

static void print_rows(FILE *out, const struct watch_report *report, uint64_t all)
{
	const struct watch_table *table = report->table;
	uint32_t n = report->top && report->top < table->rows_n ? report->top : table->rows_n;
	struct watch_counts rest = { 0 };
	char name[64];

	if (report->by_process)
		fprintf(out, "%-8s%-16s", "PID", "Process");
	fprintf(out, "%-12s %-30s %-5s%3s%12s%12s%10s%10s%8s%10s%10s%10s%10s%10s\n", "Address",
		"Register", "Way", "B", "Exits", "In kernel", "Raised", "Exits/s", "Share",
		"Min us", "Avg us", "p50 us", "p99 us", "Max us");
	for (uint32_t i = 0; i < n; i++)
		print_row(out, report, &table->rows[i], all);
	for (uint32_t i = n; i < table->rows_n; i++) {
		watch_counts_merge(&rest, &table->rows[i].counts);
	}
	if (table->rows_n > n) {
		snprintf(name, sizeof(name), "%" PRIu32 " more rows", table->rows_n - n);
		print_sum(out, report, name, &rest, all);
	}
	if (table->other.exits || table->other.in_kernel)
		print_sum(out, report, "other, seldom used", &table->other, all);
}

static void print_reasons(FILE *out, const struct watch_report *report)
{
	struct watch_totals totals = watch_table_totals(report->table);
	struct watch_counts sum = watch_table_sum(report->table);
	char cell[CELL];
	const char *between = ": ";

	fprintf(out, "exits to user space %s", grouped(cell, watch_totals_left(&totals)));
	for (uint32_t i = 0; i < WATCH_REASONS; i++) {
		if (!totals.left[i])
			continue;
		if (watch_reason_name(i))
			fprintf(out, "%s%s ", between, watch_reason_name(i));
		else
			fprintf(out, "%sreason %" PRIu32 " ", between, i);
		fputs(grouped(cell, totals.left[i]), out);
		between = ", ";
	}
	if (totals.interrupted)
		fprintf(out, "%sinterrupted %s", between, grouped(cell, totals.interrupted));
	fprintf(out, "; served in the kernel %s\n", grouped(cell, sum.in_kernel));
	if (totals.unmatched)
		fprintf(out, "exits whose access was not seen: %s\n",
			grouped(cell, totals.unmatched));
	if (totals.undecided)
		fprintf(out, "accesses of which it is not known who served them: %s\n",
			grouped(cell, totals.undecided));
}

static void print_notes(FILE *out, const struct watch_report *report)
{
	char lost[CELL], cell[CELL];

	if (report->counted)
		fprintf(out, "exits of the guest in all (kvm_exit): %s\n",
			grouped(cell, report->vm_exits));
	else
		fputs("exits of the guest in all: not known, this host has no kvm_exit\n", out);
	if (!report->entered)
		fputs("<: until the vCPU's next event, while the guest ran, too: this host has no kvm_entry\n",
		      out);
	if (!report->raises)
		fputs("interrupts that exits raised: not known, this host has no kvm_set_irq\n",
		      out);
	fprintf(out, "events lost: %s%s\n", grouped(lost, report->lost),
		report->lost ? ": counts are too low" : "");
	if (report->bad)
		fprintf(out, "records that made no sense: %s\n", grouped(cell, report->bad));
}

static void print_head(FILE *out, const struct watch_report *report)
{
	if (report->by_process)
		fprintf(out, "%" PRIu32 " processes", report->processes_n);
	else if (report->processes_n)
		fprintf(out, "process %" PRIu32 " (%s), vCPUs seen: %" PRIu32,
			report->processes[0].pid, report->processes[0].name,
			report->processes[0].threads);
	fprintf(out, ", %.1f s%s%s\n", report->seconds, report->ended ? ", " : "",
		report->ended ? report->ended : "");
}

static void print_report(FILE *out, const struct watch_report *report)
{
	print_head(out, report);
	print_rows(out, report, watch_table_sum(report->table).exits);
	print_reasons(out, report);
	print_notes(out, report);
}

int watch_report_text(FILE *out, const struct watch_report *report)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory;
	int err = 0;

	watch_table_sort(report->table);
	/* Made in memory first, so that there is one write whose failure has one errno. */
	memory = open_memstream(&text, &len);
	if (!memory)
		return -errno;
	print_report(memory, report);
	if (fclose(memory)) {
		err = -ENOMEM;
	} else {
		errno = 0;
		if (fwrite(text, 1, len, out) != len || fflush(out))
			err = errno ? -errno : -EIO;
	}
	free(text);
	return err;
}
