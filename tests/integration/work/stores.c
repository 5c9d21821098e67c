/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a program leaves somewhere and finds again: memory, its own and shared, files, locks. */
#include "work.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS	512 /* of a page */
#define PAGES	16384
#define AT_ONCE 64    /* pages in a round */
#define WRAP	65536 /* where the position in the deleted file is 0 again */
#define DELETED "/root/work.deleted"

static uint64_t word_of(uint64_t page, uint64_t generation)
{
	return (page + 1) * 0x9e3779b97f4a7c15 + generation;
}

static void look_at_page(const struct work *w, uint64_t page)
{
	const uint64_t *words = w->memory + page * WORDS, want = word_of(page, w->generations[page]);

	errno = 0;
	for (int i = 0; i < WORDS; i++) {
		if (words[i] != want)
			wrong(w, "memory: word %d of page %d is not as it was left", i, (int)page);
	}
}

static void write_page(struct work *w, uint64_t page)
{
	uint64_t *words = w->memory + page * WORDS, word = word_of(page, ++w->generations[page]);

	for (int i = 0; i < WORDS; i++)
		words[i] = word;
}

static void memory_use(struct work *w)
{
	for (uint64_t i = 0; i < AT_ONCE; i++) {
		uint64_t page = (w->rounds * AT_ONCE + i) % PAGES;

		look_at_page(w, page);
		write_page(w, page);
	}
}

void look_at_all(struct work *w)
{
	for (uint64_t page = 0; page < PAGES; page++)
		look_at_page(w, page);
	w->looks++;
}

static void *map(const struct work *w, size_t size, int flags, int fd)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		wrong(w, "mmap");
	return at;
}

static void memory_make(struct work *w)
{
	w->memory = map(w, PAGES * WORDS * sizeof(uint64_t), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	w->generations = map(w, PAGES * sizeof(uint64_t), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (uint64_t page = 0; page < PAGES; page++)
		write_page(w, page);
}

static void shared_make(struct work *w)
{
	int fd = sure(w, shm_open("/work", O_RDWR | O_CREAT | O_TRUNC, 0600), "shm_open"), id;

	sure(w, ftruncate(fd, sizeof(*w->posix)), "shm_open");
	w->posix = map(w, sizeof(*w->posix), MAP_SHARED, fd);
	sure(w, sem_init(&w->posix->semaphore, 1, 1), "sem_init");
	id = sure(w, shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), "shmget");
	w->sysv = shmat(id, NULL, 0);
	if ((intptr_t)w->sysv == -1)
		wrong(w, "shmat");
	w->sysv_semaphores = sure(w, semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semget");
	sure(w, semctl(w->sysv_semaphores, 0, SETVAL, 1), "semctl");
}

static void semaphore_add(const struct work *w, short n)
{
	struct sembuf op = { .sem_op = n };

	while (semop(w->sysv_semaphores, &op, 1) < 0) {
		if (errno != EINTR)
			wrong(w, "semop");
	}
}

/* `odd`: of what each has added since they began. */
static void shared_use(const struct work *w, int odd)
{
	while (sem_wait(&w->posix->semaphore) < 0) {
		if (errno != EINTR)
			wrong(w, "sem_wait");
	}
	semaphore_add(w, -1);
	errno = 0;
	if (*w->sysv != 2 * w->rounds + odd || w->posix->count != *w->sysv)
		wrong(w, "shared memory: round %d, %d and %d", (int)w->rounds, (int)*w->sysv, (int)w->posix->count);
	++*w->sysv;
	w->posix->count++;
	semaphore_add(w, 1);
	sure(w, sem_post(&w->posix->semaphore), "sem_post");
}

static void files_make(struct work *w)
{
	const int flags = O_RDWR | O_CREAT | O_TRUNC;

	w->locked = sure(w, open("/root/work.locked", flags, 0600), "work.locked");
	sure(w, flock(w->locked, LOCK_EX), "flock");
	w->owned = sure(w, open("/root/work.owned", flags, 0600), "work.owned");
	w->deleted = sure(w, open(DELETED, flags, 0600), DELETED);
	sure(w, unlink(DELETED), DELETED);
	w->mapped_fd = sure(w, open("/root/work.mapped", flags, 0600), "work.mapped");
	sure(w, ftruncate(w->mapped_fd, 4096), "work.mapped");
	w->mapped = map(w, 4096, MAP_SHARED, w->mapped_fd);
}

static void files_use(const struct work *w)
{
	uint64_t n = 0;
	struct stat st;

	errno = 0;
	if (w->rounds > 0 && (pread(w->deleted, &n, sizeof(n), (off_t)((w->rounds - 1) * 8 % WRAP)) != 8 || n != w->rounds - 1))
		wrong(w, "deleted file: %d is not there, but %d", (int)w->rounds - 1, (int)n);
	if (lseek(w->deleted, 0, SEEK_CUR) != (off_t)(w->rounds * 8 % WRAP))
		wrong(w, "deleted file: another position");
	if (write(w->deleted, &w->rounds, 8) != 8 || fstat(w->deleted, &st) < 0 || st.st_nlink != 0)
		wrong(w, "deleted file: not written, or it has a name");
	if ((w->rounds + 1) * 8 % WRAP == 0)
		sure(w, (int)lseek(w->deleted, 0, SEEK_SET), "deleted file");
	*w->mapped = w->rounds;
	if (pread(w->mapped_fd, &n, sizeof(n), 0) != 8 || n != w->rounds)
		wrong(w, "mapped file: %d is not there, but %d", (int)w->rounds, (int)n);
}

/* They are the leader's: its partner gets neither. */
static void locks_use(const struct work *w)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = sure(w, open("/root/work.locked", O_RDWR | O_CLOEXEC), "work.locked");

	errno = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		wrong(w, "flock: the lock was lost");
	close(fd);
	sure(w, fcntl(w->owned, F_GETLK, &lock), "F_GETLK");
	errno = 0;
	if (lock.l_type != F_WRLCK || lock.l_pid != w->leader)
		wrong(w, "fcntl: the lock is of kind %d, process %d", lock.l_type, lock.l_pid);
}

void stores_make(struct work *w)
{
	memory_make(w);
	shared_make(w);
	files_make(w);
}

/* Locks are not inherited. */
void stores_of_leader(struct work *w)
{
	struct flock lock = { .l_type = F_WRLCK };

	sure(w, fcntl(w->owned, F_SETLK, &lock), "F_SETLK");
}

void stores_of_partner(const struct work *w)
{
	shared_use(w, 0);
	locks_use(w);
}

void stores_use(struct work *w)
{
	shared_use(w, 1);
	memory_use(w);
	files_use(w);
}
