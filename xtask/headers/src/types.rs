//! The types that the prototypes need, each after those that it needs itself.

use std::collections::BTreeSet;
use std::fmt::Write;

use windows_metadata::reader::{HasAttributes, Index, TypeCategory, TypeDef};
use windows_metadata::{Type, TypeName};

use crate::spelling;

/// Types that programs use although no prototype names them.
pub const ALSO: &[&str] = &[
    "OVERLAPPED_ENTRY",
    "SECURITY_DESCRIPTOR",
    "SID_IDENTIFIER_AUTHORITY",
    "SYSTEMTIME",
    "FILETIME",
    "PAPCFUNC",
    "LPTHREAD_START_ROUTINE",
    "LPOVERLAPPED_COMPLETION_ROUTINE",
];

/// The families in which a type named in [`ALSO`] is looked for, in this order.
const FAMILIES: &[&str] = &[
    "Windows.Win32.Foundation",
    "Windows.Win32.Security",
    "Windows.Win32.System.IO",
    "Windows.Win32.System.Threading",
];

/// Collects definitions.
pub struct Types<'a> {
    index: &'a Index,
    seen: BTreeSet<String>,
    text: String,
}

impl<'a> Types<'a> {
    pub fn new(index: &'a Index) -> Self {
        Self { index, seen: BTreeSet::new(), text: String::new() }
    }

    /// All definitions so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A type by its bare name.
    ///
    /// # Errors
    /// A name that none of the families has.
    pub fn need_by_name(&mut self, name: &str) -> Result<(), String> {
        let family = FAMILIES.iter().find(|family| self.index.contains(family, name));
        let family = family.ok_or_else(|| format!("Windows has no type {name}"))?;
        self.need(&TypeName::named(family, name));
        Ok(())
    }

    /// How a named type is spelled; its definition is put before, if it has not been.
    pub fn need(&mut self, name: &TypeName) -> String {
        if let Some(known) = spelling::by_hand(name) {
            return known.to_string();
        }
        let Some(def) = self.index.get(&name.namespace, &name.name).next() else {
            return "void *".to_string();
        };
        if self.seen.insert(name.name.clone()) {
            let text = self.definition(def);
            self.text.push_str(&text);
        }
        name.name.clone()
    }

    fn definition(&mut self, def: TypeDef<'a>) -> String {
        let name = def.name();
        match def.category() {
            TypeCategory::Enum => {
                let of = def.underlying_type().unwrap_or(Type::U32);
                format!("typedef {} {name};\n", spelling::plain(&of).unwrap_or("DWORD"))
            }
            TypeCategory::Delegate => self.routine(def),
            TypeCategory::Struct if def.has_attribute("NativeTypedefAttribute") => {
                let of = def.fields().next().map_or(Type::USize, |field| field.ty());
                format!("typedef {};\n", spelling::declaration(&of, name, &mut |name| self.need(name)))
            }
            TypeCategory::Struct => {
                let body = self.body(def, 1);
                // Any pointer stands for a descriptor, of whichever form: `types.h` says so.
                let pointers = if name == "SECURITY_DESCRIPTOR" {
                    String::new()
                } else {
                    format!(", *P{name}, *LP{name}")
                };
                format!("typedef {} _{name} {{\n{body}}} {name}{pointers};\n", kind(def))
            }
            _ => format!("typedef void *{name};\n"),
        }
    }

    /// A type of function.
    fn routine(&mut self, def: TypeDef<'a>) -> String {
        let Some(method) = def.methods().find(|method| method.name() == "Invoke") else {
            return format!("typedef void *{};\n", def.name());
        };
        let signature = method.signature(&[]);
        let types: Vec<_> =
            signature.types.iter().map(|ty| spelling::spelled(ty, &mut |name| self.need(name))).collect();
        let result = spelling::spelled(&signature.return_type, &mut |name| self.need(name));
        let types = if types.is_empty() { "void".to_string() } else { types.join(", ") };
        format!("typedef {result} (CALLBACK *{})({types});\n", def.name())
    }

    /// The fields of a structure or union. One that has no name in C is called *Anonymous* in the metadata.
    fn body(&mut self, def: TypeDef<'a>, depth: usize) -> String {
        let (mut out, indent) = (String::new(), "    ".repeat(depth));
        for field in def.fields() {
            let nested = match field.ty() {
                Type::ValueName(name) if name.namespace.is_empty() => {
                    self.index.nested(def).find(|nested| nested.name() == name.name)
                }
                _ => None,
            };
            let _ = match nested {
                Some(nested) => {
                    let body = self.body(nested, depth + 1);
                    let name = field.name();
                    let name = if name.starts_with("Anonymous") { String::new() } else { format!(" {name}") };
                    writeln!(out, "{indent}{} {{\n{body}{indent}}}{name};", kind(nested))
                }
                None => {
                    let line = spelling::declaration(&field.ty(), field.name(), &mut |name| self.need(name));
                    writeln!(out, "{indent}{line};")
                }
            };
        }
        out
    }
}

fn kind(def: TypeDef<'_>) -> &'static str {
    /// `tdExplicitLayout` (ECMA-335 II.23.1.15): all fields at the beginning.
    const EXPLICIT: u32 = 0x10;
    if def.flags().0 & EXPLICIT != 0 { "union" } else { "struct" }
}
