// SPDX-License-Identifier: MIT
#include "watch/prometheus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Upper limits of a histogram of times, in ns. Few: each is a series of every row. */
static const uint64_t limits_ns[] = { 1000,   2000,   5000,   10000,   20000,   50000,
				      100000, 200000, 500000, 1000000, 10000000 };

/* A machine, with its rows in the order in which they are told. */
struct source {
	const struct watch_machine *machine;
	char pid[16];
	const struct watch_snapshot_row *
		*rows; /* the most used first; the first told_n one by one */
	size_t told_n;
};

struct page {
	FILE *out;
	struct source *sources; /* of those that told */
	size_t n;
};

/* Label values may have anything; these three characters have to be escaped. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else
			fputc(*text, out);
	}
}

static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",%s=\"", name);
	put_escaped(out, value);
	fputc('"', out);
}

static const char *machine_name(const struct source *source)
{
	const char *name = source->machine->snapshot.name;

	return *name ? name : source->pid;
}

/* "NAME{machine=..,pid=..", to which labels may be added before it is closed. */
static void begin(const struct page *page, const char *name, const struct source *source)
{
	fprintf(page->out, "%s{machine=\"", name);
	put_escaped(page->out, machine_name(source));
	fprintf(page->out, "\",pid=\"%s\"", source->pid);
}

static void end_count(const struct page *page, uint64_t value)
{
	fprintf(page->out, "} %" PRIu64 "\n", value);
}

static void end_real(const struct page *page, double value)
{
	fprintf(page->out, "} %.9g\n", value);
}

static void family(const struct page *page, const char *name, const char *type, const char *help)
{
	fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Rows */

static void put_row_labels(const struct page *page, const struct watch_snapshot_row *row)
{
	char addr[24], width[12];

	snprintf(addr, sizeof(addr), "0x%" PRIx64, row->addr);
	snprintf(width, sizeof(width), "%" PRIu32, row->width);
	put_label(page->out, "space", row->space == WATCH_SPACE_PORT ? "port" : "memory");
	put_label(page->out, "address", addr);
	put_label(page->out, "width", width);
	put_label(page->out, "direction", row->write ? "write" : "read");
	put_label(page->out, "device", row->device);
	put_label(page->out, "register", row->reg);
}

/* Those that are not told one by one. */
static void put_other_labels(const struct page *page)
{
	static const char *const names[] = { "space",     "address", "width",
					     "direction", "device",  "register" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		put_label(page->out, names[i], "other");
}

static void put_outcomes(const struct page *page, const struct source *source,
			 const struct watch_snapshot_row *row, const uint64_t counts[3])
{
	static const char *const outcomes[3] = { "exit", "coalesced", "in_kernel" };

	for (size_t i = 0; i < 3; i++) {
		if (!counts[i])
			continue;
		begin(page, "coalport_accesses_total", source);
		if (row)
			put_row_labels(page, row);
		else
			put_other_labels(page);
		put_label(page->out, "outcome", outcomes[i]);
		end_count(page, counts[i]);
	}
}

static void put_accesses(const struct page *page)
{
	family(page, "coalport_accesses_total", "counter",
	       "Accesses of the guest to ports and memory that no RAM is behind, by what became of them.");
	for (size_t i = 0; i < page->n; i++) {
		const struct source *source = &page->sources[i];
		const struct watch_snapshot *snapshot = &source->machine->snapshot;
		uint64_t rest[3] = { snapshot->other.exits, snapshot->other.coalesced,
				     snapshot->other.in_kernel };

		for (size_t j = 0; j < snapshot->rows_n; j++) {
			const struct watch_snapshot_row *row = source->rows[j];
			const uint64_t counts[3] = { row->exits, row->coalesced, row->in_kernel };

			if (j < source->told_n) {
				put_outcomes(page, source, row, counts);
				continue;
			}
			for (size_t k = 0; k < 3; k++)
				rest[k] += counts[k];
		}
		put_outcomes(page, source, NULL, rest);
	}
}

/* A histogram's sample, with the labels of the row. */
static void put_sample(const struct page *page, const struct source *source,
		       const struct watch_snapshot_row *row, const char *suffix, const char *le)
{
	char name[64];

	snprintf(name, sizeof(name), "coalport_exit_seconds_%s", suffix);
	begin(page, name, source);
	put_row_labels(page, row);
	if (le)
		put_label(page->out, "le", le);
}

static void put_times(const struct page *page, const struct source *source,
		      const struct watch_snapshot_row *row)
{
	const struct watch_snapshot_times *times = &row->times;
	uint64_t all = 0;
	size_t next = 0;

	for (size_t i = 0; i < COUNT_OF(limits_ns); i++) {
		char le[24];

		while (next < times->buckets_n &&
		       watch_bucket_middle(times->buckets, times->buckets_n, next) <=
			       (double)limits_ns[i])
			all += times->buckets[next++].count;
		snprintf(le, sizeof(le), "%g", (double)limits_ns[i] / 1e9);
		put_sample(page, source, row, "bucket", le);
		end_count(page, all);
	}
	while (next < times->buckets_n)
		all += times->buckets[next++].count;
	put_sample(page, source, row, "bucket", "+Inf");
	end_count(page, all);
	put_sample(page, source, row, "sum", NULL);
	end_real(page, times->sum_us / 1e6);
	put_sample(page, source, row, "count", NULL);
	end_count(page, all);
}

static void put_histograms(const struct page *page)
{
	family(page, "coalport_exit_seconds", "histogram",
	       "Time from KVM_RUN's return until the guest ran on, of accesses that left the kernel.");
	for (size_t i = 0; i < page->n; i++) {
		const struct source *source = &page->sources[i];

		for (size_t j = 0; j < source->told_n; j++) {
			if (source->rows[j]->times.buckets_n)
				put_times(page, source, source->rows[j]);
		}
	}
}

/* What a machine has one of */

static const struct single {
	const char *name, *type, *help;
	bool ring; /* only of a machine that has one */
	size_t at; /* of a count in struct watch_snapshot */
} singles[] = {
	{ "coalport_exits_total", "counter", "Returns of KVM_RUN to user space.", false,
	  offsetof(struct watch_snapshot, exits) },
	{ "coalport_coalesced_writes_total", "counter",
	  "Writes that waited in the kernel's ring instead of leaving it.", false,
	  offsetof(struct watch_snapshot, coalesced) },
	{ "coalport_ring_entries", "gauge", "Writes that find room in the ring.", true,
	  offsetof(struct watch_snapshot, ring.entries) },
	{ "coalport_ring_full_total", "counter",
	  "Writes that left the kernel because the ring had no room.", true,
	  offsetof(struct watch_snapshot, ring.full) },
	{ "coalport_ring_deadline_drains_total", "counter",
	  "Drains of the ring that nothing but a deadline caused.", true,
	  offsetof(struct watch_snapshot, ring.deadline) },
};

static void put_singles(const struct page *page)
{
	for (size_t i = 0; i < COUNT_OF(singles); i++) {
		const struct single *single = &singles[i];

		family(page, single->name, single->type, single->help);
		for (size_t j = 0; j < page->n; j++) {
			const struct watch_snapshot *snapshot = &page->sources[j].machine->snapshot;

			if (single->ring && !snapshot->ring.known)
				continue;
			begin(page, single->name, &page->sources[j]);
			end_count(page, *(const uint64_t *)(const void *)((const char *)snapshot +
									  single->at));
		}
	}
}

/* Lists */

static void put_reasons(const struct page *page)
{
	family(page, "coalport_exit_reasons_total", "counter",
	       "Returns of KVM_RUN by the reason that the kernel gave.");
	for (size_t i = 0; i < page->n; i++) {
		const struct watch_snapshot_stats *reasons =
			&page->sources[i].machine->snapshot.reasons;

		for (size_t j = 0; j < reasons->n; j++) {
			begin(page, "coalport_exit_reasons_total", &page->sources[i]);
			put_label(page->out, "reason", reasons->at[j].name);
			end_count(page, reasons->at[j].value);
		}
	}
}

static void put_vcpus(const struct page *page)
{
	family(page, "coalport_vcpu_exits_total", "counter",
	       "Returns of KVM_RUN to user space, by vCPU.");
	for (size_t i = 0; i < page->n; i++) {
		const struct watch_snapshot *snapshot = &page->sources[i].machine->snapshot;

		for (size_t j = 0; j < snapshot->vcpus_n; j++) {
			begin(page, "coalport_vcpu_exits_total", &page->sources[i]);
			fprintf(page->out, ",vcpu=\"%" PRIu32 "\"", snapshot->vcpus[j].vcpu);
			end_count(page, snapshot->vcpus[j].exits);
		}
	}
}

static void put_zones(const struct page *page)
{
	family(page, "coalport_zone_active", "gauge",
	       "1 if writes to the range wait now, 0 if they exit although they may wait at times.");
	for (size_t i = 0; i < page->n; i++) {
		const struct watch_snapshot *snapshot = &page->sources[i].machine->snapshot;

		for (size_t j = 0; j < snapshot->zones_n; j++) {
			const struct watch_snapshot_zone *zone = &snapshot->zones[j];

			begin(page, "coalport_zone_active", &page->sources[i]);
			put_label(page->out, "space",
				  zone->space == WATCH_SPACE_PORT ? "port" : "memory");
			fprintf(page->out, ",first=\"0x%" PRIx64 "\",last=\"0x%" PRIx64 "\"",
				zone->first, zone->last);
			put_label(page->out, "device", zone->region);
			end_count(page, !strcmp(zone->state, "active"));
		}
	}
}

/* Names are the kernel's, of which it has more with every release: a label, not a family each. */
static void put_kvm(const struct page *page)
{
	family(page, "coalport_kvm_stat", "untyped",
	       "The kernel's own statistics of the machine and its vCPUs (KVM_GET_STATS_FD).");
	for (size_t i = 0; i < page->n; i++) {
		const struct watch_snapshot *snapshot = &page->sources[i].machine->snapshot;

		for (size_t j = 0; j <= snapshot->kvm_vcpus_n; j++) {
			const struct watch_snapshot_stats *stats =
				j ? &snapshot->kvm_vcpus[j - 1] : &snapshot->kvm_vm;
			char vcpu[24] = "";

			if (j)
				snprintf(vcpu, sizeof(vcpu), "%zu", j - 1);
			for (size_t k = 0; k < stats->n; k++) {
				begin(page, "coalport_kvm_stat", &page->sources[i]);
				put_label(page->out, "vcpu", vcpu);
				put_label(page->out, "stat", stats->at[k].name);
				end_count(page, stats->at[k].value);
			}
		}
	}
}

static void put_info(const struct page *page)
{
	family(page, "coalport_machine_info", "gauge", "What the machine runs on; always 1.");
	for (size_t i = 0; i < page->n; i++) {
		begin(page, "coalport_machine_info", &page->sources[i]);
		put_label(page->out, "kernel", page->sources[i].machine->snapshot.kernel);
		put_label(page->out, "cpu", page->sources[i].machine->snapshot.cpu);
		end_count(page, 1);
	}
	family(page, "coalport_run_seconds", "gauge", "How long ago the machine began to count.");
	for (size_t i = 0; i < page->n; i++) {
		begin(page, "coalport_run_seconds", &page->sources[i]);
		end_real(page, page->sources[i].machine->snapshot.seconds);
	}
}

static void put_up(const struct page *page, const struct watch_fleet *fleet)
{
	family(page, "coalport_up", "gauge",
	       "1 if the machine told, 0 for one that was asked for by name and could not be reached.");
	for (size_t i = 0; i < fleet->n; i++) {
		fputs("coalport_up{target=\"", page->out);
		put_escaped(page->out, fleet->at[i].target);
		fputc('"', page->out);
		end_count(page, fleet->at[i].up);
	}
}

/* Sources */

static uint64_t row_use(const struct watch_snapshot_row *row)
{
	return row->exits + row->coalesced + row->in_kernel;
}

static int by_use(const void *a, const void *b)
{
	const struct watch_snapshot_row *const *x = a, *const *y = b;
	uint64_t of_x = row_use(*x), of_y = row_use(*y);

	if (of_x != of_y)
		return of_x < of_y ? 1 : -1;
	return *x < *y ? -1 : *x > *y; /* in the record's order */
}

static int make_source(struct source *source, const struct watch_machine *machine, size_t most)
{
	const struct watch_snapshot *snapshot = &machine->snapshot;

	*source = (struct source){ .machine = machine };
	snprintf(source->pid, sizeof(source->pid), "%" PRIu32, snapshot->pid);
	source->told_n = snapshot->rows_n < most ? snapshot->rows_n : most;
	source->rows = calloc(snapshot->rows_n + 1, sizeof(const struct watch_snapshot_row *));
	if (!source->rows)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->rows_n; i++)
		source->rows[i] = &snapshot->rows[i];
	qsort(source->rows, snapshot->rows_n, sizeof(const struct watch_snapshot_row *), by_use);
	return 0;
}

static void put_all(const struct page *page, const struct watch_fleet *fleet)
{
	put_up(page, fleet);
	put_info(page);
	put_singles(page);
	put_reasons(page);
	put_vcpus(page);
	put_accesses(page);
	put_histograms(page);
	put_zones(page);
	put_kvm(page);
}

int watch_prometheus(FILE *out, const struct watch_fleet *fleet,
		     const struct watch_prometheus_options *options)
{
	struct page page = { .out = out };
	int ret = 0;

	page.sources = calloc(fleet->n + 1, sizeof(*page.sources));
	if (!page.sources)
		return -ENOMEM;
	for (size_t i = 0; i < fleet->n && !ret; i++) {
		if (!fleet->at[i].up)
			continue;
		ret = make_source(&page.sources[page.n++], &fleet->at[i], options->rows);
	}
	errno = 0;
	if (!ret)
		put_all(&page, fleet);
	if (!ret && (ferror(out) || fflush(out)))
		ret = errno ? -errno : -EIO;
	while (page.n)
		free(page.sources[--page.n].rows);
	free(page.sources);
	return ret;
}
