/* Carries out Win32 pipe functions on request: requests on stdin, answers on stdout, both in the layouts below, little-endian.
 * Each request runs on a thread of its own, so that one may block while others go on; answers come as they are ready.
 * It decides nothing and checks nothing but its own protocol: what the functions said is the answer. */
#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    CREATE = 1, OPEN, WAIT, CALL,
    CONNECT, DISCONNECT, CLIENT_PID, SERVER_PID,
    READ, WRITE, PEEK, TRANSACT, FLUSH, SET_STATE, STATE, INFO,
    CLOSE, PROCESS_ID,
    START_READ, START_WRITE, START_CONNECT, START_TRANSACT, RESULT, CANCEL, CANCEL_ALL, FORGET
};

/* A request: this, the name in UTF-16 (no zero at its end), the data. */
struct request {
    uint32_t id, op;
    uint64_t handle;
    uint32_t numbers[6];
    uint32_t name_units, data_bytes;
};

/* An answer: this, the data. `error` is what GetLastError gave, or 0. */
struct answer {
    uint32_t id, error;
    uint64_t handle;
    uint32_t numbers[4];
    uint32_t data_bytes, reserved;
};

struct job {
    struct request ask;
    WCHAR *name;
    unsigned char *data;
};

/* An overlapped operation, kept until it is forgotten. */
struct operation {
    OVERLAPPED overlapped;
    HANDLE handle;
    DWORD refused; /* the function failed at once: nothing was started */
    unsigned char *request, *buffer;
};

static HANDLE in, out;
static CRITICAL_SECTION out_lock;

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

static void *space(size_t bytes) {
    void *at = calloc(1, bytes + 1);
    if (!at) ExitProcess(3);
    return at;
}

/* Keeps what a function that answers TRUE or FALSE said. Returns whether it gave data, all or part of a message. */
static int outcome(struct answer *say, BOOL good) {
    say->error = good ? 0 : GetLastError();
    return good || say->error == ERROR_MORE_DATA;
}

static void names(const struct job *job, struct answer *say, unsigned char *buffer) {
    const uint32_t *n = job->ask.numbers;
    DWORD bytes = 0;
    HANDLE handle;
    switch (job->ask.op) {
    case CREATE:
        handle = CreateNamedPipeW(job->name, n[0], n[1], n[2], n[3], n[4], n[5], NULL);
        outcome(say, handle != INVALID_HANDLE_VALUE);
        say->handle = (uintptr_t)handle;
        break;
    case OPEN:
        handle = CreateFileW(job->name, n[0], 0, NULL, OPEN_EXISTING, n[1], NULL);
        outcome(say, handle != INVALID_HANDLE_VALUE);
        say->handle = (uintptr_t)handle;
        break;
    case WAIT:
        outcome(say, WaitNamedPipeW(job->name, n[0]));
        break;
    default:
        if (outcome(say, CallNamedPipeW(job->name, job->data, job->ask.data_bytes, buffer, n[1], &bytes, n[0])))
            say->data_bytes = bytes;
    }
}

static void handles(const struct job *job, struct answer *say, unsigned char *buffer) {
    const uint32_t *n = job->ask.numbers;
    HANDLE handle = (HANDLE)(uintptr_t)job->ask.handle;
    DWORD a = 0, b = 0, c = 0, d = 0;
    switch (job->ask.op) {
    case CONNECT: outcome(say, ConnectNamedPipe(handle, NULL)); break;
    case DISCONNECT: outcome(say, DisconnectNamedPipe(handle)); break;
    case CLIENT_PID: outcome(say, GetNamedPipeClientProcessId(handle, &a)); break;
    case SERVER_PID: outcome(say, GetNamedPipeServerProcessId(handle, &a)); break;
    case READ:
        if (outcome(say, ReadFile(handle, buffer, n[1], &a, NULL))) say->data_bytes = a;
        break;
    case WRITE: outcome(say, WriteFile(handle, job->data, job->ask.data_bytes, &a, NULL)); break;
    case PEEK:
        if (outcome(say, PeekNamedPipe(handle, n[1] ? buffer : NULL, n[1], &a, &b, &c))) say->data_bytes = a;
        break;
    case TRANSACT:
        if (outcome(say, TransactNamedPipe(handle, job->data, job->ask.data_bytes, buffer, n[1], &a, NULL)))
            say->data_bytes = a;
        break;
    case FLUSH: outcome(say, FlushFileBuffers(handle)); break;
    case SET_STATE:
        a = n[0];
        outcome(say, SetNamedPipeHandleState(handle, &a, NULL, NULL));
        break;
    case STATE: outcome(say, GetNamedPipeHandleStateW(handle, &a, &b, NULL, NULL, NULL, 0)); break;
    case INFO: outcome(say, GetNamedPipeInfo(handle, &a, &b, &c, &d)); break;
    case CLOSE: outcome(say, CloseHandle(handle)); break;
    case CANCEL_ALL: outcome(say, CancelIoEx(handle, NULL)); break;
    case PROCESS_ID: a = GetCurrentProcessId(); break;
    default: ExitProcess(4);
    }
    say->numbers[0] = a;
    say->numbers[1] = b;
    say->numbers[2] = c;
    say->numbers[3] = d;
}

/* The operation's address is its number. On failure at once, `refused` says why; the operation is there all the same. */
static void start(const struct job *job, struct answer *say) {
    struct operation *op = space(sizeof *op);
    DWORD len = job->ask.numbers[1];
    BOOL good;
    op->handle = (HANDLE)(uintptr_t)job->ask.handle;
    op->overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    op->buffer = space(len);
    op->request = space(job->ask.data_bytes);
    memcpy(op->request, job->data, job->ask.data_bytes);
    switch (job->ask.op) {
    case START_READ: good = ReadFile(op->handle, op->buffer, len, NULL, &op->overlapped); break;
    case START_WRITE: good = WriteFile(op->handle, op->request, job->ask.data_bytes, NULL, &op->overlapped); break;
    case START_CONNECT: good = ConnectNamedPipe(op->handle, &op->overlapped); break;
    default:
        good = TransactNamedPipe(op->handle, op->request, job->ask.data_bytes, op->buffer, len, NULL, &op->overlapped);
    }
    outcome(say, good);
    if (!good && say->error != ERROR_IO_PENDING && say->error != ERROR_MORE_DATA) op->refused = say->error;
    say->handle = (uintptr_t)op;
}

static unsigned char *operations(const struct job *job, struct answer *say) {
    struct operation *op = (struct operation *)(uintptr_t)job->ask.handle;
    DWORD bytes = 0;
    switch (job->ask.op) {
    case RESULT:
        if (op->refused) {
            say->error = op->refused;
            return NULL;
        }
        outcome(say, GetOverlappedResult(op->handle, &op->overlapped, &bytes, job->ask.numbers[0] != 0));
        /* What a cancelled operation had moved counts too. */
        if (say->error != ERROR_IO_INCOMPLETE) say->numbers[0] = bytes;
        if (job->ask.numbers[1] && say->error != ERROR_IO_INCOMPLETE) say->data_bytes = bytes;
        return op->buffer;
    case CANCEL:
        outcome(say, CancelIoEx(op->handle, &op->overlapped));
        return NULL;
    default: /* FORGET, after the result or after the handle was closed */
        CloseHandle(op->overlapped.hEvent);
        free(op->buffer);
        free(op->request);
        free(op);
        return NULL;
    }
}

static void carry_out(struct job *job) {
    struct answer say = { .id = job->ask.id };
    unsigned char *buffer = NULL, *data;
    if (job->ask.op == CALL || job->ask.op == READ || job->ask.op == PEEK || job->ask.op == TRANSACT)
        buffer = space(job->ask.numbers[1]);
    data = buffer;
    if (job->ask.op <= CALL) names(job, &say, buffer);
    else if (job->ask.op <= PROCESS_ID || job->ask.op == CANCEL_ALL) handles(job, &say, buffer);
    else if (job->ask.op <= START_TRANSACT) start(job, &say);
    else data = operations(job, &say);
    EnterCriticalSection(&out_lock);
    give(&say, sizeof say);
    give(data, say.data_bytes);
    LeaveCriticalSection(&out_lock);
    free(buffer);
    free(job->name);
    free(job->data);
    free(job);
}

static DWORD WINAPI work(void *job) {
    carry_out(job);
    return 0;
}

int main(void) {
    in = GetStdHandle(STD_INPUT_HANDLE);
    out = GetStdHandle(STD_OUTPUT_HANDLE);
    InitializeCriticalSection(&out_lock);
    for (;;) {
        struct job *job = space(sizeof *job);
        HANDLE thread;
        if (!take(&job->ask, sizeof job->ask)) ExitProcess(0);
        job->name = space((job->ask.name_units + 1) * sizeof(WCHAR));
        job->data = space(job->ask.data_bytes);
        if (!take(job->name, job->ask.name_units * sizeof(WCHAR)) || !take(job->data, job->ask.data_bytes)) ExitProcess(0);
        if (job->ask.op >= START_READ && job->ask.op <= START_TRANSACT) {
            /* Does not block; and a thread's pending operations are cancelled when it ends, so not on one that will. */
            carry_out(job);
            continue;
        }
        thread = CreateThread(NULL, 65536, work, job, 0, NULL);
        if (!thread) ExitProcess(5);
        CloseHandle(thread);
    }
}
