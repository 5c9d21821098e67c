/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/verbs.h"
#include "runtime/params.h"

#define GUEST                                        \
	{                                            \
		"NAME", COMPLETE_GUEST, false, false \
	}
#define GUESTS                                      \
	{                                           \
		"NAME", COMPLETE_GUEST, false, true \
	}
#define TABLE (OPT_BIT(JSON) | OPT_BIT(OUTPUT))

/* Every command, once. */
static const struct command commands[] = {
	{ .section = SECTION_LIFE,
	  .name = "create",
	  .summary = "create a guest from a template",
	  .description = "TEMPLATE is NAME, its newest version, or NAME@VERSION. The guest's own files are in a pool; the pool "
			 "\"default\" is made when it is first needed. With --warm it is made from a checkpoint of another "
			 "guest, which goes on: with the same files and running programs, under a name, addresses and ids of "
			 "its own; it is suspended until it is started. It has the other's secrets, ssh host keys among them: "
			 "make new ones.",
	  .arguments = { { "NAME", COMPLETE_NONE, false, false }, { "TEMPLATE", COMPLETE_TEMPLATE, true, false } },
	  .options = OPT_BIT(TEMPLATE) | OPT_BIT(WARM) | OPT_BIT(START) | OPT_BIT(SSH_KEY),
	  .params = PARAMS_CREATE,
	  .examples = { "ctctl create web1 debian-12 --memory 512M --cpus 2 --disk 10G --start",
			"ctctl create db1 debian-13@20261121.1 --ip 192.0.2.10 --autostart yes",
			"ctctl create web2 --warm web1@warmed-up --ip 192.0.2.12 --start" },
	  .run = verb_create },
	{ .section = SECTION_LIFE,
	  .name = "start",
	  .summary = "start guests",
	  .description =
		  "Returns when the guest's init program runs. A suspended guest goes on, as with resume. If it cannot, it "
		  "stays suspended: it is never booted in place of that, but with --discard-checkpoint.",
	  .arguments = { GUESTS },
	  .options = OPT_BIT(DISCARD_CHECKPOINT),
	  .examples = { "ctctl start web1", "ctctl start web1 web2 db1", "ctctl start web1 --discard-checkpoint" },
	  .run = verb_start },
	{ .section = SECTION_LIFE,
	  .name = "stop",
	  .summary = "shut guests down",
	  .description = "Asks the guest's init to shut down, in the way that it understands. What still runs when the time is "
			 "over is killed.",
	  .arguments = { GUESTS },
	  .options = OPT_BIT(TIMEOUT) | OPT_BIT(KILL),
	  .examples = { "ctctl stop web1", "ctctl stop web1 --timeout 10" },
	  .run = verb_stop },
	{ .section = SECTION_LIFE,
	  .name = "restart",
	  .summary = "stop guests, where they run, and start them",
	  .description = "",
	  .arguments = { GUESTS },
	  .options = OPT_BIT(TIMEOUT) | OPT_BIT(KILL),
	  .examples = { "ctctl restart web1" },
	  .run = verb_restart },
	{ .section = SECTION_LIFE,
	  .name = "kill",
	  .summary = "end guests at once",
	  .description = "As if the power was cut: nothing in the guest is asked.",
	  .arguments = { GUESTS },
	  .examples = { "ctctl kill web1" },
	  .run = verb_kill },
	{ .section = SECTION_LIFE,
	  .name = "suspend",
	  .summary = "save running guests on the disk and end them",
	  .description =
		  "With their memory, processes and connections, so that resume lets them go on where they were, also "
		  "after a reboot of the host. A guest that cannot be saved runs on. Commands of exec and enter are not the "
		  "guest's own, and end. Limits, rates, rules and quotas of a suspended guest can be set; its addresses, "
		  "interfaces and features cannot.",
	  .arguments = { { "NAME", COMPLETE_RUNNING, false, true } },
	  .examples = { "ctctl suspend web1" },
	  .run = verb_suspend },
	{ .section = SECTION_LIFE,
	  .name = "resume",
	  .summary = "let suspended guests go on",
	  .description = "Where they were when they were suspended. A guest that cannot be resumed stays suspended: mend what is "
			 "in its way and try again, or boot it anew with start --discard-checkpoint.",
	  .arguments = { { "NAME", COMPLETE_SUSPENDED, false, true } },
	  .examples = { "ctctl resume web1", "ctctl list -o name,state,suspended,checkpoint" },
	  .run = verb_resume },
	{ .section = SECTION_LIFE,
	  .name = "check-migrate",
	  .summary = "show what would prevent a suspend, a checkpoint or a migration of a guest",
	  .description =
		  "Each thing that cannot be saved, with the process and descriptor that has it, as the guest numbers them, and "
		  "what to do about it. The guest runs on undisturbed: nothing in it is stopped, traced or asked. An obstacle "
		  "makes a suspend fail, or the resume after it; a notice does not, but something ends or is lost. It is a look "
		  "at one moment. Ends with status 38 if there is an obstacle.",
	  .arguments = { GUEST },
	  .options = OPT_BIT(JSON),
	  .examples = { "ctctl check-migrate web1", "ctctl check-migrate web1 --json" },
	  .run = verb_check_migrate },
	{ .section = SECTION_LIFE,
	  .name = "destroy",
	  .summary = "remove guests with all their data",
	  .description =
		  "Does not ask, and there is no way back. A running guest is left alone unless --force is given; a suspended "
		  "one goes with its checkpoint.",
	  .arguments = { GUESTS },
	  .options = OPT_BIT(FORCE),
	  .examples = { "ctctl destroy web1", "ctctl destroy --force web1 web2" },
	  .run = verb_destroy },
	{ .section = SECTION_LIFE,
	  .name = "rename",
	  .summary = "give a stopped or suspended guest another name",
	  .description = "",
	  .arguments = { GUEST, { "NEW-NAME", COMPLETE_NONE, false, false } },
	  .examples = { "ctctl rename web1 web-old" },
	  .run = verb_rename },

#include "cmd/commands_checkpoint.def"

	{ .section = SECTION_INSIDE,
	  .name = "exec",
	  .summary = "run a command in a guest",
	  .description =
		  "Ends with the command's exit status, or 128 and the number of the signal that ended it. Standard input, "
		  "output and error are the caller's; nothing else of the host gets in, its environment neither. Options after "
		  "COMMAND belong to it.",
	  .arguments = { GUEST, { "COMMAND", COMPLETE_NONE, false, false }, { "ARGUMENT", COMPLETE_NONE, true, true } },
	  .options = OPT_BIT(USER) | OPT_BIT(TTY) | OPT_BIT(ENV) | OPT_BIT(DIR),
	  .stops_at_command = true,
	  .examples = { "ctctl exec web1 ls -l /", "ctctl exec web1 -u www-data -- id", "ctctl exec web1 -t top",
			"ctctl exec web1 tar -C /srv -c . > srv.tar" },
	  .run = verb_exec },
	{ .section = SECTION_INSIDE,
	  .name = "enter",
	  .summary = "open a login shell in a guest",
	  .description = "With a terminal, where standard input is one.",
	  .arguments = { GUEST },
	  .options = OPT_BIT(USER) | OPT_BIT(ENV) | OPT_BIT(DIR),
	  .examples = { "ctctl enter web1", "ctctl enter web1 --user admin" },
	  .run = verb_enter },
	{ .section = SECTION_INSIDE,
	  .name = "passwd",
	  .summary = "set the password of a user in a guest",
	  .description =
		  "Asks for it at the terminal, or takes the first line of standard input. Where the guest is stopped, its "
		  "next start sets it.",
	  .arguments = { GUEST },
	  .options = OPT_BIT(USER),
	  .examples = { "ctctl passwd web1", "ctctl passwd web1 --user admin < secret" },
	  .run = verb_passwd },
	{ .section = SECTION_INSIDE,
	  .name = "console",
	  .summary = "connect this terminal with a guest's console",
	  .description = "First shows the last of what the console has said. Ctrl-A and then q leaves it; the guest goes on.",
	  .arguments = { GUEST },
	  .options = OPT_BIT(LOG) | OPT_BIT(DETACH_KEY),
	  .examples = { "ctctl console web1", "ctctl console web1 --log" },
	  .run = verb_console },

	{ .section = SECTION_LOOK,
	  .name = "list",
	  .summary = "list all guests",
	  .description = "Columns of usage are read only when they are asked for. A guest whose files are damaged is \"broken\".",
	  .options = TABLE,
	  .examples = { "ctctl list", "ctctl list -o name,state,memory-used,disk-used", "ctctl list --json" },
	  .run = verb_list },
	{ .section = SECTION_LOOK,
	  .name = "show",
	  .summary = "show the parameters of a guest",
	  .description = "",
	  .arguments = { GUEST },
	  .options = OPT_BIT(JSON),
	  .examples = { "ctctl show web1" },
	  .run = verb_show },
	{ .section = SECTION_LOOK,
	  .name = "status",
	  .summary = "show what a guest is doing and what it uses",
	  .description = "",
	  .arguments = { GUEST },
	  .options = OPT_BIT(JSON),
	  .examples = { "ctctl status web1", "ctctl status web1 --json" },
	  .run = verb_status },
	{ .section = SECTION_LOOK,
	  .name = "set",
	  .summary = "change parameters of a guest",
	  .description = "All of them or none. Limits change in the running guest at once; it is said where one counts only from "
			 "the next start. An empty value goes back to the default.",
	  .arguments = { GUEST, { "KEY=VALUE", COMPLETE_SETTING, true, true } },
	  .options = OPT_BIT(SSH_KEY),
	  .params = PARAMS_SET,
	  .examples = { "ctctl set web1 --memory 1G --cpus 1.5", "ctctl set web1 memory=1G disk=20G",
			"ctctl set web1 memory=", "ctctl set web1 --ssh-key ~/.ssh/id_ed25519.pub" },
	  .run = verb_set },

#include "cmd/commands_net.def"

	{ .section = SECTION_TEMPLATE,
	  .group = "template",
	  .name = "build",
	  .summary = "build a new version of a template from its recipe",
	  .description = "Without NAME, lists the recipes. Takes a minute or two for a whole distribution, which is downloaded "
			 "from its mirror. A recipe of your own may begin with 'include = debian-13' in [recipe] and add to "
			 "its packages, files and settings.",
	  .arguments = { { "NAME", COMPLETE_RECIPE, true, false } },
	  .options = OPT_BIT(RECIPE) | OPT_BIT(MIRROR) | OPT_BIT(MAX_SIZE) | OPT_BIT(MAX_FILES) | OPT_BIT(JSON),
	  .examples = { "ctctl template build debian-12", "ctctl template build lamp --recipe ./lamp.recipe" },
	  .run = verb_template_build },
	{ .section = SECTION_TEMPLATE,
	  .group = "template",
	  .name = "import",
	  .summary = "make a template of an archive of a root file system",
	  .description = "A tar archive, plain or packed with gzip, xz, zstd or bzip2. It is unpacked by a helper without "
			 "privileges: what it contains cannot harm the host.",
	  .arguments = { { "NAME", COMPLETE_NONE, false, false }, { "TARBALL", COMPLETE_FILE, false, false } },
	  .options = OPT_BIT(MAX_SIZE) | OPT_BIT(MAX_FILES) | OPT_BIT(JSON),
	  .examples = { "ctctl template import alpine rootfs.tar.gz" },
	  .run = verb_template_import },
	{ .section = SECTION_TEMPLATE,
	  .group = "template",
	  .name = "list",
	  .summary = "list all versions of all templates",
	  .description = "",
	  .options = TABLE,
	  .examples = { "ctctl template list" },
	  .run = verb_template_list },
	{ .section = SECTION_TEMPLATE,
	  .group = "template",
	  .name = "show",
	  .summary = "show where a template comes from and what is in it",
	  .description = "",
	  .arguments = { { "TEMPLATE", COMPLETE_TEMPLATE, false, false } },
	  .options = OPT_BIT(JSON),
	  .examples = { "ctctl template show debian-12" },
	  .run = verb_template_show },
	{ .section = SECTION_TEMPLATE,
	  .group = "template",
	  .name = "verify",
	  .summary = "compare a template's image with its digest",
	  .description = "",
	  .arguments = { { "TEMPLATE", COMPLETE_TEMPLATE, false, false } },
	  .examples = { "ctctl template verify debian-12" },
	  .run = verb_template_verify },
	{ .section = SECTION_TEMPLATE,
	  .group = "template",
	  .name = "remove",
	  .summary = "remove a version of a template that no guest uses",
	  .description = "NAME alone is enough where there is only one version.",
	  .arguments = { { "TEMPLATE", COMPLETE_TEMPLATE, false, false } },
	  .examples = { "ctctl template remove debian-12@20261121.1" },
	  .run = verb_template_remove },

	{ .section = SECTION_POOL,
	  .group = "pool",
	  .name = "create",
	  .summary = "make a pool",
	  .description = "",
	  .arguments = { { "POOL", COMPLETE_NONE, false, false } },
	  .options = OPT_BIT(KIND) | OPT_BIT(PATH) | OPT_BIT(SIZE),
	  .examples = { "ctctl pool create fast --size 100G", "ctctl pool create big --path /srv/btrfs/guests" },
	  .run = verb_pool_create },
	{ .section = SECTION_POOL,
	  .group = "pool",
	  .name = "list",
	  .summary = "list all pools",
	  .description = "",
	  .options = TABLE,
	  .examples = { "ctctl pool list" },
	  .run = verb_pool_list },
	{ .section = SECTION_POOL,
	  .group = "pool",
	  .name = "show",
	  .summary = "show a pool",
	  .description = "",
	  .arguments = { { "POOL", COMPLETE_POOL, false, false } },
	  .options = OPT_BIT(JSON),
	  .examples = { "ctctl pool show default" },
	  .run = verb_pool_show },
	{ .section = SECTION_POOL,
	  .group = "pool",
	  .name = "remove",
	  .summary = "remove a pool without guests",
	  .description = "",
	  .arguments = { { "POOL", COMPLETE_POOL, false, false } },
	  .examples = { "ctctl pool remove fast" },
	  .run = verb_pool_remove },

	{ .section = SECTION_HOST,
	  .name = "autostart",
	  .summary = "start all guests with autostart=yes, or end all",
	  .description = "What the systemd unit does when the host boots and shuts down. Guests of a lower autostart-order are "
			 "started before, and stopped after, those of a higher one. A suspended guest with autostart=yes goes "
			 "on, as with resume. With --stop, those whose on-shutdown is suspend are suspended, and the next "
			 "autostart lets them go on; who cannot be, or not within suspend-timeout of ctctl.conf, is stopped. "
			 "Who is suspended already stays so.",
	  .options = OPT_BIT(STOP) | OPT_BIT(PARALLEL),
	  .examples = { "ctctl autostart", "ctctl autostart --stop", "ctctl list -o name,autostart,autostart-order" },
	  .run = verb_autostart },
	{ .section = SECTION_HOST,
	  .name = "doctor",
	  .summary = "what this host offers and lacks for each feature, and what to do about it",
	  .description = "Changes nothing. Fails only if no guest can run.",
	  .options = OPT_BIT(JSON),
	  .examples = { "ctctl doctor" },
	  .run = verb_doctor },
	{ .section = SECTION_HOST,
	  .name = "help",
	  .summary = "show help, on a command if one is given",
	  .description = "",
	  .arguments = { { "COMMAND", COMPLETE_COMMAND, true, true } },
	  .needs_no_node = true,
	  .examples = { "ctctl help template build" },
	  .run = verb_help },
	{ .section = SECTION_HOST,
	  .name = "version",
	  .summary = "show the version",
	  .description = "",
	  .options = OPT_BIT(JSON),
	  .needs_no_node = true,
	  .examples = { "ctctl version" },
	  .run = verb_version },

	{ .section = SECTION_HIDDEN,
	  .name = "__exited",
	  .summary = "what the monitor runs when a guest's init has ended",
	  .description = "",
	  .arguments = { GUEST, { "BOOT", COMPLETE_NONE, false, false }, { "STATUS", COMPLETE_NONE, false, false } },
	  .run = verb_exited },
	{ .section = SECTION_HIDDEN,
	  .name = "__man",
	  .summary = "print the manual page",
	  .description = "",
	  .needs_no_node = true,
	  .run = verb_man },
	{ .section = SECTION_HIDDEN,
	  .name = "__completion",
	  .summary = "print the completion script for bash",
	  .description = "",
	  .needs_no_node = true,
	  .run = verb_completion },
	{ .section = SECTION_HIDDEN,
	  .name = "__complete",
	  .summary = "print what may stand for the last of the words",
	  .description = "",
	  .arguments = { { "WORDS", COMPLETE_NONE, true, true } },
	  .needs_no_node = true,
	  .run = verb_complete },
};

const struct command *command_at(size_t index)
{
	return index < ARRAY_SIZE(commands) ? &commands[index] : NULL;
}

static bool same_group(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

const struct command *command_find(const char *group, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (same_group(commands[i].group, group) && strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

const char *command_next_word(const struct command *command, const char *group, size_t *ret_len)
{
	const char *path = command->group ? command->group : "";
	size_t len = group ? strlen(group) : 0;

	if (strncmp(path, group ? group : "", len) != 0 || (len > 0 && path[len] && path[len] != ' '))
		return NULL;
	path += len;
	path += *path == ' ';
	if (!*path)
		path = command->name;
	*ret_len = strcspn(path, " ");
	return path;
}

const char *command_find_group(const char *parent, const char *word)
{
	_cleanup_free_ char *path = str_printf("%s%s%s", parent ? parent : "", parent ? " " : "", word);

	for (size_t i = 0; path && i < ARRAY_SIZE(commands); i++) {
		if (same_group(commands[i].group, path))
			return commands[i].group;
	}
	return NULL;
}

const char *section_heading(enum command_section section)
{
	static const char *const headings[] = {
#define X(name, heading) heading,
		COMMAND_SECTIONS(X)
#undef X
	};

	return section < SECTION_COUNT ? headings[section] : "";
}

size_t command_min_arguments(const struct command *command)
{
	size_t n = 0;

	while (n < ARGUMENTS_MAX && command->arguments[n].name && !command->arguments[n].is_optional)
		n++;
	return n;
}

size_t command_max_arguments(const struct command *command)
{
	size_t n = 0;

	for (; n < ARGUMENTS_MAX && command->arguments[n].name; n++) {
		if (command->arguments[n].is_many)
			return SIZE_MAX;
	}
	return n;
}
