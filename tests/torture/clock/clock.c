/* The wall clock of one process, set from outside: what it reads is off by what stands in a file, in nanoseconds.
 *
 * Only the wall clock: time since boot goes on as it does when an administrator or NTP sets the clock of a real machine. The
 * file is mapped, so a step is seen by the very next reading. Without the variable PUNCTUAL_TEST_CLOCK nothing is off. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("PUNCTUAL_TEST_CLOCK");
  real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  if (path == NULL) return;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (map != MAP_FAILED) offset = map;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  int answer = real_clock_gettime(clock, at);
  if (answer == 0 && offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    const int64_t second = 1000000000;
    int64_t sum = (int64_t)at->tv_sec * second + at->tv_nsec + *offset;
    at->tv_sec = sum / second;
    at->tv_nsec = sum % second;
    if (at->tv_nsec < 0) {
      at->tv_nsec += second;
      at->tv_sec -= 1;
    }
  }
  return answer;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  int answer = clock_gettime(CLOCK_REALTIME, &exact);
  if (answer == 0) {
    at->tv_sec = exact.tv_sec;
    at->tv_usec = exact.tv_nsec / 1000;
  }
  return answer;
}

time_t time(time_t *at) {
  struct timespec exact;
  if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return (time_t)-1;
  if (at != NULL) *at = exact.tv_sec;
  return exact.tv_sec;
}
