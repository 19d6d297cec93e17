//! Landlock: files outside of what a process needs are out of its reach, whatever its user may do (landlock(7)).

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::Lock;

/// The rights that are handled: those of this version of the interface. A newer kernel has more, which would close what was not tried
/// (version 9 local sockets, and with them the service manager's).
const KNOWN: ABI = ABI::V7;

/// Devices without memory of their own.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

/// Of the system, for whoever has sockets: interfaces and their counters, this process, and libraries that look up names.
const NETWORK: [&str; 6] = ["/sys/class/net", "/sys/devices", "/proc/self", "/usr/lib", "/lib", "/lib64"];

/// Files that the C library reads when it looks up a host (resolv.conf(5), nsswitch.conf(5), hosts(5), gai.conf(5)).
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

/// Folders in which those who write `resolv.conf` keep it: it is replaced there, so that one file is not enough.
const RESOLVER_FOLDERS: [&str; 5] =
    ["/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman", "/run/nscd"];

/// Closes everything but what the lock leaves open; answers how far this kernel goes, or why it goes nowhere.
pub(crate) fn restrict(lock: &Lock) -> Result<String, String> {
    restricted(lock).unwrap_or_else(|e| Err(e.to_string()))
}

fn restricted(lock: &Lock) -> Result<Result<String, String>, RulesetError> {
    let (reading, file) = (AccessFs::ReadFile | AccessFs::ReadDir, AccessFs::from_file(KNOWN));
    let writing =
        reading | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let scope = if lock.knows_abstract_sockets {
        BitFlags::from(Scope::Signal)
    } else {
        Scope::Signal | Scope::AbstractUnixSocket
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        // Who listens does so before. Connections go to receivers that the configuration may yet name.
        .handle_access(AccessNet::BindTcp)?
        .scope(scope)?
        .create()?;
    let mut add = |path: &Path, access: BitFlags<AccessFs>| -> Result<(), RulesetError> {
        // What is not there cannot be read later either; a folder that is made then is out of reach.
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
        // A file that is replaced is another file. What any user may read in /etc is no secret; root owns those that are.
        if rustix::process::geteuid().is_root() {
            for path in RESOLVER {
                add(Path::new(path), reading)?;
            }
        } else {
            add(Path::new("/etc"), reading)?;
        }
    }
    for path in &lock.reads {
        // A pipe that has no place in a file system is in no rule, and not held back.
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
            Ok(format!("files outside its folders are out of reach (ABI {version})"))
        }
        LandlockStatus::NotEnabled => Err("the kernel has Landlock switched off (lsm= at boot)".to_owned()),
        LandlockStatus::NotImplemented => Err("the kernel has no Landlock (5.13 or later has)".to_owned()),
    })
}
