/* A transaction and a call, with a thread of the program as the server. Pages: TransactNamedPipe, CallNamedPipe. */
#include "say.h"

static const WCHAR *const NAME = L"\\\\.\\pipe\\ennead-program-transact";

static DWORD WINAPI serve(void *parameter) {
    HANDLE pipe = parameter;
    char buffer[64];
    for (int round = 0; round < 2; round++) {
        DWORD count;
        ConnectNamedPipe(pipe, NULL);
        while (ReadFile(pipe, buffer, sizeof buffer - 1, &count, NULL)) {
            buffer[count] = '!';
            WriteFile(pipe, buffer, count + 1, &count, NULL);
        }
        DisconnectNamedPipe(pipe);
    }
    return 7;
}

int main(void) {
    HANDLE server = server_end(NAME, 0, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1);
    HANDLE thread = CreateThread(NULL, 0, serve, server, 0, NULL);
    HANDLE client = client_end(NAME, 0);
    char reply[64];
    DWORD count = 0, mode = PIPE_READMODE_MESSAGE, code = 0;
    TRY(SetNamedPipeHandleState(client, &mode, NULL, NULL));
    TRY(TransactNamedPipe(client, "hello", 5, reply, sizeof reply, &count, NULL));
    SAY("\"%.*s\"\n", (int)count, reply);
    TRY(TransactNamedPipe(client, "a long one", 10, reply, 4, &count, NULL));
    SAY("\"%.*s\"\n", (int)count, reply);
    say_read("client", client, 64);
    CloseHandle(client);
    TRY(WaitNamedPipeW(NAME, NMPWAIT_WAIT_FOREVER));
    TRY(CallNamedPipeW(NAME, "call", 4, reply, sizeof reply, &count, NMPWAIT_WAIT_FOREVER));
    SAY("\"%.*s\"\n", (int)count, reply);
    SAY("the thread: %u\n", (unsigned)WaitForSingleObject(thread, INFINITE));
    TRY(GetExitCodeThread(thread, &code));
    SAY("its code: %u\n", (unsigned)code);
    CloseHandle(thread);
    CloseHandle(server);
    return 0;
}
