/*
 * Stands between a program and libc: writes down what it does to the files below one folder, and what it says over the
 * network, in one order; and makes chosen calls fail.
 *
 * One log has both, because the question is one of order: was a claim durable before the request left? So each record stands
 * where no harm can hide: a write, and a change of a name, after it was made and under one lock; a flush twice, when it
 * begins and when it has ended well, because it covers what was written before it began; what is sent before its first byte
 * leaves; what is received after it came.
 *
 * Files are known by device and inode, so that copies of handles and renames need no book-keeping. What the model of the disk
 * does not know (copies inside the kernel, links, writes that skip the file's end) is written down as such and refused there.
 *
 * Absent: memory-mapped writes. SQLite maps only its -shm, which is rebuilt after a crash; the reader of the log compares all
 * files at its end, so that any other would be noticed. Calls that bypass libc: the same.
 *
 * POWER_FOLDER  the folder, absolute
 * POWER_LOG     the log, outside of it; appended to
 * POWER_FAIL    N:ERRNO:PATH  the N-th call fails; with a PATH, all from then on while that file exists
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As in log.rs. */
enum kind {
	OPENED = 1,
	WRITTEN,
	CUT,
	FLUSH_BEGUN,
	FLUSHED,
	RENAMED,
	UNLINKED,
	FOLDER_MADE,
	SENT,
	RECEIVED,
	FAILED,
	UNKNOWN,
};

struct record {
	uint32_t magic;
	uint32_t kind;
	uint64_t file;
	uint64_t at;
	uint32_t flags;
	uint32_t path;
	uint32_t other;
	uint32_t data;
};

enum { MAGIC = 0x50575231, MADE = 1, FOLDER = 2, EMPTIED = 4, KNOWN = 4096 };

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int log_handle = -1;
static struct { dev_t dev; ino_t ino; } known[KNOWN];
static int known_count;
static uint64_t flushes;
static uint64_t calls, fail_at;
static int fail_with;
static char fail_while[PATH_MAX];

#define REAL(name) \
	static __typeof__(&name) real; \
	if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void give_up(const char *why)
{
	ssize_t ignored = syscall(SYS_write, 2, why, strlen(why));
	(void)ignored;
	abort();
}

__attribute__((constructor)) static void begin(void)
{
	const char *where = getenv("POWER_FOLDER"), *log = getenv("POWER_LOG"), *fail = getenv("POWER_FAIL");
	if (!where || !log || strlen(where) >= sizeof folder) return;
	if (fail && sscanf(fail, "%lu:%d:%4095s", &fail_at, &fail_with, fail_while) < 2)
		give_up("recorder: POWER_FAIL is N:ERRNO[:PATH]\n");
	strcpy(folder, where);
	folder_length = strlen(folder);
	log_handle = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_handle < 0) give_up("recorder: the log cannot be opened\n");
}

/* One append each; under the lock, so that a short one can be seen and told. */
static void note(enum kind kind, uint64_t file, uint64_t at, uint32_t flags, const char *path, const char *other,
	const void *data, size_t length)
{
	struct record head = { MAGIC, kind, file, at, flags, path ? strlen(path) : 0, other ? strlen(other) : 0, length };
	struct iovec parts[] = { { &head, sizeof head }, { (void *)path, head.path }, { (void *)other, head.other },
		{ (void *)data, length } };
	ssize_t all = sizeof head + head.path + head.other + length;
	int was = errno;
	if (syscall(SYS_writev, log_handle, parts, 4) != all) give_up("recorder: the log is full\n");
	errno = was;
}

/* The absolute path, if it is the folder or below it. */
static const char *below(int from, const char *path, char *buffer)
{
	if (log_handle < 0 || !path) return NULL;
	if (path[0] == '/') {
		if (strlen(path) >= PATH_MAX) return NULL;
		strcpy(buffer, path);
	} else {
		char link[64];
		ssize_t length;
		snprintf(link, sizeof link, from == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", from);
		length = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
		if (length < 0 || length + strlen(path) + 2 > PATH_MAX) return NULL;
		buffer[length] = '/';
		strcpy(buffer + length + 1, path);
	}
	if (strncmp(buffer, folder, folder_length)) return NULL;
	return buffer[folder_length] == '/' || !buffer[folder_length] ? buffer : NULL;
}

static int is_known(const struct stat *seen)
{
	for (int n = 0; n < known_count; n++)
		if (known[n].ino == seen->st_ino && known[n].dev == seen->st_dev) return 1;
	return 0;
}

enum what { NOTHING, A_FILE, A_SOCKET };

/* What a handle is to us. */
static enum what look(int handle, struct stat *seen)
{
	int was = errno;
	enum what what = NOTHING;
	if (log_handle >= 0 && handle != log_handle && fstat(handle, seen) == 0) {
		if (S_ISSOCK(seen->st_mode)) {
			struct sockaddr_storage address;
			socklen_t length = sizeof address;
			if (getsockname(handle, (struct sockaddr *)&address, &length) == 0 &&
				(address.ss_family == AF_INET || address.ss_family == AF_INET6))
				what = A_SOCKET;
		} else if (S_ISREG(seen->st_mode) || S_ISDIR(seen->st_mode)) {
			pthread_mutex_lock(&order);
			if (is_known(seen)) what = A_FILE;
			pthread_mutex_unlock(&order);
		}
	}
	errno = was;
	return what;
}

/* Whether this call, which is about the folder, is to fail. Under the lock. */
static int fails(const char *call, const char *path)
{
	calls++;
	if (!fail_at || calls < fail_at) return 0;
	if (calls > fail_at && !fail_while[0]) return 0;
	if (fail_while[0] && syscall(SYS_faccessat, AT_FDCWD, fail_while, F_OK) != 0) return 0;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	note(FAILED, now.tv_sec * 1000UL + now.tv_nsec / 1000000, calls, 0, path ? path : "", call, NULL, 0);
	errno = fail_with;
	return 1;
}

static int open_below(int from, const char *path, int flags, mode_t mode, const char *absolute)
{
	struct stat before, after;
	pthread_mutex_lock(&order);
	int was_there = syscall(SYS_newfstatat, AT_FDCWD, absolute, &before, 0) == 0;
	int handle = fails("open", absolute) ? -1 : syscall(SYS_openat, from, path, flags, mode);
	if (handle >= 0 && fstat(handle, &after) == 0) {
		if (!is_known(&after)) {
			if (known_count == KNOWN) give_up("recorder: too many files\n");
			known[known_count].dev = after.st_dev;
			known[known_count++].ino = after.st_ino;
		}
		uint32_t about = (was_there ? 0 : MADE) | (S_ISDIR(after.st_mode) ? FOLDER : 0) |
			(was_there && (flags & O_TRUNC) ? EMPTIED : 0);
		note(OPENED, after.st_ino, 0, about, absolute, NULL, NULL, 0);
		if (flags & O_TMPFILE & ~O_DIRECTORY) note(UNKNOWN, 0, 0, 0, absolute, "O_TMPFILE", NULL, 0);
	}
	pthread_mutex_unlock(&order);
	return handle;
}

#define OPEN_LIKE(name) \
	int name(const char *path, int flags, ...) \
	{ \
		mode_t mode = 0; \
		char buffer[PATH_MAX]; \
		if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
			va_list rest; \
			va_start(rest, flags); \
			mode = va_arg(rest, int); \
			va_end(rest); \
		} \
		const char *absolute = below(AT_FDCWD, path, buffer); \
		if (absolute) return open_below(AT_FDCWD, path, flags, mode, absolute); \
		REAL(name); \
		return real(path, flags, mode); \
	}
OPEN_LIKE(open)
OPEN_LIKE(open64)

#define OPENAT_LIKE(name) \
	int name(int from, const char *path, int flags, ...) \
	{ \
		mode_t mode = 0; \
		char buffer[PATH_MAX]; \
		if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
			va_list rest; \
			va_start(rest, flags); \
			mode = va_arg(rest, int); \
			va_end(rest); \
		} \
		const char *absolute = below(from, path, buffer); \
		if (absolute) return open_below(from, path, flags, mode, absolute); \
		REAL(name); \
		return real(from, path, flags, mode); \
	}
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

int creat(const char *path, mode_t mode)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* A write to a known file: `at` < 0 means at the handle's own place. */
static ssize_t write_file(int handle, const struct iovec *parts, int count, off_t at, const struct stat *seen)
{
	ssize_t done = -1;
	pthread_mutex_lock(&order);
	if (!fails(at < 0 ? "write" : "pwrite", NULL)) {
		off_t place = at;
		if (at < 0) {
			int flags = syscall(SYS_fcntl, handle, F_GETFL);
			struct stat now;
			place = flags & O_APPEND && fstat(handle, &now) == 0 ? now.st_size : lseek(handle, 0, SEEK_CUR);
		}
		if (at < 0) done = syscall(SYS_writev, handle, parts, count);
		else done = syscall(SYS_pwritev, handle, parts, count, (long)at, 0L);
		ssize_t left = done;
		for (int n = 0; n < count && left > 0; n++) {
			size_t length = (size_t)left < parts[n].iov_len ? (size_t)left : parts[n].iov_len;
			note(WRITTEN, seen->st_ino, place, 0, NULL, NULL, parts[n].iov_base, length);
			place += length;
			left -= length;
		}
	}
	pthread_mutex_unlock(&order);
	return done;
}

/* Before the first byte leaves. All parts in one record: a request's head and body belong together. */
static void note_sent(int handle, const struct iovec *parts, int count)
{
	size_t length = 0, filled = 0;
	for (int n = 0; n < count; n++) length += parts[n].iov_len;
	char *text = malloc(length ? length : 1);
	if (!text) give_up("recorder: no memory\n");
	for (int n = 0; n < count; n++) {
		memcpy(text + filled, parts[n].iov_base, parts[n].iov_len);
		filled += parts[n].iov_len;
	}
	pthread_mutex_lock(&order);
	note(SENT, 0, handle, 0, NULL, NULL, text, length);
	pthread_mutex_unlock(&order);
	free(text);
}

ssize_t write(int handle, const void *data, size_t length)
{
	struct stat seen;
	struct iovec part = { (void *)data, length };
	enum what what = look(handle, &seen);
	if (what == A_FILE) return write_file(handle, &part, 1, -1, &seen);
	if (what == A_SOCKET) note_sent(handle, &part, 1);
	REAL(write);
	return real(handle, data, length);
}

ssize_t writev(int handle, const struct iovec *parts, int count)
{
	struct stat seen;
	enum what what = look(handle, &seen);
	if (what == A_FILE) return write_file(handle, parts, count, -1, &seen);
	if (what == A_SOCKET) note_sent(handle, parts, count);
	REAL(writev);
	return real(handle, parts, count);
}

#define PWRITE_LIKE(name, offset) \
	ssize_t name(int handle, const void *data, size_t length, offset at) \
	{ \
		struct stat seen; \
		struct iovec part = { (void *)data, length }; \
		if (look(handle, &seen) == A_FILE) return write_file(handle, &part, 1, at, &seen); \
		REAL(name); \
		return real(handle, data, length, at); \
	}
PWRITE_LIKE(pwrite, off_t)
PWRITE_LIKE(pwrite64, off64_t)

#define PWRITEV_LIKE(name, offset) \
	ssize_t name(int handle, const struct iovec *parts, int count, offset at) \
	{ \
		struct stat seen; \
		if (look(handle, &seen) == A_FILE) return write_file(handle, parts, count, at, &seen); \
		REAL(name); \
		return real(handle, parts, count, at); \
	}
PWRITEV_LIKE(pwritev, off_t)
PWRITEV_LIKE(pwritev64, off64_t)

ssize_t send(int handle, const void *data, size_t length, int flags)
{
	struct stat seen;
	struct iovec part = { (void *)data, length };
	if (look(handle, &seen) == A_SOCKET) note_sent(handle, &part, 1);
	REAL(send);
	return real(handle, data, length, flags);
}

ssize_t sendto(int handle, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	struct stat seen;
	struct iovec part = { (void *)data, length };
	if (look(handle, &seen) == A_SOCKET) note_sent(handle, &part, 1);
	REAL(sendto);
	return real(handle, data, length, flags, to, size);
}

ssize_t sendmsg(int handle, const struct msghdr *message, int flags)
{
	struct stat seen;
	if (look(handle, &seen) == A_SOCKET) note_sent(handle, message->msg_iov, message->msg_iovlen);
	REAL(sendmsg);
	return real(handle, message, flags);
}

static void note_received(int handle, const void *data, ssize_t length)
{
	struct stat seen;
	if (length <= 0 || look(handle, &seen) != A_SOCKET) return;
	pthread_mutex_lock(&order);
	note(RECEIVED, 0, handle, 0, NULL, NULL, data, length);
	pthread_mutex_unlock(&order);
}

ssize_t recv(int handle, void *data, size_t length, int flags)
{
	REAL(recv);
	ssize_t done = real(handle, data, length, flags);
	if (!(flags & MSG_PEEK)) note_received(handle, data, done);
	return done;
}

ssize_t recvfrom(int handle, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *size)
{
	REAL(recvfrom);
	ssize_t done = real(handle, data, length, flags, from, size);
	if (!(flags & MSG_PEEK)) note_received(handle, data, done);
	return done;
}

#define TRUNCATE_LIKE(name, offset) \
	int name(int handle, offset length) \
	{ \
		struct stat seen; \
		REAL(name); \
		if (look(handle, &seen) != A_FILE) return real(handle, length); \
		pthread_mutex_lock(&order); \
		int done = fails("ftruncate", NULL) ? -1 : real(handle, length); \
		if (done == 0) note(CUT, seen.st_ino, length, 0, NULL, NULL, NULL, 0); \
		pthread_mutex_unlock(&order); \
		return done; \
	}
TRUNCATE_LIKE(ftruncate, off_t)
TRUNCATE_LIKE(ftruncate64, off64_t)

/* Not under the lock while it lasts: what is sent meanwhile must be seen to be sent meanwhile. */
#define FLUSH_LIKE(name) \
	int name(int handle) \
	{ \
		struct stat seen; \
		char link[64], path[PATH_MAX]; \
		REAL(name); \
		if (look(handle, &seen) != A_FILE) return real(handle); \
		snprintf(link, sizeof link, "/proc/self/fd/%d", handle); \
		ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1); \
		path[length > 0 ? length : 0] = 0; \
		uint32_t about = S_ISDIR(seen.st_mode) ? FOLDER : 0; \
		pthread_mutex_lock(&order); \
		int failed = fails(#name, path); \
		uint64_t number = ++flushes; \
		if (!failed) note(FLUSH_BEGUN, seen.st_ino, number, about, path, NULL, NULL, 0); \
		pthread_mutex_unlock(&order); \
		if (failed) { \
			errno = fail_with; \
			return -1; \
		} \
		int done = real(handle); \
		if (done == 0) { \
			pthread_mutex_lock(&order); \
			note(FLUSHED, seen.st_ino, number, about, path, NULL, NULL, 0); \
			pthread_mutex_unlock(&order); \
		} \
		return done; \
	}
FLUSH_LIKE(fsync)
FLUSH_LIKE(fdatasync)

static int move(int from, const char *path, int to, const char *other, unsigned flags)
{
	char buffer[PATH_MAX], other_buffer[PATH_MAX];
	const char *old = below(from, path, buffer), *new = below(to, other, other_buffer);
	if (!old && !new) return syscall(SYS_renameat2, from, path, to, other, flags);
	pthread_mutex_lock(&order);
	int done = fails("rename", new) ? -1 : syscall(SYS_renameat2, from, path, to, other, flags);
	if (done == 0) note(old && new && !(flags & ~1u) ? RENAMED : UNKNOWN, 0, 0, 0, old ? old : path, new ? new : other, NULL, 0);
	pthread_mutex_unlock(&order);
	return done;
}

int rename(const char *path, const char *other) { return move(AT_FDCWD, path, AT_FDCWD, other, 0); }
int renameat(int from, const char *path, int to, const char *other) { return move(from, path, to, other, 0); }
int renameat2(int from, const char *path, int to, const char *other, unsigned flags)
{
	return move(from, path, to, other, flags);
}

int unlinkat(int from, const char *path, int flags)
{
	char buffer[PATH_MAX];
	const char *absolute = below(from, path, buffer);
	if (!absolute) return syscall(SYS_unlinkat, from, path, flags);
	pthread_mutex_lock(&order);
	int done = fails("unlink", absolute) ? -1 : syscall(SYS_unlinkat, from, path, flags);
	if (done == 0) note(flags ? UNKNOWN : UNLINKED, 0, 0, 0, absolute, flags ? "rmdir" : NULL, NULL, 0);
	pthread_mutex_unlock(&order);
	return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path)
{
	struct stat seen;
	return lstat(path, &seen) == 0 && S_ISDIR(seen.st_mode) ? rmdir(path) : unlink(path);
}

int mkdirat(int from, const char *path, mode_t mode)
{
	char buffer[PATH_MAX];
	const char *absolute = below(from, path, buffer);
	if (!absolute) return syscall(SYS_mkdirat, from, path, mode);
	pthread_mutex_lock(&order);
	int done = fails("mkdir", absolute) ? -1 : syscall(SYS_mkdirat, from, path, mode);
	if (done == 0) note(FOLDER_MADE, 0, 0, 0, absolute, NULL, NULL, 0);
	pthread_mutex_unlock(&order);
	return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* What the model of the disk does not know. */
static void refuse_path(int from, const char *path, const char *call)
{
	char buffer[PATH_MAX];
	const char *absolute = below(from, path, buffer);
	if (!absolute) return;
	pthread_mutex_lock(&order);
	note(UNKNOWN, 0, 0, 0, absolute, call, NULL, 0);
	pthread_mutex_unlock(&order);
}

static void refuse_handle(int handle, const char *call)
{
	struct stat seen;
	if (look(handle, &seen) != A_FILE) return;
	pthread_mutex_lock(&order);
	note(UNKNOWN, seen.st_ino, 0, 0, "", call, NULL, 0);
	pthread_mutex_unlock(&order);
}

int link(const char *path, const char *other)
{
	refuse_path(AT_FDCWD, other, "link");
	return syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, other, 0);
}

int linkat(int from, const char *path, int to, const char *other, int flags)
{
	refuse_path(to, other, "linkat");
	return syscall(SYS_linkat, from, path, to, other, flags);
}

int symlink(const char *path, const char *other)
{
	refuse_path(AT_FDCWD, other, "symlink");
	return syscall(SYS_symlinkat, path, AT_FDCWD, other);
}

int truncate(const char *path, off_t length)
{
	refuse_path(AT_FDCWD, path, "truncate");
	return syscall(SYS_truncate, path, length);
}

int fallocate(int handle, int mode, off_t at, off_t length)
{
	refuse_handle(handle, "fallocate");
	return syscall(SYS_fallocate, handle, mode, at, length);
}

int posix_fallocate(int handle, off_t at, off_t length)
{
	REAL(posix_fallocate);
	refuse_handle(handle, "posix_fallocate");
	return real(handle, at, length);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags)
{
	refuse_handle(to, "copy_file_range");
	return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}

ssize_t sendfile(int to, int from, off_t *at, size_t length)
{
	refuse_handle(to, "sendfile");
	return syscall(SYS_sendfile, to, from, at, length);
}

ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags)
{
	refuse_handle(to, "splice");
	return syscall(SYS_splice, from, from_at, to, to_at, length, flags);
}
