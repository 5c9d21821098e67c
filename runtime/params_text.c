/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/cpuset.h"
#include "runtime/interface.h"
#include "runtime/params_priv.h"

/* RFC 1123: labels of at most 63 characters, 253 in all; Linux keeps 64 (__NEW_UTS_LEN). */
#define HOSTNAME_LEN_MAX 64
#define LABEL_LEN_MAX	 63

#define TEXT_LEN_MAX 150

#define MAC_LEN 6

/* At most 63 of letters, digits and '-', which is not at its ends. */
static bool is_label(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

	return len > 0 && len <= LABEL_LEN_MAX && strspn(s, allowed) >= len && s[0] != '-' && s[len - 1] != '-';
}

static int check_hostname(const struct param *p, const char *text, struct err *err)
{
	bool good = strlen(text) <= HOSTNAME_LEN_MAX;

	for (const char *label = text, *end; good; label = end + 1) {
		end = strchrnul(label, '.');
		good = is_label(label, (size_t)(end - label));
		if (!*end)
			break;
	}
	if (good)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"%s '%.80s': expected a host name of at most %d letters, digits and '-', with '.' between its labels of "
			"at most %d",
			p->key, text, HOSTNAME_LEN_MAX, LABEL_LEN_MAX);
}

static int check_text(const struct param *p, const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len > TEXT_LEN_MAX)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected at most %d bytes", p->key, TEXT_LEN_MAX);
	/* It is shown on terminals and in JSON. */
	if (!str_is_printable(text))
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected one line of UTF-8 without control characters", p->key);
	/* The parser of guest.conf takes " ;" for the beginning of a comment. */
	if (strstr(text, " ;") || text[0] == ';' || text[0] == '#' || text[0] == ' ' || (len > 0 && text[len - 1] == ' '))
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected no ' ;' and no blank, ';' or '#' at its ends", p->key);
	return 0;
}

/* The kernel allows nearly any byte in the name of a link; what guest.conf cannot hold is no name of a sane one. */
static int check_link(const struct param *p, const char *text, struct err *err)
{
	int r = net_check_link_name(p->key, text, err);

	return r < 0 ? r : check_text(p, text, err);
}

/* Six pairs of digits with ':', or with '-', between them. */
static bool read_mac(const char *text, uint8_t mac[MAC_LEN])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 3 * MAC_LEN - 1 || (text[2] != ':' && text[2] != '-'))
		return false;
	for (size_t i = 0; i < MAC_LEN; i++) {
		const char *pair = text + 3 * i;
		const char *high = strchr(digits, tolower((unsigned char)pair[0]));
		const char *low = strchr(digits, tolower((unsigned char)pair[1]));

		if (!high || !low || (i + 1 < MAC_LEN && pair[2] != text[2]))
			return false;
		mac[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return true;
}

static int parse_mac(const struct param *p, const char *text, char **ret, struct err *err)
{
	uint8_t b[MAC_LEN];

	if (!read_mac(text, b) || (b[0] | b[1] | b[2] | b[3] | b[4] | b[5]) == 0)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.40s': expected six bytes such as 02:00:5e:10:00:01", p->key,
				text);
	/* IEEE 802: the lowest bit of the first byte makes it a group's. */
	if (b[0] & 1)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"%s '%.40s': is a multicast address: expected one of a single machine, whose first byte is even",
				p->key, text);
	*ret = str_printf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return *ret ? 0 : err_oom(err);
}

static int check_string(const struct param *p, const char *text, struct err *err)
{
	if (p->kind == PARAM_NAME)
		return str_check_name(p->key, text, err);
	if (p->kind == PARAM_HOSTNAME)
		return check_hostname(p, text, err);
	if (p->kind == PARAM_CPUSET)
		return cpuset_check(p->key, text, err);
	if (p->kind == PARAM_LINK)
		return check_link(p, text, err);
	return check_text(p, text, err);
}

int param_parse_text(const struct param *p, const char *text, char **ret, struct err *err)
{
	if (param_is_list(p))
		return interface_normalize(p->kind, p->key, text, ret, err);
	if (p->kind == PARAM_MAC)
		return parse_mac(p, text, ret, err);

	int r = check_string(p, text, err);

	if (r < 0)
		return r;
	*ret = strdup(text);
	return *ret ? 0 : err_oom(err);
}
