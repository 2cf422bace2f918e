// SPDX-License-Identifier: MIT
#include "hv/stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "hv/vcpu.h"

#define SIZE_OF_VALUE sizeof(uint64_t)

int hv_stats_open(const struct hv_sys *sys, int fd)
{
	int stats = sys->ioctl(sys, fd, KVM_GET_STATS_FD, 0);

	return stats < 0 ? -1 : stats;
}

/* Where a descriptor is; name_size bytes follow it. NULL: outside. */
static const struct kvm_stats_desc *desc_at(const uint8_t *bytes, size_t len,
					    const struct kvm_stats_header *header, uint32_t i)
{
	uint64_t each = sizeof(struct kvm_stats_desc) + (uint64_t)header->name_size;
	uint64_t at = header->desc_offset + each * i;

	if (at % _Alignof(struct kvm_stats_desc) || at + each > len)
		return NULL;
	return (const struct kvm_stats_desc *)(const void *)(bytes + at);
}

/* False: a kind that is not known here. */
static bool describe(const struct kvm_stats_desc *desc, struct meter_stat *stat)
{
	static const enum meter_stat_type types[] = { METER_STAT_CUMULATIVE, METER_STAT_INSTANT,
						      METER_STAT_PEAK, METER_STAT_LINEAR,
						      METER_STAT_LOG2 };
	static const enum meter_stat_unit units[] = { METER_STAT_NONE, METER_STAT_BYTES,
						      METER_STAT_SECONDS, METER_STAT_CYCLES,
						      METER_STAT_BOOLEAN };
	uint32_t type = (desc->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT;
	uint32_t unit = (desc->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;
	uint32_t base = desc->flags & KVM_STATS_BASE_MASK;

	if (type >= sizeof(types) / sizeof(types[0]) || unit >= sizeof(units) / sizeof(units[0]) ||
	    base > KVM_STATS_BASE_MAX)
		return false;
	stat->type = types[type];
	stat->unit = units[unit];
	stat->base = base == KVM_STATS_BASE_POW10 ? 10 : 2;
	stat->exponent = desc->exponent;
	stat->bucket_size = stat->type == METER_STAT_LINEAR ? desc->bucket_size : 0;
	return true;
}

/* The next of the list. False: what the kernel said cannot be. */
static bool take_desc(const uint8_t *bytes, size_t len, const struct kvm_stats_header *header,
		      uint32_t i, struct meter_stats *out, size_t *values_n)
{
	const struct kvm_stats_desc *desc = desc_at(bytes, len, header, i);
	struct meter_stat *stat = &out->at[out->n];
	size_t name_len, size;
	uint64_t at;

	if (!desc)
		return false;
	at = (uint64_t)header->data_offset + desc->offset;
	size = desc->size * SIZE_OF_VALUE;
	name_len = strnlen(desc->name, header->name_size);
	if (!desc->size || at % SIZE_OF_VALUE || at + size > len || !name_len ||
	    name_len == header->name_size)
		return false;
	if (name_len >= METER_STAT_NAME || !describe(desc, stat))
		return true;
	memcpy(stat->name, desc->name, name_len + 1);
	stat->n = desc->size;
	stat->values = out->values + *values_n;
	memcpy(out->values + *values_n, bytes + at, size);
	*values_n += desc->size;
	out->n++;
	return true;
}

/* How many values there are room for, or 0: more than all bytes hold, which cannot be. */
static size_t count_values(const uint8_t *bytes, size_t len, const struct kvm_stats_header *header)
{
	size_t n = 0;

	for (uint32_t i = 0; i < header->num_desc; i++) {
		const struct kvm_stats_desc *desc = desc_at(bytes, len, header, i);

		if (!desc || desc->size > len / SIZE_OF_VALUE - n)
			return 0;
		n += desc->size;
	}
	return n;
}

int hv_stats_parse(const uint8_t *bytes, size_t len, struct meter_stats *out)
{
	struct kvm_stats_header header;
	size_t values_n, used = 0;

	*out = (struct meter_stats){ 0 };
	if (len < sizeof(header))
		return -EPROTO;
	memcpy(&header, bytes, sizeof(header));
	/* Each takes room, so their number is bounded by the bytes that there are. */
	if (header.num_desc > len / sizeof(struct kvm_stats_desc))
		return -EPROTO;
	values_n = count_values(bytes, len, &header);
	if (!values_n)
		return header.num_desc ? -EPROTO : 0;
	out->at = calloc(header.num_desc, sizeof(*out->at));
	out->values = malloc(values_n * SIZE_OF_VALUE);
	if (!out->at || !out->values) {
		meter_stats_free(out);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < header.num_desc; i++) {
		if (!take_desc(bytes, len, &header, i, out, &used)) {
			meter_stats_free(out);
			return -EPROTO;
		}
	}
	return 0;
}

int hv_vm_stats(const struct hv_vm *vm, int vcpu, struct meter_stats *out)
{
	int fd = vcpu < 0 ? vm->stats_fd : vm->vcpus[vcpu].stats_fd;
	uint8_t *bytes;
	ssize_t len;
	int err;

	*out = (struct meter_stats){ 0 };
	if (fd < 0)
		return -ENOTSUP;
	bytes = malloc(HV_STATS_SIZE);
	if (!bytes)
		return -ENOMEM;
	/* The file is one piece: header, name, descriptors, values. */
	len = vm->sys->pread(vm->sys, fd, bytes, HV_STATS_SIZE, 0);
	err = len < 0 ? (int)len : hv_stats_parse(bytes, (size_t)len, out);
	free(bytes);
	return err;
}
