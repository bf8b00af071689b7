/* The protocol: requests in, threads that carry them out, answers out as they are ready. */
#include "driver.h"
#include <sddl.h>

static HANDLE in, out;
static CRITICAL_SECTION out_lock;

/* A thread that has a number. */
struct worker {
    uint32_t number;
    HANDLE thread, more;
    struct job *next; /* none: end */
    struct worker *link;
};

static struct worker *workers;

static int take(void *into, DWORD bytes) {
    unsigned char *at = into;
    while (bytes) {
        DWORD got;
        if (!ReadFile(in, at, bytes, &got, NULL) || !got) return 0;
        at += got;
        bytes -= got;
    }
    return 1;
}

static void give(const void *from, DWORD bytes) {
    const unsigned char *at = from;
    while (bytes) {
        DWORD put;
        if (!WriteFile(out, at, bytes, &put, NULL)) ExitProcess(2);
        at += put;
        bytes -= put;
    }
}

void *space(size_t bytes) {
    void *at = calloc(1, bytes + 1);
    if (!at) ExitProcess(3);
    return at;
}

int outcome(struct answer *say, BOOL good) {
    say->error = good ? 0 : GetLastError();
    return good || say->error == ERROR_MORE_DATA;
}

SECURITY_ATTRIBUTES *secure(const struct job *job, SECURITY_ATTRIBUTES *secured) {
    if (!job->ask.data_bytes) return NULL;
    /* What follows the data is zero. */
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(
            (const char *)job->data, SDDL_REVISION_1, &secured->lpSecurityDescriptor, NULL))
        ExitProcess(7);
    return secured;
}

static unsigned char *general(const struct job *job, struct answer *say) {
    const uint32_t *n = job->ask.numbers;
    HANDLE handle;
    switch (job->ask.op) {
    case CLOSE: outcome(say, CloseHandle((HANDLE)(uintptr_t)job->ask.handle)); break;
    case PROCESS_ID: say->numbers[0] = GetCurrentProcessId(); break;
    case OPEN_FILE:
        handle = CreateFileW(job->name, n[0], n[1], NULL, OPEN_EXISTING, n[2], NULL);
        outcome(say, handle != INVALID_HANDLE_VALUE);
        say->handle = (uintptr_t)handle;
        break;
    default: ExitProcess(4);
    }
    return NULL;
}

static void answer(const struct answer *say, const unsigned char *data) {
    EnterCriticalSection(&out_lock);
    give(say, sizeof *say);
    give(data, say->data_bytes);
    LeaveCriticalSection(&out_lock);
}

static void drop(struct job *job) {
    free(job->name);
    free(job->data);
    free(job);
}

static void carry_out(struct job *job) {
    struct answer say = { .id = job->ask.id };
    uint32_t op = job->ask.op;
    unsigned char *data = op < GENERAL ? pipes(job, &say)
                        : op < SYNC ? general(job, &say)
                        : op < MAPPING ? sync_objects(job, &say)
                        : op < MAILSLOTS ? mapping(job, &say)
                        : mailslots(job, &say);
    answer(&say, data);
    free(data);
    drop(job);
}

static DWORD WINAPI one_job(void *job) {
    carry_out(job);
    return 0;
}

static DWORD WINAPI many_jobs(void *of) {
    struct worker *worker = of;
    for (;;) {
        WaitForSingleObject(worker->more, INFINITE);
        if (!worker->next) return 0;
        carry_out(worker->next);
    }
}

static HANDLE thread_for(LPTHREAD_START_ROUTINE start, void *argument) {
    HANDLE thread = CreateThread(NULL, 65536, start, argument, 0, NULL);
    if (!thread) ExitProcess(5);
    return thread;
}

static struct worker *worker_of(uint32_t number) {
    struct worker *worker = workers;
    while (worker && worker->number != number) worker = worker->link;
    if (worker) return worker;
    worker = space(sizeof *worker);
    worker->number = number;
    worker->more = CreateEventW(NULL, FALSE, FALSE, NULL);
    worker->link = workers;
    workers = worker;
    worker->thread = thread_for(many_jobs, worker);
    return worker;
}

/* Returns once the thread has ended. It has no job: who gives it jobs waits for each. */
static void end_worker(uint32_t number) {
    struct worker **at = &workers, *worker;
    while (*at && (*at)->number != number) at = &(*at)->link;
    worker = *at;
    if (!worker) return;
    *at = worker->link;
    worker->next = NULL;
    SetEvent(worker->more);
    WaitForSingleObject(worker->thread, INFINITE);
    CloseHandle(worker->thread);
    CloseHandle(worker->more);
    free(worker);
}

static void hand_on(struct job *job) {
    if (job->ask.op == END_THREAD) {
        struct answer say = { .id = job->ask.id };
        end_worker(job->ask.thread);
        answer(&say, NULL);
        drop(job);
    } else if (starts(job->ask.op)) {
        /* Does not block; and a thread's pending operations are cancelled when it ends, so not on one that will. */
        carry_out(job);
    } else if (job->ask.thread) {
        struct worker *worker = worker_of(job->ask.thread);
        worker->next = job;
        SetEvent(worker->more);
    } else {
        CloseHandle(thread_for(one_job, job));
    }
}

int main(void) {
    in = GetStdHandle(STD_INPUT_HANDLE);
    out = GetStdHandle(STD_OUTPUT_HANDLE);
    InitializeCriticalSection(&out_lock);
    for (;;) {
        struct job *job = space(sizeof *job);
        if (!take(&job->ask, sizeof job->ask)) ExitProcess(0);
        if (job->ask.named) job->name = space((job->ask.name_units + 1) * sizeof(WCHAR));
        job->data = space(job->ask.data_bytes);
        if (!take(job->name, job->ask.name_units * sizeof(WCHAR)) || !take(job->data, job->ask.data_bytes)) ExitProcess(0);
        hand_on(job);
    }
}
