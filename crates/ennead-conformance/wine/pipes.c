/* Pipes, and overlapped operations on any handle. */
#include "driver.h"

enum {
    CREATE = PIPES, OPEN, WAIT, CALL,
    CONNECT, DISCONNECT, CLIENT_PID, SERVER_PID,
    READ, WRITE, PEEK, TRANSACT, FLUSH, SET_STATE, STATE, INFO,
    START_READ, START_WRITE, START_CONNECT, START_TRANSACT, RESULT, CANCEL, CANCEL_ALL, FORGET
};

int starts(uint32_t op) {
    return op >= START_READ && op <= START_TRANSACT;
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
    case CANCEL_ALL: outcome(say, CancelIoEx(handle, NULL)); break;
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

/* What it returns the caller frees. */
static unsigned char *operations(const struct job *job, struct answer *say) {
    unsigned char *data = NULL;
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
        if (job->ask.numbers[1] && say->error != ERROR_IO_INCOMPLETE) {
            say->data_bytes = bytes;
            data = space(bytes);
            memcpy(data, op->buffer, bytes);
        }
        return data;
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

unsigned char *pipes(const struct job *job, struct answer *say) {
    uint32_t op = job->ask.op;
    unsigned char *buffer = NULL;
    if (op == CALL || op == READ || op == PEEK || op == TRANSACT) buffer = space(job->ask.numbers[1]);
    if (op <= CALL) names(job, say, buffer);
    else if (op <= INFO || op == CANCEL_ALL) handles(job, say, buffer);
    else if (starts(op)) start(job, say);
    else return operations(job, say);
    return buffer;
}
