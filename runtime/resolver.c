/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/address.h"

#define RESOLV_CONF_MAX (64 << 10)
#define SEPARATORS	", \t"

/* Every resolver that a guest may run asks the first three only (resolv.conf(5)); a few more do no harm. */
#define SERVERS_MAX 8

struct servers {
	char *list[SERVERS_MAX + 1];
	size_t n;
};

static void servers_clear(struct servers *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i]);
	*s = (struct servers){ .n = 0 };
}

static int add_server(struct servers *s, const char *text)
{
	if (s->n == SERVERS_MAX)
		return 0;
	s->list[s->n] = strdup(text);
	return s->list[s->n++] ? 0 : -ENOMEM;
}

/* A loopback or link-local address (its zone is one of the host's) means something else in the guest. */
static bool is_for_guests(const char *text)
{
	struct err ignored = ERR_INIT;
	struct net_address a;

	return net_address_parse("nameserver", text, NET_PREFIX_NONE, &a, &ignored) == 0 && net_address_is_host(&a);
}

static char *read_text(int root_fd, const char *path)
{
	_cleanup_fd_ int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
	_cleanup_free_ char *text = fd < 0 ? NULL : malloc(RESOLV_CONF_MAX + 1);
	ssize_t n = text ? read(fd, text, RESOLV_CONF_MAX) : -1;

	if (n < 0)
		return NULL;
	text[n] = '\0';
	return TAKE_PTR(text);
}

static int read_servers(int root_fd, const char *path, struct servers *s)
{
	_cleanup_free_ char *text = read_text(root_fd, path);
	char *lines = NULL;
	int r = 0;

	for (char *line = text ? strtok_r(text, "\n", &lines) : NULL; line && r == 0; line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL, *word = strtok_r(line, " \t", &words);
		const char *server = word && strcmp(word, "nameserver") == 0 ? strtok_r(NULL, " \t", &words) : NULL;

		if (server && is_for_guests(server))
			r = add_server(s, server);
	}
	return r;
}

static int split_configured(const char *configured, struct servers *s)
{
	_cleanup_free_ char *copy = strdup(configured);
	char *rest = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (char *w = copy ? strtok_r(copy, SEPARATORS, &rest) : NULL; w && r == 0; w = strtok_r(NULL, SEPARATORS, &rest))
		r = add_server(s, w);
	return r;
}

int resolver_find(int root_fd, const char *configured, char ***ret, struct err *err)
{
	struct servers s = { .n = 0 };
	int r = configured ? split_configured(configured, &s) : read_servers(root_fd, "etc/resolv.conf", &s);

	if (r == 0 && s.n == 0 && !configured)
		r = read_servers(root_fd, "run/systemd/resolve/resolv.conf", &s);

	char **list = r == 0 ? calloc(s.n + 1, sizeof(*list)) : NULL;

	if (!list) {
		servers_clear(&s);
		return err_oom(err);
	}
	memcpy(list, s.list, s.n * sizeof(*list));
	*ret = list;
	return 0;
}

void resolver_free(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

static int refuse_search(const char *text, struct err *err)
{
	return err_exit(err, EXIT_INVALID, EINVAL, "search '%s': expected domains such as example.com", text);
}

int resolver_search(const char *text, char **ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct strbuf b = { 0 };
	char *rest = NULL;

	if (!copy)
		return err_oom(err);
	for (char *w = strtok_r(copy, SEPARATORS, &rest); w; w = strtok_r(NULL, SEPARATORS, &rest)) {
		if (w[strspn(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")]) {
			strbuf_free(&b);
			return refuse_search(text, err);
		}
		strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", w);
	}
	if (b.len == 0)
		return refuse_search(text, err);
	*ret = strbuf_take(&b);
	return *ret ? 0 : err_oom(err);
}
