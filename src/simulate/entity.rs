//! A message or a part of one: header fields and a body, RFC 5322 and RFC 2046.

/// Fields with their line ends, and what follows the empty line.
pub(crate) struct Entity {
    pub(crate) fields: Vec<Vec<u8>>,
    /// Whether an empty line ends the header.
    pub(crate) separated: bool,
    pub(crate) body: Vec<u8>,
}

/// Lines with their ends.
pub(crate) fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split_inclusive(|&octet| octet == b'\n')
}

fn name(field: &[u8]) -> Option<&[u8]> {
    let colon = field.iter().position(|&octet| octet == b':')?;
    Some(field.get(..colon)?.trim_ascii_end())
}

/// Returns where the header ends, its empty line included.
pub(crate) fn header_length(octets: &[u8]) -> usize {
    let mut length = 0;
    for line in lines(octets) {
        length += line.len();
        if line == b"\r\n" || line == b"\n" {
            break;
        }
    }
    length
}

impl Entity {
    pub(crate) fn read(octets: &[u8]) -> Self {
        let (header, body) = octets.split_at(header_length(octets));
        let mut entity = Self { fields: Vec::new(), separated: false, body: body.to_vec() };
        for line in lines(header) {
            if line == b"\r\n" || line == b"\n" {
                entity.separated = true;
            } else if let (Some(b' ' | b'\t'), Some(field)) =
                (line.first(), entity.fields.last_mut())
            {
                field.extend_from_slice(line);
            } else {
                entity.fields.push(line.to_vec());
            }
        }
        entity
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut octets = self.fields.concat();
        if self.separated {
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(&self.body);
        octets
    }

    fn field(&self, wanted: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|field| name(field).is_some_and(|it| it.eq_ignore_ascii_case(wanted.as_bytes())))
            .map(Vec::as_slice)
    }

    /// Returns the value of the first field of that name, unfolded.
    pub(crate) fn value(&self, wanted: &str) -> Option<Vec<u8>> {
        let field = self.field(wanted)?;
        let colon = field.iter().position(|&octet| octet == b':')?;
        let value: Vec<u8> =
            field.get(colon + 1..)?.iter().copied().filter(|it| !b"\r\n".contains(it)).collect();
        Some(value.trim_ascii().to_vec())
    }

    /// Gives the first field of that name another value, or adds the field.
    pub(crate) fn set(&mut self, wanted: &str, value: &[u8]) {
        let mut new = format!("{wanted}: ").into_bytes();
        new.extend_from_slice(value);
        new.extend_from_slice(b"\r\n");
        let place = self.fields.iter().position(|field| {
            name(field).is_some_and(|it| it.eq_ignore_ascii_case(wanted.as_bytes()))
        });
        match place.and_then(|place| self.fields.get_mut(place)) {
            Some(field) => *field = new,
            None => self.fields.push(new),
        }
    }

    /// Returns the boundary of a multipart.
    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        let value = self.value("Content-Type")?;
        let lower = value.to_ascii_lowercase();
        if !lower.starts_with(b"multipart/") {
            return None;
        }
        let start = lower.windows(9).position(|window| window == b"boundary=")? + 9;
        let rest = value.get(start..)?;
        let boundary = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted.split(|&octet| octet == b'"').next()?,
            None => rest.split(|octet| b"; \t".contains(octet)).next()?,
        };
        (!boundary.is_empty()).then(|| boundary.to_vec())
    }

    /// Puts another boundary into Content-Type.
    pub(crate) fn replace_boundary(&mut self, old: &[u8], new: &[u8]) {
        let Some(value) = self.value("Content-Type") else { return };
        let Some(start) =
            value.to_ascii_lowercase().windows(9).position(|window| window == b"boundary=")
        else {
            return;
        };
        let start = start + 9;
        let quoted = value.get(start) == Some(&b'"');
        let after = start + old.len() + if quoted { 2 } else { 0 };
        let mut with = value.get(..start).unwrap_or_default().to_vec();
        with.push(b'"');
        with.extend_from_slice(new);
        with.push(b'"');
        with.extend_from_slice(value.get(after..).unwrap_or_default());
        self.set("Content-Type", &with);
    }
}
