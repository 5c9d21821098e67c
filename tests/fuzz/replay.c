/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds a fuzz target every file of the folder CORPUS, without libFuzzer: part of `make check-unit`. Speaks TAP. */
#include "fuzz_place.h"

static int replay(int dir_fd, const char *name)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(dir_fd, name, 1 << 24, &text);

	return n < 0 ? (int)n : LLVMFuzzerTestOneInput((const uint8_t *)text, (size_t)n);
}

int main(void)
{
	_cleanup_dir_ DIR *dir = opendir(CORPUS);
	int n = 0;

	if (!dir) {
		printf("not ok 1 - open %s: %s\n", CORPUS, strerror(errno));
		return 1;
	}
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (e->d_name[0] == '.')
			continue;

		int r = replay(dirfd(dir), e->d_name);

		printf("%s %d - %s\n", r == 0 ? "ok" : "not ok", ++n, e->d_name);
		fflush(stdout);
	}
	return n == 0;
}
