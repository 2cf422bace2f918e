// SPDX-License-Identifier: MIT
#include "watch/page.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "watch/page_impl.h"
#include "watch/text.h"

/*
 * Series colours are those of Okabe and Ito, which people tell apart whose eyes know two colours only, the
 * yellow and the black of the eight changed for what can be seen on both grounds.
 */
static const char style[] =
	":root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--faint:#6a737d;--line:#d8dee4;"
	"--bar:#d6e6f5;--heat:0,114,178;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;"
	"--c4:#56b4e9;--c5:#e69f00;--c6:#7f7f7f;--c7:#8c564b}"
	"@media(prefers-color-scheme:dark){:root{--ground:#15181c;--text:#e6e9ec;--faint:#98a2ad;"
	"--line:#343b43;--bar:#24425c;--heat:86,180,233}}"
	"body{background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif;"
	"max-width:70rem;margin:0 auto;padding:1rem}"
	"h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem}h3{font-size:1rem}"
	"p{max-width:46rem}.wide{overflow-x:auto}"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}"
	"th,td{padding:.2rem .7rem;text-align:left;border-bottom:1px solid var(--line);"
	"white-space:nowrap}th{color:var(--faint);font-weight:600}.n{text-align:right}"
	".s{background:linear-gradient(to left,var(--bar) var(--p),transparent 0)}"
	"figure{margin:1rem 0}figcaption{font-weight:600}"
	"svg{width:100%;min-width:36rem;height:auto;display:block}"
	"svg text{fill:var(--faint);font:12px system-ui,sans-serif}"
	".g{stroke:var(--line)}.l{fill:none;stroke-width:1.6}.d{stroke-dasharray:5 3}"
	"ul.k{list-style:none;padding:0;margin:.3rem 0;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;"
	"font-size:.85rem}ul.k i{display:inline-block;width:1rem;height:.2rem;vertical-align:middle;"
	"margin-right:.4rem}";

void watch_page_escape(FILE *out, const char *text)
{
	size_t n = strlen(text);

	while (n) {
		uint32_t code;
		size_t len = watch_text_char(text, n, &code);

		if (code == '<')
			fputs("&lt;", out);
		else if (code == '>')
			fputs("&gt;", out);
		else if (code == '&')
			fputs("&amp;", out);
		else if (code == '"')
			fputs("&quot;", out);
		else if (code < ' ' || code == 0x7f) /* and what is no UTF-8 */
			fputc('?', out);
		else
			fwrite(text, 1, len, out);
		text += len;
		n -= len;
	}
}

void watch_page_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      /* Whatever a text smuggled in: nothing is fetched and nothing runs. */
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
	      "style-src 'unsafe-inline';img-src data:\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>",
	      out);
	watch_page_escape(out, title);
	fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
	watch_page_escape(out, title);
	fputs("</h1>\n", out);
}

void watch_page_end(FILE *out)
{
	fputs("</body>\n</html>\n", out);
}

void watch_page_heading(FILE *out, unsigned level, const char *text)
{
	fprintf(out, "<h%u>", level);
	watch_page_escape(out, text);
	fprintf(out, "</h%u>\n", level);
}

void watch_page_paragraph(FILE *out, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fputs("<p>", out);
	watch_page_escape(out, text);
	fputs("</p>\n", out);
}

/* Nothing in it may look like the end of it: in strings of JSON, where alone it can stand, < has another form. */
void watch_page_data(FILE *out, const char *json)
{
	fputs("<script type=\"application/json\" id=\"data\">\n", out);
	for (; *json; json++) {
		if (*json == '<')
			fputs("\\u003c", out);
		else
			fputc(*json, out);
	}
	fputs("\n</script>\n", out);
}

void watch_page_table_begin(FILE *out, const struct watch_page_column *columns, size_t n)
{
	fputs("<div class=\"wide\"><table>\n<thead><tr>", out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "<th scope=\"col\"%s>", columns[i].number ? " class=\"n\"" : "");
		watch_page_escape(out, columns[i].name);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
}

void watch_page_row_begin(FILE *out)
{
	fputs("<tr>", out);
}

void watch_page_row_end(FILE *out)
{
	fputs("</tr>\n", out);
}

void watch_page_cell(FILE *out, const char *text)
{
	fputs("<td>", out);
	watch_page_escape(out, text);
	fputs("</td>", out);
}

void watch_page_cell_number(FILE *out, double value)
{
	char text[WATCH_PAGE_NUMBER] = "";

	if (isfinite(value) && value >= 0)
		watch_page_number(text, value);
	fprintf(out, "<td class=\"n\">%s</td>", text);
}

void watch_page_cell_share(FILE *out, double percent)
{
	double shown = isfinite(percent) ? fmin(fmax(percent, 0), 100) : 0;

	fprintf(out, "<td class=\"n s\" style=\"--p:%.1f%%\">%.1f</td>", shown, shown);
}

void watch_page_table_end(FILE *out)
{
	fputs("</tbody>\n</table></div>\n", out);
}

/* Digits of a whole number with a comma before each group of three. */
static void group(char text[WATCH_PAGE_NUMBER], double value)
{
	char digits[WATCH_PAGE_NUMBER];
	size_t n, at = 0;

	n = (size_t)snprintf(digits, sizeof(digits), "%.0f", value);
	for (size_t i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
}

const char *watch_page_number(char text[WATCH_PAGE_NUMBER], double value)
{
	if (!isfinite(value))
		snprintf(text, WATCH_PAGE_NUMBER, "-");
	else if (fabs(value) >= 1e15)
		snprintf(text, WATCH_PAGE_NUMBER, "%.3g", value);
	else if (value >= 999.5)
		group(text, value);
	else
		snprintf(text, WATCH_PAGE_NUMBER, "%.3g", value);
	return text;
}
