/* Events and semaphores, named and unnamed, and waits for one or any of several. Pages: Event Objects, Semaphore Objects,
   WaitForMultipleObjects.
   Left out: ReleaseSemaphore with a count of 0, which the page refuses ("must be greater than zero") and Wine allows. */
#include "say.h"

static unsigned wait_one(HANDLE handle) { return (unsigned)WaitForSingleObject(handle, 0); }

int main(void) {
    HANDLE manual = CreateEventW(NULL, TRUE, TRUE, NULL), automatic = CreateEventW(NULL, FALSE, TRUE, NULL);
    SAY("manual: %u %u\n", wait_one(manual), wait_one(manual));
    SAY("automatic: %u %u\n", wait_one(automatic), wait_one(automatic));
    TRY(ResetEvent(manual));
    TRY(SetEvent(automatic));
    HANDLE both[2] = {manual, automatic};
    SAY("any: %u\n", (unsigned)WaitForMultipleObjects(2, both, FALSE, 0));
    SAY("any: %u\n", (unsigned)WaitForMultipleObjects(2, both, FALSE, 10));
    TRY(SetEvent(manual));
    TRY(SetEvent(automatic));
    SAY("any, the first: %u\n", (unsigned)WaitForMultipleObjects(2, both, FALSE, 0));
    HANDLE first = CreateEventW(NULL, TRUE, FALSE, L"Local\\ennead-program-event");
    SAY("new: error %u\n", (unsigned)GetLastError());
    HANDLE second = CreateEventW(NULL, FALSE, TRUE, L"Local\\ennead-program-event");
    SAY("again: error %u\n", (unsigned)GetLastError());
    TRY(SetEvent(first));
    SAY("it is the same, and manual: %u %u\n", wait_one(second), wait_one(second));
    HANDLE clash = CreateSemaphoreW(NULL, 0, 1, L"Local\\ennead-program-event");
    SAY("a semaphore of that name: %d, error %u\n", clash != NULL, (unsigned)GetLastError());
    HANDLE opened = OpenEventW(SYNCHRONIZE, FALSE, L"ennead-program-event");
    SAY("wait: %u\n", wait_one(opened));
    TRY(SetEvent(opened));
    TRY(OpenEventW(SYNCHRONIZE, FALSE, L"ENNEAD-program-event") != NULL);
    HANDLE semaphore = CreateSemaphoreW(NULL, 1, 3, NULL);
    LONG before = 99;
    SAY("count 1: %u %u\n", wait_one(semaphore), wait_one(semaphore));
    TRY(ReleaseSemaphore(semaphore, 2, &before));
    SAY("before: %d\n", (int)before);
    TRY(ReleaseSemaphore(semaphore, 2, &before));
    TRY(CreateSemaphoreW(NULL, 2, 1, NULL) != NULL);
    TRY(SetEvent(semaphore));
    CloseHandle(first);
    CloseHandle(second);
    CloseHandle(opened);
    TRY(OpenEventW(SYNCHRONIZE, FALSE, L"ennead-program-event") != NULL);
    return 0;
}
