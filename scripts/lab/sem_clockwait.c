/* libfaketime 0.9.10 wraps sem_timedwait but not sem_clockwait, which Python >= 3.9 uses for every timed lock: the deadline
   is computed on the faked clock and waited for on the real one. This does for sem_clockwait what libfaketime does for the others. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int sem_clockwait(sem_t *s, clockid_t c, const struct timespec *abs) {
    static int (*next)(sem_t *, clockid_t, const struct timespec *); static double rate;
    if (!next) { rate = atof(getenv("SHIM_RATE")); next = dlsym(RTLD_NEXT, "sem_clockwait"); }
    struct timespec f, r; clock_gettime(c, &f); syscall(SYS_clock_gettime, c, &r);
    long long rel = (abs->tv_sec - f.tv_sec) * 1000000000LL + (abs->tv_nsec - f.tv_nsec);
    long long t = r.tv_sec * 1000000000LL + r.tv_nsec + (long long)(rel / rate);
    if (t < 0) t = 0;
    struct timespec d = { t / 1000000000LL, t % 1000000000LL };
    return next(s, c, &d);
}
