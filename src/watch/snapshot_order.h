// SPDX-License-Identifier: MIT
/* The orders in which a snapshot keeps its lists, for qsort() and bsearch(). Not for users of a snapshot. */
#pragma once

/* struct watch_snapshot_row: by what makes a row what it is. Equal: the same row of two records. */
int watch_snapshot_row_order(const void *a, const void *b);
/* struct watch_snapshot_vcpu: by number. */
int watch_snapshot_vcpu_order(const void *a, const void *b);
/* struct watch_snapshot_stat: by name. */
int watch_snapshot_stat_order(const void *a, const void *b);
