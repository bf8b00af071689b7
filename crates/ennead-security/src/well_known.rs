//! SIDs that are the same on every machine, and their two-letter names in SDDL ([MS-DTYP] 2.4.2.4 and 2.5.1.1).

use crate::Sid;

/// `S-1-5`, the authority of Windows NT itself.
const NT: u64 = 5;
/// `S-1-16`, the authority of mandatory labels.
const LABEL: u64 = 16;

macro_rules! well_known {
    ($($(#[doc = $doc:literal])* $name:ident = $alias:literal, $authority:expr, [$($sub:expr),*];)*) => {
        impl Sid {
            $(
                $(#[doc = $doc])*
                pub const $name: Self = Self::known($authority, &[$($sub),*]);
            )*
        }
        /// Alias and SID; an empty alias where SDDL has none.
        const TABLE: &[(&str, Sid)] = &[$(($alias, Sid::$name)),*];
    };
}

well_known! {
    /// Nobody: a group without members.
    NULL = "", 0, [0];
    /// Everyone, except anonymous clients.
    WORLD = "WD", 1, [0];
    /// Users who log on to this machine itself.
    LOCAL = "", 2, [0];
    /// Stands for the creator of an object in an inheritable ACE.
    CREATOR_OWNER = "CO", 3, [0];
    /// Stands for the creator's primary group in an inheritable ACE.
    CREATOR_GROUP = "CG", 3, [1];
    /// Whoever owns the object at the moment of the check; its presence replaces the owner's implicit rights.
    OWNER_RIGHTS = "OW", 3, [4];
    /// Clients from another machine.
    NETWORK = "NU", NT, [2];
    /// Users at the console.
    INTERACTIVE = "IU", NT, [4];
    /// Services.
    SERVICE = "SU", NT, [6];
    /// A client that did not say, or may not be told, who it is.
    ANONYMOUS = "AN", NT, [7];
    /// Domain controllers.
    ENTERPRISE_DOMAIN_CONTROLLERS = "ED", NT, [9];
    /// The object itself, in a directory.
    PRINCIPAL_SELF = "PS", NT, [10];
    /// Whoever has proved who they are.
    AUTHENTICATED_USERS = "AU", NT, [11];
    /// Present in restricted tokens.
    RESTRICTED_CODE = "RC", NT, [12];
    /// Present in write-restricted tokens.
    WRITE_RESTRICTED_CODE = "WR", NT, [33];
    /// The operating system.
    LOCAL_SYSTEM = "SY", NT, [18];
    /// The LocalService account.
    LOCAL_SERVICE = "LS", NT, [19];
    /// The NetworkService account.
    NETWORK_SERVICE = "NS", NT, [20];
    /// Administrators of this machine.
    BUILTIN_ADMINISTRATORS = "BA", NT, [32, 544];
    /// Users of this machine.
    BUILTIN_USERS = "BU", NT, [32, 545];
    /// Guests of this machine.
    BUILTIN_GUESTS = "BG", NT, [32, 546];
    /// Power users.
    BUILTIN_POWER_USERS = "PU", NT, [32, 547];
    /// Account operators.
    BUILTIN_ACCOUNT_OPERATORS = "AO", NT, [32, 548];
    /// Server operators.
    BUILTIN_SERVER_OPERATORS = "SO", NT, [32, 549];
    /// Print operators.
    BUILTIN_PRINT_OPERATORS = "PO", NT, [32, 550];
    /// Backup operators.
    BUILTIN_BACKUP_OPERATORS = "BO", NT, [32, 551];
    /// Replicators.
    BUILTIN_REPLICATOR = "RE", NT, [32, 552];
    /// Accounts that predate Windows 2000 access.
    BUILTIN_PRE_WINDOWS_2000 = "RU", NT, [32, 554];
    /// Users who may log on remotely.
    BUILTIN_REMOTE_DESKTOP = "RD", NT, [32, 555];
    /// Network configuration operators.
    BUILTIN_NETWORK_CONFIGURATION = "NO", NT, [32, 556];
    /// Performance monitor users.
    BUILTIN_PERFORMANCE_MONITORING = "MU", NT, [32, 558];
    /// Performance log users.
    BUILTIN_PERFORMANCE_LOGGING = "LU", NT, [32, 559];
    /// IIS worker accounts.
    BUILTIN_IIS_USERS = "IS", NT, [32, 568];
    /// Cryptographic operators.
    BUILTIN_CRYPTO_OPERATORS = "CY", NT, [32, 569];
    /// Event log readers.
    BUILTIN_EVENT_LOG_READERS = "ER", NT, [32, 573];
    /// Clients of certificate services.
    BUILTIN_CERTIFICATE_SERVICES = "CD", NT, [32, 574];
    /// Remote desktop servers.
    BUILTIN_RDS_REMOTE_ACCESS = "RA", NT, [32, 575];
    /// Remote desktop end points.
    BUILTIN_RDS_ENDPOINT = "ES", NT, [32, 576];
    /// Remote desktop management.
    BUILTIN_RDS_MANAGEMENT = "MS", NT, [32, 577];
    /// Hyper-V administrators.
    BUILTIN_HYPER_V_ADMINISTRATORS = "HA", NT, [32, 578];
    /// Access control assistance operators.
    BUILTIN_ACCESS_CONTROL_ASSISTANCE = "AA", NT, [32, 579];
    /// Remote management users.
    BUILTIN_REMOTE_MANAGEMENT = "RM", NT, [32, 580];
    /// User-mode drivers.
    USER_MODE_DRIVERS = "UD", NT, [84, 0, 0, 0, 0, 0];
    /// All application containers.
    ALL_APP_PACKAGES = "AC", 15, [2, 1];
    /// The authentication authority asserted the identity.
    AUTHENTICATION_AUTHORITY_ASSERTED = "AS", 18, [1];
    /// A service asserted the identity.
    SERVICE_ASSERTED = "SS", 18, [2];
    /// Untrusted integrity.
    LABEL_UNTRUSTED = "", LABEL, [0];
    /// Low integrity.
    LABEL_LOW = "LW", LABEL, [0x1000];
    /// Medium integrity.
    LABEL_MEDIUM = "ME", LABEL, [0x2000];
    /// Medium-plus integrity.
    LABEL_MEDIUM_PLUS = "MP", LABEL, [0x2100];
    /// High integrity.
    LABEL_HIGH = "HI", LABEL, [0x3000];
    /// System integrity.
    LABEL_SYSTEM = "SI", LABEL, [0x4000];
}

/// Aliases that stand for a RID in the machine's or the domain's own authority, of which Linux has none.
const DOMAIN_RELATIVE: &[&str] =
    &["DA", "DG", "DU", "DD", "DC", "LA", "LG", "CA", "SA", "EA", "PA", "RS", "RO", "CN", "AP", "KA", "EK"];

impl Sid {
    /// The two-letter name that SDDL has for this SID.
    #[must_use]
    pub fn alias(&self) -> Option<&'static str> {
        TABLE.iter().find(|(alias, sid)| sid == self && !alias.is_empty()).map(|(alias, _)| *alias)
    }

    /// The SID that SDDL has for a two-letter name, which is upper case.
    #[must_use]
    pub fn from_alias(alias: &str) -> Option<Self> {
        TABLE.iter().find(|(name, _)| !name.is_empty() && *name == alias).map(|(_, sid)| *sid)
    }
}

/// Whether SDDL has the alias, but only beneath a domain.
pub(crate) fn is_domain_relative(alias: &str) -> bool {
    DOMAIN_RELATIVE.contains(&alias)
}
