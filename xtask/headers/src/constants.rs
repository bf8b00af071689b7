//! The constants of the families that the surface is about.

use std::collections::BTreeMap;
use std::fmt::Write;

use windows_metadata::reader::{Field, Index, Item, TypeCategory};
use windows_metadata::{Type, Value};

/// A family, and how the names begin that are taken of it; none: all.
const FAMILIES: &[(&str, &[&str])] = &[
    (
        "Windows.Win32.Foundation",
        &[
            "ERROR_",
            "NO_ERROR",
            "WAIT_",
            "STATUS_",
            "GENERIC_",
            "DUPLICATE_",
            "HANDLE_FLAG_",
            "MAX_PATH",
            "STILL_ACTIVE",
            "INVALID_HANDLE_VALUE",
            "S_OK",
            "S_FALSE",
            "E_",
            "RPC_S_",
            "RPC_X_",
            "EXCEPTION_",
        ],
    ),
    ("Windows.Win32.Storage.FileSystem", &[]),
    ("Windows.Win32.System.Pipes", &[]),
    ("Windows.Win32.System.IO", &[]),
    ("Windows.Win32.System.Threading", &[]),
    ("Windows.Win32.System.Memory", &[]),
    ("Windows.Win32.System.Console", &["STD_", "CTRL_", "ENABLE_", "ATTACH_"]),
    ("Windows.Win32.System.Diagnostics.Debug", &["FORMAT_MESSAGE_"]),
    ("Windows.Win32.System.Mailslots", &[]),
    (
        "Windows.Win32.System.SystemServices",
        &[
            "SECURITY_",
            "MAILSLOT_",
            "LANG_",
            "SUBLANG_",
            "ACCESS_",
            "MAXIMUM_WAIT_OBJECTS",
            "UNICODE_STRING_MAX_",
            "DLL_",
        ],
    ),
    ("Windows.Win32.Security", &[]),
];

/// Names that C spells otherwise, in `types.h`.
const BY_HAND: &[&str] = &["TRUE", "FALSE"];

/// A line for each.
pub fn of(index: &Index) -> String {
    let mut lines = BTreeMap::new();
    for (family, beginnings) in FAMILIES {
        let wanted =
            |name: &str| beginnings.is_empty() || beginnings.iter().any(|start| name.starts_with(start));
        for (name, item) in index.namespace_items(family) {
            match item {
                Item::Const(field) if wanted(name) => drop(add(&mut lines, name, field)),
                Item::Type(def) if def.category() == TypeCategory::Enum => {
                    for field in def.fields().filter(|field| wanted(field.name())) {
                        if let Some(constant) = field.constant() {
                            let value = number(&constant.value());
                            value.map(|value| lines.insert(field.name().to_string(), value));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    lines.retain(|name, _| !BY_HAND.contains(&name.as_str()));
    lines.iter().fold(String::new(), |mut out, (name, value)| {
        let _ = writeln!(out, "#define {name} {value}");
        out
    })
}

fn add(lines: &mut BTreeMap<String, String>, name: &str, field: Field<'_>) -> Option<String> {
    let value = field.constant()?.value();
    let text = match field.ty() {
        Type::ValueName(ty) if ty.name == "HANDLE" => format!("((HANDLE)(LONG_PTR){})", number(&value)?),
        Type::ValueName(ty) if ["NTSTATUS", "HRESULT"].contains(&ty.name.as_str()) => match value {
            Value::I32(code) => format!("(({}){:#010X})", ty.name, code.cast_unsigned()),
            _ => return None,
        },
        _ => number(&value)?,
    };
    lines.insert(name.to_string(), text)
}

/// A number as C writes it. `None` for strings and the like.
fn number(value: &Value) -> Option<String> {
    Some(match value {
        Value::I8(n) => parenthesized(i64::from(*n)),
        Value::I16(n) => parenthesized(i64::from(*n)),
        Value::I32(n) => parenthesized(i64::from(*n)),
        Value::U8(n) => n.to_string(),
        Value::U16(n) => n.to_string(),
        Value::U32(n) if *n > 0xFFFF => format!("{n:#X}U"),
        Value::U32(n) => format!("{n}U"),
        Value::I64(n) => format!("{}LL", parenthesized(*n)),
        Value::U64(n) => format!("{n:#X}ULL"),
        _ => return None,
    })
}

fn parenthesized(n: i64) -> String {
    if n < 0 { format!("({n})") } else { n.to_string() }
}
