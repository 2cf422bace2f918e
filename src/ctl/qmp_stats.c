// SPDX-License-Identifier: MIT
/* What accesses cost, in the shape of QEMU's query-stats and as the whole report. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "board/report.h"
#include "ctl/qmp_impl.h"

#define PROVIDER  "kvm"
#define OWN       "__org.coalport_"
#define VCPU_PATH "/machine/vcpu[%u]"

bool ctl_qmp_query_report(struct ctl_qmp *qmp, struct json_object *arguments,
			  struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *per_vcpu = NULL;
	int ret;

	if (json_object_object_get_ex(arguments, "per-vcpu", &per_vcpu) &&
	    !json_object_is_type(per_vcpu, json_type_boolean))
		return ctl_qmp_fail(err,
				    "Invalid parameter type for 'per-vcpu', expected: boolean");
	ret = machine_report_object(qmp->machine, json_object_get_boolean(per_vcpu), result);
	if (ret == -ENOTSUP)
		return ctl_qmp_fail(err, "Nothing is counted (-exits off, or no KVM)");
	return ret ? ctl_qmp_fail(err, "%s", strerror(-ret)) : true;
}

/* query-stats: which providers and names are asked for. */

static bool is_list_of(struct json_object *list, enum json_type type)
{
	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (!json_object_is_type(json_object_array_get_idx(list, i), type))
			return false;
	}
	return true;
}

static bool list_has(struct json_object *list, const char *text)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(list, i)), text))
			return true;
	}
	return false;
}

struct query {
	bool wanted; /* our provider is among those asked for, */
	struct json_object *names; /* with these names; NULL: all */
	struct json_object *vcpus; /* paths; NULL: all */
};

static bool parse_provider(struct query *query, struct json_object *provider,
			   struct ctl_qmp_error *err)
{
	struct json_object *name = NULL, *names = NULL;

	json_object_object_foreach(provider, member, value)
	{
		if (strcmp(member, "provider") && strcmp(member, "names"))
			return ctl_qmp_fail(err, "Parameter 'providers[].%.*s' is unexpected",
					    ctl_qmp_quote(member), member);
	}
	if (!json_object_object_get_ex(provider, "provider", &name))
		return ctl_qmp_fail(err, "Parameter 'providers[].provider' is missing");
	if (!json_object_is_type(name, json_type_string))
		return ctl_qmp_fail(
			err, "Invalid parameter type for 'providers[].provider', expected: string");
	if (json_object_object_get_ex(provider, "names", &names) &&
	    !is_list_of(names, json_type_string))
		return ctl_qmp_fail(
			err, "Invalid parameter type for 'providers[].names', expected: array");
	if (strcmp(json_object_get_string(name), PROVIDER))
		return true;
	query->wanted = true;
	query->names = names;
	return true;
}

static bool parse_query(struct query *query, struct json_object *arguments,
			struct ctl_qmp_error *err)
{
	struct json_object *list;

	*query = (struct query){ .wanted = true };
	if (json_object_object_get_ex(arguments, "vcpus", &query->vcpus) &&
	    !is_list_of(query->vcpus, json_type_string))
		return ctl_qmp_fail(err, "Invalid parameter type for 'vcpus', expected: array");
	if (!json_object_object_get_ex(arguments, "providers", &list))
		return true;
	if (!is_list_of(list, json_type_object))
		return ctl_qmp_fail(err, "Invalid parameter type for 'providers', expected: array");
	query->wanted = false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (!parse_provider(query, json_object_array_get_idx(list, i), err))
			return false;
	}
	return true;
}

static void stats_append(struct json_object *array, struct json_object *value)
{
	if (!array || json_object_array_add(array, value))
		json_object_put(value);
}

static void add_stat(struct json_object *stats, const struct query *query, const char *name,
		     uint64_t value)
{
	struct json_object *stat;

	if (query->names && !list_has(query->names, name))
		return;
	stat = json_object_new_object();
	ctl_qmp_put(stat, "name", json_object_new_string(name));
	ctl_qmp_put(stat, "value", json_object_new_uint64(value));
	stats_append(stats, stat);
}

static uint64_t count_of(struct json_object *object, const char *member)
{
	struct json_object *value;

	return json_object_object_get_ex(object, member, &value) ? json_object_get_uint64(value)
								 : 0;
}

static const char *text_of(struct json_object *object, const char *member)
{
	struct json_object *value;

	return json_object_object_get_ex(object, member, &value) ? json_object_get_string(value)
								 : "";
}

/*
 * Two counters for each port or line of memory, direction and width: trips out of KVM, and writes
 * saved.
 */
static void add_rows(struct json_object *stats, const struct query *query,
		     struct json_object *report)
{
	struct json_object *rows;
	char name[96];

	if (!json_object_object_get_ex(report, "rows", &rows))
		return;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		char place[64];

		snprintf(place, sizeof(place), OWN "%s-0x%" PRIx64 "-%s-%" PRIu64,
			 text_of(row, "space"), count_of(row, "addr"), text_of(row, "direction"),
			 count_of(row, "width"));
		snprintf(name, sizeof(name), "%s-exits", place);
		add_stat(stats, query, name, count_of(row, "exits"));
		snprintf(name, sizeof(name), "%s-coalesced", place);
		add_stat(stats, query, name, count_of(row, "coalesced"));
	}
}

/* Takes stats over. */
static void add_result(struct json_object *list, struct json_object *stats, const char *path)
{
	struct json_object *result = json_object_new_object();

	ctl_qmp_put(result, "provider", json_object_new_string(PROVIDER));
	if (path)
		ctl_qmp_put(result, "qom-path", json_object_new_string(path));
	ctl_qmp_put(result, "stats", stats);
	stats_append(list, result);
}

static bool vm_stats(struct ctl_qmp *qmp, const struct query *query, struct json_object *list,
		     struct ctl_qmp_error *err)
{
	struct json_object *all = NULL, *stats;
	int ret = machine_report_object(qmp->machine, false, &all);

	if (ret == -ENOTSUP)
		return true;
	if (ret)
		return ctl_qmp_fail(err, "%s", strerror(-ret));
	stats = json_object_new_array();
	add_stat(stats, query, "exits", count_of(all, "exits"));
	add_stat(stats, query, OWN "coalesced", count_of(all, "coalesced"));
	add_rows(stats, query, all);
	add_result(list, stats, NULL);
	json_object_put(all);
	return true;
}

static void vcpu_stats(struct ctl_qmp *qmp, const struct query *query, struct json_object *list)
{
	for (unsigned i = 0; i < machine_vcpus(qmp->machine); i++) {
		const struct meter *meter = machine_vcpu_meter(qmp->machine, i);
		struct json_object *stats;
		char path[32];

		snprintf(path, sizeof(path), VCPU_PATH, i);
		if (!meter)
			continue;
		if (query->vcpus && !list_has(query->vcpus, path))
			continue;
		stats = json_object_new_array();
		add_stat(stats, query, "exits",
			 atomic_load_explicit(&meter->exits, memory_order_relaxed));
		add_result(list, stats, path);
	}
}

bool ctl_qmp_query_stats(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *target = NULL;
	struct query query;
	const char *name;

	if (!json_object_object_get_ex(arguments, "target", &target))
		return ctl_qmp_fail(err, "Parameter 'target' is missing");
	if (!json_object_is_type(target, json_type_string))
		return ctl_qmp_fail(err, "Invalid parameter type for 'target', expected: string");
	name = json_object_get_string(target);
	if (strcmp(name, "vm") && strcmp(name, "vcpu"))
		return ctl_qmp_fail(err, "Parameter 'target' does not accept value '%.*s'",
				    ctl_qmp_quote(name), name);
	if (!parse_query(&query, arguments, err))
		return false;
	*result = json_object_new_array();
	if (!query.wanted)
		return true;
	if (!strcmp(name, "vcpu"))
		vcpu_stats(qmp, &query, *result);
	else if (!vm_stats(qmp, &query, *result, err)) {
		json_object_put(*result);
		return false;
	}
	return true;
}
