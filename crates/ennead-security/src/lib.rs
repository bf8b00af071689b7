//! The words for who may do what: SIDs, access masks, ACLs, security descriptors, SDDL and the access check, as pure
//! values. Nothing here asks the system anything.
//!
//! ```
//! use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};
//!
//! let descriptor: SecurityDescriptor = "O:S-1-22-1-1000D:(D;;GW;;;S-1-22-2-20)(A;;GA;;;WD)".parse()?;
//! let staff = Token::unix(1001, &[20]);
//! let file = &GenericMapping::FILE;
//! assert!(access_check(&descriptor, &staff, AccessMask::GENERIC_READ, file).is_err(), "the two share rights");
//! assert!(access_check(&descriptor, &staff, AccessMask::FILE_READ_DATA, file).is_ok());
//! assert!(access_check(&descriptor, &staff, AccessMask::FILE_WRITE_DATA, file).is_err());
//! # Ok::<(), ennead_security::SddlError>(())
//! ```
//!
//! # What the well-known SIDs mean on Linux
//!
//! The kernel knows uids and gids. [`Token::unix`], the file permissions of [`posix`] and everything built on them read
//! SIDs by this table and no other:
//!
//! | SID | alias | on Linux |
//! |---|---|---|
//! | `S-1-22-1-uid` | | the user |
//! | `S-1-22-2-gid` | | the group, as `getgroups` and `getegid` have it |
//! | Everyone `S-1-1-0` | `WD` | every uid; not an anonymous client, as on Windows |
//! | Authenticated Users `S-1-5-11` | `AU` | every uid: the kernel vouches for each |
//! | Local `S-1-2-0`, Users `S-1-5-32-545` | `BU` | every uid |
//! | System `S-1-5-18` | `SY` | uid 0 |
//! | Administrators `S-1-5-32-544` | `BA` | uid 0, and not the members of gid 0, who administer nothing |
//! | Owner Rights `S-1-3-4` | `OW` | whoever has the descriptor's owner SID |
//! | Anonymous `S-1-5-7` | `AN` | a client at the anonymous level; no uid |
//! | Creator Owner, Creator Group | `CO` `CG` | nobody, as on Windows: they are replaced where an entry is inherited |
//! | Network `S-1-5-2` | `NU` | a client from another machine, where the host puts it in the token; no uid of its own |
//! | any other, domain SIDs too | | no uid of its own; a token may carry it. File permissions treat an entry that allows it as if it were not there, and one that denies it as if it denied everybody |
//!
//! # SDDL
//!
//! `Display` and `FromStr` of [`SecurityDescriptor`] and [`Sid`] follow [MS-DTYP] 2.5.1, with `NO_ACCESS_CONTROL` for a null
//! ACL. Components may come in any order, with white space before them and before ACEs. Aliases that stand beneath a domain
//! (`DA`, `LA`, …) are refused. Every descriptor can be printed and read back: an ACE that SDDL has no words for, such as a
//! conditional one, is written in a notation of Ennead's own, `(0x09;FLAGS;#BYTES)`. Of the control flags, SDDL keeps `P`, `AR`
//! and `AI`.
//!
//! Limits: a text of 512 KiB, an ACL of 65,532 bytes; both are checked before anything is set aside.
#![forbid(unsafe_code)]

mod ace;
mod acl;
mod check;
mod descriptor;
mod error;
pub mod posix;
mod rights;
mod sddl;
mod sid;
mod token;
mod well_known;

pub use ace::{Ace, AceFlags, AceKind, OtherAce};
pub use acl::Acl;
pub use check::{AccessDenied, access_check, granted_rights};
pub use descriptor::{AclSlot, Control, SecurityDescriptor};
pub use error::FormatError;
pub use rights::{AccessMask, GenericMapping};
pub use sddl::SddlError;
pub use sid::Sid;
pub use token::{Group, ImpersonationLevel, Privileges, Token};
