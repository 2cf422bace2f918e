// SPDX-License-Identifier: MIT
/* Metrics of fixed records, some of them a stranger's. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "watch/prometheus.h"

static const char record[] =
	"{'record':1,'source':'machine','seconds':2.5,'name':'a\\\"b\\\\c','pid':7,"
	"'host':{'kernel':'6.1','cpu':'x'},'exits':30,'coalesced':9007199254740993,"
	"'rows':[{'space':'port','addr':113,'width':1,'direction':'read','device':'rtc','register':'data',"
	"'exits':20,'times':{'samples':20,'bound':'exact','sum_us':100,'avg_us':5,'buckets':"
	"[[900,4],[1900,6],[30000,9],[40000000,1]]}},"
	"{'space':'port','addr':112,'width':1,'direction':'write','device':'rtc\\n','register':'index',"
	"'coalesced':50},"
	"{'space':'mmio','addr':4096,'width':4,'direction':'write','exits':3}],"
	"'other':{'rows':2,'exits':7,'coalesced':1},'reasons':{'io':27,'mmio':3},"
	"'vcpus':[{'vcpu':0,'thread':9,'exits':30}],"
	"'ring':{'entries':169,'batches':[[1,2]],'full':4,'deadline':5},"
	"'zones':[{'space':'port','first':112,'last':112,'region':'rtc','state':'active'},"
	"{'space':'port','first':113,'last':115,'region':'x','state':'traps'}],"
	"'kvm':{'vm':{'flush':3},'vcpus':[{'exits':40}]}}";

static char *told(const char *json, size_t rows)
{
	struct watch_fleet fleet = { 0 };
	struct json_object *root;
	char *text = NULL, quoted[4096];
	size_t len;
	FILE *out = open_memstream(&text, &len);
	size_t n = 0;

	for (; json[n]; n++)
		quoted[n] = json[n] == '\'' ? '"' : json[n];
	quoted[n] = '\0';
	root = json_tokener_parse(quoted);
	assert_non_null(root);
	assert_int_equal(watch_fleet_name(&fleet, "seven"), 0);
	assert_int_equal(watch_fleet_name(&fleet, "gone\"\\"), 0);
	assert_int_equal(watch_snapshot_parse(&fleet.at[0].snapshot, root, &fleet.at[0].why), 0);
	fleet.at[0].up = true;
	assert_int_equal(
		watch_prometheus(out, &fleet, &(struct watch_prometheus_options){ .rows = rows }),
		0);
	fclose(out);
	json_object_put(root);
	watch_fleet_free(&fleet);
	return text;
}

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n')
		fail_msg("no line\n%s\nin\n%s", line, text);
}

#define WHO "{machine=\"a\\\"b\\\\c\",pid=\"7\""
#define RTC_READ                                                                                   \
	",space=\"port\",address=\"0x71\",width=\"1\",direction=\"read\",device=\"rtc\","          \
	"register=\"data\""

static void test_all(void **state)
{
	static const char *const lines[] = {
		"coalport_up{target=\"seven\"} 1",
		"coalport_up{target=\"gone\\\"\\\\\"} 0",
		"coalport_machine_info" WHO ",kernel=\"6.1\",cpu=\"x\"} 1",
		"coalport_run_seconds" WHO "} 2.5",
		"coalport_exits_total" WHO "} 30",
		"coalport_coalesced_writes_total" WHO "} 9007199254740993",
		"coalport_ring_full_total" WHO "} 4",
		"coalport_ring_deadline_drains_total" WHO "} 5",
		"coalport_exit_reasons_total" WHO ",reason=\"io\"} 27",
		"coalport_vcpu_exits_total" WHO ",vcpu=\"0\"} 30",
		"coalport_accesses_total" WHO RTC_READ ",outcome=\"exit\"} 20",
		/* A control character of a name is gone before it gets here. */
		"coalport_accesses_total" WHO ",space=\"port\",address=\"0x70\",width=\"1\","
		"direction=\"write\",device=\"rtc?\",register=\"index\",outcome=\"coalesced\"} 50",
		"coalport_accesses_total" WHO ",space=\"memory\",address=\"0x1000\",width=\"4\","
		"direction=\"write\",device=\"\",register=\"\",outcome=\"exit\"} 3",
		"coalport_accesses_total" WHO ",space=\"other\",address=\"other\",width=\"other\","
		"direction=\"other\",device=\"other\",register=\"other\",outcome=\"exit\"} 7",
		"coalport_exit_seconds_bucket" WHO RTC_READ ",le=\"1e-06\"} 4",
		"coalport_exit_seconds_bucket" WHO RTC_READ ",le=\"2e-06\"} 4",
		"coalport_exit_seconds_bucket" WHO RTC_READ ",le=\"5e-06\"} 10",
		"coalport_exit_seconds_bucket" WHO RTC_READ ",le=\"5e-05\"} 19",
		"coalport_exit_seconds_bucket" WHO RTC_READ ",le=\"0.01\"} 19",
		"coalport_exit_seconds_bucket" WHO RTC_READ ",le=\"+Inf\"} 20",
		"coalport_exit_seconds_sum" WHO RTC_READ "} 0.0001",
		"coalport_exit_seconds_count" WHO RTC_READ "} 20",
		"coalport_zone_active" WHO
		",space=\"port\",first=\"0x70\",last=\"0x70\",device=\"rtc\"} 1",
		"coalport_zone_active" WHO
		",space=\"port\",first=\"0x71\",last=\"0x73\",device=\"x\"} 0",
		"coalport_kvm_stat" WHO ",vcpu=\"\",stat=\"flush\"} 3",
		"coalport_kvm_stat" WHO ",vcpu=\"0\",stat=\"exits\"} 40",
	};
	char *text = told(record, 64);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		has(text, lines[i]);
	free(text);
}

/* The most used are told one by one, and the sum stays. */
static void test_few_rows(void **state)
{
	char *text = told(record, 1);

	has(text,
	    "coalport_accesses_total" WHO ",space=\"port\",address=\"0x70\",width=\"1\","
	    "direction=\"write\",device=\"rtc?\",register=\"index\",outcome=\"coalesced\"} 50");
	has(text,
	    "coalport_accesses_total" WHO ",space=\"other\",address=\"other\",width=\"other\","
	    "direction=\"other\",device=\"other\",register=\"other\",outcome=\"exit\"} 30");
	has(text,
	    "coalport_accesses_total" WHO ",space=\"other\",address=\"other\",width=\"other\","
	    "direction=\"other\",device=\"other\",register=\"other\",outcome=\"coalesced\"} 1");
	assert_null(strstr(text, "0x71\",width"));
	assert_null(strstr(text, "coalport_exit_seconds_bucket"));
	free(text);
}

static void test_full(void **state)
{
	struct watch_fleet fleet = { 0 };
	FILE *out = fopen("/dev/full", "w");

	assert_non_null(out);
	assert_int_equal(
		watch_prometheus(out, &fleet, &(struct watch_prometheus_options){ .rows = 1 }),
		-ENOSPC);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_few_rows),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
