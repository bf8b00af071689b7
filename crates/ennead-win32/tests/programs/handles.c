/* Handles: copies, flags, closing, anonymous pipes, and messages of errors. Pages: DuplicateHandle, SetHandleInformation, CreatePipe,
   FormatMessage. */
#include "say.h"

int main(void) {
    HANDLE reader, writer, copy;
    DWORD flags = 99;
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    TRY(CreatePipe(&reader, &writer, &inherited, 0));
    TRY(GetHandleInformation(writer, &flags));
    SAY("flags %u, type %u\n", (unsigned)flags, (unsigned)GetFileType(writer));
    TRY(SetHandleInformation(writer, HANDLE_FLAG_INHERIT, 0));
    TRY(GetHandleInformation(writer, &flags));
    SAY("flags %u\n", (unsigned)flags);
    TRY(DuplicateHandle(GetCurrentProcess(), writer, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    say_write("writer", writer, "one ");
    TRY(CloseHandle(writer));
    TRY(GetHandleInformation(writer, &flags));
    say_write("copy", copy, "two");
    say_read("reader", reader, 64);
    TRY(DuplicateHandle(GetCurrentProcess(), copy, GetCurrentProcess(), &writer, 0, FALSE,
                        DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    TRY(CloseHandle(writer));
    say_read("reader", reader, 64);
    TRY(CloseHandle(reader));
    char text[128];
    DWORD codes[] = {ERROR_BROKEN_PIPE, ERROR_PIPE_BUSY, ERROR_NO_DATA, ERROR_SEM_TIMEOUT, ERROR_MORE_DATA, ERROR_INVALID_HANDLE};
    for (unsigned n = 0; n < ARRAYSIZE(codes); n++) {
        DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, codes[n], 0, text, sizeof text, NULL);
        SAY("%u: %d, ends with a line end: %d\n", (unsigned)codes[n], length > 0, length > 2 && text[length - 2] == '\r');
    }
    return 0;
}
