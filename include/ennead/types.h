/* The plain types of Windows and the macros that its metadata cannot express. Compile with -fshort-wchar: a WCHAR has 16 bits. */
#ifndef ENNEAD_TYPES_H
#define ENNEAD_TYPES_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __SIZEOF_WCHAR_T__ != 2
#error "compile with -fshort-wchar: the characters of Windows have 16 bits"
#endif

#define WINAPI
#define CALLBACK
#define APIENTRY
#define NTAPI
#define VOID void
#define CONST const
#define IN
#define OUT
#define OPTIONAL
#define FAR
#define TRUE 1
#define FALSE 0

typedef char CHAR, *PCHAR, *LPSTR, *PSTR;
typedef const char *LPCSTR, *PCSTR;
typedef wchar_t WCHAR, *PWCHAR, *LPWSTR, *PWSTR;
typedef const wchar_t *LPCWSTR, *PCWSTR;
typedef uint8_t BYTE, *PBYTE, *LPBYTE, UCHAR, *PUCHAR, BOOLEAN, *PBOOLEAN;
typedef int16_t SHORT, *PSHORT;
typedef uint16_t WORD, *PWORD, *LPWORD, USHORT, *PUSHORT, ATOM;
typedef int INT, *PINT, *LPINT, BOOL, *PBOOL, *LPBOOL;
typedef unsigned int UINT, *PUINT;
typedef int32_t LONG, *PLONG, *LPLONG, INT32, LONG32, HRESULT, NTSTATUS;
typedef uint32_t DWORD, *PDWORD, *LPDWORD, ULONG, *PULONG, UINT32, DWORD32, ACCESS_MASK, *PACCESS_MASK;
typedef int64_t LONGLONG, *PLONGLONG, INT64, LONG64;
typedef uint64_t ULONGLONG, *PULONGLONG, UINT64, ULONG64, DWORD64, *PDWORD64, DWORDLONG;
typedef float FLOAT;
typedef intptr_t INT_PTR, LONG_PTR, *PLONG_PTR, SSIZE_T;
typedef uintptr_t UINT_PTR, ULONG_PTR, *PULONG_PTR, DWORD_PTR, *PDWORD_PTR, SIZE_T, *PSIZE_T;
typedef void *PVOID, *LPVOID, *PSECURITY_DESCRIPTOR, *HANDLE, **PHANDLE, **LPHANDLE;
typedef const void *LPCVOID, *PCVOID;
typedef INT_PTR (WINAPI *FARPROC)(void);
typedef struct _GUID { uint32_t Data1; uint16_t Data2, Data3; uint8_t Data4[8]; } GUID;

typedef union _LARGE_INTEGER {
    struct { DWORD LowPart; LONG HighPart; };
    struct { DWORD LowPart; LONG HighPart; } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;
typedef union _ULARGE_INTEGER {
    struct { DWORD LowPart; DWORD HighPart; };
    struct { DWORD LowPart; DWORD HighPart; } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

#define __TEXT(text) L##text
#ifdef UNICODE
typedef WCHAR TCHAR, *PTCHAR;
typedef LPWSTR LPTSTR, PTSTR;
typedef LPCWSTR LPCTSTR, PCTSTR;
#define TEXT(text) __TEXT(text)
#else
typedef CHAR TCHAR, *PTCHAR;
typedef LPSTR LPTSTR, PTSTR;
typedef LPCSTR LPCTSTR, PCTSTR;
#define TEXT(text) text
#endif

#define LOBYTE(word) ((BYTE)((DWORD_PTR)(word) & 0xff))
#define HIBYTE(word) ((BYTE)((DWORD_PTR)(word) >> 8 & 0xff))
#define LOWORD(dword) ((WORD)((DWORD_PTR)(dword) & 0xffff))
#define HIWORD(dword) ((WORD)((DWORD_PTR)(dword) >> 16 & 0xffff))
#define MAKEWORD(low, high) ((WORD)((BYTE)(low) | (WORD)(BYTE)(high) << 8))
#define MAKELONG(low, high) ((LONG)((WORD)(low) | (DWORD)(WORD)(high) << 16))
#define MAKELANGID(primary, sub) ((WORD)((WORD)(sub) << 10 | (WORD)(primary)))
#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define ARRAYSIZE(array) (sizeof(array) / sizeof((array)[0]))
#define ZeroMemory(at, length) memset((at), 0, (length))
#define FillMemory(at, length, byte) memset((at), (byte), (length))
#define CopyMemory(to, from, length) memcpy((to), (from), (length))
#define MoveMemory(to, from, length) memmove((to), (from), (length))
#define HasOverlappedIoCompleted(overlapped) ((DWORD)__atomic_load_n(&(overlapped)->Internal, __ATOMIC_ACQUIRE) != 0x103)

#endif
