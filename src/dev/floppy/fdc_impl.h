// SPDX-License-Identifier: MIT
/*
 * Inside the floppy controller: between its registers (fdc.c), its commands (fdc_commands.c) and what
 * moves data (fdc_transfer.c). Everything wants the chip's lock held unless it says otherwise.
 */
#pragma once

#include "dev/floppy/fdc.h"

/* Digital output register. */
#define FDC_DOR_DRIVE     0x03u
#define FDC_DOR_NOT_RESET 0x04u
#define FDC_DOR_DMA       0x08u
#define FDC_DOR_MOTOR     0x10u /* of drive 0, and up */

#define FDC_TDR_SWAP 0x04u /* the boot drive is drive 1 */

#define FDC_DSR_RATE       0x03u
#define FDC_DSR_POWER_DOWN 0x40u
#define FDC_DSR_RESET      0x80u

/* CONFIGURE. */
#define FDC_CONFIG_THRESHOLD    0x0fu
#define FDC_CONFIG_NO_FIFO      0x20u
#define FDC_CONFIG_IMPLIED_SEEK 0x40u

/* Status register 0. */
#define FDC_ST0_HEAD     0x04u
#define FDC_ST0_NO_TRACK 0x10u /* equipment check */
#define FDC_ST0_SEEK     0x20u
#define FDC_ST0_ABNORMAL 0x40u
#define FDC_ST0_INVALID  0x80u
#define FDC_ST0_READY    0xc0u /* what a reset leaves */

/* Status register 1. */
#define FDC_ST1_NO_MARK    0x01u
#define FDC_ST1_READONLY   0x02u
#define FDC_ST1_NO_DATA    0x04u
#define FDC_ST1_DATA_ERROR 0x20u
#define FDC_ST1_END        0x80u

/* Status register 2. */
#define FDC_ST2_UNSATISFIED    0x04u /* scan */
#define FDC_ST2_EQUAL          0x08u
#define FDC_ST2_WRONG_CYLINDER 0x10u
#define FDC_ST2_DATA_ERROR     0x20u

#define FDC_RESET_RESULTS   4
#define FDC_COMMAND_SECTORS (2 * 255) /* the most that a command asks for */

/* fdc.c */

/* The place in drives[] of the drive that has this number for the guest; FDC_DRIVES: none can have. */
uint8_t fdc_unit(const struct fdc *fdc, unsigned number);
/* The drive, or NULL. */
struct floppy_drive *fdc_drive(const struct fdc *fdc, unsigned number);
void fdc_raise(struct fdc *fdc);
void fdc_lower(struct fdc *fdc);
/* Ready for the next command. */
void fdc_set_idle(struct fdc *fdc);
/* The first len bytes of the FIFO are the result. */
void fdc_set_result(struct fdc *fdc, unsigned len);

/* fdc_commands.c */

/* A byte for a command. */
void fdc_command_byte(struct fdc *fdc, uint8_t byte);

/* fdc_transfer.c */

/* Begins a command that moves data, whose bytes are in the FIFO. */
void fdc_start(struct fdc *fdc, enum fdc_operation operation);
void fdc_start_format(struct fdc *fdc);
void fdc_start_read_id(struct fdc *fdc);
/* Ends it, with an interrupt and the seven bytes of the result. */
void fdc_end(struct fdc *fdc, uint8_t status0, uint8_t status1, uint8_t status2);
void fdc_fail(struct fdc *fdc, uint8_t status1, uint8_t status2);
/* All that was asked for is done, or terminal count has come. */
void fdc_finish(struct fdc *fdc);
/* Gives up what runs; a request that the block has is forgotten. */
void fdc_abort(struct fdc *fdc);
/* Something is to be done by the loop. */
void fdc_go_to_work(struct fdc *fdc, enum fdc_work work);
/* The drive that the command is about, or NULL. */
struct floppy_drive *fdc_transfer_drive(const struct fdc *fdc);
/* The sector behind the n-th of the command; n = 0 is the first one. The drive has a disk. */
struct floppy_position fdc_position(const struct fdc *fdc, uint32_t n);
/* How many sectors from the n-th on, of at most max, lie side by side. */
uint32_t fdc_run_of(const struct fdc *fdc, uint32_t n, uint32_t max);
bool fdc_is_scan(const struct fdc_state *s);
bool fdc_writes(enum fdc_operation operation);
/* The timer; no lock held. */
void fdc_timer(void *chip);

/* fdc_data.c */

/* A byte of data between guest and buffer. */
uint8_t fdc_take_byte(struct fdc *fdc);
void fdc_give_byte(struct fdc *fdc, uint8_t byte);
/* The task; no lock held. */
void fdc_work(void *chip);
/* Whether a restored state is one that there can be. */
bool fdc_is_sound(const struct fdc *fdc);
