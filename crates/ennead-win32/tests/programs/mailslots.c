/* Mailslots: sizes, time-outs, boundaries, a slot that is gone. Pages: About Mailslots, CreateMailslot, GetMailslotInfo.
   Left out, since Wine differs from the pages: counting more than one message, messages without bytes, and messages that are
   longer than the slot allows (WriteFile must fail) or than the reader's buffer. */
#include "say.h"

static void say_info(HANDLE slot) {
    DWORD most = 99, next = 99, count = 99, wait = 99;
    TRY(GetMailslotInfo(slot, &most, &next, &count, &wait));
    SAY("most %u, next %d, count %u, wait %d\n", (unsigned)most, (int)next, (unsigned)count, (int)wait);
}

static HANDLE writer(const WCHAR *name) {
    HANDLE slot = CreateFileW(name, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (slot == INVALID_HANDLE_VALUE) SAY("open: error %u\n", (unsigned)GetLastError());
    return slot;
}

int main(void) {
    const WCHAR *name = L"\\\\.\\mailslot\\ennead\\program";
    writer(name);
    HANDLE slot = CreateMailslotW(name, 16, 0, NULL);
    TRY(slot != INVALID_HANDLE_VALUE);
    TRY(CreateMailslotW(L"\\\\.\\mailslot\\ENNEAD\\Program", 0, 0, NULL) != INVALID_HANDLE_VALUE);
    say_info(slot);
    say_read("slot", slot, 16);
    HANDLE one = writer(name), two = writer(L"\\\\.\\MAILSLOT\\Ennead\\PROGRAM");
    say_write("one", one, "first");
    say_info(slot);
    say_write("two", two, "second");
    say_read("slot", slot, 64);
    say_info(slot);
    say_read("slot", slot, 64);
    say_info(slot);
    say_write("two", two, "last words");
    CloseHandle(two);
    say_read("slot", slot, 64);
    TRY(SetMailslotInfo(slot, 20));
    say_info(slot);
    say_read("slot", slot, 64);
    DWORD most;
    TRY(GetMailslotInfo(one, &most, NULL, NULL, NULL));
    CloseHandle(one);
    CloseHandle(slot);
    writer(name);
    return 0;
}
