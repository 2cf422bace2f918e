// SPDX-License-Identifier: MIT
/*
 * Where the beam is. A guest that waits for the retrace waits as long as on a real screen: the position
 * follows from the time and the CRT controller's registers.
 */
#include "dev/vga/vga.h"

#define STATUS_BLANK     0x01u /* display enable, inverted */
#define STATUS_V_RETRACE 0x08u

static uint32_t vertical(const struct vga_regs *regs, unsigned low, unsigned bit_8, unsigned bit_9)
{
	uint32_t overflow = regs->crtc[CRTC_OVERFLOW];

	return regs->crtc[low] | (overflow >> bit_8 & 1) << 8 | (overflow >> bit_9 & 1) << 9;
}

uint8_t vga_retrace(const struct vga_regs *regs, int64_t now)
{
	static const uint32_t clocks[4] = { 25175000, 28322000, 25175000, 25175000 };
	uint64_t dots = regs->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8_DOTS ? 8 : 9;
	uint64_t rate = clocks[regs->misc >> 2 & 3], columns, lines, character, line, column;
	uint32_t sync = vertical(regs, CRTC_V_SYNC_START, 2, 7);
	uint8_t status = 0;

	if (regs->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF)
		dots *= 2;
	columns = regs->crtc[CRTC_H_TOTAL] + 5u;
	lines = vertical(regs, CRTC_V_TOTAL, 0, 5) + 2;
	/* A second's characters; whole seconds apart, so that nothing overflows. */
	rate /= dots;
	character = (uint64_t)(now / NS_PER_SEC) % (columns * lines) * (rate % (columns * lines));
	character += (uint64_t)(now % NS_PER_SEC) * rate / (uint64_t)NS_PER_SEC;
	column = character % columns;
	line = character / columns % lines;
	if (column > regs->crtc[CRTC_H_END] || line > vertical(regs, CRTC_V_END, 1, 6))
		status |= STATUS_BLANK;
	if (line >= sync && line < sync + 2)
		status |= STATUS_V_RETRACE | STATUS_BLANK;
	return status;
}
