/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "netns/filter_priv.h"

/*
 * Of each version of the fixed rules, a digest of their text (FNV-1a, 64 bits). A host may have guests in tables of any of them:
 * the line of a version that was released is never changed, a new one is added with its number.
 */
static const uint64_t digests[] = {
	[1] = 0x29fe7c975747ebbf,
};

static uint64_t digest_of(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
	return h;
}

static void test_text_has_its_version(void **state)
{
	static const uint8_t families[FILTER_FAMILIES] = { NFPROTO_INET, NFPROTO_BRIDGE, NFPROTO_ARP };
	const struct net_filter_node node = { .table = "t" };
	_cleanup_free_ char *tables = filter_text_tables(&node, families, FILTER_FAMILIES);
	_cleanup_free_ char *nat = filter_text_nat("t");

	(void)state;
	assert_non_null(tables);
	assert_non_null(nat);

	uint64_t is = digest_of(digest_of(UINT64_C(14695981039346656037), tables), nat);

	assert_int_equal(ARRAY_SIZE(digests), NET_FILTER_VERSION + 1);
	if (is != digests[NET_FILTER_VERSION])
		fail_msg("the rules' text was changed: raise NET_FILTER_VERSION (netns/filter.h) and add 0x%016" PRIx64
			 " for it here",
			 is);
}

static void test_name(void **state)
{
	char room[NET_FILTER_TABLE_ROOM];
	char base[NET_FILTER_TABLE_ROOM];

	(void)state;
	assert_int_equal(net_filter_table("ctctl", room), 0);
	assert_true(str_has_prefix(room, "ctctl-v"));
	assert_int_equal(atoi(room + strlen("ctctl-v")), NET_FILTER_VERSION);
	memset(base, 'a', sizeof(base));
	base[sizeof(base) - 1] = '\0';
	assert_int_equal(net_filter_table(base, room), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_has_its_version),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
