//! System call filter (seccomp(2)) with three groups: allowed calls, calls that fail, and calls that end the
//! process.
//!
//! A call outside the allowlist returns `ENOSYS`, as on a kernel without that call. The C library then uses
//! an older fallback, so a new library version does not stop the process. An attacker cannot stop it either
//! by triggering a rare path. Calls that the process never makes, and that injected code would make first,
//! end the process at once.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Memory, threads, signals, time, and open files.
const ALWAYS: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_getcpu,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_futex,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    // Reads the clock discipline; setting it needs a capability.
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_openat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_fcntl,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    // The database gives its log the same mode and owner as its own.
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_getcwd,
    libc::SYS_dup,
    libc::SYS_umask,
];

/// Legacy calls, which newer processor architectures do not have.
#[cfg(target_arch = "x86_64")]
const ALWAYS_OF_OLD: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_poll,
    libc::SYS_time,
];
#[cfg(target_arch = "aarch64")]
const ALWAYS_OF_OLD: &[i64] = &[libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ALWAYS_OF_OLD: &[i64] = &[];

/// Open sockets, and sockets for alert delivery.
const NETWORKED: &[i64] = &[
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_shutdown,
];

/// Waiting for many connections on one thread (epoll(7), eventfd(2), accept(2)).
const SERVING: &[i64] =
    &[libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_eventfd2];

/// Legacy forms of these calls.
#[cfg(target_arch = "x86_64")]
const SERVING_OF_OLD: &[i64] = &[libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const SERVING_OF_OLD: &[i64] = &[];

/// Calls that end the process: to start programs, inspect other processes, change the user, or change the
/// system, and calls that exploits use against the kernel.
const DEADLY: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_mknodat,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_open_by_handle_at,
];

#[cfg(target_arch = "x86_64")]
const DEADLY_OF_OLD: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_mknod,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const DEADLY_OF_OLD: &[i64] = &[];

/// Allowed ioctl requests. For devices and sockets: non-blocking mode, pending octets, terminal size. For
/// interfaces: index, name, state and address.
const REQUESTS: [u64; 12] = [
    libc::FIONBIO,
    libc::FIONREAD,
    libc::FIOCLEX,
    libc::TIOCOUTQ,
    libc::TCGETS,
    libc::TIOCGWINSZ,
    0x8910, // SIOCGIFNAME
    0x8912, // SIOCGIFCONF
    0x8913, // SIOCGIFFLAGS
    0x8921, // SIOCGIFMTU
    0x8927, // SIOCGIFHWADDR
    0x8933, // SIOCGIFINDEX
];

/// Names of threads, and of memory (glibc and allocators); the dumpable flag.
const PROCESS_SETTINGS: [u64; 3] =
    [libc::PR_SET_NAME as u64, libc::PR_SET_VMA as u64, libc::PR_GET_DUMPABLE as u64];

/// Socket families that may be opened later. Netlink lists the host's own addresses (getaddrinfo(3)).
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Applies the filters to this thread. Returns a description, or the reason for failure.
pub(crate) fn restrict(is_networked: bool, is_server: bool) -> Result<String, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|e| e.to_string())?;
    // If both filters match, the kernel takes the stricter action. The allowlist is applied last, because it
    // forbids adding filters.
    let filters = [ending(arch), allowing(is_networked, is_server, arch)];
    for filter in filters {
        let program = filter.map_err(|e| e.to_string())?;
        seccompiler::apply_filter(&program).map_err(|e| e.to_string())?;
    }
    Ok("unused system calls are refused".to_owned())
}

type Filter = Result<BpfProgram, seccompiler::BackendError>;
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allows the listed calls; all others return `ENOSYS`.
fn allowing(is_networked: bool, is_server: bool, arch: TargetArch) -> Filter {
    let networked = if is_networked { NETWORKED } else { &[] };
    let (serving, of_old) = if is_server { (SERVING, SERVING_OF_OLD) } else { (&[][..], &[][..]) };
    let all = ALWAYS.iter().chain(ALWAYS_OF_OLD).chain(networked).chain(serving).chain(of_old);
    let mut rules: Rules = all.map(|call| (*call, Vec::new())).collect();
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_clone, vec![rule(0, masked(libc::CLONE_THREAD), libc::CLONE_THREAD as u64)?]);
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    rules.insert(libc::SYS_kill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    let no_execution = rule(2, masked(libc::PROT_EXEC), 0)?;
    let no_writing = rule(2, masked(libc::PROT_WRITE), 0)?;
    rules.insert(libc::SYS_mprotect, vec![no_execution.clone()]);
    // Name service libraries may be loaded late: their memory is never writable and executable at once.
    rules.insert(libc::SYS_mmap, vec![no_execution, no_writing]);
    rules.insert(libc::SYS_prctl, any(0, &PROCESS_SETTINGS)?);
    rules.insert(libc::SYS_ioctl, any(1, &REQUESTS)?);
    // Limits of this process may be read, but not set.
    rules.insert(libc::SYS_prlimit64, vec![rule_of(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?]);
    if is_networked {
        rules.insert(libc::SYS_socket, any(0, &FAMILIES.map(|family| family as u64))?);
    }
    SeccompFilter::new(rules, SeccompAction::Errno(libc::ENOSYS as u32), SeccompAction::Allow, arch)?
        .try_into()
}

/// Ends the process on listed calls, and allows all others.
fn ending(arch: TargetArch) -> Filter {
    let mut rules: Rules = DEADLY.iter().chain(DEADLY_OF_OLD).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![rule(0, masked(libc::CLONE_THREAD), 0)?]);
    rules.insert(libc::SYS_mprotect, vec![rule(2, masked(libc::PROT_EXEC), libc::PROT_EXEC as u64)?]);
    let both = libc::PROT_WRITE | libc::PROT_EXEC;
    rules.insert(libc::SYS_mmap, vec![rule(2, masked(both), both as u64)?]);
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch)?.try_into()
}

fn masked(bits: i32) -> SeccompCmpOp {
    SeccompCmpOp::MaskedEq(bits as u64)
}

/// The kernel reads only the lower half of most arguments.
fn rule(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    rule_of(argument, SeccompCmpArgLen::Dword, compare, value)
}

fn rule_of(
    argument: u8,
    len: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, len, compare, value)?])
}

/// One rule per allowed value of the argument.
fn any(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    values.iter().map(|value| rule(argument, SeccompCmpOp::Eq, *value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_allowed_and_deadly() {
        let allowed: Vec<&i64> = ALWAYS
            .iter()
            .chain(ALWAYS_OF_OLD)
            .chain(NETWORKED)
            .chain(SERVING)
            .chain(SERVING_OF_OLD)
            .collect();
        let deadly: Vec<&i64> = DEADLY.iter().chain(DEADLY_OF_OLD).collect();
        assert!(deadly.iter().all(|call| !allowed.contains(call)));
    }

    #[test]
    fn filters_are_small_enough_for_the_kernel() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64] {
            for program in [
                allowing(true, true, arch).unwrap(),
                allowing(false, true, arch).unwrap(),
                ending(arch).unwrap(),
            ] {
                // BPF_MAXINSNS
                assert!(program.len() < 4096, "{}", program.len());
            }
        }
    }
}
