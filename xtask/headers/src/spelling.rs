//! How C spells a type.

use windows_metadata::{Type, TypeName};

/// A plain type under the name that the headers of Windows use.
pub fn plain(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Void => "void",
        Type::Bool => "BOOLEAN",
        Type::Char | Type::U16 => "WORD",
        Type::I8 => "CHAR",
        Type::U8 => "BYTE",
        Type::I16 => "SHORT",
        Type::I32 => "LONG",
        Type::U32 => "DWORD",
        Type::I64 => "LONGLONG",
        Type::U64 => "ULONGLONG",
        Type::F32 => "FLOAT",
        Type::F64 => "double",
        Type::ISize => "LONG_PTR",
        Type::USize => "ULONG_PTR",
        _ => return None,
    })
}

/// Names of the metadata that `types.h` defines, and under which name.
pub fn by_hand(name: &TypeName) -> Option<&'static str> {
    Some(match name.name.as_str() {
        "PSTR" => "LPSTR",
        "PWSTR" => "LPWSTR",
        "BOOL" => "BOOL",
        "BOOLEAN" => "BOOLEAN",
        "CHAR" => "CHAR",
        "HANDLE" => "HANDLE",
        "NTSTATUS" => "NTSTATUS",
        "HRESULT" => "HRESULT",
        "Guid" => "GUID",
        "FARPROC" => "FARPROC",
        "PSECURITY_DESCRIPTOR" => "PSECURITY_DESCRIPTOR",
        _ => return None,
    })
}

/// A type and a name as a declaration. `name_of` spells a named type.
pub fn declaration(ty: &Type, name: &str, name_of: &mut dyn FnMut(&TypeName) -> String) -> String {
    match ty {
        Type::ArrayFixed(of, count) => declaration(of, &format!("{name}[{count}]"), name_of),
        other => beside(&spelled(other, name_of), name),
    }
}

/// A spelled type and a name: stars stand at the name.
fn beside(spelled: &str, name: &str) -> String {
    if spelled.ends_with('*') { format!("{spelled}{name}") } else { format!("{spelled} {name}") }
}

/// A type without a name.
pub fn spelled(ty: &Type, name_of: &mut dyn FnMut(&TypeName) -> String) -> String {
    if let Some(plain) = plain(ty) {
        return plain.to_string();
    }
    match ty {
        Type::ValueName(name) | Type::ClassName(name) => name_of(name),
        Type::PtrMut(to, depth) => pointer(to, *depth, "", name_of),
        Type::PtrConst(to, depth) => pointer(to, *depth, "const ", name_of),
        Type::RefMut(to) => pointer(to, 1, "", name_of),
        Type::RefConst(to) => pointer(to, 1, "const ", name_of),
        _ => "void *".to_string(),
    }
}

fn pointer(to: &Type, depth: usize, constant: &str, name_of: &mut dyn FnMut(&TypeName) -> String) -> String {
    let stars = "*".repeat(depth);
    format!("{constant}{}", beside(&spelled(to, name_of), &stars))
}
