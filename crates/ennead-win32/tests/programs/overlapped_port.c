/* A completion port: keys, packets of several handles, packets of the program's own. Pages: I/O Completion Ports,
   GetQueuedCompletionStatus. */
#include "say.h"

static void say_packet(HANDLE port, DWORD wait) {
    DWORD count = 99;
    ULONG_PTR key = 99;
    OVERLAPPED *overlapped = (OVERLAPPED *)&count;
    BOOL done = GetQueuedCompletionStatus(port, &count, &key, &overlapped, wait);
    DWORD code = done ? 0 : GetLastError();
    if (overlapped) SAY("packet: %u bytes, key %u, error %u\n", (unsigned)count, (unsigned)key, (unsigned)code);
    else SAY("no operation: %d, key %u, error %u\n", done, (unsigned)(done ? key : 0), (unsigned)code);
}

int main(void) {
    const WCHAR *name = L"\\\\.\\pipe\\ennead-program-port";
    HANDLE servers[2], clients[2];
    OVERLAPPED overlapped[2] = {{0}};
    char buffers[2][16];
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    for (int n = 0; n < 2; n++) {
        servers[n] = server_end(name, FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 2);
        TRY(CreateIoCompletionPort(servers[n], port, 10 + n, 0) == port);
        TRY(ConnectNamedPipe(servers[n], &overlapped[n]));
        clients[n] = client_end(name, 0);
        say_packet(port, INFINITE);
        TRY(ReadFile(servers[n], buffers[n], 16, NULL, &overlapped[n]));
    }
    say_packet(port, 0);
    say_write("client", clients[1], "one");
    say_packet(port, INFINITE);
    say_write("client", clients[0], "three");
    say_packet(port, INFINITE);
    TRY(PostQueuedCompletionStatus(port, 5, 6, NULL));
    say_packet(port, INFINITE);
    CloseHandle(clients[0]);
    TRY(ReadFile(servers[0], buffers[0], 16, NULL, &overlapped[0]));
    say_packet(port, 0);
    TRY(ReadFile(servers[1], buffers[1], 16, NULL, &overlapped[1]));
    TRY(CancelIoEx(servers[1], NULL));
    say_packet(port, INFINITE);
    return 0;
}
