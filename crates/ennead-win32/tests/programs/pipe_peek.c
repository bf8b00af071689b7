/* Peeking, and the state and info of both ends. Pages: PeekNamedPipe, GetNamedPipeInfo, GetNamedPipeHandleState. */
#include "say.h"

static void say_peek(HANDLE pipe, DWORD room) {
    char buffer[64];
    DWORD read = 0, total = 0, left = 0;
    BOOL done = PeekNamedPipe(pipe, buffer, room, &read, &total, &left);
    SAY("peek %u: %d \"%.*s\" total %u left %u\n", (unsigned)room, done, (int)read, buffer, (unsigned)total, (unsigned)left);
}

static void say_state(const char *who, HANDLE pipe) {
    DWORD state = 0, instances = 0, flags = 0, most = 0;
    TRY(GetNamedPipeHandleStateW(pipe, &state, &instances, NULL, NULL, NULL, 0));
    TRY(GetNamedPipeInfo(pipe, &flags, NULL, NULL, &most));
    SAY("%s: state %u, instances %u of %u, flags %u\n", who, (unsigned)state, (unsigned)instances, (unsigned)most, (unsigned)flags);
}

int main(void) {
    const WCHAR *name = L"\\\\.\\pipe\\ennead-program-peek";
    HANDLE server = server_end(name, 0, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 3);
    HANDLE client = client_end(name, 0);
    say_state("server", server);
    say_state("client", client);
    say_write("client", client, "first");
    say_write("client", client, "second");
    say_peek(server, 0);
    say_peek(server, 3);
    say_peek(server, 64);
    say_read("server", server, 64);
    say_peek(server, 64);
    CloseHandle(client);
    CloseHandle(server);
    return 0;
}
