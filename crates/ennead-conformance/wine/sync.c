/* Events, mutexes, semaphores, waitable timers, and waiting for them. */
#include "driver.h"

enum {
    CREATE_EVENT = SYNC, CREATE_MUTEX, CREATE_SEMAPHORE, CREATE_TIMER,
    OPEN_EVENT, OPEN_MUTEX, OPEN_SEMAPHORE, OPEN_TIMER, OPEN_PROCESS, OPEN_THREAD,
    SET, RESET, PULSE, RELEASE_MUTEX, RELEASE_SEMAPHORE, SET_TIMER, CANCEL_TIMER,
    WAIT_ONE, WAIT_MANY, SIGNAL_AND_WAIT
};

/* A handle; ERROR_ALREADY_EXISTS comes with a good one. */
static void made(struct answer *say, HANDLE handle, DWORD code) {
    say->handle = (uintptr_t)handle;
    say->error = handle ? 0 : code;
    say->numbers[0] = handle && code == ERROR_ALREADY_EXISTS;
}

static void create(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    SECURITY_ATTRIBUTES secured = { .nLength = sizeof secured }, *how = secure(job, &secured);
    HANDLE handle;
    DWORD code;
    SetLastError(0);
    switch (job->ask.op) {
    case CREATE_EVENT: handle = CreateEventW(how, n[0], n[1], job->name); break;
    case CREATE_MUTEX: handle = CreateMutexW(how, n[0], job->name); break;
    case CREATE_SEMAPHORE: handle = CreateSemaphoreW(how, n[0], n[1], job->name); break;
    default: handle = CreateWaitableTimerW(how, n[0], job->name);
    }
    code = GetLastError();
    LocalFree(secured.lpSecurityDescriptor);
    made(say, handle, code);
}

static void open(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    HANDLE handle;
    switch (job->ask.op) {
    case OPEN_EVENT: handle = OpenEventW(n[0], FALSE, job->name); break;
    case OPEN_MUTEX: handle = OpenMutexW(n[0], FALSE, job->name); break;
    case OPEN_SEMAPHORE: handle = OpenSemaphoreW(n[0], FALSE, job->name); break;
    case OPEN_TIMER: handle = OpenWaitableTimerW(n[0], FALSE, job->name); break;
    case OPEN_PROCESS: handle = OpenProcess(n[0], FALSE, n[1]); break;
    default: handle = OpenThread(n[0], FALSE, GetCurrentThreadId());
    }
    made(say, handle, handle ? 0 : GetLastError());
}

static void change(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    HANDLE handle = (HANDLE)(uintptr_t)job->ask.handle;
    LARGE_INTEGER due;
    LONG previous = 0;
    switch (job->ask.op) {
    case SET: outcome(say, SetEvent(handle)); break;
    case RESET: outcome(say, ResetEvent(handle)); break;
    case PULSE: outcome(say, PulseEvent(handle)); break;
    case RELEASE_MUTEX: outcome(say, ReleaseMutex(handle)); break;
    case RELEASE_SEMAPHORE:
        outcome(say, ReleaseSemaphore(handle, n[0], &previous));
        say->numbers[0] = previous;
        break;
    case SET_TIMER:
        due.LowPart = n[0];
        due.HighPart = n[1];
        outcome(say, SetWaitableTimer(handle, &due, n[2], NULL, NULL, FALSE));
        break;
    default: outcome(say, CancelWaitableTimer(handle));
    }
}

static void waited(struct answer *say, DWORD what) {
    outcome(say, what != WAIT_FAILED);
    say->numbers[0] = what;
}

static void wait(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    HANDLE handle = (HANDLE)(uintptr_t)job->ask.handle;
    /* Handles are 64 bits wide in the data too. */
    const HANDLE *many = (const HANDLE *)job->data;
    switch (job->ask.op) {
    case WAIT_ONE: waited(say, WaitForSingleObject(handle, n[0])); break;
    case WAIT_MANY:
        waited(say, WaitForMultipleObjects(job->ask.data_bytes / sizeof *many, many, n[1], n[0]));
        break;
    default: waited(say, SignalObjectAndWait(handle, many[0], n[0], FALSE));
    }
}

unsigned char *sync_objects(const struct job *job, struct answer *say) {
    uint32_t op = job->ask.op;
    if (op < OPEN_EVENT) create(job, say);
    else if (op < SET) open(job, say);
    else if (op < WAIT_ONE) change(job, say);
    else wait(job, say);
    return NULL;
}
