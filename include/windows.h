/* What Ennead has of Windows, for programs in C and C++. Link with libennead_win32. */
#ifndef ENNEAD_WINDOWS_H
#define ENNEAD_WINDOWS_H
#include "ennead/win32.h"
#endif
