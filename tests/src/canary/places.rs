//! Where secrets are looked for: files of any size, below a folder.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

use super::{Find, Search};

impl Search {
    /// As [`Search::text`], in every file below the folder. A server may still write there: a file or a folder in it that goes
    /// meanwhile is passed over.
    ///
    /// # Panics
    /// If there is no such folder, or a file cannot be read.
    #[must_use]
    pub fn folder(&self, folder: &Path) -> Vec<Find> {
        self.below(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    }

    fn below(&self, folder: &Path) -> io::Result<Vec<Find>> {
        let mut finds = Vec::new();
        for entry in fs::read_dir(folder)?.flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            match kind {
                Ok(kind) if kind.is_dir() => finds.extend(self.below(&path).or_else(gone)?),
                Ok(kind) if kind.is_file() => finds.extend(self.file(&path)),
                // a pipe or a link
                _ => {}
            }
        }
        Ok(finds)
    }

    /// As [`Search::text`], in a file.
    ///
    /// # Panics
    /// If it is there and cannot be read.
    #[must_use]
    pub fn file(&self, path: &Path) -> Vec<Find> {
        let place = path.display().to_string();
        // the size of a file decides nothing: it is read by and by
        let read = File::open(path).and_then(|file| self.read(&place, file));
        read.or_else(gone).unwrap_or_else(|error| panic!("{place}: {error}"))
    }
}

fn gone(error: io::Error) -> io::Result<Vec<Find>> {
    if error.kind() == ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::canary::Canaries;

    #[test]
    fn a_find_in_a_large_binary_file_is_told_by_name_file_and_offset_and_never_by_value() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let (secret, before) = ("spr_hunter2/Zm9v", vec![0xe9; 300_001]);
        fs::write(deep.join("clean.wal"), &before).unwrap();
        fs::write(deep.join("segment.wal"), [&before, secret.as_bytes(), &[0; 1000]].concat()).unwrap();
        let mut canaries = Canaries::default();
        canaries.add("the refresh token", secret);
        let finds = canaries.search().folder(folder.path());
        assert_eq!(finds.len(), 1, "{finds:?}");
        let told = finds[0].to_string();
        assert!(told.starts_with("the refresh token as plain in /") && told.ends_with("segment.wal at byte 300001"));
        assert!(!format!("{told}{finds:?}{canaries:?}").contains("hunter2"), "{told}");
    }
}
