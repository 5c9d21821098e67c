/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pty STEP... -- COMMAND...: runs a command on a terminal of 24 rows and 80 columns, as somebody at a keyboard would.
 *
 *   expect TEXT     waits until the command has printed it, after what was expected before
 *   send TEXT       types it; \r, \n, \\ and \xHH are understood
 *   size ROWS COLS  changes the size of the window
 *   hangup          closes the window
 *
 * Then waits for the command's end, prints all that it printed, and ends as it did: with its status, or 128 + N by signal N. 99:
 * a step did not come true within 20 seconds, times CTCTL_TEST_PATIENCE; 98: the command left the terminal in another mode than
 * it found it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define STEP_TIMEOUT_MS 20000
#define OUTPUT_MAX	(4 << 20)
#define BAD_MODE	98
#define BAD_STEP	99

struct session {
	int master;
	pid_t pid;
	char *out;
	size_t len;
	size_t seen; /* what was expected is looked for behind this */
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long long step_end(void)
{
	const char *patience = getenv("CTCTL_TEST_PATIENCE");

	return now_ms() + STEP_TIMEOUT_MS * (long long)(patience ? atoi(patience) : 1);
}

/* Reads what comes within the time. False at the end of the output, or when nothing came. */
static bool take_output(struct session *s, int timeout_ms)
{
	struct pollfd p = { .fd = s->master, .events = POLLIN };
	ssize_t n;

	if (s->master < 0 || s->len == OUTPUT_MAX || poll(&p, 1, timeout_ms) <= 0)
		return false;
	n = read(s->master, s->out + s->len, OUTPUT_MAX - s->len);
	if (n <= 0)
		return false;
	s->len += (size_t)n;
	return true;
}

static bool expect(struct session *s, const char *text)
{
	long long end = step_end();

	for (;;) {
		char *found = memmem(s->out + s->seen, s->len - s->seen, text, strlen(text));
		long long left = end - now_ms();

		if (found) {
			s->seen = (size_t)(found - s->out) + strlen(text);
			return true;
		}
		if (left <= 0 || !take_output(s, (int)left))
			return false;
	}
}

static size_t unescape(const char *text, char *out)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		unsigned int hex;

		if (*p != '\\') {
			out[n++] = *p;
		} else if (*++p == 'x' && sscanf(p + 1, "%2x", &hex) == 1) {
			out[n++] = (char)hex;
			p += 2;
		} else {
			out[n++] = *p == 'r' ? '\r' : *p == 'n' ? '\n' : '\\';
		}
	}
	return n;
}

static bool type(struct session *s, const char *text)
{
	char *keys = malloc(strlen(text) + 1);
	size_t n = keys ? unescape(text, keys) : 0;
	bool done = keys && write(s->master, keys, n) == (ssize_t)n;

	free(keys);
	return done;
}

static bool resize(struct session *s, const char *rows, const char *cols)
{
	struct winsize size = { .ws_row = (unsigned short)atoi(rows), .ws_col = (unsigned short)atoi(cols) };

	return ioctl(s->master, TIOCSWINSZ, &size) == 0;
}

static void hang_up(struct session *s)
{
	close(s->master);
	s->master = -1;
}

/* How many words of argv the step was; 0: it did not come true. */
static int run_step(struct session *s, char **step, int n)
{
	if (strcmp(step[0], "hangup") == 0) {
		hang_up(s);
		return 1;
	}
	if (n >= 2 && strcmp(step[0], "expect") == 0)
		return expect(s, step[1]) ? 2 : 0;
	if (n >= 2 && strcmp(step[0], "send") == 0)
		return type(s, step[1]) ? 2 : 0;
	if (n >= 3 && strcmp(step[0], "size") == 0)
		return resize(s, step[1], step[2]) ? 3 : 0;
	return 0;
}

__attribute__((noreturn)) static void become(const char *terminal, char **argv)
{
	int fd;

	setsid();
	fd = open(terminal, O_RDWR | O_CLOEXEC);
	ioctl(fd, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++) {
		dup2(fd, i);
		/* dup2() onto itself would leave it close-on-exec. */
		fcntl(i, F_SETFD, 0);
	}
	execvp(argv[0], argv);
	_exit(127);
}

static int begin(struct session *s, char **argv, struct termios *ret_mode)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	char terminal[64];

	s->out = malloc(OUTPUT_MAX);
	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (!s->out || s->master < 0 || unlockpt(s->master) < 0 || ptsname_r(s->master, terminal, sizeof(terminal)) != 0 ||
	    ioctl(s->master, TIOCSWINSZ, &size) < 0 || tcgetattr(s->master, ret_mode) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid == 0)
		become(terminal, argv);
	return s->pid < 0 ? -errno : 0;
}

/* The end of the command, which is ended if it does not come to it. */
static int finish(struct session *s, const struct termios *before)
{
	struct termios after;
	long long end = step_end();
	int status = 0;
	bool is_same;

	while (take_output(s, (int)(end - now_ms())))
		continue;
	is_same = s->master < 0 || (tcgetattr(s->master, &after) == 0 && after.c_lflag == before->c_lflag &&
				    after.c_iflag == before->c_iflag && after.c_oflag == before->c_oflag);
	while (waitpid(s->pid, &status, WNOHANG) == 0) {
		if (now_ms() > end)
			kill(s->pid, SIGKILL);
		usleep(5000);
	}
	if (now_ms() > end)
		return BAD_STEP;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return is_same ? WEXITSTATUS(status) : BAD_MODE;
}

int main(int argc, char **argv)
{
	struct session s = { .master = -1 };
	struct termios mode = { 0 };
	int first = 1, status = 0;

	while (first < argc && strcmp(argv[first], "--") != 0)
		first++;
	if (first + 1 >= argc || begin(&s, argv + first + 1, &mode) < 0)
		return BAD_STEP;
	for (int i = 1; i < first;) {
		int used = run_step(&s, argv + i, first - i);

		if (used == 0) {
			fprintf(stderr, "pty: did not come true: %s %s\n", argv[i], i + 1 < first ? argv[i + 1] : "");
			hang_up(&s);
			status = BAD_STEP;
			break;
		}
		i += used;
	}
	if (status == 0)
		status = finish(&s, &mode);
	fwrite(s.out, 1, s.len, stdout);
	return status;
}
