//! Capture files, plain and compressed.

use std::path::Path;

use bellwether_capture::CaptureReader;

/// Maximum number of records. A small compressed file may expand to a very large number.
const MOST: usize = 4096;

/// Laws: a file gives equal records each time. Reading ahead changes nothing. A record lies within the file. A
/// truncated file gives the records before the cut.
pub(super) fn run(octets: &[u8]) {
    let (cut, file) = octets.split_first().map_or((0, octets), |(cut, file)| (usize::from(*cut), file));
    let whole = records(file, false);
    assert_eq!(whole, records(file, true), "reading ahead changes nothing");
    let is_packed = matches!(file, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]);
    let held: usize = whole.iter().map(|(_, frame)| frame.len()).sum();
    if is_packed {
        return;
    }
    assert!(held <= file.len(), "records lie within the file");
    let kept = file.len() * cut / 255;
    let before = records(file.get(..kept).unwrap_or_default(), false);
    assert!(whole.starts_with(&before), "a truncated file gives the records before the cut");
}

fn records(file: &[u8], is_ahead: bool) -> Vec<(i64, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(mut reader) = CaptureReader::in_memory(file.to_vec(), Path::new("fuzz")) else { return found };
    while found.len() < MOST {
        let expected = if is_ahead { reader.next_time().ok().flatten() } else { None };
        match reader.next() {
            Ok(Some(record)) => {
                assert!(expected.is_none_or(|at| at == record.at), "the time read ahead is the record's");
                found.push((record.at.as_nanos(), record.frame.to_vec()));
            }
            Ok(None) => break,
            Err(error) => {
                assert!(!error.reason.is_empty(), "an error has a message");
                break;
            }
        }
    }
    found
}
