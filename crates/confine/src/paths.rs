//! Landlock: files that the process does not need are not accessible, independent of its user's rights
//! (landlock(7)).

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::Lock;

/// The handled rights: those of this ABI version. Newer kernels have more rights, whose effect is not tested
/// (version 9 restricts local sockets, including the service manager's).
const KNOWN: ABI = ABI::V7;

/// Devices without memory of their own.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

/// System paths for processes with sockets: interfaces and their counters, this process, and libraries for
/// name resolution.
const NETWORK: [&str; 6] = ["/sys/class/net", "/sys/devices", "/proc/self", "/usr/lib", "/lib", "/lib64"];

/// Files that the C library reads to resolve a host (resolv.conf(5), nsswitch.conf(5), hosts(5),
/// gai.conf(5)).
const RESOLVER: [&str; 8] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
];

/// Folders in which programs maintain `resolv.conf`: it is replaced there, so a rule for one file is not
/// enough.
const RESOLVER_FOLDERS: [&str; 5] =
    ["/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman", "/run/nscd"];

/// Restricts file access to the exceptions of the lock. Returns a description with the kernel's ABI, or the
/// reason for failure.
pub(crate) fn restrict(lock: &Lock) -> Result<String, String> {
    restricted(lock).unwrap_or_else(|e| Err(e.to_string()))
}

fn restricted(lock: &Lock) -> Result<Result<String, String>, RulesetError> {
    let (reading, file) = (AccessFs::ReadFile | AccessFs::ReadDir, AccessFs::from_file(KNOWN));
    let writing = reading
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::RemoveFile;
    let scope = if lock.knows_abstract_sockets {
        BitFlags::from(Scope::Signal)
    } else {
        Scope::Signal | Scope::AbstractUnixSocket
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        // Listening sockets are opened before. Connections stay allowed, because the configuration may name
        // new receivers later.
        .handle_access(AccessNet::BindTcp)?
        .scope(scope)?
        .create()?;
    let mut add = |path: &Path, access: BitFlags<AccessFs>| -> Result<(), RulesetError> {
        // A missing path cannot be read later either; a folder created afterwards is not accessible.
        let Ok(fd) = PathFd::new(path) else { return Ok(()) };
        let access = if path.is_dir() { access } else { access & file };
        (&mut rules).add_rule(PathBeneath::new(fd, access)).map(|_| ())
    };
    for path in DEVICES {
        add(Path::new(path), AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    if lock.is_networked {
        for path in NETWORK.iter().chain(&RESOLVER_FOLDERS) {
            add(Path::new(path), reading)?;
        }
        // A replaced file is a new file, so the folder /etc is allowed. Files there that any user may read
        // are no secret; secret ones belong to root.
        if rustix::process::geteuid().is_root() {
            for path in RESOLVER {
                add(Path::new(path), reading)?;
            }
        } else {
            add(Path::new("/etc"), reading)?;
        }
    }
    for path in &lock.reads {
        // A pipe without a place in a file system needs no rule, and is not restricted.
        let is_pipe = std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
        add(path, reading).or_else(|e| if is_pipe { Ok(()) } else { Err(e) })?;
    }
    for path in &lock.writes {
        add(path, writing)?;
    }
    let status = rules.restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let version = kernel_abi.unwrap_or(effective_abi as i32);
            Ok(format!("files outside its folders are not accessible (ABI {version})"))
        }
        LandlockStatus::NotEnabled => Err("the kernel has Landlock switched off (lsm= at boot)".to_owned()),
        LandlockStatus::NotImplemented => Err("the kernel has no Landlock (5.13 or later has)".to_owned()),
    })
}
