/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "cmd/command.h"
#include "runtime/interface.h"
#include "runtime/params.h"

static const struct option_row rows[] = {
#define OPTION(id, name, letter, argument, complete, help) [OPT_##id] = { name, argument, help, COMPLETE_##complete, letter },
#include "cmd/options.def"
#undef OPTION
};
_Static_assert(ARRAY_SIZE(rows) == OPT_COUNT && OPT_COUNT <= 64, "options of a command are bits of a uint64_t");

const struct option_row *option_row(enum option_id id)
{
	return &rows[id];
}

static size_t count_guest_params(void)
{
	size_t n = 0;

	while (param_at(n))
		n++;
	return n;
}

const struct param *setting_param_at(size_t index)
{
	const struct param *p = param_at(index);

	return p ? p : interface_param_at(index - count_guest_params());
}

const struct param *setting_param_find(const char *key)
{
	const struct param *p = param_find(key);

	return p ? p : interface_param_find(key);
}

bool command_takes_param(const struct command *command, const struct param *param)
{
	if (param->scope == PARAM_FIXED || command->params == PARAMS_NONE)
		return false;
	if (command->params == PARAMS_INTERFACE)
		return param->owner == PARAM_OF_INTERFACE;
	return command->params == PARAMS_CREATE || param->scope != PARAM_CREATE;
}
