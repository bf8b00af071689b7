/* Mutexes: recursion, owners, abandonment by a thread that ends, and waits for all. Pages: Mutex Objects, ReleaseMutex,
   WaitForMultipleObjects. */
#include "say.h"

static HANDLE mutex;

static DWORD WINAPI try_it(void *parameter) {
    UNREFERENCED_PARAMETER(parameter);
    SAY("another thread waits: %u\n", (unsigned)WaitForSingleObject(mutex, 0));
    TRY(ReleaseMutex(mutex));
    return 0;
}

static DWORD WINAPI own_it(void *parameter) {
    SAY("owned: %u\n", (unsigned)WaitForSingleObject((HANDLE)parameter, INFINITE));
    return 0;
}

static void run(LPTHREAD_START_ROUTINE routine, void *parameter) {
    HANDLE thread = CreateThread(NULL, 0, routine, parameter, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

int main(void) {
    mutex = CreateMutexW(NULL, TRUE, NULL);
    SAY("again: %u\n", (unsigned)WaitForSingleObject(mutex, 0));
    run(try_it, NULL);
    TRY(ReleaseMutex(mutex));
    run(try_it, NULL);
    TRY(ReleaseMutex(mutex));
    TRY(ReleaseMutex(mutex));
    run(try_it, NULL);
    run(own_it, mutex);
    SAY("abandoned: %u\n", (unsigned)WaitForSingleObject(mutex, INFINITE));
    TRY(ReleaseMutex(mutex));
    SAY("sound again: %u\n", (unsigned)WaitForSingleObject(mutex, 0));
    TRY(ReleaseMutex(mutex));

    HANDLE named = CreateMutexW(NULL, TRUE, L"Local\\ennead-program-mutex");
    SAY("new: error %u\n", (unsigned)GetLastError());
    HANDLE other = CreateMutexW(NULL, TRUE, L"Local\\ennead-program-mutex");
    SAY("again: error %u\n", (unsigned)GetLastError());
    TRY(ReleaseMutex(other));
    TRY(ReleaseMutex(named));
    TRY(OpenMutexW(SYNCHRONIZE, FALSE, L"ennead-program-none") != NULL);

    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL), semaphore = CreateSemaphoreW(NULL, 1, 1, NULL);
    HANDLE all[3] = {mutex, event, semaphore};
    SAY("all: %u\n", (unsigned)WaitForMultipleObjects(3, all, TRUE, 10));
    SAY("nothing was taken: %u\n", (unsigned)WaitForSingleObject(semaphore, 0));
    TRY(ReleaseSemaphore(semaphore, 1, NULL));
    TRY(SetEvent(event));
    SAY("all: %u\n", (unsigned)WaitForMultipleObjects(3, all, TRUE, 0));
    SAY("all was taken: %u %u\n", (unsigned)WaitForSingleObject(semaphore, 0), (unsigned)WaitForSingleObject(event, 0));
    TRY(ReleaseMutex(mutex));
    TRY(ReleaseMutex(mutex));
    run(own_it, mutex);
    HANDLE both[2] = {event, mutex};
    SAY("any, abandoned: %u\n", (unsigned)WaitForMultipleObjects(2, both, FALSE, INFINITE));
    SAY("signal and wait: %u\n", (unsigned)SignalObjectAndWait(mutex, event, 0, FALSE));
    TRY(ReleaseMutex(mutex));
    return 0;
}
