/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "cmd/complete.h"
#include "cmd/verbs.h"

/*
 * Completion for bash. The script only asks the program what may follow, so that it fits every version of it. The words before
 * the cursor are passed after "--", the last of them is the one to complete.
 */
static const char script[] = "# SPDX-License-Identifier: GPL-2.0-or-later\n"
			     "# bash completion for ctctl; made by: ctctl __completion\n"
			     "_ctctl() {\n"
			     "\tlocal word\n"
			     "\tCOMPREPLY=()\n"
			     "\twhile IFS= read -r word; do\n"
			     "\t\tif [[ $word == " COMPLETE_FILES " ]]; then\n"
			     "\t\t\tcompopt -o default\n"
			     "\t\telse\n"
			     "\t\t\tCOMPREPLY+=(\"$word\")\n"
			     "\t\tfi\n"
			     "\tdone < <(\"$1\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
			     "\tif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then\n"
			     "\t\tcompopt -o nospace\n"
			     "\tfi\n"
			     "}\n"
			     "complete -F _ctctl ctctl\n";

int verb_completion(struct app *app, const struct request *request _unused_, struct err *err _unused_)
{
	fputs(script, app->out);
	return 0;
}
