/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * To be preloaded: tells a program that the time of day is CTCTL_TEST_LATER seconds later than it is, by time(), which is what it
 * asks for the month (runtime/traffic.c). No process can have a time of day of its own otherwise, and the machine's is not a
 * test's.
 */
#include <stdlib.h>
#include <time.h>

time_t time(time_t *ret)
{
	const char *later = getenv("CTCTL_TEST_LATER");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += later ? atoll(later) : 0;
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
