// SPDX-License-Identifier: MIT
/*
 * A look at the words of a JSON text before json-c parses it. json-c, when it allows single quotes
 * as QMP needs, also takes NaN, Infinity, comments, sloppy numbers and broken UTF-8, hands some of
 * that back as it came, and cuts integers and names without saying so. Whether the words stand in
 * the right order is left to json-c. Pure functions.
 */
#pragma once

/*
 * NULL if each word of the text is one of JSON's (strings may have single quotes as well), every
 * integer fits in 64 bits with or without sign, and every string is UTF-8 without U+0000, which
 * would end a name early; otherwise what is wrong.
 */
const char *json_text_check(const char *text);
