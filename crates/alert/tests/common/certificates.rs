//! Certificates for one test, made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files in PEM, made for one test.
pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    pub(crate) server: (PathBuf, PathBuf),
    pub(crate) client: (PathBuf, PathBuf),
}

/// An authority, and certificates that it signed, for the server `log.example.net`, which is `localhost` too, and for a client.
pub(crate) fn certificates(dir: &Path) -> Certificates {
    let file = |name: &str| dir.join(name);
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").current_dir(dir).args(arguments).output().unwrap();
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let mut ca = vec!["req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority"];
    ca.extend(key);
    openssl(&ca);
    for (name, host) in [("server", "log.example.net"), ("client", "sensor.example.net")] {
        std::fs::write(
            file("extensions"),
            format!("subjectAltName=DNS:{host},DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n"),
        )
        .unwrap();
        let (key_file, request, out, subject) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"), format!("/CN={host}"));
        let mut ask = vec!["req", "-new", "-keyout", &key_file, "-out", &request, "-subj", &subject];
        ask.extend(&key[..5]);
        openssl(&ask);
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "extensions",
            "-out",
            &out,
        ]);
    }
    Certificates {
        ca: file("ca.pem"),
        server: (file("server.pem"), file("server.key")),
        client: (file("client.pem"), file("client.key")),
    }
}
