//! Test program: confines itself like the sensor, attempts one forbidden or allowed action, and prints the
//! result.
//!
//! `bellwether-captive FOLDER DOOR [ARGUMENT]`; FOLDER is the one writable folder.
#![expect(clippy::print_stdout, reason = "the test reads the result from standard output")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use bellwether_confine::{Lock, User, Wish, confine};

fn main() {
    let mut args = std::env::args().skip(1);
    let (folder, door) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let argument = args.next().unwrap_or_default();
    let read = |name: &str| std::env::var(name).ok();
    let lock = Lock {
        wishes: [Wish::Required; 4],
        user: read("CAPTIVE_USER").and_then(|name| User::named(&name).ok()),
        writes: vec![PathBuf::from(&folder)],
        reads: read("CAPTIVE_READS").map(PathBuf::from).into_iter().collect(),
        is_networked: read("CAPTIVE_IS_ALONE").is_none(),
        is_server: false,
        knows_abstract_sockets: false,
    };
    let began = if door == "late" {
        let _other = std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(5)));
        confine(&lock)
    } else {
        confine(&lock)
    };
    match began {
        Ok(_) => {}
        Err(e) => {
            println!("no lock: {e}");
            return;
        }
    }
    match knock(&door, Path::new(&argument)) {
        Ok(found) => println!("open: {found}"),
        Err(e) => println!("shut: {e}"),
    }
}

/// Attempts the action.
fn knock(door: &str, at: &Path) -> io::Result<String> {
    let done = |()| "done".to_owned();
    match door {
        "read" => {
            let mut text = String::new();
            File::open(at)?.take(64).read_to_string(&mut text).map(|_| text.trim().to_owned())
        }
        "list" => std::fs::read_dir(at).map(|entries| entries.count().to_string()),
        "write" => File::create(at).and_then(|mut file| file.write_all(b"x")).map(done),
        "append" => OpenOptions::new().append(true).open(at).and_then(|mut f| f.write_all(b"x")).map(done),
        "remove" => std::fs::remove_file(at).map(done),
        "link" => std::os::unix::fs::symlink("/etc/passwd", at).map(done),
        "folder" => std::fs::create_dir(at).map(done),
        "program" => Command::new(at).spawn().map(|_| "started".to_owned()),
        "thread" => {
            let status = || std::fs::read_to_string("/proc/thread-self/status");
            let read = std::thread::spawn(status).join().map_err(|_| io::Error::other("panicked"))??;
            let wanted =
                ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Groups"];
            let lines = read
                .lines()
                .filter(|line| line.split_once(':').is_some_and(|(name, _)| wanted.contains(&name)));
            Ok(lines.map(|line| line.replace('\t', " ").trim().to_owned()).collect::<Vec<_>>().join(", "))
        }
        "resolve" => {
            let host = at.to_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
            (host, 1)
                .to_socket_addrs()
                .map(|found| found.map(|to| to.ip().to_string()).collect::<Vec<_>>().join(" "))
        }
        "udp" => UdpSocket::bind("127.0.0.1:0").map(|_| "bound".to_owned()),
        "listen" => TcpListener::bind("127.0.0.1:0").map(|_| "listens".to_owned()),
        "user" => {
            let root = rustix::process::Uid::ROOT;
            rustix::thread::set_thread_res_uid(root, root, root).map(done).map_err(Into::into)
        }
        "unshare" => {
            let flags = rustix::thread::UnshareFlags::NEWUSER;
            #[expect(deprecated, reason = "the safe way; one thread, and it is refused")]
            let done = rustix::thread::unshare(flags).map(done);
            done.map_err(Into::into)
        }
        "core" => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
            let dumps = rustix::process::dumpable_behavior();
            Ok(format!("{:?} {dumps:?}", limit.maximum))
        }
        other => Err(io::Error::other(format!("no door {other}"))),
    }
}
