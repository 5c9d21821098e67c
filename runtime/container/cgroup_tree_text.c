/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The groups of a guest as a list, and as text. The guest chose their names. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/* As cgroup_delegate() limits them, and the guest's own. */
#define NODES_MAX 4097
#define DEPTH_MAX 64
/* With the guest's own path and the mount point before it, and a file's name after it, it has to be a path of the kernel's. */
#define NODE_PATH_MAX	2048
#define CONTROLLERS_MAX 255
#define OWN_GROUP	"."
#define NO_CONTROLLERS	"-"

void cgroup_tree_free(struct cgroup_tree *tree)
{
	for (size_t i = 0; i < tree->n; i++) {
		free(tree->list[i].path);
		free(tree->list[i].controllers);
		free(tree->list[i].properties);
	}
	free(tree->list);
	*tree = CGROUP_TREE_INIT;
}

static bool is_path(const char *path)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@\\-";
	int depth = 0;

	if (strlen(path) > NODE_PATH_MAX)
		return false;
	for (const char *c = path;; c++) {
		size_t len = strspn(c, allowed);

		if (len == 0 || len > NAME_MAX || (c[0] == '.' && (len == 1 || (len == 2 && c[1] == '.'))))
			return false;
		c += len;
		if (++depth > DEPTH_MAX || (*c && *c != '/'))
			return false;
		if (!*c)
			return true;
	}
}

/* Words of [a-z0-9_] between single separators; none at all is fine. */
static bool is_controllers(const char *list, char separator)
{
	if (strlen(list) > CONTROLLERS_MAX)
		return false;
	for (const char *c = list; *list; c++) {
		size_t len = strspn(c, "abcdefghijklmnopqrstuvwxyz0123456789_");

		c += len;
		if (len == 0 || (*c && *c != separator))
			return false;
		if (!*c)
			break;
	}
	return true;
}

/* Is it new, and its parent among those before it? */
static bool fits(const struct cgroup_tree *tree, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t above = slash ? (size_t)(slash - path) : 0;
	bool has_parent = false;

	for (size_t i = 0; i < tree->n; i++) {
		const char *other = tree->list[i].path;

		if (strcmp(other, path) == 0)
			return false;
		has_parent = has_parent || (strncmp(other, path, above) == 0 && other[above] == '\0');
	}
	return has_parent;
}

int cgroup_tree_add(struct cgroup_tree *tree, const struct cgroup_tree_node *node)
{
	bool is_own = node->path[0] == '\0';
	const char *set = node->properties ? node->properties : "";

	if (tree->n == NODES_MAX || is_own != (tree->n == 0) || !is_controllers(node->controllers, ' ') ||
	    node->uid == (uid_t)-1 || node->gid == (gid_t)-1)
		return -EBADMSG;
	if (is_own ? set[0] != '\0' : !is_path(node->path) || !fits(tree, node->path) || !cgroup_are_properties(set))
		return -EBADMSG;

	_cleanup_free_ char *path = strdup(node->path), *controllers = strdup(node->controllers), *properties = strdup(set);
	struct cgroup_tree_node *list = reallocarray(tree->list, tree->n + 1, sizeof(*list));

	if (list)
		tree->list = list;
	if (!path || !controllers || !properties || !list)
		return -ENOMEM;
	list[tree->n++] = (struct cgroup_tree_node){
		.path = TAKE_PTR(path),
		.uid = node->uid,
		.gid = node->gid,
		.controllers = TAKE_PTR(controllers),
		.properties = TAKE_PTR(properties),
	};
	return 0;
}

static void replace(char *s, char from, char to)
{
	while ((s = strchr(s, from)))
		*s++ = to;
}

static void print_node(struct strbuf *text, const struct cgroup_tree_node *node)
{
	size_t at;

	strbuf_addf(text, "%u %u ", node->uid, node->gid);
	at = text->len;
	strbuf_add(text, node->controllers[0] ? node->controllers : NO_CONTROLLERS);
	if (!text->failed)
		replace(text->data + at, ' ', ',');
	strbuf_addf(text, " %s", node->path[0] ? node->path : OWN_GROUP);
	if (!str_is_empty(node->properties))
		strbuf_addf(text, " %s", node->properties);
	strbuf_add(text, "\n");
}

int cgroup_tree_print(const struct cgroup_tree *tree, char **ret)
{
	_cleanup_(strbuf_free) struct strbuf text = { 0 };
	struct cgroup_tree check = CGROUP_TREE_INIT;
	int r = tree->n > 0 ? 0 : -EBADMSG;

	/* What is written has to be what can be read. */
	for (size_t i = 0; r == 0 && i < tree->n; i++) {
		r = cgroup_tree_add(&check, &tree->list[i]);
		print_node(&text, &tree->list[i]);
	}
	cgroup_tree_free(&check);
	if (r < 0)
		return r;
	*ret = strbuf_take(&text);
	return *ret ? 0 : -ENOMEM;
}

/* The number up to the next blank, which is skipped. */
static int take_id(char **at, uint32_t *ret)
{
	char *word = strsep(at, " ");
	uint64_t value;

	if (!*at || str_to_u64(word, UINT32_MAX - 1, &value) < 0)
		return -EBADMSG;
	*ret = (uint32_t)value;
	return 0;
}

static int parse_line(struct cgroup_tree *tree, char *line)
{
	struct cgroup_tree_node node = { 0 };

	if (take_id(&line, &node.uid) < 0 || take_id(&line, &node.gid) < 0)
		return -EBADMSG;
	node.controllers = strsep(&line, " ");
	node.path = strsep(&line, " ");
	node.properties = line;
	if (!node.path || !node.path[0] || !node.controllers[0] || (line && !line[0]))
		return -EBADMSG;
	if (strcmp(node.controllers, NO_CONTROLLERS) == 0)
		node.controllers[0] = '\0';
	if (strcmp(node.path, OWN_GROUP) == 0)
		node.path[0] = '\0';
	if (!is_controllers(node.controllers, ','))
		return -EBADMSG;
	replace(node.controllers, ',', ' ');
	return cgroup_tree_add(tree, &node);
}

/* A last line without its newline is cut. */
int cgroup_tree_parse(const char *text, struct cgroup_tree *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	struct cgroup_tree tree = CGROUP_TREE_INIT;
	int r = copy && text[0] ? 0 : -EBADMSG;

	if (!copy)
		return -ENOMEM;
	for (char *line = copy, *end; r == 0 && *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end) {
			r = -EBADMSG;
			break;
		}
		*end = '\0';
		r = parse_line(&tree, line);
	}
	if (r < 0)
		cgroup_tree_free(&tree);
	else
		*ret = tree;
	return r;
}
