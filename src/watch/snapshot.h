// SPDX-License-Identifier: MIT
/*
 * A record (docs/records.md) as structs: what the exits of a guest were, from a beginning until now.
 * Whoever wrote it, a machine, a trace or a stranger's file, is taken for hostile: each member has to be
 * of its type and within the limits below, members that are not known are ignored, and texts are fit to
 * be shown (watch/text.h).
 *
 * A snapshot owns everything in it; pointers are good until watch_snapshot_free(). A zeroed struct is an
 * empty one. No locking: one thread at a time, or several that only read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "watch/table.h"

struct json_object;

/* More of anything is refused; longer texts are cut. */
#define WATCH_SNAPSHOT_ROWS    16384u
#define WATCH_SNAPSHOT_ZONES   4096u
#define WATCH_SNAPSHOT_VCPUS   4096u
#define WATCH_SNAPSHOT_REASONS 256u
#define WATCH_SNAPSHOT_STATS   1024u /* of the VM, or of one vCPU */
#define WATCH_SNAPSHOT_BUCKETS 1024u /* of one histogram */
#define WATCH_SNAPSHOT_TEXT    320u /* bytes with the NUL */

/* A pair of a histogram: count values were not less than first, and less than the next one's first. */
struct watch_bucket {
	uint64_t first, count;
};

struct watch_snapshot_times {
	uint64_t samples; /* 0: nothing is known */
	bool upper; /* some are only known to have taken no longer */
	double sum_us, avg_us;
	double p50_us, p99_us; /* negative: not known */
	/*
	 * Negative: not known. In a difference they are of the whole time since the beginning, because
	 * nobody can tell those of the interval.
	 */
	double min_us, max_us;
	double stderr_percent; /* of avg_us; negative: not known, as in a difference */
	struct watch_bucket *buckets; /* ascending; first in ns */
	size_t buckets_n;
};

struct watch_snapshot_next {
	bool known;
	enum watch_space space;
	uint64_t addr;
	bool write;
	uint64_t count;
};

#define WATCH_SNAPSHOT_NO_VCPU UINT32_MAX

struct watch_snapshot_row {
	enum watch_space space;
	uint64_t addr; /* the first byte */
	uint64_t size; /* bytes that the row stands for, >= 1; addr + size - 1 does not wrap */
	uint32_t width; /* of an access; 0: not told apart */
	bool write;
	uint32_t vcpu; /* or WATCH_SNAPSHOT_NO_VCPU: all */
	uint32_t pid; /* 0: not told apart */
	const char *device, *reg; /* "": not known */
	uint64_t exits, coalesced, in_kernel, interrupts;
	struct watch_snapshot_next next;
	struct watch_snapshot_times times;
};

struct watch_snapshot_other {
	uint64_t rows, exits, coalesced, in_kernel;
	struct watch_snapshot_times times;
};

/* A name and a number, of which the record's author chose both. */
struct watch_snapshot_stat {
	const char *name;
	uint64_t value;
	bool level; /* how much there is now, not how often something happened: never subtracted */
};

struct watch_snapshot_stats {
	struct watch_snapshot_stat *at; /* by name */
	size_t n;
};

struct watch_snapshot_vcpu {
	uint32_t vcpu;
	uint32_t thread; /* 0: not said */
	uint64_t exits;
};

struct watch_snapshot_zone {
	enum watch_space space;
	uint64_t first, last; /* inclusive */
	const char *region, *why, *when, *state, *trap; /* "": not said */
	uint64_t wait_ns; /* at most; UINT64_MAX: until the next exit ("latch"); 0: not said */
	bool user, forced; /* the user made it; against the chip's table */
};

struct watch_snapshot_ring {
	bool known;
	uint64_t entries, full, deadline;
	struct watch_bucket *batches; /* ascending; first in writes */
	size_t batches_n;
};

/* What only a trace has. */
struct watch_snapshot_trace {
	bool known;
	const char *method, *ended; /* "": not said */
	uint64_t lost, bad_records, unmatched, undecided, interrupted, vm_exits;
	bool kvm_entry, kvm_exit;
};

struct watch_snapshot {
	bool machine; /* counted by coalport itself; else from tracepoints */
	double at; /* seconds since 1970; 0: not said */
	double seconds; /* what it covers */
	const char *name; /* "": not said */
	uint32_t pid; /* 0: not said */
	const char *kernel, *cpu; /* of the host; "": not said */
	uint64_t tsc_hz; /* 0: not said */
	uint64_t exits, coalesced, in_kernel;
	struct watch_snapshot_row *rows; /* by space, address, width, direction, vCPU, process */
	size_t rows_n;
	struct watch_snapshot_other other;
	struct watch_snapshot_stats reasons;
	struct watch_snapshot_vcpu *vcpus; /* by number */
	size_t vcpus_n;
	struct watch_snapshot_ring ring;
	struct watch_snapshot_zone *zones; /* in the record's order */
	size_t zones_n;
	struct watch_snapshot_stats kvm_vm;
	struct watch_snapshot_stats *kvm_vcpus; /* in the record's order */
	size_t kvm_vcpus_n;
	struct watch_snapshot_trace trace;
	struct arena arena; /* holds all of the above */
};

/*
 * Takes a record apart; root is only read. 0, or -EINVAL, -E2BIG or -ENOMEM with a line in err that names
 * the member: then the snapshot is empty.
 */
int watch_snapshot_parse(struct watch_snapshot *snapshot, struct json_object *root,
			 struct error *err) __attribute__((warn_unused_result));
void watch_snapshot_free(struct watch_snapshot *snapshot);
/* 0, or -ENOMEM: then out is empty. */
int watch_snapshot_copy(struct watch_snapshot *out, const struct watch_snapshot *from)
	__attribute__((warn_unused_result));

/*
 * What happened between two records of one guest. Counts are subtracted, row by row; one that went down
 * began anew in between and stays as it is, with everything of its row. Times are those of the interval,
 * except for min_us and max_us. What is no count (zones, levels, names) is the newer record's. Rows that
 * only the older one has are left out. The difference needs neither of the two afterwards.
 *
 * 0, or -EINVAL if they are of different guests or not in this order, or -ENOMEM, with a line in err:
 * then out is empty.
 */
int watch_snapshot_diff(struct watch_snapshot *out, const struct watch_snapshot *newer,
			const struct watch_snapshot *older, struct error *err)
	__attribute__((warn_unused_result));

/* The row of the same address, width, direction, vCPU and process, or NULL. */
const struct watch_snapshot_row *watch_snapshot_find(const struct watch_snapshot *snapshot,
						     const struct watch_snapshot_row *like);
/* NULL if there is none of this name. */
const struct watch_snapshot_stat *watch_snapshot_stat(const struct watch_snapshot_stats *stats,
						      const char *name);

/* Who made it: "user", "forced" (the same, against the chip's table), or "" for the machine's own. */
const char *watch_snapshot_zone_by(const struct watch_snapshot_zone *zone);

/* Of all writes and reads, the part that did not leave the kernel because it waited, in percent. */
double watch_snapshot_saved(uint64_t exits, uint64_t coalesced);

/*
 * The value that percent of all in the histogram do not exceed, as far as the buckets tell: the middle of
 * one, which ends where the next one begins, or is taken for a sixth of its limit wide if that is more than a
 * quarter away. -1 without any.
 */
double watch_buckets_percentile(const struct watch_bucket *buckets, size_t n, unsigned percent);

/* The middle of bucket i < n, as above. */
double watch_bucket_middle(const struct watch_bucket *buckets, size_t n, size_t i);

/* Orders in which people want rows. */
enum watch_sort {
	WATCH_SORT_EXITS,
	WATCH_SORT_COALESCED,
	WATCH_SORT_TIME,
	WATCH_SORT_AVG,
	WATCH_SORT_P50,
	WATCH_SORT_P99,
	WATCH_SORT_MAX,
	WATCH_SORT_INTERRUPTS,
	WATCH_SORT_IN_KERNEL,
	WATCH_SORT_ADDR,
	WATCH_SORT_NAME,
	WATCH_SORTS,
};

struct watch_sort_key {
	const char *name; /* as a person says it: "exits" */
	const char *help;
	/* The most first; NULL: by address or name, the least first. */
	double (*value)(const struct watch_snapshot_row *row);
};

extern const struct watch_sort_key watch_sort_keys[WATCH_SORTS];

/* False if there is no such key. */
bool watch_sort_find(enum watch_sort *sort, const char *name);
/* Rows that are equal by the key keep the order of addresses, so that nothing jumps about. */
void watch_snapshot_sort(const struct watch_snapshot_row **rows, size_t n, enum watch_sort sort,
			 bool reverse);
