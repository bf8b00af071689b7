/* Overlapped operations with an event: pending, complete, cancelled. Pages: Synchronous and Overlapped Input and Output,
   GetOverlappedResult, CancelIoEx. */
#include "say.h"

int main(void) {
    const WCHAR *name = L"\\\\.\\pipe\\ennead-program-overlapped";
    HANDLE server = server_end(name, FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1);
    OVERLAPPED overlapped = {0};
    DWORD count = 0;
    char buffer[16];
    overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    TRY(ConnectNamedPipe(server, &overlapped));
    SAY("completed: %d\n", HasOverlappedIoCompleted(&overlapped));
    TRY(GetOverlappedResult(server, &overlapped, &count, FALSE));
    HANDLE client = client_end(name, 0);
    SAY("event: %u\n", (unsigned)WaitForSingleObject(overlapped.hEvent, INFINITE));
    TRY(GetOverlappedResult(server, &overlapped, &count, FALSE));
    TRY(ReadFile(server, buffer, sizeof buffer, NULL, &overlapped));
    SAY("event: %u\n", (unsigned)WaitForSingleObject(overlapped.hEvent, 0));
    say_write("client", client, "hello");
    TRY(GetOverlappedResult(server, &overlapped, &count, TRUE));
    SAY("\"%.*s\"\n", (int)count, buffer);
    TRY(ReadFile(server, buffer, sizeof buffer, NULL, &overlapped));
    TRY(CancelIoEx(server, &overlapped));
    TRY(GetOverlappedResult(server, &overlapped, &count, TRUE));
    SAY("count %u\n", (unsigned)count);
    TRY(CancelIoEx(server, &overlapped));
    CloseHandle(client);
    TRY(ReadFile(server, buffer, sizeof buffer, NULL, &overlapped));
    CloseHandle(overlapped.hEvent);
    CloseHandle(server);
    return 0;
}
