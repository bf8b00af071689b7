//! What `ennead-win32` exports, and how C declares it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use windows_metadata::Type;
use windows_metadata::reader::{HasAttributes, Index, Item, MethodDef};

use crate::spelling;
use crate::types::Types;

/// Parameters that the metadata calls a 64-bit number and C a `LARGE_INTEGER`.
const LARGE: &[(&str, &str)] = &[
    ("GetFileSizeEx", "lpFileSize"),
    ("SetFilePointerEx", "liDistanceToMove"),
    ("SetFilePointerEx", "lpNewFilePointer"),
    ("SetWaitableTimer", "lpDueTime"),
    ("SetWaitableTimerEx", "lpDueTime"),
    ("QueryPerformanceCounter", "lpPerformanceCount"),
    ("QueryPerformanceFrequency", "lpFrequency"),
];

/// The names of the exported functions: each stands after a line with `no_mangle`.
pub fn of(sources: &Path) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![sources.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text =
                    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let after = text.split("#[unsafe(no_mangle)]").skip(1);
                names.extend(after.filter_map(|rest| name_of_function(rest).map(str::to_string)));
            }
        }
    }
    if names.is_empty() { Err(format!("{} exports nothing", sources.display())) } else { Ok(names) }
}

fn name_of_function(text: &str) -> Option<&str> {
    let rest = text.split_once("extern \"system\" fn ")?.1;
    rest.split_once('(').map(|(name, _)| name.trim())
}

/// The prototypes of all of them, in the order of their names.
///
/// # Errors
/// A name that Windows does not have.
pub fn prototypes(index: &Index, names: &BTreeSet<String>, types: &mut Types<'_>) -> Result<String, String> {
    let mut out = String::new();
    for name in names {
        let method = find(index, name).ok_or_else(|| format!("Windows has no function {name}"))?;
        let _ = writeln!(out, "{}", prototype(method, types)?);
    }
    Ok(out)
}

fn find<'a>(index: &'a Index, name: &str) -> Option<MethodDef<'a>> {
    index.iter_items().find_map(|(_, known, item)| match item {
        Item::Fn(method) if known == name => Some(method),
        _ => None,
    })
}

fn prototype(method: MethodDef<'_>, types: &mut Types<'_>) -> Result<String, String> {
    let signature = method.signature(&[]);
    let rows = method.params_by_sequence(signature.types.len()).map_err(|error| error.to_string())?;
    let mut parameters = Vec::new();
    for (n, ty) in signature.types.iter().enumerate() {
        let row = rows.params()[n];
        let name = row.map_or_else(|| format!("p{n}"), |row| row.name().to_string());
        let constant = row.is_some_and(|row| row.has_attribute("ConstAttribute"));
        parameters.push(if LARGE.contains(&(method.name(), name.as_str())) {
            large(ty, &name, constant)
        } else {
            parameter(ty, &name, constant, types)
        });
    }
    let result = spelling::spelled(&signature.return_type, &mut |name| types.need(name));
    let parameters = if parameters.is_empty() { "void".to_string() } else { parameters.join(", ") };
    Ok(format!("{result} WINAPI {}({parameters});", method.name()))
}

fn parameter(ty: &Type, name: &str, constant: bool, types: &mut Types<'_>) -> String {
    match ty {
        Type::ValueName(string) if constant && string.name == "PSTR" => format!("LPCSTR {name}"),
        Type::ValueName(string) if constant && string.name == "PWSTR" => format!("LPCWSTR {name}"),
        // A pointer to bytes is any pointer: C passes buffers of all kinds.
        Type::PtrMut(to, 1) | Type::PtrConst(to, 1) if **to == Type::U8 => {
            let constant = constant || matches!(ty, Type::PtrConst(..));
            format!("{} {name}", if constant { "LPCVOID" } else { "LPVOID" })
        }
        Type::PtrMut(to, depth) if constant => {
            spelling::declaration(&Type::PtrConst(to.clone(), *depth), name, &mut |name| types.need(name))
        }
        other => spelling::declaration(other, name, &mut |name| types.need(name)),
    }
}

fn large(ty: &Type, name: &str, constant: bool) -> String {
    let constant = if constant { "const " } else { "" };
    let star = if matches!(ty, Type::PtrMut(..) | Type::PtrConst(..)) { "*" } else { "" };
    format!("{constant}LARGE_INTEGER {star}{name}")
}

/// `CreateFile` for `CreateFileA` and `CreateFileW`.
pub fn generic_names(names: &BTreeSet<String>) -> String {
    let both = || {
        names
            .iter()
            .filter_map(|name| name.strip_suffix('W'))
            .filter(|name| names.contains(&format!("{name}A")))
    };
    let list = |end: char| both().map(|name| format!("#define {name} {name}{end}\n")).collect::<String>();
    format!("#ifdef UNICODE\n{}#else\n{}#endif\n", list('W'), list('A'))
}
