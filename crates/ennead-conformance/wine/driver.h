/* Carries out Win32 functions on request: requests on stdin, answers on stdout, both in the layouts below, little-endian.
 * It decides nothing and checks nothing but its own protocol: what the functions said is the answer. */
#ifndef DRIVER_H
#define DRIVER_H

#define _WIN32_WINNT 0x0602
#include <windows.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A request: this, the name in UTF-16 (no zero at its end), the data. Requests with the same `thread` are carried out by
 * one thread, which ends when it is told to; each of those with 0 by a thread of its own. */
struct request {
    uint32_t id, op;
    uint64_t handle;
    uint32_t numbers[6];
    uint32_t name_units, data_bytes;
    uint32_t thread, named; /* whether there is a name, of 0 units too */
};

/* An answer: this, the data. `error` is what GetLastError gave, or 0. */
struct answer {
    uint32_t id, error;
    uint64_t handle;
    uint32_t numbers[4];
    uint32_t data_bytes, reserved;
};

struct job {
    struct request ask;
    WCHAR *name; /* NULL if not named */
    unsigned char *data;
};

/* The families of functions, by the first number of each; `driver.rs` numbers them alike. */
enum { PIPES = 1, GENERAL = 100, SYNC = 200, MAPPING = 300, MAILSLOTS = 400 };

/* What any family may ask for. */
enum { CLOSE = GENERAL, PROCESS_ID, END_THREAD, OPEN_FILE };

/* An overlapped operation, kept until it is forgotten. */
struct operation {
    OVERLAPPED overlapped;
    HANDLE handle;
    DWORD refused; /* the function failed at once: nothing was started */
    unsigned char *request, *buffer;
};

/* Zeroed memory. */
void *space(size_t bytes);

/* Keeps what a function that answers TRUE or FALSE said. Returns whether it gave data, all or part of a message. */
int outcome(struct answer *say, BOOL good);

/* The descriptor whose SDDL is the request's data, if it has any. Who asks frees it with LocalFree. */
SECURITY_ATTRIBUTES *secure(const struct job *job, SECURITY_ATTRIBUTES *secured);

/* Whether a request starts an overlapped operation. */
int starts(uint32_t op);

/* Each carries out one request. What is returned holds the answer's data, and is freed. */
unsigned char *pipes(const struct job *job, struct answer *say);
unsigned char *sync_objects(const struct job *job, struct answer *say);
unsigned char *mapping(const struct job *job, struct answer *say);
unsigned char *mailslots(const struct job *job, struct answer *say);

#endif
