/* Mailslots. Overlapped reads are those of any handle. */
#include "driver.h"

enum { CREATE_SLOT = MAILSLOTS, OPEN_SLOT, SLOT_INFO, SET_SLOT_INFO, READ_SLOT, WRITE_SLOT };

/* A slot's handle is asynchronous: the read is waited for. */
static BOOL read(HANDLE slot, void *into, DWORD len, DWORD *bytes) {
    OVERLAPPED overlapped = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
    BOOL good = ReadFile(slot, into, len, NULL, &overlapped);
    DWORD code;
    if (good || GetLastError() == ERROR_IO_PENDING) good = GetOverlappedResult(slot, &overlapped, bytes, TRUE);
    code = GetLastError();
    CloseHandle(overlapped.hEvent);
    SetLastError(code);
    return good;
}

unsigned char *mailslots(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    HANDLE handle = (HANDLE)(uintptr_t)job->ask.handle;
    unsigned char *data = NULL;
    DWORD most = 0, next = 0, count = 0, timeout = 0, bytes = 0;
    switch (job->ask.op) {
    case CREATE_SLOT:
        handle = CreateMailslotW(job->name, n[0], n[1], NULL);
        outcome(say, handle != INVALID_HANDLE_VALUE);
        say->handle = (uintptr_t)handle;
        break;
    case OPEN_SLOT:
        handle = CreateFileW(job->name, n[0], n[1], NULL, OPEN_EXISTING, n[2], NULL);
        outcome(say, handle != INVALID_HANDLE_VALUE);
        say->handle = (uintptr_t)handle;
        break;
    case SLOT_INFO:
        outcome(say, GetMailslotInfo(handle, &most, &next, &count, &timeout));
        say->numbers[0] = most;
        say->numbers[1] = next;
        say->numbers[2] = count;
        say->numbers[3] = timeout;
        break;
    case SET_SLOT_INFO: outcome(say, SetMailslotInfo(handle, n[0])); break;
    case READ_SLOT:
        data = space(n[0]);
        if (outcome(say, read(handle, data, n[0], &bytes))) say->data_bytes = bytes;
        break;
    case WRITE_SLOT:
        outcome(say, WriteFile(handle, job->data, job->ask.data_bytes, &bytes, NULL));
        say->numbers[0] = bytes;
        break;
    default: ExitProcess(4);
    }
    return data;
}
