//! Is a file with passwords kept from others: untracked by git and readable by its owner only?

use std::path::{Path, PathBuf};

/// Returns what is wrong with the way a file with passwords is kept, and what to do about it.
///
/// The index is read here rather than by running git, whose configuration in an untrusted
/// repository can name programs to run.
pub(super) fn exposed(path: &Path) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    match readable_by_others(path) {
        Ok(None) => {}
        Ok(Some(mode)) => wrong.push((
            format!("holds passwords and others can read it (mode {mode:04o})"),
            "chmod 600 it".to_owned(),
        )),
        Err(error) => wrong.push((
            format!("holds passwords and its mode cannot be read: {error}"),
            "keep it where its mode can be read".to_owned(),
        )),
    }
    match tracked(path) {
        Ok(false) => {}
        Ok(true) => wrong.push((
            "holds passwords and git tracks it".to_owned(),
            "take it out with `git rm --cached`, add it to .gitignore and change the passwords"
                .to_owned(),
        )),
        Err(error) => wrong.push((
            format!("holds passwords and nobody can tell whether git tracks it: {error}"),
            "keep it outside the repository".to_owned(),
        )),
    }
    wrong
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> std::io::Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = std::fs::metadata(path)?.mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> std::io::Result<Option<u32>> {
    // Access lists of other systems say nothing in these terms.
    Ok(None)
}

/// Tells whether git tracks a file, given by its absolute path without links; the error says why
/// nobody can tell.
pub fn tracked(path: &Path) -> Result<bool, String> {
    for above in path.ancestors().skip(1) {
        let marker = above.join(".git");
        if marker.symlink_metadata().is_err() {
            continue;
        }
        let relative = path.strip_prefix(above).map_err(|error| error.to_string())?;
        let index = git_dir(&marker)?.join("index");
        let octets = match std::fs::read(&index) {
            Ok(octets) => octets,
            // A repository without any `git add` has none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(format!("the index of git: {error}")),
        };
        return holds(&octets, relative.to_string_lossy().as_bytes())
            .ok_or_else(|| "the index of git has an unknown form".to_owned());
    }
    Ok(false)
}

/// `.git` is a folder, or in a work tree a file that names one.
fn git_dir(marker: &Path) -> Result<PathBuf, String> {
    if marker.is_dir() {
        return Ok(marker.to_path_buf());
    }
    let text = std::fs::read_to_string(marker).map_err(|error| format!(".git: {error}"))?;
    let target = text.strip_prefix("gitdir:").ok_or(".git has an unknown form")?.trim();
    Ok(marker.parent().unwrap_or(Path::new("/")).join(target))
}

/// Looks for a path in an index of version 2, 3 or 4 (gitformat-index); `None` when it cannot be
/// told.
fn holds(index: &[u8], path: &[u8]) -> Option<bool> {
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(index.get(at..at + 4)?.try_into().ok()?))
    };
    let version = number(4)?;
    if index.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
        return None;
    }
    let (mut at, mut name) = (12, Vec::new());
    for _ in 0..number(8)? {
        // 40 octets of times and ids, 20 of the object, 2 of flags.
        let flags = u16::from_be_bytes(index.get(at + 60..at + 62)?.try_into().ok()?);
        let start = at;
        at += if version >= 3 && flags & 0x4000 != 0 { 64 } else { 62 };
        if version == 4 {
            let cut = offset(index, &mut at)?;
            name.truncate(name.len().checked_sub(cut)?);
        } else {
            name.clear();
        }
        let rest = index.get(at..)?;
        let length = rest.iter().position(|&octet| octet == 0)?;
        name.extend_from_slice(rest.get(..length)?);
        at += length + 1;
        if version < 4 {
            // Padded with NUL to a multiple of eight, at least one.
            at = start + (at - 1 - start) / 8 * 8 + 8;
        }
        let folder = name.last() == Some(&b'/') && path.starts_with(&name);
        if name == path || folder {
            return Some(true);
        }
    }
    // With the `link` extension the rest of the entries stands in another file. An index in
    // SHA-256 form fails above or has its extensions elsewhere.
    (!extension(index, at, *b"link")?).then_some(false)
}

/// The number of octets to cut, in git's offset encoding.
fn offset(index: &[u8], at: &mut usize) -> Option<usize> {
    let mut octet = *index.get(*at)?;
    *at += 1;
    let mut value = usize::from(octet & 0x7f);
    while octet & 0x80 != 0 {
        octet = *index.get(*at)?;
        *at += 1;
        value = value.checked_add(1)?.checked_mul(128)? + usize::from(octet & 0x7f);
    }
    Some(value)
}

fn extension(index: &[u8], mut at: usize, wanted: [u8; 4]) -> Option<bool> {
    // The checksum of 20 octets ends the file.
    while at + 20 < index.len() {
        if index.get(at..at + 4)? == wanted {
            return Some(true);
        }
        let size = u32::from_be_bytes(index.get(at + 4..at + 8)?.try_into().ok()?);
        at = at.checked_add(8)?.checked_add(usize::try_from(size).ok()?)?;
    }
    (at + 20 == index.len()).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: u32, at: usize, cut: Option<u8>, name: &str) -> Vec<u8> {
        let mut octets = vec![7; 60];
        octets.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        octets.extend(cut);
        octets.extend(name.as_bytes());
        octets.push(0);
        while version < 4 && !octets.len().is_multiple_of(8) {
            octets.push(0);
        }
        let _ = at;
        octets
    }

    fn index(version: u32, entries: &[Vec<u8>], extension: &[u8]) -> Vec<u8> {
        let mut octets = b"DIRC".to_vec();
        octets.extend(version.to_be_bytes());
        octets.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        octets.extend(entries.concat());
        octets.extend(extension);
        octets.extend([0; 20]);
        octets
    }

    #[test]
    fn a_path_is_found_in_each_version_of_the_index() {
        let two = [entry(2, 0, None, "a/b.csv"), entry(2, 0, None, "secrets/p.csv")];
        assert_eq!(holds(&index(2, &two, b""), b"secrets/p.csv"), Some(true));
        assert_eq!(holds(&index(2, &two, b""), b"secrets/q.csv"), Some(false));
        // The second name keeps `a/` of the first: six octets are cut.
        let four = [entry(4, 0, Some(0), "a/b1.csv"), entry(4, 0, Some(6), "c.csv")];
        assert_eq!(holds(&index(4, &four, b""), b"a/c.csv"), Some(true));
        assert_eq!(holds(&index(4, &four, b""), b"c.csv"), Some(false));
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        let entries = [entry(2, 0, None, "a")];
        assert_eq!(holds(&index(2, &entries, b"link\0\0\0\x01x"), b"p.csv"), None);
        assert_eq!(holds(&index(2, &entries, b"TREE\0\0\0\x01x"), b"p.csv"), Some(false));
        let whole = index(2, &entries, b"");
        assert_eq!(holds(whole.get(..50).unwrap(), b"p.csv"), None);
        assert_eq!(holds(b"", b"p.csv"), None);
    }
}
