// SPDX-License-Identifier: MIT
/* What the two halves of the packet commands know of each other. The lock is held. */
#pragma once

#include "dev/ide/ide_impl.h"

/* Sense keys and additional codes (SPC-3, 4.5.6). */
#define SENSE_NOT_READY 0x2
#define SENSE_MEDIUM    0x3
#define SENSE_ILLEGAL   0x5
#define SENSE_ATTENTION 0x6
#define SENSE_ABORTED   0xb

#define ASC_ADDRESS 0x21
#define ASC_FIELD   0x24

/* What GET EVENT STATUS NOTIFICATION tells of media (MMC-4, table 93). */
#define ATAPI_EVENT_EJECT   1 /* somebody wants the disc out: the guest may let it go */
#define ATAPI_EVENT_NEW     2
#define ATAPI_EVENT_REMOVED 3

bool atapi_has_disc(const struct ide_drive *drive);
/* The packet command fails. */
void atapi_refuse(struct ide_drive *drive, uint8_t key, uint8_t asc, uint8_t ascq);
/* len zeroes in the buffer, to be filled in ... */
uint8_t *atapi_page(struct ide_drive *drive, uint32_t len);
/* ... and handed to the guest, as much of them as it allows. */
void atapi_answer(struct ide_drive *drive, uint32_t len, uint32_t allowed);

/* medium.c */
void atapi_changed(struct ide_drive *drive);
void atapi_move_tray(struct ide_drive *drive, bool open);

/* atapi_disc.c */
void atapi_capacity(struct ide_drive *drive, const uint8_t *packet);
void atapi_configuration(struct ide_drive *drive, const uint8_t *packet);
void atapi_disc_information(struct ide_drive *drive, const uint8_t *packet);
void atapi_read10(struct ide_drive *drive, const uint8_t *packet);
void atapi_read12(struct ide_drive *drive, const uint8_t *packet);
void atapi_read_cd(struct ide_drive *drive, const uint8_t *packet);
void atapi_seek(struct ide_drive *drive, const uint8_t *packet);
void atapi_toc(struct ide_drive *drive, const uint8_t *packet);
