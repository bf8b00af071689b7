/* Message mode: a message that is too long for the buffer comes in pieces; one in byte-read mode comes as bytes.
   Page: Named Pipe Type, Read, and Wait Modes. */
#include "say.h"

int main(void) {
    const WCHAR *name = L"\\\\.\\pipe\\ennead-program-messages";
    HANDLE server = server_end(name, 0, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1);
    HANDLE client = client_end(name, 0);
    say_write("client", client, "hello world");
    say_write("client", client, "two");
    say_read("server", server, 5);
    say_read("server", server, 64);
    say_read("server", server, 64);
    say_write("server", server, "one");
    say_write("server", server, "two");
    say_read("client in byte mode", client, 64);
    DWORD mode = PIPE_READMODE_MESSAGE;
    TRY(SetNamedPipeHandleState(client, &mode, NULL, NULL));
    say_write("server", server, "three");
    say_write("server", server, "");
    say_read("client", client, 64);
    say_read("client", client, 64);
    TRY(CloseHandle(client));
    TRY(CloseHandle(server));
    return 0;
}
