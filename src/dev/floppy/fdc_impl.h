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

#define FDC_RESET_RESULTS 4

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
/* Gives up what runs; a request that the block has is forgotten. */
void fdc_abort(struct fdc *fdc);
/* A byte of data between guest and buffer. */
uint8_t fdc_take_byte(struct fdc *fdc);
void fdc_give_byte(struct fdc *fdc, uint8_t byte);
/* The task, and the timer; no lock held. */
void fdc_work(void *chip);
void fdc_timer(void *chip);
