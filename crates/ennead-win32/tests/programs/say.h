/* What the programs say: a line for each call, with its outcome. Nothing that differs from run to run: no ids, no addresses. */
#include <windows.h>
#include <stdio.h>

#define SAY(...) (printf(__VA_ARGS__), fflush(stdout))
/* A call that returns nonzero for success: "name: ok" or "name: error N". */
#define TRY(call) ((call) ? (SAY("%s: ok\n", #call), 1) : (SAY("%s: error %u\n", #call, (unsigned)GetLastError()), 0))

static HANDLE server_end(const WCHAR *name, DWORD flags, DWORD mode, DWORD instances) {
    HANDLE pipe = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | flags, mode, instances, 4096, 4096, 0, NULL);
    if (pipe == INVALID_HANDLE_VALUE) SAY("create: error %u\n", (unsigned)GetLastError());
    return pipe;
}

static HANDLE client_end(const WCHAR *name, DWORD flags) {
    HANDLE pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags, NULL);
    if (pipe == INVALID_HANDLE_VALUE) SAY("open: error %u\n", (unsigned)GetLastError());
    return pipe;
}

static void say_read(const char *who, HANDLE from, DWORD room) {
    char buffer[256];
    DWORD count = 0;
    BOOL done = ReadFile(from, buffer, room, &count, NULL);
    DWORD code = done ? 0 : GetLastError();
    SAY("%s reads %u: \"%.*s\", error %u\n", who, (unsigned)room, (int)count, buffer, (unsigned)code);
}

static void say_write(const char *who, HANDLE to, const char *text) {
    DWORD count = 99;
    BOOL done = WriteFile(to, text, (DWORD)strlen(text), &count, NULL);
    DWORD code = done ? 0 : GetLastError();
    SAY("%s writes \"%s\": %u, error %u\n", who, text, (unsigned)count, (unsigned)code);
}
