//! Registrations as messages.

use crate::capture::{Writer, status_line};
use crate::sip::{DOMAIN, Dialog, PROXY};
use crate::stack::Layout;
use crate::world::{Host, Refusal, Registration};

impl Writer {
    /// The refreshes of a device. Each has the Call-ID of the first one.
    pub(crate) fn registration(&mut self, number: usize, of: &Registration) {
        let layout = of.host.stack.layout();
        let mut dialog = self.register_dialog(number, &of.user, of.host, &layout);
        let mut cseq = layout.cseq;
        let mut at = of.during.start;
        let mut nonce = String::new();
        while at < of.during.end {
            dialog.branch = self.rng.bits();
            let trip = 0.004 + 0.06 * self.rng.uniform();
            let mut sent = at;
            if nonce.is_empty() || !layout.keeps_nonce {
                self.send(sent, of.host.at, PROXY, &dialog.register(cseq, ""));
                nonce = self.rng.hex(24);
                self.send(sent + 0.001, PROXY, of.host.at, &challenge(&dialog, cseq, &nonce));
                (sent, cseq) = (sent + trip, cseq + 1);
            }
            let credentials = dialog.credentials("Authorization", &of.user, &nonce, &mut self.rng);
            self.send(sent, of.host.at, PROXY, &dialog.register(cseq, &credentials));
            let granted = format!(
                "Contact: <sip:{}@{}:{}{}>;expires=7200\r\nContent-Length: 0\r\n\r\n",
                of.user,
                of.host.at.ip(),
                of.host.at.port(),
                layout.contact
            );
            self.send(
                sent + 0.001,
                PROXY,
                of.host.at,
                &dialog.response("200 OK", "REGISTER", cseq, &granted),
            );
            cseq += 1;
            at += of.period + 0.05 * self.rng.normal();
        }
    }

    /// A REGISTER with a wrong password, or of an account that does not exist.
    pub(crate) fn refusal(&mut self, number: usize, of: &Refusal) {
        let layout = of.host.stack.layout();
        let dialog = self.register_dialog(9_000_000 + number, &of.user, of.host, &layout);
        let mut cseq = layout.cseq;
        let mut at = of.at;
        if of.status != 404 {
            self.send(at, of.host.at, PROXY, &dialog.register(cseq, ""));
            let nonce = self.rng.hex(24);
            self.send(at + 0.001, PROXY, of.host.at, &challenge(&dialog, cseq, &nonce));
            (at, cseq) = (at + 0.03, cseq + 1);
            let credentials = dialog.credentials("Authorization", &of.user, &nonce, &mut self.rng);
            self.send(at, of.host.at, PROXY, &dialog.register(cseq, &credentials));
        } else {
            self.send(at, of.host.at, PROXY, &dialog.register(cseq, ""));
        }
        let answer = match of.status {
            401 => challenge(&dialog, cseq, &self.rng.hex(24)),
            status => dialog.response(status_line(status), "REGISTER", cseq, "Content-Length: 0\r\n\r\n"),
        };
        self.send(at + 0.001, PROXY, of.host.at, &answer);
    }

    fn register_dialog<'a>(
        &mut self,
        number: usize,
        user: &str,
        host: Host,
        layout: &'a Layout,
    ) -> Dialog<'a> {
        Dialog {
            layout,
            at: host.at,
            from: (user.to_owned(), DOMAIN.to_owned()),
            to: user.to_owned(),
            domain: DOMAIN.to_owned(),
            call_id: layout.new_call_id(host.at, 1_000_000 + number, &mut self.rng),
            from_tag: layout.new_tag(&mut self.rng),
            to_tag: self.rng.hex(8),
            branch: self.rng.bits(),
            media_port: 0,
            more: "Expires: 7200\r\n".to_owned(),
        }
    }
}

fn challenge(dialog: &Dialog, cseq: u32, nonce: &str) -> String {
    let header = format!(
        "WWW-Authenticate: Digest realm=\"{DOMAIN}\", nonce=\"{nonce}\"\r\nContent-Length: 0\r\n\r\n"
    );
    dialog.response("401 Unauthorized", "REGISTER", cseq, &header)
}
