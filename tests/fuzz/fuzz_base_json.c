/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as JSON: what is accepted is rendered, parsed again, and is the same then. */
#include "fuzz_place.h"

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_json_ struct json *doc = NULL, *back = NULL;
	struct err err = ERR_INIT;
	const char *s = NULL;
	uint64_t v;
	bool b;

	if (json_parse(text, "input", &doc, &err) < 0) {
		check_err(&err);
		return 0;
	}
	if (json_get_string(doc, "s", &s) == 0 && !s)
		abort();
	(void)!json_get_u64(doc, "s", &v);
	(void)!json_get_bool(doc, "s", &b);

	_cleanup_free_ char *once = json_render(doc, false);

	/* json-c reads NaN, and writes it as such. */
	if (!once || json_parse(once, "output", &back, &err) < 0)
		abort();

	_cleanup_free_ char *twice = json_render(back, false);

	if (!twice || strcmp(once, twice) != 0)
		abort();
	return 0;
}
