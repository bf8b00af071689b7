//! Events, mutexes, semaphores, waitable timers and waits.

use super::Difference;

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "a name of an object has up to MAX_PATH characters",
        says: "created with 261 characters",
        page: "api/synchapi/nf-synchapi-createeventw",
        sentence: "The name is limited to MAX_PATH characters.",
    },
    Difference {
        case: "an open asks for no more than the descriptor grants",
        says: "ERROR_ACCESS_DENIED",
        page: RIGHTS,
        sentence: FULL_ACCESS,
    },
    Difference {
        case: "a second create asks for every right",
        says: "ERROR_ACCESS_DENIED",
        page: RIGHTS,
        sentence: FULL_ACCESS,
    },
    Difference {
        case: "a descriptor that grants nobody anything refuses all",
        says: "left: 0, right: 5",
        page: RIGHTS,
        sentence: "When you call the OpenEvent, OpenMutex, OpenSemaphore, and OpenWaitableTimer functions, the system \
             checks the requested access rights against the object's security descriptor.",
    },
    Difference {
        case: "a release is by more than zero",
        says: "released by 0",
        page: "api/synchapi/nf-synchapi-releasesemaphore",
        sentence: "The value must be greater than zero.",
    },
    Difference {
        case: "several handles of one semaphore are decremented once",
        says: "after a wait for all, left: Ok(3), right: Ok(4)",
        page: "sync/semaphore-objects",
        sentence: "However, calling one of the multiple-object wait functions with an array that contains multiple \
             handles of the same semaphore does not result in multiple decrements.",
    },
    Difference {
        case: "setting a timer makes it nonsignaled",
        says: "false, left: 0, right: 258",
        page: "sync/waitable-timer-objects",
        sentence: "When a timer is set, it is canceled if it was already active, the state of the timer is \
             nonsignaled, and the timer is placed in the kernel timer queue.",
    },
    Difference {
        case: "a period is not negative",
        says: "set with a period of -1",
        page: "api/synchapi/nf-synchapi-setwaitabletimer",
        sentence: "If lPeriod is less than zero, the function fails.",
    },
    Difference {
        case: "a wait for all is not for a handle twice",
        says: "waited for a handle twice",
        page: "api/synchapi/nf-synchapi-waitformultipleobjects",
        sentence: "It may not contain multiple copies of the same handle.",
    },
];

const RIGHTS: &str = "sync/synchronization-object-security-and-access-rights";

const FULL_ACCESS: &str = "The handles returned by CreateEvent, CreateMutex, CreateSemaphore, and CreateWaitableTimer have full \
                           access to the new object.";
