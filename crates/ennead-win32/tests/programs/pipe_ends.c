/* What each end says when the other is absent, busy, closed or disconnected. Pages: CreateFile, ConnectNamedPipe,
   DisconnectNamedPipe, ReadFile, WriteFile. */
#include "say.h"

int main(void) {
    const WCHAR *name = L"\\\\.\\pipe\\ennead-program-ends";
    client_end(name, 0);
    HANDLE server = server_end(name, 0, PIPE_TYPE_BYTE, 1);
    server_end(name, 0, PIPE_TYPE_BYTE, 1);
    say_read("server before a client", server, 8);
    HANDLE client = client_end(name, 0);
    client_end(name, 0);
    TRY(ConnectNamedPipe(server, NULL));
    say_write("client", client, "last words");
    TRY(CloseHandle(client));
    say_read("server", server, 64);
    say_read("server", server, 64);
    say_write("server", server, "x");
    TRY(ConnectNamedPipe(server, NULL));
    TRY(DisconnectNamedPipe(server));
    say_read("server", server, 64);
    TRY(DisconnectNamedPipe(server));
    TRY(CloseHandle(server));
    TRY(CloseHandle(server));
    return 0;
}
