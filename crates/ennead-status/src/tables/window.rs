//! Codes 1400–1699: windows, the clipboard, atoms, memory quotas, and a few that stand among them.

use crate::{Win32Error, codes::codes};
use windows_sys::Win32::Foundation::*;

codes! { Win32Error: u32 =>
    INVALID_WINDOW_HANDLE = ERROR_INVALID_WINDOW_HANDLE, "Invalid window handle.";
    INVALID_HOOK_HANDLE = ERROR_INVALID_HOOK_HANDLE, "Invalid hook handle.";
    INVALID_DWP_HANDLE = ERROR_INVALID_DWP_HANDLE, "Invalid handle to a multiple-window position structure.";
    TLW_WITH_WSCHILD = ERROR_TLW_WITH_WSCHILD, "Cannot create a top-level child window.";
    CANNOT_FIND_WND_CLASS = ERROR_CANNOT_FIND_WND_CLASS, "Cannot find window class.";
    WINDOW_OF_OTHER_THREAD = ERROR_WINDOW_OF_OTHER_THREAD, "Invalid window; it belongs to other thread.";
    CLASS_ALREADY_EXISTS = ERROR_CLASS_ALREADY_EXISTS, "Class already exists.";
    CLASS_DOES_NOT_EXIST = ERROR_CLASS_DOES_NOT_EXIST, "Class does not exist.";
    CLASS_HAS_WINDOWS = ERROR_CLASS_HAS_WINDOWS, "Class still has open windows.";
    INVALID_INDEX = ERROR_INVALID_INDEX, "Invalid index.";
    NO_WILDCARD_CHARACTERS = ERROR_NO_WILDCARD_CHARACTERS, "No wildcards were found.";
    CLIPBOARD_NOT_OPEN = ERROR_CLIPBOARD_NOT_OPEN, "Thread does not have a clipboard open.";
    WINDOW_NOT_DIALOG = ERROR_WINDOW_NOT_DIALOG, "The window is not a valid dialog window.";
    INVALID_HOOK_FILTER = ERROR_INVALID_HOOK_FILTER, "Invalid hook procedure type.";
    DESTROY_OBJECT_OF_OTHER_THREAD = ERROR_DESTROY_OBJECT_OF_OTHER_THREAD, "Cannot destroy object created by another thread.";
    NOT_CHILD_WINDOW = ERROR_NOT_CHILD_WINDOW, "The window is not a child window.";
    INVALID_GW_COMMAND = ERROR_INVALID_GW_COMMAND, "Invalid GW_* command.";
    INVALID_THREAD_ID = ERROR_INVALID_THREAD_ID, "Invalid thread identifier.";
    NO_SYSTEM_RESOURCES = ERROR_NO_SYSTEM_RESOURCES, "Insufficient system resources exist to complete the requested service.";
    NONPAGED_SYSTEM_RESOURCES = ERROR_NONPAGED_SYSTEM_RESOURCES, "Insufficient system resources exist to complete the requested service.";
    PAGED_SYSTEM_RESOURCES = ERROR_PAGED_SYSTEM_RESOURCES, "Insufficient system resources exist to complete the requested service.";
    WORKING_SET_QUOTA = ERROR_WORKING_SET_QUOTA, "Insufficient quota to complete the requested service.";
    PAGEFILE_QUOTA = ERROR_PAGEFILE_QUOTA, "Insufficient quota to complete the requested service.";
    COMMITMENT_LIMIT = ERROR_COMMITMENT_LIMIT, "The paging file is too small for this operation to complete.";
    REQUIRES_INTERACTIVE_WINDOWSTATION = ERROR_REQUIRES_INTERACTIVE_WINDOWSTATION, "This operation requires an interactive window station.";
    TIMEOUT = ERROR_TIMEOUT, "This operation returned because the timeout period expired.";
    INCORRECT_SIZE = ERROR_INCORRECT_SIZE, "Incorrect size argument.";
    SYMLINK_NOT_SUPPORTED = ERROR_SYMLINK_NOT_SUPPORTED, "This application does not support the current operation on symbolic links.";
    XML_PARSE_ERROR = ERROR_XML_PARSE_ERROR, "Windows was unable to parse the requested XML data.";
    RESTART_APPLICATION = ERROR_RESTART_APPLICATION, "This application must be restarted.";
    NOT_GUI_PROCESS = ERROR_NOT_GUI_PROCESS, "Unable to finish the requested operation because the specified process is not a GUI process.";
    INVALID_TASK_NAME = ERROR_INVALID_TASK_NAME, "The specified task name is invalid.";
    UNKNOWN_PRODUCT = ERROR_UNKNOWN_PRODUCT, "This action is only valid for products that are currently installed.";
    INVALID_HANDLE_STATE = ERROR_INVALID_HANDLE_STATE, "Handle is in an invalid state.";
    INVALID_FIELD = ERROR_INVALID_FIELD, "Record field does not exist.";
    DEVICE_REMOVED = ERROR_DEVICE_REMOVED, "The device has been removed.";
    FUNCTION_NOT_CALLED = ERROR_FUNCTION_NOT_CALLED, "Function could not be executed.";
    FUNCTION_FAILED = ERROR_FUNCTION_FAILED, "Function failed during execution.";
    DATATYPE_MISMATCH = ERROR_DATATYPE_MISMATCH, "Data supplied is of wrong type.";
    UNSUPPORTED_TYPE = ERROR_UNSUPPORTED_TYPE, "Data of this type is not supported.";
    CREATE_FAILED = ERROR_CREATE_FAILED, "The Windows Installer service failed to start. Contact your support personnel.";
    INVALID_COMMAND_LINE = ERROR_INVALID_COMMAND_LINE, "Invalid command line argument. Consult the Windows Installer SDK for detailed command line help.";
    FAIL_FAST_EXCEPTION = ERROR_FAIL_FAST_EXCEPTION, "A fail fast exception occurred. Exception handlers will not be invoked and the process will be terminated immediately.";
}
