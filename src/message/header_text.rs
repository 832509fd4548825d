//! Header fields as a person reads them.

use super::canonical::readable;

/// Returns Subject and Message-ID of a header, decoded and on one line; empty where there is none.
pub fn subject_and_id(header: &[u8]) -> (String, String) {
    let (mut subject, mut id) = (String::new(), String::new());
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in header.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                field.extend_from_slice(line);
            }
            _ => fields.push(line.to_vec()),
        }
    }
    for field in fields {
        let Some(colon) = field.iter().position(|&octet| octet == b':') else { continue };
        let (name, value) = field.split_at(colon);
        let value = readable(value.get(1..).unwrap_or_default());
        if name.trim_ascii_end().eq_ignore_ascii_case(b"subject") && subject.is_empty() {
            subject = value;
        } else if name.trim_ascii_end().eq_ignore_ascii_case(b"message-id") && id.is_empty() {
            id = value;
        }
    }
    (subject, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_and_encoded_subject_is_read_as_one_line() {
        let header =
            b"Message-ID:\r\n <1@x>\r\nsubject: =?utf-8?q?M=C3=BC?=\r\n =?utf-8?q?ller?= x\r\n\r\n";
        assert_eq!(subject_and_id(header), ("Müller x".to_owned(), "<1@x>".to_owned()));
        assert_eq!(subject_and_id(b""), (String::new(), String::new()));
    }
}
