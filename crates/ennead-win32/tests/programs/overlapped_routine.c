/* Completion routines, in the order of the operations, in alertable waits only. Pages: ReadFileEx, WriteFileEx, SleepEx,
   Alertable I/O. */
#include "say.h"

static char buffers[2][16];

static void CALLBACK told(DWORD code, DWORD count, OVERLAPPED *overlapped) {
    SAY("operation %u: error %u, %u bytes\n", (unsigned)(ULONG_PTR)overlapped->hEvent, (unsigned)code, (unsigned)count);
}

static void CALLBACK apc(ULONG_PTR parameter) { SAY("apc %u\n", (unsigned)parameter); }

int main(void) {
    const WCHAR *name = L"\\\\.\\pipe\\ennead-program-routine";
    HANDLE server = server_end(name, FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1);
    HANDLE client = client_end(name, 0);
    OVERLAPPED first = {0}, second = {0}, third = {0};
    /* ReadFileEx leaves hEvent to the program. */
    first.hEvent = (HANDLE)1, second.hEvent = (HANDLE)2, third.hEvent = (HANDLE)3;
    TRY(ReadFileEx(server, buffers[0], 16, &first, told));
    TRY(ReadFileEx(server, buffers[1], 3, &second, told));
    SAY("sleep: %u\n", (unsigned)SleepEx(0, TRUE));
    say_write("client", client, "hello");
    say_write("client", client, "world");
    int rounds = 0;
    while (!HasOverlappedIoCompleted(&second)) SleepEx(1, FALSE);
    SAY("sleep: %u\n", (unsigned)SleepEx(INFINITE, TRUE));
    SAY("\"%.5s\" \"%.3s\"\n", buffers[0], buffers[1]);
    TRY(WriteFileEx(server, "answer", 6, &third, told));
    SAY("sleep: %u\n", (unsigned)SleepEx(INFINITE, TRUE));
    say_read("client", client, 64);
    TRY(QueueUserAPC(apc, GetCurrentThread(), 1));
    TRY(QueueUserAPC(apc, GetCurrentThread(), 2));
    HANDLE event = CreateEventW(NULL, TRUE, TRUE, NULL);
    SAY("not alertable: %u\n", (unsigned)WaitForSingleObject(event, 0));
    SAY("alertable: %u\n", (unsigned)WaitForSingleObjectEx(event, INFINITE, TRUE));
    SAY("alertable: %u\n", (unsigned)WaitForSingleObjectEx(event, INFINITE, TRUE));
    return rounds;
}
