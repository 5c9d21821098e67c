/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "cmd/command.h"
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

bool command_takes_param(const struct command *command, const struct param *param)
{
	if (param->scope == PARAM_FIXED || command->params == PARAMS_NONE)
		return false;
	return command->params == PARAMS_CREATE || param->scope != PARAM_CREATE;
}
