// SPDX-License-Identifier: MIT
#include "watch/vcpu.h"

/*
 * Ports whose reads KVM can answer: arch/x86/kvm/i8259.c (two controllers and their edge or level
 * registers), arch/x86/kvm/i8254.c (counters and speaker).
 */
static const uint16_t kvm_ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1,
				      0x40, 0x41, 0x42, 0x43, 0x61 };
#define KVM_PORTS (sizeof(kvm_ports) / sizeof(kvm_ports[0]))
_Static_assert(KVM_PORTS <= 32, "a bit each");

/* Pages whose reads KVM can answer: arch/x86/kvm/ioapic.c and lapic.c, where PCs have them. */
#define IOAPIC_PAGE UINT64_C(0xfec00)
#define LAPIC_PAGE  UINT64_C(0xfee00)

static uint32_t kvm_port_bit(uint64_t port)
{
	for (unsigned i = 0; i < KVM_PORTS; i++)
		if (kvm_ports[i] == port)
			return 1u << i;
	return 0;
}

/* An exit for the access; its row is given back. */
static struct watch_counts *vcpu_count_exit(struct watch_vcpu *vcpu, const struct watch_key *key)
{
	struct watch_counts *counts;

	if (vcpu->follows)
		watch_next_vote(&watch_vcpu_row(vcpu, &vcpu->before)->next, key);
	vcpu->before = *key;
	vcpu->follows = true;
	counts = watch_vcpu_row(vcpu, key);
	counts->exits++;
	counts->interrupts += vcpu->raised;
	vcpu->raised = false;
	return counts;
}

/* How long the exit took that is under way and ends now, if that is known. */
static void vcpu_time(const struct watch_vcpu *vcpu, struct watch_counts *counts, uint64_t now,
		      uint64_t upper)
{
	if (vcpu->out_at && now >= vcpu->out_at)
		watch_times_add(&counts->times, now - vcpu->out_at, upper);
}

/* An exit of which nobody knows how long it took. */
static void vcpu_exit_unseen(struct watch_vcpu *vcpu)
{
	(void)vcpu_count_exit(vcpu, &vcpu->key);
}

/* An exit that is over by now; upper: 1 if it may have been over long before, else 0. */
static void vcpu_exit(struct watch_vcpu *vcpu, uint64_t now, uint64_t upper)
{
	vcpu_time(vcpu, vcpu_count_exit(vcpu, &vcpu->key), now, upper);
}

static void vcpu_in_kernel(struct watch_vcpu *vcpu)
{
	watch_vcpu_row(vcpu, &vcpu->key)->in_kernel++;
}

/* The first page of a write that crosses two: its exit is the first of two, if there are two. */
static void vcpu_crossed(struct watch_vcpu *vcpu, bool left, uint64_t now)
{
	vcpu->crossed = false;
	if (left)
		vcpu_time(vcpu, vcpu_count_exit(vcpu, &vcpu->crossed_key), now, 0);
	else
		watch_vcpu_row(vcpu, &vcpu->crossed_key)->in_kernel++;
}

/* The guest runs again, or does something else: what was held or under way is decided. */
static void vcpu_settle(struct watch_vcpu *vcpu, uint64_t now, uint64_t upper)
{
	if (vcpu->crossed)
		vcpu_crossed(vcpu, false, now);
	if (vcpu->held == WATCH_HELD_WRITE) {
		if (vcpu->out)
			vcpu_exit(vcpu, now, upper);
		else
			vcpu_in_kernel(vcpu);
	} else if (vcpu->held == WATCH_HELD_ASKED) {
		/* Its value never came. */
		if (vcpu->out)
			vcpu_exit_unseen(vcpu);
		else
			watch_vcpu_totals(vcpu)->undecided++;
	} else if (vcpu->out) {
		watch_vcpu_totals(vcpu)->unmatched++;
	}
	vcpu->held = WATCH_HELD_NONE;
	vcpu->out = 0;
}

static void vcpu_key(struct watch_vcpu *vcpu, const struct watch_event *event)
{
	uint64_t addr = event->addr;
	uint8_t space = event->kind == WATCH_PORT ? WATCH_SPACE_PORT : WATCH_SPACE_MEMORY;

	if (watch_key_is_page(space, addr))
		addr &= ~(WATCH_PAGE - 1);
	vcpu->key = (struct watch_key){
		.addr = addr,
		.process = vcpu->process,
		.width = event->width < UINT8_MAX ? (uint8_t)event->width : UINT8_MAX,
		.space = space,
		.write = event->way == WATCH_WRITE,
	};
}

static void vcpu_port_read(struct watch_vcpu *vcpu, const struct watch_event *event)
{
	uint32_t bit = kvm_port_bit(event->addr);
	bool left = vcpu->out == WATCH_REASON_IO;
	uint64_t out_at = vcpu->out_at;

	/* The exit that is under way may be that of a write that is held. */
	if (left && vcpu->held == WATCH_HELD_WRITE)
		left = !bit || vcpu->answered & bit;
	else if (left)
		vcpu->answered |= bit;
	else if (vcpu->sure)
		vcpu->answered &= ~bit;
	/* An exit of the read is none of what was held. */
	if (left)
		vcpu->out = 0;
	vcpu_settle(vcpu, event->time, 1);
	vcpu_key(vcpu, event);
	if (left) {
		vcpu->out_at = out_at;
		vcpu_exit(vcpu, event->time, 0);
	} else if (!vcpu->sure && !bit) {
		vcpu_exit_unseen(vcpu);
	} else {
		vcpu_in_kernel(vcpu);
	}
}

static void vcpu_memory_read(struct watch_vcpu *vcpu, const struct watch_event *event)
{
	uint64_t page = event->addr / WATCH_PAGE;

	if (vcpu->held == WATCH_HELD_ASKED && vcpu->out == WATCH_REASON_MMIO) {
		vcpu_exit(vcpu, event->time, 0);
		vcpu->held = WATCH_HELD_NONE;
		vcpu->out = 0;
		return;
	}
	vcpu_settle(vcpu, event->time, 1);
	vcpu_key(vcpu, event);
	if (!vcpu->sure && page != IOAPIC_PAGE && page != LAPIC_PAGE)
		vcpu_exit_unseen(vcpu);
	else
		vcpu_in_kernel(vcpu);
}

static bool vcpu_crosses(const struct watch_vcpu *vcpu, const struct watch_event *event)
{
	return event->kind == WATCH_MEMORY && event->way == WATCH_WRITE &&
	       vcpu->held == WATCH_HELD_WRITE && vcpu->key.space == WATCH_SPACE_MEMORY &&
	       !vcpu->out && !vcpu->crossed && !(vcpu->end & (WATCH_PAGE - 1)) &&
	       !(event->addr & (WATCH_PAGE - 1));
}

static void vcpu_access(struct watch_vcpu *vcpu, const struct watch_event *event)
{
	if (event->way != WATCH_READ) {
		if (vcpu_crosses(vcpu, event)) {
			vcpu->crossed = true;
			vcpu->crossed_key = vcpu->key;
		} else {
			vcpu_settle(vcpu, event->time, 1);
		}
		vcpu_key(vcpu, event);
		vcpu->end = event->addr + event->width;
		vcpu->held = event->way == WATCH_WRITE ? WATCH_HELD_WRITE : WATCH_HELD_ASKED;
	} else if (event->kind == WATCH_PORT) {
		vcpu_port_read(vcpu, event);
	} else {
		vcpu_memory_read(vcpu, event);
	}
}

static void vcpu_left(struct watch_vcpu *vcpu, const struct watch_event *event)
{
	struct watch_totals *totals = watch_vcpu_totals(vcpu);
	uint32_t reason = event->reason < WATCH_REASONS ? event->reason : WATCH_REASONS - 1;
	uint8_t space = reason == WATCH_REASON_IO ? WATCH_SPACE_PORT : WATCH_SPACE_MEMORY;
	bool held = vcpu->held != WATCH_HELD_NONE && vcpu->key.space == space;

	/* With an error, the reason is an earlier one's. */
	if (event->error) {
		totals->interrupted++;
		vcpu_settle(vcpu, event->time, 1);
		return;
	}
	totals->left[reason]++;
	if (reason != WATCH_REASON_IO && reason != WATCH_REASON_MMIO) {
		vcpu_settle(vcpu, event->time, 1);
		return;
	}
	if (vcpu->out && held && vcpu->crossed) {
		vcpu_crossed(vcpu, true, event->time);
	} else if (vcpu->out && held && reason == WATCH_REASON_MMIO) {
		/* The next part of an access that is wide or crosses pages. */
		vcpu_exit(vcpu, event->time, 1);
	} else if (vcpu->out || !held) {
		/* Two in a row: the first one was the write's. */
		vcpu_settle(vcpu, event->time, 1);
		/* Memory's events come before the exit, so nothing will tell whose this is. */
		if (reason == WATCH_REASON_MMIO) {
			totals->unmatched++;
			return;
		}
	}
	vcpu->out = reason;
	vcpu->out_at = event->time;
	vcpu->raised = false;
}

/* What raises an interrupt while an exit is served did so because of it: in this thread nothing else runs. */
static void vcpu_interrupt(struct watch_vcpu *vcpu)
{
	if (vcpu->out)
		vcpu->raised = true;
}

void watch_vcpu_event(struct watch_vcpu *vcpu, const struct watch_event *event)
{
	switch (event->kind) {
	case WATCH_PORT:
	case WATCH_MEMORY:
		vcpu_access(vcpu, event);
		break;
	case WATCH_LEFT:
		vcpu_left(vcpu, event);
		break;
	case WATCH_LINE:
		if (event->level)
			vcpu_interrupt(vcpu);
		return;
	case WATCH_MSI:
		vcpu_interrupt(vcpu);
		return;
	default:
		vcpu->entered = true;
		vcpu_settle(vcpu, event->time, 0);
		break;
	}
	vcpu->sure = true;
}

void watch_vcpu_forget(struct watch_vcpu *vcpu)
{
	struct watch_totals *totals = watch_vcpu_totals(vcpu);

	if (vcpu->held != WATCH_HELD_NONE)
		totals->undecided++;
	else if (vcpu->out)
		totals->unmatched++;
	if (vcpu->crossed)
		totals->undecided++;
	vcpu->crossed = false;
	vcpu->held = WATCH_HELD_NONE;
	vcpu->out = 0;
	vcpu->sure = false;
	vcpu->follows = false;
}

void watch_vcpu_finish(struct watch_vcpu *vcpu)
{
	/* The end of what is under way will not be seen. */
	vcpu->out_at = 0;
	vcpu_settle(vcpu, 0, 1);
}
