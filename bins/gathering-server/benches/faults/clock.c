/*
 * Steps the clock of the one process that it is preloaded into: by as many seconds as stand in the file STEPPED_CLOCK, a number of eight
 * bytes that may change at any time. Only the time of day; clocks that measure how long something takes go on as they are, as they do
 * when an operating system's clock is set. It is asked for in three ways: programs in Rust know the first alone, PostgreSQL the others.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_of_libc)(clockid_t, struct timespec *);
typedef int (*day_of_libc)(struct timeval *restrict, void *restrict);

static const volatile int64_t *step;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("STEPPED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        step = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static clock_of_libc libc_clock;
    if (!libc_clock)
        libc_clock = (clock_of_libc)dlsym(RTLD_NEXT, "clock_gettime");
    int result = libc_clock(clock, time);
    if (result == 0 && step && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += *step;
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    static day_of_libc libc_day;
    if (!libc_day)
        libc_day = (day_of_libc)dlsym(RTLD_NEXT, "gettimeofday");
    int result = libc_day(time, zone);
    if (result == 0 && step)
        time->tv_sec += *step;
    return result;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}
