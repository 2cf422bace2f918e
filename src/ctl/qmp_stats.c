// SPDX-License-Identifier: MIT
/*
 * What accesses cost, as the whole report and in the shape of QEMU's query-stats, where the kernel's own
 * statistics are the provider "kvm" as they are in QEMU, and what this program counts is one of ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "board/report.h"
#include "ctl/qmp_impl.h"
#include "meter/stats.h"

enum provider { PROVIDER_KVM, PROVIDER_OWN, PROVIDERS };

static const char *const provider_names[PROVIDERS] = {
	[PROVIDER_KVM] = "kvm",
	[PROVIDER_OWN] = "__org.coalport",
};

/* Of whom: a vCPU's number, or this. */
#define OF_VM (-1)

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

/* What is asked for */

struct query {
	bool schemas; /* what the statistics are, instead of how much */
	struct {
		bool wanted;
		struct json_object *names; /* NULL: all */
	} providers[PROVIDERS];
	struct json_object *vcpus; /* paths; NULL: all */
};

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

/* The provider becomes wanted. */
static bool want_provider(struct query *query, struct json_object *name, struct json_object *names,
			  struct ctl_qmp_error *err)
{
	const char *text = json_object_get_string(name);

	for (enum provider i = 0; i < PROVIDERS; i++) {
		if (strcmp(text, provider_names[i]))
			continue;
		query->providers[i].wanted = true;
		query->providers[i].names = names;
		return true;
	}
	return ctl_qmp_fail(err, "Parameter 'provider' does not accept value '%.*s'",
			    ctl_qmp_quote(text), text);
}

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
	return want_provider(query, name, names, err);
}

static void want_all(struct query *query)
{
	for (enum provider i = 0; i < PROVIDERS; i++)
		query->providers[i].wanted = true;
}

static bool parse_query(struct query *query, struct json_object *arguments, bool vcpus,
			struct ctl_qmp_error *err)
{
	struct json_object *list;

	*query = (struct query){ .schemas = false };
	if (json_object_object_get_ex(arguments, "vcpus", &query->vcpus)) {
		if (!vcpus)
			return ctl_qmp_fail(err, "Parameter 'vcpus' is unexpected");
		if (!is_list_of(query->vcpus, json_type_string))
			return ctl_qmp_fail(err,
					    "Invalid parameter type for 'vcpus', expected: array");
	}
	if (!json_object_object_get_ex(arguments, "providers", &list)) {
		want_all(query);
		return true;
	}
	if (!is_list_of(list, json_type_object))
		return ctl_qmp_fail(err, "Invalid parameter type for 'providers', expected: array");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (!parse_provider(query, json_object_array_get_idx(list, i), err))
			return false;
	}
	return true;
}

/* What is answered */

static struct json_object *value_of(const struct meter_stat *stat)
{
	struct json_object *list;

	if (stat->type != METER_STAT_LINEAR && stat->type != METER_STAT_LOG2)
		return stat->unit == METER_STAT_BOOLEAN
			       ? json_object_new_boolean(stat->values[0] != 0)
			       : json_object_new_uint64(stat->values[0]);
	list = json_object_new_array();
	for (unsigned i = 0; i < stat->n; i++)
		ctl_qmp_append(list, json_object_new_uint64(stat->values[i]));
	return list;
}

static void put_schema(struct json_object *object, const struct meter_stat *stat)
{
	static const char *const types[] = {
		[METER_STAT_CUMULATIVE] = "cumulative",
		[METER_STAT_INSTANT] = "instant",
		[METER_STAT_PEAK] = "peak",
		[METER_STAT_LINEAR] = "linear-histogram",
		[METER_STAT_LOG2] = "log2-histogram",
	};
	static const char *const units[] = {
		[METER_STAT_NONE] = NULL,         [METER_STAT_BYTES] = "bytes",
		[METER_STAT_SECONDS] = "seconds", [METER_STAT_CYCLES] = "cycles",
		[METER_STAT_BOOLEAN] = "boolean",
	};

	ctl_qmp_put(object, "type", json_object_new_string(types[stat->type]));
	if (units[stat->unit])
		ctl_qmp_put(object, "unit", json_object_new_string(units[stat->unit]));
	if (stat->exponent)
		ctl_qmp_put(object, "base", json_object_new_int((int)stat->base));
	ctl_qmp_put(object, "exponent", json_object_new_int(stat->exponent));
	if (stat->type == METER_STAT_LINEAR)
		ctl_qmp_put(object, "bucket-size", json_object_new_int64(stat->bucket_size));
}

/* Where the statistics of one provider go. */
struct sink {
	bool schemas;
	struct json_object *names, *stats;
};

static void tell(const struct sink *sink, const struct meter_stat *stat)
{
	struct json_object *object;

	if (sink->names && !list_has(sink->names, stat->name))
		return;
	object = json_object_new_object();
	ctl_qmp_put(object, "name", json_object_new_string(stat->name));
	if (sink->schemas)
		put_schema(object, stat);
	else
		ctl_qmp_put(object, "value", value_of(stat));
	ctl_qmp_append(sink->stats, object);
}

static bool tell_kvm(struct ctl_qmp *qmp, int of, const struct sink *sink)
{
	struct meter_stats stats;
	int ret = machine_stats(qmp->machine, of, &stats);

	for (size_t i = 0; i < stats.n; i++)
		tell(sink, &stats.at[i]);
	meter_stats_free(&stats);
	return !ret;
}

static void tell_count(const struct sink *sink, const char *name, uint64_t value)
{
	struct meter_stat stat = { .type = METER_STAT_CUMULATIVE, .values = &value, .n = 1 };

	snprintf(stat.name, sizeof(stat.name), "%s", name);
	tell(sink, &stat);
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
static void tell_row(const struct sink *sink, struct json_object *row)
{
	char place[48], name[METER_STAT_NAME];

	snprintf(place, sizeof(place), "%s-0x%" PRIx64 "-%s-%" PRIu64, text_of(row, "space"),
		 count_of(row, "addr"), text_of(row, "direction"), count_of(row, "width"));
	snprintf(name, sizeof(name), "%s-exits", place);
	tell_count(sink, name, count_of(row, "exits"));
	snprintf(name, sizeof(name), "%s-coalesced", place);
	tell_count(sink, name, count_of(row, "coalesced"));
}

/* False: nothing is counted, or memory ran out. */
static bool tell_own(struct ctl_qmp *qmp, int of, const struct sink *sink)
{
	struct json_object *report = NULL, *rows;

	if (of != OF_VM) {
		const struct meter *meter = machine_vcpu_meter(qmp->machine, (unsigned)of);

		if (meter)
			tell_count(sink, "exits",
				   atomic_load_explicit(&meter->exits, memory_order_relaxed));
		return meter;
	}
	if (machine_report_object(qmp->machine, false, &report))
		return false;
	tell_count(sink, "exits", count_of(report, "exits"));
	tell_count(sink, "coalesced", count_of(report, "coalesced"));
	if (json_object_object_get_ex(report, "rows", &rows)) {
		for (size_t i = 0; i < json_object_array_length(rows); i++)
			tell_row(sink, json_object_array_get_idx(rows, i));
	}
	json_object_put(report);
	return true;
}

/* One result: what a provider knows of the machine or of a vCPU. None if it knows nothing. */
static void add_result(struct ctl_qmp *qmp, const struct query *query, enum provider provider,
		       int of, struct json_object *list)
{
	const struct sink sink = {
		.schemas = query->schemas,
		.names = query->providers[provider].names,
		.stats = json_object_new_array(),
	};
	struct json_object *result;
	char path[CTL_QMP_VCPU_PATH_SIZE];
	bool told = provider == PROVIDER_KVM ? tell_kvm(qmp, of, &sink) : tell_own(qmp, of, &sink);

	if (!told) {
		json_object_put(sink.stats);
		return;
	}
	result = json_object_new_object();
	ctl_qmp_put(result, "provider", json_object_new_string(provider_names[provider]));
	if (query->schemas) {
		ctl_qmp_put(result, "target", json_object_new_string(of == OF_VM ? "vm" : "vcpu"));
	} else if (of != OF_VM) {
		ctl_qmp_vcpu_path(path, (unsigned)of);
		ctl_qmp_put(result, "qom-path", json_object_new_string(path));
	}
	ctl_qmp_put(result, "stats", sink.stats);
	ctl_qmp_append(list, result);
}

static void add_results(struct ctl_qmp *qmp, const struct query *query, int of,
			struct json_object *list)
{
	for (enum provider i = 0; i < PROVIDERS; i++) {
		if (query->providers[i].wanted)
			add_result(qmp, query, i, of, list);
	}
}

bool ctl_qmp_query_stats(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err)
{
	struct json_object *target = NULL;
	struct query query;
	const char *name;
	bool vcpus;

	if (!json_object_object_get_ex(arguments, "target", &target))
		return ctl_qmp_fail(err, "Parameter 'target' is missing");
	if (!json_object_is_type(target, json_type_string))
		return ctl_qmp_fail(err, "Invalid parameter type for 'target', expected: string");
	name = json_object_get_string(target);
	vcpus = !strcmp(name, "vcpu");
	if (!vcpus && strcmp(name, "vm"))
		return ctl_qmp_fail(err, "Parameter 'target' does not accept value '%.*s'",
				    ctl_qmp_quote(name), name);
	if (!parse_query(&query, arguments, vcpus, err))
		return false;
	*result = json_object_new_array();
	if (!vcpus)
		add_results(qmp, &query, OF_VM, *result);
	for (unsigned i = 0; vcpus && i < machine_vcpus(qmp->machine); i++) {
		char path[CTL_QMP_VCPU_PATH_SIZE];

		ctl_qmp_vcpu_path(path, i);
		if (!query.vcpus || list_has(query.vcpus, path))
			add_results(qmp, &query, (int)i, *result);
	}
	return true;
}

bool ctl_qmp_query_stats_schemas(struct ctl_qmp *qmp, struct json_object *arguments,
				 struct json_object **result, struct ctl_qmp_error *err)
{
	struct query query = { .schemas = true };
	struct json_object *provider;

	if (!json_object_object_get_ex(arguments, "provider", &provider))
		want_all(&query);
	else if (!json_object_is_type(provider, json_type_string))
		return ctl_qmp_fail(err, "Invalid parameter type for 'provider', expected: string");
	else if (!want_provider(&query, provider, NULL, err))
		return false;
	*result = json_object_new_array();
	/* vCPUs are all alike. */
	add_results(qmp, &query, 0, *result);
	add_results(qmp, &query, OF_VM, *result);
	return true;
}
