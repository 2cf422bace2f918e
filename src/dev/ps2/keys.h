// SPDX-License-Identifier: MIT
/*
 * The keys of a PC's keyboard: what tools call them, and the codes by which the keyboard tells them.
 * Constant data.
 *
 * Names are QEMU's (QKeyCode of its QMP). Codes: IBM Personal System/2 Hardware Interface Technical
 * Reference, "Keyboards (101- and 102-key)", scan code sets 2 and 3; Microsoft's "Keyboard Scan Code
 * Specification" for what came later. Set 1 is set 2 as an 8042 translates it.
 */
#pragma once

#include <stdint.h>

enum ps2_key {
	PS2_KEY_ESC,
	PS2_KEY_1,
	PS2_KEY_2,
	PS2_KEY_3,
	PS2_KEY_4,
	PS2_KEY_5,
	PS2_KEY_6,
	PS2_KEY_7,
	PS2_KEY_8,
	PS2_KEY_9,
	PS2_KEY_0,
	PS2_KEY_MINUS,
	PS2_KEY_EQUAL,
	PS2_KEY_BACKSPACE,
	PS2_KEY_TAB,
	PS2_KEY_Q,
	PS2_KEY_W,
	PS2_KEY_E,
	PS2_KEY_R,
	PS2_KEY_T,
	PS2_KEY_Y,
	PS2_KEY_U,
	PS2_KEY_I,
	PS2_KEY_O,
	PS2_KEY_P,
	PS2_KEY_BRACKET_LEFT,
	PS2_KEY_BRACKET_RIGHT,
	PS2_KEY_RET,
	PS2_KEY_CTRL,
	PS2_KEY_A,
	PS2_KEY_S,
	PS2_KEY_D,
	PS2_KEY_F,
	PS2_KEY_G,
	PS2_KEY_H,
	PS2_KEY_J,
	PS2_KEY_K,
	PS2_KEY_L,
	PS2_KEY_SEMICOLON,
	PS2_KEY_APOSTROPHE,
	PS2_KEY_GRAVE_ACCENT,
	PS2_KEY_SHIFT,
	PS2_KEY_BACKSLASH,
	PS2_KEY_Z,
	PS2_KEY_X,
	PS2_KEY_C,
	PS2_KEY_V,
	PS2_KEY_B,
	PS2_KEY_N,
	PS2_KEY_M,
	PS2_KEY_COMMA,
	PS2_KEY_DOT,
	PS2_KEY_SLASH,
	PS2_KEY_SHIFT_R,
	PS2_KEY_KP_MULTIPLY,
	PS2_KEY_ALT,
	PS2_KEY_SPC,
	PS2_KEY_CAPS_LOCK,
	PS2_KEY_F1,
	PS2_KEY_F2,
	PS2_KEY_F3,
	PS2_KEY_F4,
	PS2_KEY_F5,
	PS2_KEY_F6,
	PS2_KEY_F7,
	PS2_KEY_F8,
	PS2_KEY_F9,
	PS2_KEY_F10,
	PS2_KEY_NUM_LOCK,
	PS2_KEY_SCROLL_LOCK,
	PS2_KEY_KP_7,
	PS2_KEY_KP_8,
	PS2_KEY_KP_9,
	PS2_KEY_KP_SUBTRACT,
	PS2_KEY_KP_4,
	PS2_KEY_KP_5,
	PS2_KEY_KP_6,
	PS2_KEY_KP_ADD,
	PS2_KEY_KP_1,
	PS2_KEY_KP_2,
	PS2_KEY_KP_3,
	PS2_KEY_KP_0,
	PS2_KEY_KP_DECIMAL,
	PS2_KEY_SYSRQ,
	PS2_KEY_LESS,
	PS2_KEY_F11,
	PS2_KEY_F12,
	PS2_KEY_KP_ENTER,
	PS2_KEY_CTRL_R,
	PS2_KEY_KP_DIVIDE,
	PS2_KEY_PRINT,
	PS2_KEY_ALT_R,
	PS2_KEY_HOME,
	PS2_KEY_UP,
	PS2_KEY_PGUP,
	PS2_KEY_LEFT,
	PS2_KEY_RIGHT,
	PS2_KEY_END,
	PS2_KEY_DOWN,
	PS2_KEY_PGDN,
	PS2_KEY_INSERT,
	PS2_KEY_DELETE,
	PS2_KEY_PAUSE,
	PS2_KEY_META_L,
	PS2_KEY_META_R,
	PS2_KEY_COMPOSE,
	PS2_KEY_RO,
	PS2_KEY_YEN,
	PS2_KEY_HENKAN,
	PS2_KEY_MUHENKAN,
	PS2_KEY_KATAKANAHIRAGANA,
	PS2_KEY_KP_COMMA,
	PS2_KEY_KP_EQUALS,
	PS2_KEY_F13,
	PS2_KEY_F14,
	PS2_KEY_F15,
	PS2_KEY_POWER,
	PS2_KEY_SLEEP,
	PS2_KEY_WAKE,
	PS2_KEY_AUDIONEXT,
	PS2_KEY_AUDIOPREV,
	PS2_KEY_AUDIOSTOP,
	PS2_KEY_AUDIOPLAY,
	PS2_KEY_AUDIOMUTE,
	PS2_KEY_VOLUMEUP,
	PS2_KEY_VOLUMEDOWN,
	PS2_KEY_MEDIASELECT,
	PS2_KEY_MAIL,
	PS2_KEY_CALCULATOR,
	PS2_KEY_COMPUTER,
	PS2_KEY_AC_HOME,
	PS2_KEY_AC_BACK,
	PS2_KEY_AC_FORWARD,
	PS2_KEY_AC_REFRESH,
	PS2_KEY_AC_BOOKMARKS,
	PS2_KEYS,
	PS2_KEY_NONE = PS2_KEYS, /* what nobody has */
};

/* In the high byte of a code of set 2: the prefix that it is sent with. */
#define PS2_EXTENDED 0xe000u
#define PS2_PAUSE    0xe100u /* the one key with a sequence all of its own */

struct ps2_key_codes {
	const char *name;
	uint16_t set2;
	uint8_t set3; /* 0: none */
};

extern const struct ps2_key_codes ps2_keys[PS2_KEYS];

/* By its name; "menu" and "asterisk" are other names of compose and kp_multiply. */
enum ps2_key ps2_key_by_name(const char *name);
/* By the number that QEMU and VNC clients use: its code in set 1, with bit 7 set if it is extended. */
enum ps2_key ps2_key_by_number(uint32_t number);

/* A byte from the keyboard as the 8042 translates it (IBM PC AT Technical Reference, "Scan code translation"). */
uint8_t ps2_translate(uint8_t byte);
