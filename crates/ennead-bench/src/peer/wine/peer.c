/* One end of a pair, over Win32 named pipes or mailslots: peer.exe server|client WORKLOAD NAME WARM_MS MEASURE_MS
 *
 * It says the same lines as an end of ennead-bench, and writes and checks the same pattern (../../pattern.rs). */
#include <windows.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO_SERVER 0x5EED000000000001ull
#define TO_CLIENT 0xA11CE00000000003ull
#define STOP 0xFF

static char name[256];
static double warm, measure;
static unsigned char buffer[65536];
static DWORD length;

static void fail(const char *what) {
    printf("failed %s, error %lu\n", what, GetLastError());
    fflush(stdout);
    ExitProcess(1);
}

static void say(const char *line) {
    printf("%s\n", line);
    fflush(stdout);
}

static void value(const char *unit, double number) {
    printf("value %s %f\n", unit, number);
    fflush(stdout);
}

static void wait_for_go(void) {
    char line[16];
    say("connected");
    if (!fgets(line, sizeof line, stdin)) fail("told to stop");
}

static double now(void) {
    static LARGE_INTEGER frequency;
    LARGE_INTEGER count;
    if (!frequency.QuadPart) QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    return (double)count.QuadPart / (double)frequency.QuadPart;
}

static uint64_t seed(uint64_t sequence, uint64_t salt) {
    uint64_t word = (sequence ^ salt) * 0xD6E8FEB86659FD93ull;
    return word << 23 | word >> 41;
}

static void fill(unsigned char *bytes, DWORD count, uint64_t sequence, uint64_t salt) {
    uint64_t word = seed(sequence, salt);
    for (; count >= 8; count -= 8, bytes += 8, word += 0x9E3779B97F4A7C15ull) memcpy(bytes, &word, 8);
    memcpy(bytes, &word, count);
}

static void check(const unsigned char *bytes, DWORD count, uint64_t sequence, uint64_t salt) {
    uint64_t word = seed(sequence, salt), have, difference = 0;
    for (; count >= 8; count -= 8, bytes += 8, word += 0x9E3779B97F4A7C15ull) {
        memcpy(&have, bytes, 8);
        difference |= have ^ word;
    }
    if (difference || memcmp(bytes, &word, count)) fail("payload is corrupt");
}

static void put(HANDLE pipe) {
    DWORD written;
    if (!WriteFile(pipe, buffer, length, &written, NULL) || written != length) fail("WriteFile");
}

/* One whole message, or as much of a stream as is written at a time; 0 is the end. */
static int get(HANDLE pipe, DWORD wanted) {
    DWORD have = 0, more;
    while (have < wanted) {
        if (!ReadFile(pipe, buffer + have, wanted - have, &more, NULL)) {
            if (GetLastError() == ERROR_BROKEN_PIPE && have == 0) return 0;
            fail("ReadFile");
        }
        have += more;
    }
    return 1;
}

static HANDLE serve(int messages) {
    DWORD mode = messages ? PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE : PIPE_TYPE_BYTE;
    HANDLE pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, mode | PIPE_WAIT, 1, 65536, 65536, 0, NULL);
    if (pipe == INVALID_HANDLE_VALUE) fail("CreateNamedPipe");
    return pipe;
}

static void accept_client(HANDLE pipe) {
    if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED) fail("ConnectNamedPipe");
}

static HANDLE open_pipe(int messages) {
    DWORD mode = PIPE_READMODE_MESSAGE;
    HANDLE pipe;
    while ((pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL)) ==
           INVALID_HANDLE_VALUE) {
        if (GetLastError() != ERROR_PIPE_BUSY) fail("CreateFile");
        if (!WaitNamedPipeA(name, 10000)) fail("WaitNamedPipe");
    }
    if (messages && !SetNamedPipeHandleState(pipe, &mode, NULL, NULL)) fail("SetNamedPipeHandleState");
    return pipe;
}

static void answer(HANDLE pipe) {
    for (uint64_t sequence = 0; get(pipe, length); sequence++) {
        check(buffer, length, sequence, TO_SERVER);
        fill(buffer, length, sequence, TO_CLIENT);
        put(pipe);
    }
}

static void ask(HANDLE pipe) {
    double warm_until = now() + warm, from = 0, elapsed = 0;
    uint64_t before = 0, sequence = 0;
    while (elapsed < measure) {
        for (int i = 0; i < 16; i++, sequence++) {
            fill(buffer, length, sequence, TO_SERVER);
            put(pipe);
            if (!get(pipe, length)) fail("the server ended");
            check(buffer, length, sequence, TO_CLIENT);
        }
        if (from == 0 && now() >= warm_until) from = now(), before = sequence;
        else if (from != 0) elapsed = now() - from;
    }
    value("ns", elapsed * 1e9 / (double)(sequence - before));
}

static void receive_all(HANDLE pipe, int bytes) {
    double warm_until = 0, from = 0, elapsed = 0;
    uint64_t before = 0, counted = 0, sequence;
    for (sequence = 0; get(pipe, length); sequence++) {
        check(buffer, length, sequence, TO_SERVER);
        if (sequence % 16) continue;
        if (warm_until == 0) warm_until = now() + warm;
        else if (from == 0 && now() >= warm_until) from = now(), before = sequence;
        else if (from != 0 && elapsed < measure) elapsed = now() - from, counted = sequence - before;
    }
    if (from != 0 && elapsed < measure) elapsed = now() - from, counted = sequence - before;
    if (elapsed < measure / 4) fail("the sender ended before the receiver's window did");
    value(bytes ? "bytes/s" : "messages/s", (double)counted * (bytes ? length : 1) / elapsed);
}

static void send_for_the_window(HANDLE pipe) {
    double until = now() + warm + measure * 1.25 + 0.05;
    for (uint64_t sequence = 0; sequence % 16 || now() < until; sequence++) {
        fill(buffer, length, sequence, TO_SERVER);
        put(pipe);
    }
}

static unsigned char first_byte(uint64_t sequence, uint64_t salt) {
    return (unsigned char)seed(sequence, salt) & 0x7F;
}

static void serve_each(HANDLE pipe) {
    for (uint64_t sequence = 0;; sequence++) {
        accept_client(pipe);
        if (!get(pipe, 1)) fail("no first byte");
        if (buffer[0] == STOP) return;
        if (buffer[0] != first_byte(sequence, TO_SERVER)) fail("payload is corrupt");
        buffer[0] = first_byte(sequence, TO_CLIENT);
        put(pipe);
        if (get(pipe, 1)) fail("more than a byte");
        DisconnectNamedPipe(pipe);
    }
}

static void open_and_close(void) {
    double warm_until = now() + warm, from = 0, elapsed = 0;
    uint64_t before = 0, sequence = 0;
    while (elapsed < measure) {
        for (int i = 0; i < 4; i++, sequence++) {
            HANDLE pipe = open_pipe(1);
            buffer[0] = first_byte(sequence, TO_SERVER);
            put(pipe);
            if (!get(pipe, 1)) fail("no answer");
            if (buffer[0] != first_byte(sequence, TO_CLIENT)) fail("payload is corrupt");
            CloseHandle(pipe);
        }
        if (from == 0 && now() >= warm_until) from = now(), before = sequence;
        else if (from != 0) elapsed = now() - from;
    }
    buffer[0] = STOP;
    put(open_pipe(1));
    value("ns", elapsed * 1e9 / (double)(sequence - before));
}

/* A mailslot: a message begins with its writer's number; a writer ends with a message of one byte. */
#define MOST_WRITERS 8

static HANDLE make_slot(void) {
    HANDLE slot = CreateMailslotA(name, 0, MAILSLOT_WAIT_FOREVER, NULL);
    if (slot == INVALID_HANDLE_VALUE) fail("CreateMailslot");
    return slot;
}

static void gather(HANDLE slot, unsigned writers) {
    double warm_until = 0, from = 0, elapsed = 0;
    uint64_t before = 0, counted = 0, received = 0, sequences[MOST_WRITERS] = {0}, number;
    DWORD have;
    for (unsigned ended = 0; ended < writers;) {
        if (!ReadFile(slot, buffer, sizeof buffer, &have, NULL)) fail("ReadFile");
        if (have == 1) {
            ended++;
            continue;
        }
        memcpy(&number, buffer, 8);
        if (have != length || number >= writers) fail("a message's length or writer");
        check(buffer + 8, length - 8, sequences[number]++, TO_SERVER);
        if (++received % 16) continue;
        if (warm_until == 0) warm_until = now() + warm;
        else if (from == 0 && now() >= warm_until) from = now(), before = received;
        else if (from != 0 && elapsed < measure) elapsed = now() - from, counted = received - before;
    }
    if (from != 0 && elapsed < measure) elapsed = now() - from, counted = received - before;
    if (elapsed < measure / 4) fail("the writers ended before the reader's window did");
    value("messages/s", (double)counted / elapsed);
}

static void post(HANDLE slot, const unsigned char *message, DWORD count) {
    DWORD written;
    /* One that is full says so; then the reader gets its turn. */
    while (!WriteFile(slot, message, count, &written, NULL)) Sleep(0);
    if (written != count) fail("WriteFile");
}

static DWORD WINAPI write_for_the_window(void *argument) {
    uint64_t number = (uint64_t)(uintptr_t)argument;
    unsigned char message[256];
    HANDLE slot = CreateFileA(name, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    if (slot == INVALID_HANDLE_VALUE) fail("CreateFile");
    memcpy(message, &number, 8);
    double until = now() + warm + measure * 1.25 + 0.05;
    for (uint64_t sequence = 0; sequence % 16 || now() < until; sequence++) {
        fill(message + 8, sizeof message - 8, sequence, TO_SERVER);
        post(slot, message, sizeof message);
    }
    post(slot, message, 1);
    CloseHandle(slot);
    return 0;
}

static void write_all(unsigned writers) {
    HANDLE threads[MOST_WRITERS];
    for (unsigned n = 0; n < writers; n++) {
        threads[n] = CreateThread(NULL, 0, write_for_the_window, (void *)(uintptr_t)n, 0, NULL);
        if (!threads[n]) fail("CreateThread");
    }
    WaitForMultipleObjects(writers, threads, TRUE, INFINITE);
}

int main(int argc, char **argv) {
    if (argc != 6) fail("usage");
    int server = !strcmp(argv[1], "server");
    int connecting = !strcmp(argv[2], "connect"), stream = !strcmp(argv[2], "stream-64KiB");
    int round_trip = !strncmp(argv[2], "rtt-", 4);
    length = stream ? 65536 : connecting ? 1 : !strcmp(argv[2], "rtt-4KiB") ? 4096 : round_trip ? 64 : 1024;
    snprintf(name, sizeof name, "\\\\.\\pipe\\ennead-bench%s", argv[3]);
    warm = atof(argv[4]) / 1e3;
    measure = atof(argv[5]) / 1e3;
    if (!strncmp(argv[2], "msg-256B", 8)) {
        unsigned writers = argv[2][8] ? MOST_WRITERS : 1;
        length = 256;
        snprintf(name, sizeof name, "\\\\.\\mailslot\\ennead-bench%s", argv[3]);
        if (server) {
            HANDLE slot = make_slot();
            say("listening");
            gather(slot, writers);
        } else {
            wait_for_go();
            write_all(writers);
        }
        return 0;
    }
    if (server) {
        HANDLE pipe = serve(!stream);
        say("listening");
        if (connecting) {
            serve_each(pipe);
            return 0;
        }
        accept_client(pipe);
        if (round_trip) answer(pipe);
        else receive_all(pipe, stream);
        return 0;
    }
    if (connecting) {
        wait_for_go();
        open_and_close();
        return 0;
    }
    HANDLE pipe = open_pipe(!stream);
    wait_for_go();
    if (round_trip) ask(pipe);
    else send_for_the_window(pipe);
    return 0;
}
