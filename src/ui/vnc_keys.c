// SPDX-License-Identifier: MIT
#include "ui/vnc_keys.h"

#include <rfb/keysym.h>
#include <stddef.h>

struct keysym {
	uint16_t sym;
	uint8_t key;
};

/* What an American keyboard's keys have, without Shift and with it. */
static const struct {
	uint8_t key;
	char has[3];
} characters[] = {
	{ PS2_KEY_GRAVE_ACCENT, "`~" },
	{ PS2_KEY_1, "1!" },
	{ PS2_KEY_2, "2@" },
	{ PS2_KEY_3, "3#" },
	{ PS2_KEY_4, "4$" },
	{ PS2_KEY_5, "5%" },
	{ PS2_KEY_6, "6^" },
	{ PS2_KEY_7, "7&" },
	{ PS2_KEY_8, "8*" },
	{ PS2_KEY_9, "9(" },
	{ PS2_KEY_0, "0)" },
	{ PS2_KEY_MINUS, "-_" },
	{ PS2_KEY_EQUAL, "=+" },
	{ PS2_KEY_Q, "qQ" },
	{ PS2_KEY_W, "wW" },
	{ PS2_KEY_E, "eE" },
	{ PS2_KEY_R, "rR" },
	{ PS2_KEY_T, "tT" },
	{ PS2_KEY_Y, "yY" },
	{ PS2_KEY_U, "uU" },
	{ PS2_KEY_I, "iI" },
	{ PS2_KEY_O, "oO" },
	{ PS2_KEY_P, "pP" },
	{ PS2_KEY_BRACKET_LEFT, "[{" },
	{ PS2_KEY_BRACKET_RIGHT, "]}" },
	{ PS2_KEY_BACKSLASH, "\\|" },
	{ PS2_KEY_A, "aA" },
	{ PS2_KEY_S, "sS" },
	{ PS2_KEY_D, "dD" },
	{ PS2_KEY_F, "fF" },
	{ PS2_KEY_G, "gG" },
	{ PS2_KEY_H, "hH" },
	{ PS2_KEY_J, "jJ" },
	{ PS2_KEY_K, "kK" },
	{ PS2_KEY_L, "lL" },
	{ PS2_KEY_SEMICOLON, ";:" },
	{ PS2_KEY_APOSTROPHE, "'\"" },
	{ PS2_KEY_Z, "zZ" },
	{ PS2_KEY_X, "xX" },
	{ PS2_KEY_C, "cC" },
	{ PS2_KEY_V, "vV" },
	{ PS2_KEY_B, "bB" },
	{ PS2_KEY_N, "nN" },
	{ PS2_KEY_M, "mM" },
	{ PS2_KEY_COMMA, ",<" },
	{ PS2_KEY_DOT, ".>" },
	{ PS2_KEY_SLASH, "/?" },
	{ PS2_KEY_SPC, "  " },
};

static const struct keysym keysyms[] = {
	{ XK_BackSpace, PS2_KEY_BACKSPACE },
	{ XK_Tab, PS2_KEY_TAB },
	{ 0xfe20 /* ISO_Left_Tab: with Shift */, PS2_KEY_TAB },
	{ XK_Return, PS2_KEY_RET },
	{ XK_Pause, PS2_KEY_PAUSE },
	{ XK_Break, PS2_KEY_PAUSE },
	{ XK_Scroll_Lock, PS2_KEY_SCROLL_LOCK },
	{ XK_Sys_Req, PS2_KEY_SYSRQ },
	{ XK_Escape, PS2_KEY_ESC },
	{ XK_Delete, PS2_KEY_DELETE },
	{ XK_Home, PS2_KEY_HOME },
	{ XK_Left, PS2_KEY_LEFT },
	{ XK_Up, PS2_KEY_UP },
	{ XK_Right, PS2_KEY_RIGHT },
	{ XK_Down, PS2_KEY_DOWN },
	{ XK_Page_Up, PS2_KEY_PGUP },
	{ XK_Page_Down, PS2_KEY_PGDN },
	{ XK_End, PS2_KEY_END },
	{ XK_Print, PS2_KEY_PRINT },
	{ XK_Insert, PS2_KEY_INSERT },
	{ XK_Menu, PS2_KEY_COMPOSE },
	{ XK_Num_Lock, PS2_KEY_NUM_LOCK },
	{ XK_Caps_Lock, PS2_KEY_CAPS_LOCK },
	{ XK_Shift_L, PS2_KEY_SHIFT },
	{ XK_Shift_R, PS2_KEY_SHIFT_R },
	{ XK_Control_L, PS2_KEY_CTRL },
	{ XK_Control_R, PS2_KEY_CTRL_R },
	{ XK_Alt_L, PS2_KEY_ALT },
	{ XK_Alt_R, PS2_KEY_ALT_R },
	{ XK_Meta_L, PS2_KEY_ALT },
	{ XK_Meta_R, PS2_KEY_ALT_R },
	{ XK_Mode_switch, PS2_KEY_ALT_R },
	{ 0xfe03 /* ISO_Level3_Shift: AltGr */, PS2_KEY_ALT_R },
	{ XK_Super_L, PS2_KEY_META_L },
	{ XK_Super_R, PS2_KEY_META_R },
	{ XK_KP_Enter, PS2_KEY_KP_ENTER },
	{ XK_KP_Multiply, PS2_KEY_KP_MULTIPLY },
	{ XK_KP_Add, PS2_KEY_KP_ADD },
	{ XK_KP_Separator, PS2_KEY_KP_COMMA },
	{ XK_KP_Subtract, PS2_KEY_KP_SUBTRACT },
	{ XK_KP_Divide, PS2_KEY_KP_DIVIDE },
	{ XK_KP_Equal, PS2_KEY_KP_EQUALS },
	{ XK_KP_Decimal, PS2_KEY_KP_DECIMAL },
	{ XK_KP_Delete, PS2_KEY_KP_DECIMAL },
	{ XK_KP_0, PS2_KEY_KP_0 },
	{ XK_KP_Insert, PS2_KEY_KP_0 },
	{ XK_KP_1, PS2_KEY_KP_1 },
	{ XK_KP_End, PS2_KEY_KP_1 },
	{ XK_KP_2, PS2_KEY_KP_2 },
	{ XK_KP_Down, PS2_KEY_KP_2 },
	{ XK_KP_3, PS2_KEY_KP_3 },
	{ XK_KP_Page_Down, PS2_KEY_KP_3 },
	{ XK_KP_4, PS2_KEY_KP_4 },
	{ XK_KP_Left, PS2_KEY_KP_4 },
	{ XK_KP_5, PS2_KEY_KP_5 },
	{ XK_KP_Begin, PS2_KEY_KP_5 },
	{ XK_KP_6, PS2_KEY_KP_6 },
	{ XK_KP_Right, PS2_KEY_KP_6 },
	{ XK_KP_7, PS2_KEY_KP_7 },
	{ XK_KP_Home, PS2_KEY_KP_7 },
	{ XK_KP_8, PS2_KEY_KP_8 },
	{ XK_KP_Up, PS2_KEY_KP_8 },
	{ XK_KP_9, PS2_KEY_KP_9 },
	{ XK_KP_Page_Up, PS2_KEY_KP_9 },
	{ XK_F1, PS2_KEY_F1 },
	{ XK_F2, PS2_KEY_F2 },
	{ XK_F3, PS2_KEY_F3 },
	{ XK_F4, PS2_KEY_F4 },
	{ XK_F5, PS2_KEY_F5 },
	{ XK_F6, PS2_KEY_F6 },
	{ XK_F7, PS2_KEY_F7 },
	{ XK_F8, PS2_KEY_F8 },
	{ XK_F9, PS2_KEY_F9 },
	{ XK_F10, PS2_KEY_F10 },
	{ XK_F11, PS2_KEY_F11 },
	{ XK_F12, PS2_KEY_F12 },
	{ XK_F13, PS2_KEY_F13 },
	{ XK_F14, PS2_KEY_F14 },
	{ XK_F15, PS2_KEY_F15 },
};

enum ps2_key vnc_key(uint32_t keysym)
{
	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
		if ((uint8_t)characters[i].has[0] == keysym ||
		    (uint8_t)characters[i].has[1] == keysym)
			return (enum ps2_key)characters[i].key;
	}
	for (size_t i = 0; i < sizeof(keysyms) / sizeof(keysyms[0]); i++) {
		if (keysyms[i].sym == keysym)
			return (enum ps2_key)keysyms[i].key;
	}
	return PS2_KEY_NONE;
}
