/* File mapping. Memory is read and written under a guard: an access violation becomes ERROR_NOACCESS. */
#include "driver.h"

enum {
    CREATE_MAPPING = MAPPING, OPEN_MAPPING, MAP_VIEW, UNMAP_VIEW, FLUSH_VIEW, READ_VIEW, WRITE_VIEW, COMMIT_VIEW
};

static CRITICAL_SECTION guard;
static INIT_ONCE guard_once = INIT_ONCE_STATIC_INIT;
static CONTEXT before;
static volatile DWORD guarded_thread, fault;

/* Takes the thread back to where it was before it touched the memory. */
static LONG CALLBACK caught(EXCEPTION_POINTERS *what) {
    DWORD code = what->ExceptionRecord->ExceptionCode;
    if (guarded_thread != GetCurrentThreadId()) return EXCEPTION_CONTINUE_SEARCH;
    if (code != EXCEPTION_ACCESS_VIOLATION && code != EXCEPTION_IN_PAGE_ERROR) return EXCEPTION_CONTINUE_SEARCH;
    fault = code;
    *what->ContextRecord = before;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static BOOL CALLBACK set_up(INIT_ONCE *once, void *parameter, void **context) {
    (void)once, (void)parameter, (void)context;
    InitializeCriticalSection(&guard);
    return AddVectoredExceptionHandler(1, caught) != NULL;
}

/* ERROR_NOACCESS for an access violation, ERROR_SWAPERROR for an error in the page, or 0. */
static DWORD guarded_copy(volatile unsigned char *to, const volatile unsigned char *from, size_t bytes) {
    DWORD code;
    if (!InitOnceExecuteOnce(&guard_once, set_up, NULL, NULL)) ExitProcess(6);
    EnterCriticalSection(&guard);
    fault = 0;
    guarded_thread = GetCurrentThreadId();
    RtlCaptureContext(&before);
    if (!fault)
        for (size_t at = 0; at < bytes; at++) to[at] = from[at];
    guarded_thread = 0;
    code = fault;
    LeaveCriticalSection(&guard);
    return !code ? 0 : code == EXCEPTION_ACCESS_VIOLATION ? ERROR_NOACCESS : ERROR_SWAPERROR;
}

static uint64_t wide(uint32_t low, uint32_t high) {
    return low | (uint64_t)high << 32;
}

static void objects(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    SECURITY_ATTRIBUTES secured = { .nLength = sizeof secured }, *how = secure(job, &secured);
    HANDLE handle = (HANDLE)(uintptr_t)job->ask.handle, made;
    DWORD code;
    SetLastError(0);
    switch (job->ask.op) {
    case CREATE_MAPPING: made = CreateFileMappingW(handle, how, n[0], n[2], n[1], job->name); break;
    case OPEN_MAPPING: made = OpenFileMappingW(n[0], FALSE, job->name); break;
    default: made = MapViewOfFile(handle, n[0], n[2], n[1], wide(n[3], n[4]));
    }
    code = GetLastError();
    LocalFree(secured.lpSecurityDescriptor);
    say->handle = (uintptr_t)made;
    say->error = made ? 0 : code;
    say->numbers[0] = made && code == ERROR_ALREADY_EXISTS;
}

static unsigned char *views(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    unsigned char *base = (unsigned char *)(uintptr_t)job->ask.handle, *at = base + wide(n[0], n[1]), *data = NULL;
    switch (job->ask.op) {
    case UNMAP_VIEW: outcome(say, UnmapViewOfFile(at)); break;
    case FLUSH_VIEW: outcome(say, FlushViewOfFile(at, wide(n[2], n[3]))); break;
    case READ_VIEW:
        data = space(n[2]);
        say->error = guarded_copy(data, at, n[2]);
        if (!say->error) say->data_bytes = n[2];
        break;
    case WRITE_VIEW: say->error = guarded_copy(at, job->data, job->ask.data_bytes); break;
    default: outcome(say, VirtualAlloc(at, wide(n[2], n[3]), MEM_COMMIT, n[4]) != NULL);
    }
    return data;
}

unsigned char *mapping(const struct job *job, struct answer *say) {
    if (job->ask.op <= MAP_VIEW) return objects(job, say), NULL;
    return views(job, say);
}
